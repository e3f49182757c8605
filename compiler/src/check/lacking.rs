//! What is said of a `can` that lacks something or has too much.

use super::errors::{MOST_NAMED, listed, suggest};
use ecow::EcoString;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::rules::Rule;
use weir_lang::span::Loc;

/// `way`: the flows and the tool by which it is reached, nearest first.
pub fn undeclared_capability(
    loc: Loc,
    capabilities: &[&str],
    flow: &str,
    way: &[EcoString],
    can: Option<Loc>,
) -> Diagnostic {
    let names = capabilities.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" and ");
    let list = capabilities.join(", ");
    let mut way = way.iter().map(|one| format!("`{one}`"));
    let first = way.next().unwrap_or_default();
    let rest = way.collect::<Vec<_>>().join(", ");
    let through = if rest.is_empty() { String::new() } else { format!(" (through {rest})") };
    let message = format!("`{flow}` may not {names}, which {first}{through} needs");
    let diagnostic = Diagnostic::new(Rule::UndeclaredCapability, loc, message);
    match can {
        Some(can) => diagnostic.label(can, "declared here").help(format!("add `{list}` to its `can`")),
        None => diagnostic.help(format!("declare it behind the parameters: `can {list}`")),
    }
}

/// Another place of the flow that needs what its `can` lacks.
pub fn also_undeclared(one: Diagnostic, loc: Loc, here: &[&str], all: &[&str], can: bool) -> Diagnostic {
    if all.len() > MOST_NAMED.saturating_add(here.len()) {
        return one;
    }
    let names = here.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" and ");
    let list = listed(all.iter().map(|one| (*one).to_owned()), ", ");
    one.label(loc, format!("this needs {names}")).help(match can {
        true => format!("add `{list}` to its `can`"),
        false => format!("declare it behind the parameters: `can {list}`"),
    })
}

/// A capability in `can` that nothing needs, where one that is needed and not declared is spelt almost so.
pub fn misspelt_capability(loc: Loc, text: &str, meant: &str, flow: &str, way: &[EcoString]) -> Diagnostic {
    let way = way.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", which calls ");
    let message = format!("nothing in `{flow}` needs `{text}`, and {way} needs `{meant}`");
    suggest(Diagnostic::new(Rule::UndeclaredCapability, loc, message), Some(meant), "")
}

pub fn unused_capability(loc: Loc, capability: &str, flow: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnusedCapability, loc, format!("nothing in `{flow}` needs `{capability}`"))
        .help("take it out: a flow should be able to do what it does, and no more")
}
