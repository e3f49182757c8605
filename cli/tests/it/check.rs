//! `weir check`

use crate::support::{GREET, folder};

const UNKNOWN: &str = "coordinator main(name: string) -> string {\n  return \"ü {nmae}\"\n}\n";

#[test]
fn a_sound_file_has_no_problems() {
    let here = folder(&[("a.flow", GREET)]);
    here.weir(&["check", "a.flow"]).code(0).prints(&["no problems in 1 file"]);
    here.weir(&["check"]).code(0);
}

#[test]
fn a_typo_is_shown_with_its_source_and_a_guess() {
    let here = folder(&[("a.flow", UNKNOWN)]);
    let ended = here.weir(&["check", "a.flow"]).code(1);
    ended.prints(&["unknown-name", "a.flow:2:", "nmae", "`name`", "1 error", "in 1 file", "weir explain unknown-name"]);
}

#[test]
fn short_is_a_line_each() {
    let here = folder(&[("a.flow", UNKNOWN)]);
    let text = here.weir(&["check", "--format", "short"]).code(1).stdout;
    let line = text.lines().find(|line| line.contains("unknown-name")).unwrap();
    assert!(line.starts_with("a.flow:2:14: error[unknown-name]: "), "{line}");
}

#[test]
fn json_counts_columns_in_characters_and_ends_behind() {
    let here = folder(&[("flows/a.flow", UNKNOWN), ("weir.toml", "[project]\nflows = [\"flows\"]\n")]);
    let report = here.weir(&["check", "--format", "json"]).code(1).json();
    let one =
        report["diagnostics"].as_array().unwrap().iter().find(|one| one["rule"] == "unknown-name").unwrap().clone();
    assert_eq!((one["file"].as_str(), one["severity"].as_str()), (Some("flows/a.flow"), Some("error")));
    let place = ["line", "column", "end_line", "end_column"].map(|field| one[field].as_u64().unwrap());
    assert_eq!(place, [2, 14, 2, 18]);
    assert!(one["message"].is_string());
    assert!(report["errors"].as_u64().unwrap() >= 1);
    assert_eq!(report["files"], 1);
}

#[test]
fn missing_files_are_wrong_usage_with_a_guess() {
    let here = folder(&[("lead.flow", GREET)]);
    here.weir(&["check", "leed.flow"]).code(2).silent().says(&["there is no `leed.flow`", "did you mean `lead.flow`?"]);
    here.weir(&["check", "nowhere/a.flow"]).code(2);
    std::fs::create_dir(here.path("empty")).unwrap();
    here.weir(&["check", "empty"]).code(2).says(&["no `.flow` files"]);
    here.write("notes.txt", "x");
    here.weir(&["check", "notes.txt"]).code(2).says(&["no `.flow` file"]);
}

#[test]
fn an_empty_file_is_sound() {
    let here = folder(&[("a.flow", "")]);
    here.weir(&["check", "a.flow"]).code(0);
}

#[test]
fn odd_bytes_are_reported_and_never_a_crash() {
    let here = folder(&[]);
    std::fs::write(here.path("latin.flow"), b"// bl\xe5b\xe6r\ncoordinator main() {}\n").unwrap();
    here.weir(&["check", "latin.flow"]).code(1).prints(&["not UTF-8", "latin.flow:1:"]);
    std::fs::write(here.path("bom.flow"), format!("\u{feff}{GREET}").replace('\n', "\r\n")).unwrap();
    here.weir(&["check", "bom.flow"]).code(0);
    std::fs::write(here.path("zero.flow"), [0_u8; 64]).unwrap();
    here.weir(&["check", "zero.flow"]).code(1);
}

#[test]
fn a_line_of_a_mebibyte_stays_small_on_the_screen() {
    let here = folder(&[]);
    here.write("big.flow", &format!("coordinator main() -> string {{\n  return \"{}\n", "x".repeat(1 << 20)));
    here.weir(&["check", "big.flow"]).code(1).prints(&["too-large"]);
    let list = format!("coordinator main() -> [int] {{ return [{} nmae] }}", "1, ".repeat(100_000));
    here.write("long.flow", &list);
    let ended = here.weir(&["check", "long.flow"]).code(1).prints(&["unknown-name", "nmae"]);
    assert!(ended.stdout.len() < 8000, "{} bytes", ended.stdout.len());
}

