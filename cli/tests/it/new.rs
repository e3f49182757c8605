//! `weir new`

use crate::support::folder;

#[test]
fn a_new_project_checks_is_in_style_and_runs() {
    let here = folder(&[]);
    here.weir(&["new", "demo"]).code(0).silent().says(&["weir run demo"]);
    here.weir(&["check", "demo", "--deny-warnings"]).code(0);
    here.weir(&["fmt", "--check", "demo"]).code(0);
    here.weir(&["test", "demo"]).code(0).prints(&["4 passed"]);
    let envelope = here.weir(&["run", "demo"]).code(0).json();
    assert_eq!(envelope["metadata"]["status"], "succeeded");
    assert_eq!(envelope["records"].as_array().unwrap().len(), 2);
    assert_eq!(envelope["metadata"]["report"].as_array().unwrap().len(), 1);
}

#[test]
fn names_are_held_to_letters() {
    let here = folder(&[]);
    for name in ["9lives", "a b", "..", "a.b", "ü"] {
        here.weir(&["new", name]).code(2).says(&["starts with a letter"]);
    }
    here.weir(&["new", "deep/er-one"]).code(0);
    assert!(here.read("deep/er-one/weir.toml").contains("name = \"er-one\""));
}

#[test]
fn what_is_there_is_left_alone() {
    let here = folder(&[("full/x.txt", "mine"), ("file", "mine")]);
    here.weir(&["new", "full"]).code(2).says(&["not empty"]);
    here.weir(&["new", "file"]).code(2).says(&["is a file already"]);
    assert!(!here.path("full/weir.toml").exists());
    std::fs::create_dir(here.path("empty")).unwrap();
    here.weir(&["new", "empty"]).code(0);
}
