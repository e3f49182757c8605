//! How words and grammar rules are called when they are shown to a user.

use super::grammar::Rule;

/// Words that name nothing a user declares.
pub(super) const RESERVED: [&str; 23] = [
    "if", "then", "else", "match", "for", "in", "and", "or", "not", "matches", "as", "return", "yield", "require",
    "check", "fail", "block", "wait", "ask", "receive", "true", "false", "null",
];

/// Words that start a declaration, roles aside.
pub(super) const DECLARATIONS: [&str; 7] = ["type", "tool", "use", "const", "policy", "campaign", "test"];

/// Words that start a clause behind a call.
pub(super) const CLAUSES: [&str; 10] =
    ["undo", "final", "retry", "timeout", "catch", "fallback", "optional", "key", "until", "with"];

/// Words that start a step.
const STEPS: [&str; 18] = [
    "require", "return", "yield", "check", "wait", "next", "drop", "annotate", "prompt", "merge", "match", "repeat",
    "for", "start", "block", "fail", "ask", "receive",
];

/// Every other word that stands in a place of its own.
const INSIDE: [&str; 29] = [
    "parallel",
    "backoff",
    "else",
    "then",
    "matching",
    "forever",
    "escalate",
    "idempotent",
    "accepts",
    "costs",
    "can",
    "timeout",
    "limit",
    "concurrency",
    "priority",
    "budget",
    "before",
    "after",
    "error",
    "sample",
    "model",
    "tools",
    "every",
    "within",
    "cron",
    "event",
    "webhook",
    "delivery",
    "prefer",
];

/// Words of other languages behind which a whole step stands all the same.
pub(super) fn only_in_front(word: &str) -> bool {
    matches!(word, "let" | "const" | "var" | "val" | "mut" | "await" | "async")
}

/// The word of the language that was meant where one of any kind may stand.
pub(super) fn near_any(word: &str) -> Option<&'static str> {
    if matches!(word, "when" | "run" | "expect") || CLAUSES.contains(&word) || STEPS.contains(&word) {
        return None;
    }
    near(word, &INSIDE).or_else(|| near(word, &CLAUSES)).or_else(|| near(word, &STEPS))
}

/// The word that starts a step that was meant.
pub(super) fn near_step(word: &str) -> Option<&'static str> {
    match word {
        "assert" | "ensure" => Some("require"),
        "foreach" => Some("for"),
        _ => near(word, &STEPS),
    }
}

/// The nearest of `known` to a word that has a letter or two wrong.
pub(super) fn near(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let limit = if word.len() < 3 { return None } else { 1 + usize::from(word.len() > 6) };
    let distance = |known: &&'static str| strsim::damerau_levenshtein(known, word);
    let (far, meant) = known.iter().map(|known| (distance(known), *known)).min()?;
    (far > 0 && far <= limit && word.starts_with(|c: char| c.is_ascii_lowercase())).then_some(meant)
}

pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

pub(super) fn starts_item(word: &str) -> bool {
    DECLARATIONS.contains(&word) || crate::ast::Role::ALL.iter().any(|(role, _)| *role == word)
}

/// The unit that somebody meant by `sec`, `minutes`, …
pub(super) fn unit_of(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "week" | "weeks" => "w",
        _ => return None,
    })
}

pub(super) fn looks_like_unit(word: &str) -> bool {
    unit_of(word).is_some()
}

/// How much an expectation is worth saying.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Never said.
    Hidden,
    /// Said where nothing better is known.
    Weak,
    /// Said.
    Plain,
}

