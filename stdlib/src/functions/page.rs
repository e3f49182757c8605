//! The table as a page of documentation.

use super::{Signature, all};

/// The whole table as a page of Markdown, by group.
pub fn reference_page() -> String {
    let mut page = String::from(
        "# Standard library\n\nPure functions, always in scope: `f(a, b)` or `a |> f(b)`. Optional parameters may be \
         given by name. `T`, `U`, `K` and `A` stand for any type, ",
    );
    page.push_str(&bounds());
    page.push_str(". Missing answers are `null`.\n");
    let mut group = "";
    for entry in all() {
        if entry.group != group {
            group = entry.group;
            page.push_str(&format!(
                "\n## {}{}\n",
                group.get(..1).unwrap_or_default().to_uppercase(),
                group.get(1..).unwrap_or_default()
            ));
        }
        page.push_str(&format!("\n### `{}`\n\n```text\n{}\n```\n\n{}\n", entry.name, entry.signature, entry.doc));
        if !entry.errors.is_empty() {
            page.push_str(&format!("\nFails with {}.\n", entry.errors));
        }
        page.push_str(&format!("\n```text\n{}\n// {}\n```\n", entry.example, entry.result));
    }
    page
}

fn bounds() -> String {
    let bound = |variable: &str| {
        format!("`{variable}` for {}", Signature::bound(variable).map_or(String::new(), |ty| format!("`{ty}`")))
    };
    ["N", "Q", "D"].map(bound).join(", ")
}
