//! The arguments: one struct a command. What they mean is told here, since `--help` is made from it.

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Weir runs flows: small typed programs that call tools safely.
#[derive(Parser)]
#[command(name = "weir", version, propagate_version = false, disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Make a small project that runs
    New(NewArgs),
    /// Check flows: everything that can be known before running
    Check(CheckArgs),
    /// Format flow files in the one style
    Fmt(FmtArgs),
    /// Run one flow now; its envelope goes to stdout
    Run(Box<RunArgs>),
    /// Show the execution graph of a flow
    Graph(GraphArgs),
    /// The tools that flows may call
    Tools(ToolsArgs),
    /// What a rule means, with a wrong and a right example
    Explain(ExplainArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// `weir new`
#[derive(Parser)]
pub struct NewArgs {
    /// Folder of the new project; its last part is the project's name
    pub name: PathBuf,
}

/// `weir check`
#[derive(Parser)]
pub struct CheckArgs {
    /// Projects, folders or `.flow` files [default: the working directory]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub format: CheckFormat,
    /// Exit with 1 on warnings too
    #[arg(long)]
    pub deny_warnings: bool,
}

/// How `weir check` reports.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// With the source, for a person
    Human,
    /// A line each
    Short,
    /// One JSON object
    Json,
}

/// For a person or for a program.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person
    Human,
    /// For a program
    Json,
}

/// `weir fmt`
#[derive(Parser)]
pub struct FmtArgs {
    /// Projects, folders or `.flow` files; `-` formats stdin to stdout [default: the working directory]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Change nothing, list the files that would change and exit with 1 if there are any
    #[arg(long)]
    pub check: bool,
}

/// `weir run`
#[derive(Parser)]
pub struct RunArgs {
    /// A project folder, `file.flow`, `file.flow:name`, or `module.name` inside a project
    pub flow: String,
    /// What somebody wrote behind it; an argument has its flag
    #[arg(hide = true)]
    pub rest: Vec<String>,
    /// An argument of the flow: text as it is for a string, JSON for any other type
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    pub args: Vec<String>,
    /// All arguments as one JSON object, from a file or (`-`) from stdin; `--arg` wins
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Keep the journal in memory; keys and `store` stay on disk
    #[arg(long)]
    pub ephemeral: bool,
    /// Show what would be called, in which order and how much at once, without calling
    #[arg(long)]
    pub dry_run: bool,
    /// How to show a dry run
    #[arg(long, value_enum, default_value_t = Format::Human, requires = "dry_run")]
    pub format: Format,
    /// Grant capabilities beside those of `weir.toml`
    #[arg(long, value_name = "CAP,…", value_delimiter = ',')]
    pub grant: Vec<String>,
    /// Let deliveries send; `weir.toml` must allow it too
    #[arg(long)]
    pub allow_delivery: bool,
    /// Write every event as one JSON line to stderr
    #[arg(long, conflicts_with = "dry_run")]
    pub events: bool,
}

/// `weir graph`
#[derive(Parser)]
pub struct GraphArgs {
    /// A project folder, `file.flow`, `file.flow:name`, or `module.name` inside a project
    pub flow: String,
    /// How to show it
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub format: GraphFormat,
}

/// How `weir graph` shows a flow.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A drawing for the terminal
    Text,
    /// Mermaid
    Mermaid,
    /// A picture, laid out here
    Svg,
    /// Graphviz
    Dot,
    /// For a program
    Json,
}

/// `weir tools`
#[derive(Parser)]
pub struct ToolsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ToolsCommand,
}

/// The commands of `weir tools`.
#[derive(Subcommand)]
pub enum ToolsCommand {
    /// List every tool with what it may do
    List(ToolsListArgs),
    /// Show one tool in Weir's own notation
    Show(ToolsShowArgs),
}

/// `weir tools list`
#[derive(Parser)]
pub struct ToolsListArgs {
    /// Project folder [default: the project of the working directory]
    #[arg(long, value_name = "FOLDER")]
    pub project: Option<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// `weir tools show`
#[derive(Parser)]
pub struct ToolsShowArgs {
    /// The tool, e.g. `files.read`
    pub name: String,
    /// Project folder [default: the project of the working directory]
    #[arg(long, value_name = "FOLDER")]
    pub project: Option<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// `weir explain`
#[derive(Parser)]
pub struct ExplainArgs {
    /// The rule's name, e.g. `missing-undo`; without it every rule is listed
    pub rule: Option<String>,
}

/// `weir completions`
#[derive(Parser)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
