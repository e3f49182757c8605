//! Compiles the generated parser and its scanner.

fn main() {
    let source = std::path::Path::new("src");
    let mut build = cc::Build::new();
    build.std("c11").include(source).warnings(false).opt_level(2);
    for file in ["parser.c", "scanner.c"] {
        build.file(source.join(file));
        println!("cargo:rerun-if-changed=src/{file}");
    }
    build.compile("tree-sitter-flow");
}
