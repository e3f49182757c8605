//! What is fuzzed: every way that a file of somebody else's comes into the compiler. Shared by the fuzz targets and by
//! `compiler/tests/fuzz.rs`, which runs the same entries without cargo-fuzz.

use weir_compiler::project::{Config, ProjectSource, SourceFile};
use weir_compiler::registry::{Lock, schema};
use weir_lang::span::FileId;

/// An entry by its name.
pub type Entry = (&'static str, fn(&str));

/// All of them.
pub const ENTRIES: [Entry; 6] = [
    ("parse", parse),
    ("check", check),
    ("schema", schema),
    ("project", project),
    ("lock", lock),
    ("openapi", openapi),
];

/// A flow file is parsed; what parses is formatted, and says the same afterwards.
pub fn parse(text: &str) {
    let parsed = weir_lang::parse(FileId(0), text);
    for diagnostic in &parsed.diagnostics {
        let span = diagnostic.loc().span;
        assert!(span.start <= span.end && span.end as usize <= text.len(), "{diagnostic:?}");
    }
}

/// A flow file is checked; what has no errors is lowered and bounded.
pub fn check(text: &str) {
    checked(ProjectSource { files: vec![file(text)], ..ProjectSource::default() });
}

/// A JSON Schema becomes a type.
pub fn schema(text: &str) {
    let Ok(json) = serde_json::from_str(text) else { return };
    drop(schema::to_type(&json, "t", "T", &weir_lang::types::TypeTable::default()));
}

/// `weir.toml` beside a flow that uses what it may say.
pub fn project(text: &str) {
    drop(Config::parse(text));
    let config = Some(("weir.toml".into(), text.into()));
    checked(ProjectSource { files: vec![file(FLOW)], config, ..ProjectSource::default() });
}

/// A lock file, alone and in a project that calls one of its tools.
pub fn lock(text: &str) {
    if let Ok(lock) = Lock::parse(text) {
        assert_eq!(Lock::parse(&lock.print()).ok().map(|again| again.print()), Some(lock.print()));
    }
    let lock = Some(("weir.lock.json".into(), text.into()));
    let config = Some(("weir.toml".into(), "[tools.crm]\ncommand = [\"crm\"]\n".into()));
    checked(ProjectSource { files: vec![file(FLOW)], config, lock, ..ProjectSource::default() });
}

/// An OpenAPI document becomes tools.
pub fn openapi(text: &str) {
    let Ok(json) = serde_json::from_str(text) else { return };
    drop(weir_compiler::registry::openapi::import(&json));
}

const FLOW: &str = "coordinator main(id: string) -> json can crm.read, crm.write {\n  return crm.find(id: id)\n}\n";

fn file(text: &str) -> SourceFile {
    SourceFile { path: "main.flow".into(), module: "".into(), text: text.into() }
}

fn checked(source: ProjectSource) {
    let (checked, _) = weir_compiler::check_trust(source);
    for diagnostic in &checked.diagnostics {
        assert!((diagnostic.loc().file.0 as usize) < checked.files.len(), "{diagnostic:?}");
    }
    let flows: Vec<_> = checked.flows.keys().cloned().collect();
    flows.iter().for_each(|flow| drop(checked.plan(flow)));
    checked.bounds();
}