/// What a rule is called in a message.
pub(super) fn spelling(rule: Rule) -> (Weight, &'static str) {
    use Weight::{Hidden, Plain, Weak};
    match rule {
        Rule::infix_sign
        | Rule::infix_name
        | Rule::lambda_ahead
        | Rule::step_word_ahead
        | Rule::comment
        | Rule::hs
        | Rule::sp
        | Rule::s
        | Rule::bs
        | Rule::sep
        | Rule::item_start
        | Rule::wc
        | Rule::word
        | Rule::quoted
        | Rule::reserved
        | Rule::infix_word
        | Rule::for_word
        | Rule::neg_pattern
        | Rule::no_call
        | Rule::follow
        | Rule::return_end
        | Rule::word_arg
        | Rule::step_head
        | Rule::item_end
        | Rule::junk
        | Rule::junk_group
        | Rule::junk_inside
        | Rule::junk_text
        | Rule::junk_goes_on
        | Rule::item_junk
        | Rule::broken_step
        | Rule::broken_item
        | Rule::start_head
        | Rule::repeat_head
        | Rule::clause_head
        | Rule::cw
        | Rule::unclosed
        | Rule::text
        | Rule::block_text
        | Rule::escape
        | Rule::interp
        | Rule::opt_mark
        | Rule::nullable
        | Rule::lambda_head
        | Rule::comp
        | Rule::file
        | Rule::one_item
        | Rule::one_step
        | Rule::one_test_step => (Hidden, ""),

        Rule::infix | Rule::pipe | Rule::cast | Rule::dots => (Weak, "an operator"),
        Rule::field | Rule::opt_field | Rule::index | Rule::args | Rule::postfix | Rule::spread => {
            (Weak, "an operator")
        }
        Rule::clause
        | Rule::claused
        | Rule::retry_c
        | Rule::backoff
        | Rule::on_codes
        | Rule::timeout_c
        | Rule::with_c
        | Rule::catch_c
        | Rule::fallback_c
        | Rule::optional_c
        | Rule::final_c
        | Rule::undo_c
        | Rule::key_c
        | Rule::until_c
        | Rule::every_part
        | Rule::within_part
        | Rule::from_c
        | Rule::parallel
        | Rule::delay
        | Rule::per_run => (Weak, "a clause"),
        Rule::matching | Rule::within | Rule::mark => (Weak, "a refinement"),

        Rule::comma => (Plain, "`,`"),
        Rule::colon => (Plain, "`:`"),
        Rule::equals => (Plain, "`=`"),
        Rule::arrow => (Plain, "`=>`"),
        Rule::thin_arrow | Rule::returns => (Weak, "`->`"),
        Rule::open_paren => (Plain, "`(`"),
        Rule::open_brace => (Plain, "`{`"),
        Rule::close_paren => (Plain, "`)`"),
        Rule::close_bracket => (Plain, "`]`"),
        Rule::close_brace => (Plain, "`}`"),
        Rule::close_angle => (Plain, "`>`"),
        Rule::close_quote => (Plain, "`\"`"),
        Rule::close_text => (Plain, "`\"\"\"`"),
        Rule::minus | Rule::prefix => (Hidden, ""),
        Rule::kw_then => (Plain, "`then`"),
        Rule::kw_else => (Plain, "`else`"),
        Rule::kw_in => (Plain, "`in`"),
        Rule::kw_as => (Plain, "`as`"),
        Rule::kw_per => (Plain, "`per`"),
        Rule::kw_by => (Plain, "`by`"),
        Rule::kw_key => (Plain, "`key`"),
        Rule::kw_zone => (Plain, "`zone`"),
        Rule::kw_check => (Plain, "`check`"),
        Rule::kw_prefer => (Weak, "`prefer`"),
        Rule::kw_until => (Weak, "`until`"),
        Rule::kw_forever => (Weak, "`forever`"),
        Rule::kw_at_most => (Plain, "`at most`"),
        Rule::kw_drop => (Hidden, ""),
        Rule::kw_calls => (Weak, "`calls`"),
        Rule::budget_word => (Hidden, ""),
        Rule::switch => (Plain, "`on` or `off`"),
        Rule::overlap_word => (Plain, "`skip`, `queue` or `allow`"),

        Rule::name | Rule::member | Rule::path | Rule::bind_name => (Plain, "a name"),
        Rule::number => (Plain, "a number"),
        Rule::regex => (Plain, "a regular expression `/…/`"),
        Rule::string | Rule::text_block => (Plain, "a text"),
        Rule::expr
        | Rule::guard
        | Rule::flat
        | Rule::small
        | Rule::term
        | Rule::primary
        | Rule::open_primary
        | Rule::small_primary
        | Rule::literal
        | Rule::list
        | Rule::record
        | Rule::paren
        | Rule::if_expr
        | Rule::for_expr
        | Rule::match_expr
        | Rule::ask
        | Rule::receive
        | Rule::start
        | Rule::repeat
        | Rule::block_expr
        | Rule::fail_expr
        | Rule::then_run
        | Rule::block_run
        | Rule::source
        | Rule::otherwise
        | Rule::outcome
        | Rule::fail_outcome
        | Rule::fail_code
        | Rule::stage
        | Rule::budget_part => (Plain, "an expression"),
        Rule::arg => (Plain, "an argument"),
        Rule::entry => (Plain, "a field"),
        Rule::list_item => (Plain, "an element"),
        Rule::block => (Plain, "`{`"),
        Rule::match_arm | Rule::catch_arm | Rule::policy_arm => (Plain, "an arm"),
        Rule::pattern | Rule::pattern_end => (Plain, "a pattern"),
        Rule::codes => (Plain, "an error code"),
        Rule::policy_retry | Rule::policy_end => (Plain, "`retry`, `fallback`, `fail` or `escalate`"),
        Rule::step
        | Rule::plain_step
        | Rule::require_step
        | Rule::check_step
        | Rule::yield_step
        | Rule::return_step
        | Rule::wait_step
        | Rule::key_step
        | Rule::word_step
        | Rule::step_word
        | Rule::from_step
        | Rule::merge_step => (Plain, "a step"),
        Rule::test_step
        | Rule::mock_step
        | Rule::expect_step
        | Rule::answer_step
        | Rule::signal_step
        | Rule::crash_step
        | Rule::test_bind => (Plain, "`mock`, `expect`, `answer`, `signal`, `crash` or a binding"),
        Rule::r#type
        | Rule::type_and
        | Rule::type_post
        | Rule::type_atom
        | Rule::type_map
        | Rule::type_list
        | Rule::type_paren
        | Rule::type_lit
        | Rule::type_record
        | Rule::low
        | Rule::high
        | Rule::bound => (Plain, "a type"),
        Rule::field_decl => (Plain, "a field"),
        Rule::param => (Plain, "a parameter"),
        Rule::params => (Plain, "`(`"),
        Rule::item
        | Rule::use_item
        | Rule::const_item
        | Rule::type_item
        | Rule::tool_item
        | Rule::flow
        | Rule::policy
        | Rule::campaign
        | Rule::test
        | Rule::role => (Plain, "a declaration"),
        Rule::use_names | Rule::use_name => (Plain, "a name"),
        Rule::tool_attr | Rule::idempotent | Rule::accepts_key | Rule::costs | Rule::fails => (Weak, "an attribute"),
        Rule::flow_clause
        | Rule::can_c
        | Rule::limit_c
        | Rule::concurrency_c
        | Rule::priority_c
        | Rule::budget_c
        | Rule::before_c
        | Rule::after_c
        | Rule::on_error_c
        | Rule::sample_c
        | Rule::model_c
        | Rule::tools_c => (Weak, "a clause"),
        Rule::campaign_part
        | Rule::cron_p
        | Rule::every_p
        | Rule::event_p
        | Rule::webhook_p
        | Rule::run_p
        | Rule::delivery_p
        | Rule::flag_p
        | Rule::overlap_p => (Plain, "`cron`, `every`, `on event`, `run` or another part of a campaign"),
        Rule::EOI => (Weak, "the end"),
    }
}
