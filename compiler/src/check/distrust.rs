//! What is said of untrusted data at a place that it must not steer.

use weir_lang::diagnostic::Diagnostic;
use weir_lang::rules::Rule;
use weir_lang::span::Loc;

pub fn untrusted_to_trusted(loc: Loc, what: &str, path: Option<&str>) -> Diagnostic {
    let help = match path {
        Some(path) => format!(
            "compare it first: `require {path} in known` with a list that you trust, or `check` it with a validator that \
             looks it up; or let a person answer it: `ask`"
        ),
        None => {
            "give it a name, and compare that first: `require name in known` with a list that you trust, or `check` it \
                 with a validator that looks it up; or let a person answer it: `ask`"
                .to_string()
        }
    };
    Diagnostic::new(Rule::UntrustedToTrusted, loc, format!("untrusted data decides {what}"))
        .here("an outsider may have written or chosen this")
        .help(help)
}

pub fn untrusted_choice(loc: Loc, what: &str) -> Diagnostic {
    Diagnostic::new(Rule::UntrustedToTrusted, loc, format!("untrusted data decides {what}"))
        .help("this project is `trust = \"strict\"`: decide by something that you trust, `require` it to be among known values first, or `ask`")
}

pub fn endorses_by_form(loc: Loc, validator: &str, what: &str, at: Loc, source: Option<(Loc, String)>) -> Diagnostic {
    let message = format!("`{validator}` only looks at the form of what becomes {what}");
    let diagnostic = Diagnostic::new(Rule::EndorsesByForm, loc, message).label(at, format!("here it becomes {what}"));
    let diagnostic = match source {
        Some((loc, text)) => diagnostic.label(loc, text),
        None => diagnostic,
    };
    diagnostic
        .help("a forged one has the right form too: compare it with what you know, a list, a look-up or trusted data")
}
