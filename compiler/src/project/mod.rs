//! What is compiled together: source texts with their module names, and the project file.

mod config;
mod instances;
mod mcp_json;

pub use config::{
    Breaker, CampaignsSection, Config, ConfigError, ConfigPlace, Durability, Missed, ProjectSection, RunsSection,
    ServeRole, ServeSection, Signing, TokenSection, ToolSection, ToolSettings, Trust, WebhookSection, parse_breaker,
    parse_duration, parse_limit,
};
pub use instances::MOST_INSTANCES;
pub use mcp_json::{MCP_FILES, McpFile, McpProblem, add as add_servers, place as server_place, read as read_mcp};

use ecow::EcoString;

/// One `.flow` file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The path as diagnostics show it: relative to the working directory.
    pub path: EcoString,
    /// Its module: the path under the project's `flows` folder with dots, `leads.intake`. Empty for a file alone.
    pub module: EcoString,
    /// Its text.
    pub text: String,
}

/// Everything that [`crate::check`] reads. Nothing else is opened.
#[derive(Clone, Debug, Default)]
pub struct ProjectSource {
    /// The flow files, in a fixed order.
    pub files: Vec<SourceFile>,
    /// Path (as shown) and text of `weir.toml`, where there is one.
    pub config: Option<(EcoString, String)>,
    /// Path and text of `weir.lock.json`, where there is one.
    pub lock: Option<(EcoString, String)>,
    /// Path and text of each file of MCP servers that other programs keep (`.mcp.json` and its like).
    pub mcp: Vec<(EcoString, String)>,
}
