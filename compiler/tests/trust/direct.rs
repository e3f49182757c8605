//! A source straight into a sink.

use super::*;

#[test]
fn a_marked_field_reaches_a_trusted_parameter() {
    refuses(&flow("page = web.fetch(url: url)\n desk.assign(owner: page.body)"), &["page.body"]);
}

#[test]
fn what_is_not_marked_is_trusted() {
    accepts(&flow("page = web.fetch(url: url)\n desk.assign(owner: \"{page.size}\")"));
}

#[test]
fn a_parameter_that_is_not_marked_takes_anything() {
    accepts(&flow(
        "page = web.fetch(url: url)\n desk.assign(owner: \"ann\", note: page.body)\n desk.note(text: page.body)",
    ));
}
