//! `files.*` against a real folder: what may be touched, what a crash leaves, what is said when something is wrong.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use common::Project;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::time::Duration;
use weir_runtime::tools::BuiltinConfig;

#[tokio::test]
async fn writes_reads_and_tells() {
    let project = Project::new();
    assert_eq!(
        project.ok("files.write", r#"{"path": "data/a/b.txt", "text": "æ"}"#).await,
        r#"{"path":"data/a/b.txt","size":2}"#
    );
    assert_eq!(project.ok("files.read", r#"{"path": "data/a/../a/b.txt"}"#).await, r#"{"text":"æ"}"#);
    let info = project.ok("files.info", r#"{"path": "data/a/b.txt"}"#).await;
    assert!(
        info.starts_with(r#"{"path":"data/a/b.txt","name":"b.txt","kind":"file","size":2,"modified":"20"#),
        "{info}"
    );
    assert!(project.ok("files.info", r#"{"path": "data/a"}"#).await.contains(r#""kind":"folder","size":0"#));
    assert_eq!(project.ok("files.exists", r#"{"path": "data/a"}"#).await, r#"{"exists":true}"#);
    assert_eq!(project.ok("files.exists", r#"{"path": "data/a/b.txt/c"}"#).await, r#"{"exists":false}"#);
    assert_eq!(
        project.ok("files.append", r#"{"path": "data/a/b.txt", "text": "!\n"}"#).await,
        r#"{"path":"data/a/b.txt","size":4}"#
    );
    assert_eq!(project.read("data/a/b.txt"), "æ!\n");
}

#[tokio::test]
async fn what_leads_out_is_refused() {
    let project = Project::new();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "s").unwrap();
    project.put("weir.toml", "");
    symlink(outside.path(), project.path("data/door")).unwrap();
    symlink(outside.path().join("secret"), project.path("data/link")).unwrap();
    symlink(outside.path().join("new"), project.path("data/dangling")).unwrap();
    symlink("../../dangling", project.path("data/relative")).unwrap();
    symlink("data/door", project.path("data2")).unwrap();
    let absolute = outside.path().join("secret").display().to_string();
    for path in [
        "../x",
        "data/../../x",
        "data/../weir.toml",
        "weir.toml",
        "/etc/passwd",
        &absolute,
        "data/door/secret",
        "data/door/new",
        "data/door/../x",
        "data/link",
        "data/dangling",
        "data/relative",
        "data2/secret",
        ".",
        "database",
        "/proc/self/environ",
    ] {
        for (tool, extra) in [
            ("read", ""),
            ("exists", ""),
            ("info", ""),
            ("delete", ""),
            ("make_dir", ""),
            ("write", r#","text":"x""#),
            ("append", r#","text":"x""#),
            ("copy", r#","to":"data/copy""#),
            ("move", r#","to":"data/moved""#),
        ] {
            let fault = project.fault(&format!("files.{tool}"), &format!(r#"{{"path": "{path}"{extra}}}"#)).await;
            assert_eq!(fault.code, "permission", "{tool} {path}: {fault}");
            assert!(fault.message.contains("[tools.files] roots"), "{fault}");
        }
        let copy = format!(r#"{{"path": "data/ok", "to": "{path}"}}"#);
        project.put("data/ok", "ok");
        assert_eq!(project.code("files.copy", &copy).await, "permission", "{path}");
        assert_eq!(project.code("files.move", &copy).await, "permission", "{path}");
    }
    assert_eq!(project.code("files.list", r#"{"folder": "data/door"}"#).await, "permission");
    assert_eq!(std::fs::read_to_string(outside.path().join("secret")).unwrap(), "s");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn links_that_stay_inside_are_followed_and_circles_are_not() {
    let project = Project::new();
    project.put("data/real.txt", "real");
    symlink("real.txt", project.path("data/link.txt")).unwrap();
    symlink("later.txt", project.path("data/dangling.txt")).unwrap();
    symlink("b", project.path("data/a")).unwrap();
    symlink("a", project.path("data/b")).unwrap();
    assert_eq!(project.ok("files.read", r#"{"path": "data/link.txt"}"#).await, r#"{"text":"real"}"#);
    project.ok("files.write", r#"{"path": "data/dangling.txt", "text": "through"}"#).await;
    assert_eq!(project.read("data/later.txt"), "through");
    assert_eq!(project.code("files.read", r#"{"path": "data/a"}"#).await, "invalid_input");
    assert_eq!(project.ok("files.delete", r#"{"path": "data/link.txt"}"#).await, r#"{"deleted":true}"#);
    assert_eq!(project.read("data/real.txt"), "real");
}

#[tokio::test]
async fn without_roots_everything_is_refused_with_the_line_to_add() {
    let project = Project::with(BuiltinConfig::default());
    let fault = project.fault("files.read", r#"{"path": "data/a"}"#).await;
    assert_eq!(fault.code, "permission");
    assert!(fault.message.contains("`roots = [\"data\"]`"), "{fault}");
}

#[tokio::test]
async fn weirs_own_files_are_closed_even_where_the_project_is_a_root() {
    let mut config = common::config();
    config.files.roots = vec![".".into()];
    let project = Project::with(config);
    project.ok("store.put", r#"{"collection": "c", "id": "1", "value": 1}"#).await;
    symlink("weir.toml", project.path("harmless")).unwrap();
    for path in [".weir/store.db", ".WEIR/x", "weir.toml", ".mcp.json", "harmless", "data/../.weir"] {
        let fault = project.fault("files.write", &format!(r#"{{"path": "{path}", "text": ""}}"#)).await;
        assert!(fault.code == "permission" && fault.message.contains("belongs to Weir"), "{path}: {fault}");
    }
    project.ok("files.write", r#"{"path": "sub/weir.toml", "text": ""}"#).await;
    assert_eq!(project.code("files.delete", r#"{"path": "."}"#).await, "permission");
    let listed = project.ok("files.list", r#"{"folder": ".", "pattern": "**"}"#).await;
    assert!(listed.contains("sub/weir.toml") && !listed.contains(".weir"), "{listed}");
}

#[tokio::test]
async fn what_is_no_text_is_said_to_be_none() {
    let project = Project::new();
    project.put("data/bom.txt", "\u{feff}text");
    project.put("data/latin1.txt", b"caf\xe9");
    project.put("data/big", vec![b'x'; 16 * 1024 * 1024 + 1]);
    assert_eq!(project.ok("files.read", r#"{"path": "data/bom.txt"}"#).await, r#"{"text":"text"}"#);
    let fault = project.fault("files.read", r#"{"path": "data/latin1.txt"}"#).await;
    assert_eq!(fault.code, "invalid_input");
    assert_eq!(fault.message, "`data/latin1.txt` is no UTF-8 text (first at byte 3); convert it first");
    let fault = project.fault("files.read", r#"{"path": "data/big"}"#).await;
    assert!(fault.code == "invalid_input" && fault.message.contains("16 MiB"), "{fault}");
    assert_eq!(project.code("files.read", r#"{"path": "data"}"#).await, "invalid_input");
    let fault = project.fault("files.read", r#"{"path": "data/none"}"#).await;
    assert_eq!(fault.code, "not_found");
    assert!(fault.message.starts_with("cannot read `data/none`: there is no such file"), "{fault}");
    assert_eq!(project.code("files.read", r#"{"path": 1}"#).await, "invalid_input");
    assert!(Command::new("mkfifo").arg(project.path("data/pipe")).status().unwrap().success());
    assert_eq!(project.code("files.read", r#"{"path": "data/pipe"}"#).await, "invalid_input");
    assert_eq!(project.code("files.append", r#"{"path": "data/pipe", "text": "x"}"#).await, "conflict");
}

#[tokio::test]
async fn names_that_are_taken_conflict() {
    let project = Project::new();
    project.put("data/file", "x");
    project.put("data/folder/inner", "x");
    for (tool, args) in [
        ("files.write", r#"{"path": "data/folder", "text": ""}"#),
        ("files.write", r#"{"path": "data/file/below", "text": ""}"#),
        ("files.append", r#"{"path": "data/folder", "text": ""}"#),
        ("files.make_dir", r#"{"path": "data/file"}"#),
        ("files.delete", r#"{"path": "data/folder"}"#),
        ("files.copy", r#"{"path": "data/file", "to": "data/folder"}"#),
        ("files.move", r#"{"path": "data/file", "to": "data/folder", "overwrite": true}"#),
    ] {
        assert_eq!(project.code(tool, args).await, "conflict", "{tool} {args}");
    }
    project.ok("files.make_dir", r#"{"path": "data/folder"}"#).await;
    assert_eq!(project.ok("files.delete", r#"{"path": "data/none"}"#).await, r#"{"deleted":false}"#);
}

#[tokio::test]
async fn copies_and_moves_may_be_repeated() {
    let project = Project::new();
    project.put("data/a", "a");
    project.put("data/b", "b");
    let copy = r#"{"path": "data/a", "to": "out/deep/a"}"#;
    assert_eq!(project.ok("files.copy", copy).await, r#"{"path":"out/deep/a"}"#);
    project.ok("files.copy", copy).await;
    assert_eq!(project.code("files.copy", r#"{"path": "data/b", "to": "out/deep/a"}"#).await, "conflict");
    project.ok("files.copy", r#"{"path": "data/b", "to": "out/deep/a", "overwrite": true}"#).await;
    assert_eq!(project.read("out/deep/a"), "b");
    assert_eq!(project.code("files.copy", r#"{"path": "data/none", "to": "out/x"}"#).await, "not_found");

    let shift = r#"{"path": "data/a", "to": "out/moved/a"}"#;
    project.ok("files.move", shift).await;
    project.ok("files.move", shift).await;
    assert_eq!(project.read("out/moved/a"), "a");
    project.put("data/a", "again");
    assert_eq!(project.code("files.move", shift).await, "conflict");
    assert_eq!(project.read("out/moved/a"), "a");
    project.ok("files.move", r#"{"path": "data/a", "to": "out/moved/a", "overwrite": true}"#).await;
    assert_eq!(project.read("out/moved/a"), "again");
    assert_eq!(project.code("files.move", r#"{"path": "data/none", "to": "out/none"}"#).await, "not_found");
    project.ok("files.move", r#"{"path": "out/moved", "to": "data/folder"}"#).await;
    assert_eq!(project.read("data/folder/a"), "again");
    assert_eq!(project.code("files.move", r#"{"path": "data", "to": "out/data"}"#).await, "permission");
}

#[tokio::test]
async fn listings_are_sorted_and_match_patterns() {
    let project = Project::new();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x.txt"), "s").unwrap();
    for path in ["data/b.txt", "data/a.txt", "data/c.csv", "data/sub/d.txt", "data/sub/deep/e.txt"] {
        project.put(path, "x");
    }
    project.put("data/.weir-write-left", "half");
    symlink(outside.path().join("x.txt"), project.path("data/out.txt")).unwrap();
    symlink(outside.path(), project.path("data/door")).unwrap();
    let listed = async |pattern: &str| {
        let args = format!(r#"{{"folder": "data"{pattern}}}"#);
        let value = project.call("files.list", &args).await.unwrap().field("files");
        value.as_list().unwrap().iter().map(|file| file.field("path").as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, ["data/a.txt", "data/b.txt", "data/c.csv"]);
    assert_eq!(listed(r#", "pattern": "*.txt""#).await, ["data/a.txt", "data/b.txt"]);
    assert_eq!(listed(r#", "pattern": "*/*.txt""#).await, ["data/sub/d.txt"]);
    assert_eq!(
        listed(r#", "pattern": "**/*.txt""#).await,
        ["data/a.txt", "data/b.txt", "data/sub/d.txt", "data/sub/deep/e.txt"]
    );
    assert!(listed(r#", "pattern": "*.pdf""#).await.is_empty());
    assert_eq!(project.code("files.list", r#"{"folder": "data", "pattern": "a[" }"#).await, "invalid_input");
    assert_eq!(project.code("files.list", r#"{"folder": "data/none"}"#).await, "not_found");
    assert_eq!(project.code("files.list", r#"{"folder": "data/a.txt"}"#).await, "invalid_input");
}

#[tokio::test]
async fn the_rights_of_a_file_are_kept() {
    let project = Project::new();
    project.put("data/a", "old");
    std::fs::set_permissions(project.path("data/a"), PermissionsExt::from_mode(0o640)).unwrap();
    project.ok("files.write", r#"{"path": "data/a", "text": "new"}"#).await;
    assert_eq!(std::fs::metadata(project.path("data/a")).unwrap().permissions().mode() & 0o777, 0o640);
}

/// Not a test by itself: the process that the next one kills.
#[tokio::test]
async fn writes_until_killed() {
    let Ok(folder) = std::env::var("WEIR_TEST_WRITER") else { return };
    let tools = weir_runtime::tools::builtins(folder.as_str().into(), &common::config());
    for letter in "ab".chars().cycle() {
        let text = letter.to_string().repeat(4 * 1024 * 1024);
        let args = weir_stdlib::Value::record([
            ("path", weir_stdlib::Value::text("data/big")),
            ("text", weir_stdlib::Value::text(text)),
        ]);
        tools["files"].call(&common::call("files.write", args).1).await.unwrap();
    }
}

#[test]
fn a_kill_while_writing_leaves_the_old_file_or_the_new_one() {
    let project = Project::new();
    project.put("data/big", "a".repeat(4 * 1024 * 1024));
    for round in 0..12 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writes_until_killed"])
            .env("WEIR_TEST_WRITER", project.folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(40 + round * 7));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let text = project.read("data/big");
        let first = text.chars().next();
        assert!(text.len() == 4 * 1024 * 1024 && text.chars().all(|c| Some(c) == first), "a torn file");
    }
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_said_plainly() {
    let mut config = common::config();
    config.files.roots = vec!["/sys/kernel".into()];
    let project = Project::with(config);
    let fault = project.fault("files.write", r#"{"path": "/sys/kernel/weir-test", "text": "x"}"#).await;
    assert!(fault.code == "permission" || fault.code == "failed", "{fault}");
    assert!(fault.message.starts_with("cannot write `/sys/kernel/weir-test`: "), "{fault}");
}
