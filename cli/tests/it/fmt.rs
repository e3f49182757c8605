//! `weir fmt`

use crate::support::{GREET, folder};

const MESSY: &str = "coordinator   main( )->int{ // why\nreturn 1 }\n";
const BROKEN: &str = "coordinator main() -> int {\n  return (1\n}\n";

#[test]
fn files_are_brought_into_style_once() {
    let here = folder(&[("a.flow", MESSY), ("b.flow", GREET)]);
    here.weir(&["fmt", "a.flow"]).code(0).prints(&["a.flow"]);
    let text = here.read("a.flow");
    assert_ne!(text, MESSY);
    assert!(text.contains("// why"), "{text}");
    here.weir(&["fmt"]).code(0).silent();
    assert_eq!(here.read("a.flow"), text);
}

#[test]
fn check_lists_and_changes_nothing() {
    let here = folder(&[("a.flow", MESSY), ("b.flow", GREET)]);
    let listed = here.weir(&["fmt", "--check"]).code(1).stdout;
    assert_eq!(listed, "a.flow\n");
    assert_eq!(here.read("a.flow"), MESSY);
}

#[test]
fn a_broken_file_is_left_alone_with_the_reason() {
    let here = folder(&[("a.flow", BROKEN), ("b.flow", MESSY)]);
    here.weir(&["fmt"]).code(1).says(&["syntax", "a.flow", "left as it is"]);
    assert_eq!(here.read("a.flow"), BROKEN);
    assert_ne!(here.read("b.flow"), MESSY);
}

#[test]
fn stdin_goes_to_stdout() {
    let here = folder(&[]);
    here.weir_reading(&["fmt", "-"], MESSY).code(0).prints(&["coordinator main() -> int {"]);
    here.weir_reading(&["fmt", "-"], BROKEN).code(1).silent().says(&["syntax"]);
    here.weir_reading(&["fmt", "--check", "-"], MESSY).code(1).silent();
}

#[test]
fn wrong_paths_are_wrong_usage() {
    let here = folder(&[("a.flow", GREET), ("a.txt", "")]);
    here.weir(&["fmt", "b.flow"]).code(2).says(&["did you mean `a.flow`?"]);
    here.weir(&["fmt", "a.txt"]).code(2).says(&["no `.flow` file"]);
}

#[test]
#[cfg(unix)]
fn a_read_only_file_is_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    let here = folder(&[("a.flow", MESSY)]);
    std::fs::set_permissions(here.path("a.flow"), std::fs::Permissions::from_mode(0o444)).unwrap();
    here.weir(&["fmt", "a.flow"]).code(1).says(&["a.flow", "read-only"]);
    assert_eq!(here.read("a.flow"), MESSY);
}

#[test]
fn permissions_stay() {
    let here = folder(&[("a.flow", MESSY)]);
    let before = std::fs::metadata(here.path("a.flow")).unwrap().permissions();
    here.weir(&["fmt", "a.flow"]).code(0);
    assert_eq!(std::fs::metadata(here.path("a.flow")).unwrap().permissions(), before);
}
