//! Servers from `.mcp.json` and its like, added to what `weir.toml` says.

use super::{BUILTIN_TREE, Checker, errors};
use crate::project::{McpFile, ProjectSource, add_servers, read_mcp, server_place};
use std::sync::Arc;
use weir_lang::ast::ItemKind;
use weir_lang::span::{FileId, Loc, Span};

impl Checker {
    /// Adds the servers of every file. The files stand behind `weir.toml` and the lock file.
    pub(super) fn load_mcp(&mut self, source: &ProjectSource) {
        if source.mcp.is_empty() {
            return;
        }
        let before = source.files.len() + usize::from(source.config.is_some()) + usize::from(source.lock.is_some());
        let place = |at: usize, span: std::ops::Range<usize>| Loc {
            file: FileId(u32::try_from(before + at).unwrap_or(u32::MAX)),
            span: Span::new(span.start, span.end),
        };
        let files: Vec<McpFile> = source.mcp.iter().map(|(_, text)| read_mcp(text)).collect();
        for (at, file) in files.iter().enumerate() {
            for problem in &file.problems {
                let loc = place(at, problem.at.clone());
                self.report(errors::invalid_mcp_file(loc, &problem.message, problem.help, problem.harmless));
            }
        }
        let config = Arc::make_mut(&mut self.config);
        for (at, name, message) in add_servers(config, &files, is_built_in) {
            let span = source.mcp.get(at).map(|(_, text)| server_place(text, &name)).unwrap_or_default();
            let help = "give it another name, or make the two alike";
            self.report(errors::invalid_mcp_file(place(at, span), &message, help, true));
        }
    }
}

/// Whether built-in tools begin with this name.
pub(super) fn is_built_in(server: &str) -> bool {
    BUILTIN_TREE.items.iter().any(|item| match &item.kind {
        ItemKind::Tool(decl) => decl.path.parts.first().is_some_and(|part| part.name == server),
        _ => false,
    })
}
