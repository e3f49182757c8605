//! Fenced blocks of Markdown pages, and projects made from them.

use weir_compiler::project::{ProjectSource, SourceFile};

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Fenced {
    /// What stands behind the opening fence.
    pub info: String,
    /// Its text.
    pub text: String,
    /// Line of the opening fence, from 1.
    pub line: usize,
}

/// Every fenced block of a page.
pub fn fenced(page: &str) -> Vec<Fenced> {
    let mut blocks = Vec::new();
    let mut open: Option<Fenced> = None;
    for (at, line) in page.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(info)) => open = Some(Fenced { info: info.trim().into(), text: String::new(), line: at + 1 }),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// The project that blocks make up: a `toml` block is its `weir.toml`, a `json` block its lock
/// file, a `flow` block that opens with `// file: a.flow`
/// that file, and a single one without a `toml` block stands alone.
pub fn project(blocks: &[Fenced]) -> ProjectSource {
    let flows: Vec<&Fenced> = blocks.iter().filter(|block| block.info == "flow").collect();
    let config = blocks.iter().find(|block| block.info == "toml").map(|block| ("weir.toml".into(), block.text.clone()));
    let lock = blocks.iter().find(|block| block.info == "json");
    let lock = lock.filter(|block| block.text.contains("\"servers\""));
    let lock = lock.map(|block| ("weir.lock.json".into(), block.text.clone()));
    let alone = flows.len() == 1 && config.is_none();
    let file = |block: &&Fenced| {
        let named = block.text.lines().next().and_then(|line| line.strip_prefix("// file: "));
        let path = named.unwrap_or("main.flow").trim();
        let module = path.trim_end_matches(".flow").replace('/', ".");
        let module = if alone && named.is_none() { String::new() } else { module };
        SourceFile { path: path.into(), module: module.into(), text: block.text.clone() }
    };
    ProjectSource { files: flows.iter().map(file).collect(), config, lock, ..ProjectSource::default() }
}
