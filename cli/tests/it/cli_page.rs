//! The page of the command line tells every command and flag that the program has, and no other.

use crate::support::{folder, repository};
use std::collections::BTreeSet;

/// What `--help` of a command lists behind one of its headings, in its own order.
fn help(command: &str) -> String {
    let mut args: Vec<&str> = command.split_whitespace().collect();
    args.push("--help");
    folder(&[]).weir(&args).code(0).stdout
}

/// Subcommands in the help of a command.
fn commands(help: &str) -> Vec<String> {
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or("").lines();
    let names = listed.take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every `--flag` in a text, save `--help`.
fn flags(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_lowercase() && letter != '-');
    let flags = words.filter(|word| word.starts_with("--") && word.len() > 2 && *word != "--help");
    flags.map(|flag| flag.trim_end_matches('-').to_owned()).collect()
}

/// The lines of a help that tell a flag, without their descriptions.
fn flags_of(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    lines.flat_map(|line| flags(line.split("  ").next().unwrap_or(line))).collect()
}

/// The section of the page that tells of a command.
fn section<'a>(page: &'a str, command: &str) -> &'a str {
    let from = page.split_once(&format!("\n## weir {command}\n")).map(|(_, behind)| behind);
    let from = from.unwrap_or_else(|| panic!("docs/cli.md has no section `weir {command}`"));
    from.split("\n## ").next().unwrap()
}

/// The subcommands in lines such as `weir runs show|events ID`.
fn subcommands<'a>(told: &'a str, command: &str) -> BTreeSet<&'a str> {
    let start = format!("weir {command} ");
    let lines = told.lines().filter_map(|line| line.strip_prefix(start.as_str()));
    lines.flat_map(|line| line.split(' ').next().unwrap_or("").split('|')).collect()
}

#[test]
fn the_page_tells_every_command_and_flag_and_no_other() {
    let page = std::fs::read_to_string(repository().join("docs/cli.md")).unwrap();
    let commands_of_weir = commands(&help(""));
    assert!(commands_of_weir.len() > 5, "{commands_of_weir:?}");
    for command in commands_of_weir {
        assert!(
            page.contains(&format!("\n| [`weir {command}`](#weir-{command}) |")),
            "the table has no `weir {command}`"
        );
        let told = section(&page, &command);
        let own = help(&command);
        let inner = commands(&own);
        let mut real = flags_of(&own);
        for name in &inner {
            assert!(subcommands(told, &command).contains(name.as_str()), "`weir {command} {name}` is not told");
            real.extend(flags_of(&help(&format!("{command} {name}"))));
        }
        let missing: Vec<&String> = real.iter().filter(|flag| !flags(told).contains(*flag)).collect();
        assert!(missing.is_empty(), "the section of `weir {command}` does not tell {missing:?}");
        let usage = told.split("```text\n").nth(1).filter(|text| text.starts_with("weir ")).unwrap_or("");
        let usage = flags(usage.split("```").next().unwrap_or(""));
        let invented: Vec<&String> = usage.iter().filter(|flag| !real.contains(*flag)).collect();
        assert!(invented.is_empty(), "`weir {command}` has no {invented:?}");
    }
}
