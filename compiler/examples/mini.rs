//! Throwaway: checks a folder.
use weir_compiler::project::{ProjectSource, SourceFile};
fn walk(dir: &std::path::Path, out: &mut Vec<std::path::PathBuf>) {
    let mut all: Vec<_> = std::fs::read_dir(dir).unwrap().flatten().map(|e| e.path()).collect();
    all.sort();
    for p in all { if p.is_dir() { walk(&p, out) } else if p.extension().is_some_and(|e| e == "flow") { out.push(p) } }
}
fn main() {
    let root = std::path::PathBuf::from(".");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    let alone = paths.len() == 1 && !root.join("weir.toml").exists();
    let files = paths.iter().map(|p| SourceFile { path: p.display().to_string().into(), module: if alone { "".into() } else { p.file_stem().unwrap().to_string_lossy().as_ref().into() }, text: std::fs::read_to_string(p).unwrap_or_default() }).collect();
    let read = |n: &str| std::fs::read_to_string(root.join(n)).ok().map(|t| (n.into(), t));
    let source = ProjectSource { files, config: read("weir.toml"), lock: read("weir.lock.json"), ..ProjectSource::default() };
    let mode = std::env::args().find(|a| a == "--trust" || a == "--bounds").unwrap_or_default();
    let checked = if mode == "--trust" { weir_compiler::check_trust(source).0 } else { weir_compiler::check(source) };
    if mode == "--bounds" { checked.bounds(); }
    let mut n = 0;
    for d in &checked.diagnostics { n += 1; if n <= 5 { println!("{:?} {}", d.rule, d.message.chars().take(200).collect::<String>()); } }
    println!("{n} diagnostics");
    std::process::exit(i32::from(checked.has_errors()));
}
