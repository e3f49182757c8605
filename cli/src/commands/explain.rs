//! `weir explain [RULE]`: the rule's page, plainly; without a rule the list of all rules.

use crate::args::ExplainArgs;
use crate::exit::{Error, Exit, Outcome};
use crate::out::{self, Style, styled};
use crate::suggest::did_you_mean;
use weir_lang::rules::Rule;

/// Prints a page or the list.
pub fn run(args: &ExplainArgs) -> Outcome {
    match &args.rule {
        None => out::result(&list()),
        Some(name) => out::result(&plain(rule(name)?.page())),
    }
    Ok(Exit::Done)
}

fn rule(name: &str) -> Result<Rule, Error> {
    let wanted = name.trim().to_lowercase().replace(['_', ' '], "-");
    Rule::named(&wanted).ok_or_else(|| {
        let guess = did_you_mean(&wanted, Rule::ALL.iter().map(|rule| rule.name()));
        let list = "`weir explain` lists every rule";
        Error::usage(format!("there is no rule `{name}`"))
            .help(guess.map_or_else(|| list.to_owned(), |guess| format!("{guess} {list}")))
    })
}

fn list() -> String {
    let width = Rule::ALL.iter().map(|rule| rule.name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in Rule::ALL {
        let name = styled(Style::Bold, &format!("{:width$}", rule.name()));
        let line = format!("{name}  {:7}  {}", rule.severity().word(), gist(rule.page()));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The first sentence of a page's text.
fn gist(page: &str) -> String {
    let paragraph = page.lines().skip_while(|line| line.starts_with('#') || line.trim().is_empty());
    let text: Vec<&str> = paragraph.take_while(|line| !line.trim().is_empty() && !line.starts_with("```")).collect();
    let text = text.join(" ");
    text.split_once(". ").map_or(text.trim_end_matches('.'), |(first, _)| first).to_owned()
}

/// Markdown for a terminal: headings bold, code indented, everything else as it is written.
fn plain(page: &str) -> String {
    let mut text = String::new();
    let mut in_code = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            continue;
        }
        let shown = match (in_code, line.trim_start_matches('#')) {
            (true, _) => format!("    {line}"),
            (false, heading) if heading.len() < line.len() => styled(Style::Bold, heading.trim()),
            (false, _) => line.to_owned(),
        };
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_stand_out_and_code_is_indented() {
        let shown = plain("# missing-undo\n\nA write.\n\n```flow\na = b()\n```\n");
        assert!(shown.starts_with("\u{1b}[1mmissing-undo"), "{shown}");
        assert!(shown.contains("\n    a = b()\n"), "{shown}");
        assert!(!shown.contains("```"), "{shown}");
    }

    #[test]
    fn the_gist_is_the_first_sentence() {
        assert_eq!(gist("# x\n\nOne thing. Another\nthing.\n"), "One thing");
        assert_eq!(gist("# x\n"), "");
    }
}