#[test]
fn terminal_escapes_in_a_file_are_not_obeyed() {
    let here = folder(&[("a.flow", "coordinator main() -> string {\n  return \u{1b}[2Jnmae\u{202e}\n}\n")]);
    for format in ["human", "short"] {
        let text = here.weir(&["check", "--format", format]).code(1).stdout;
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
    }
}

#[test]
fn warnings_pass_unless_denied() {
    let here = folder(&[("a.flow", "coordinator main() -> int {\n  unused = 1\n  return 2\n}\n")]);
    here.weir(&["check"]).code(0).prints(&["unused-binding", "1 warning"]);
    here.weir(&["check", "--deny-warnings"]).code(1);
}

#[test]
fn a_folder_without_a_project_file_is_one_project_and_a_file_stands_alone() {
    let here = folder(&[
        ("a.flow", "use b.{double}\n\ntransformer four() -> int {\n  return double(2)\n}\n"),
        ("b.flow", "transformer double(n: int) -> int {\n  return n * 2\n}\n"),
    ]);
    here.weir(&["check", "."]).code(0).prints(&["2 files"]);
    here.weir(&["check", "a.flow"]).code(1);
}

#[test]
fn a_file_of_a_project_sees_the_project_and_only_its_own_mistakes_are_told() {
    let here = folder(&[
        ("p/weir.toml", "[project]\nflows = [\"flows\"]\n"),
        ("p/flows/a.flow", "use b.{double}\n\ntransformer four() -> int {\n  return double(2)\n}\n"),
        ("p/flows/b.flow", "transformer double(n: int) -> int {\n  return n * 2\n}\n"),
        ("p/flows/c.flow", UNKNOWN),
        ("p/flows/.hidden/d.flow", UNKNOWN),
        ("p/flows/node_modules/e.flow", UNKNOWN),
        ("p/other/f.flow", UNKNOWN),
    ]);
    here.weir(&["check", "p/flows/a.flow"]).code(0).prints(&["1 file"]);
    let report = here.weir(&["check", "p", "--format", "json"]).code(1).json();
    assert_eq!(report["files"], 3);
    here.weir(&["check", "p/flows/a.flow", "p/flows/b.flow", "p/flows/c.flow"]).code(1).prints(&["3 files"]);
}

#[test]
fn projects_side_by_side_are_checked_one_by_one() {
    let here = folder(&[
        ("all/a/weir.toml", ""),
        ("all/a/main.flow", GREET),
        ("all/b/weir.toml", ""),
        ("all/b/main.flow", GREET),
    ]);
    here.weir(&["check", "all"]).code(0).prints(&["2 files"]);
    here.weir(&["check", "all/a", "all/b"]).code(0).prints(&["2 files"]);
}

#[test]
fn mistakes_in_the_project_file_are_diagnostics() {
    for (text, word) in [
        ("[project]\nnmae = \"x\"\n", "nmae"),
        ("[project\n", "weir.toml:1"),
        ("[project]\nflows = [\"flowz\"]\n", "no folder `flowz`"),
        ("[project]\nflows = [\"../..\"]\n", "outside the project"),
        ("[project]\nallow_delivery = \"yes\"\n", "weir.toml:2"),
    ] {
        let here = folder(&[("p/weir.toml", text), ("p/flows/a.flow", GREET)]);
        here.weir(&["check", "p"]).code(1).prints(&["invalid-project", word]);
    }
}

#[test]
fn colour_only_where_it_is_wanted() {
    let here = folder(&[("a.flow", UNKNOWN)]);
    assert!(!here.weir(&["check"]).stdout.contains('\u{1b}'));
    let forced = here.command(&["check"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(forced.stdout.contains(&0x1b));
    let both = here.command(&["check"]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output().unwrap();
    assert!(!both.stdout.contains(&0x1b));
}
