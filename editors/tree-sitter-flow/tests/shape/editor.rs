//! The tree that tree-sitter gives, as a list of nodes.

use tree_sitter::{Language, Node, Parser, TreeCursor};

/// What is compared, and its name in both lists.
const KINDS: [(&str, &str); 74] = [
    ("use_declaration", "use"),
    ("const_declaration", "const"),
    ("type_declaration", "type"),
    ("tool_declaration", "tool"),
    ("flow_declaration", "flow"),
    ("policy_declaration", "policy"),
    ("campaign_declaration", "campaign"),
    ("test_declaration", "test"),
    ("bind", "bind"),
    ("expression_step", "expression step"),
    ("require", "require"),
    ("check", "check"),
    ("yield", "yield"),
    ("return", "return"),
    ("wait", "wait"),
    ("next", "next"),
    ("annotate", "annotate"),
    ("key_step", "key step"),
    ("prompt", "prompt"),
    ("from", "from"),
    ("merge", "merge"),
    ("claused", "claused"),
    ("retry_clause", "retry"),
    ("with_clause", "with"),
    ("catch_clause", "catch"),
    ("catch_arm", "catch arm"),
    ("fallback_clause", "fallback"),
    ("optional_clause", "optional"),
    ("final_clause", "final"),
    ("undo_clause", "undo"),
    ("key_clause", "key"),
    ("until_clause", "until"),
    ("from_clause", "from clause"),
    ("can_clause", "can"),
    ("limit_clause", "limit"),
    ("concurrency_clause", "concurrency"),
    ("budget_clause", "budget"),
    ("block", "block"),
    ("field", "field"),
    ("index", "index"),
    ("call", "call"),
    ("unary", "unary"),
    ("binary", "binary"),
    ("range", "range"),
    ("cast", "cast"),
    ("pipe", "pipe"),
    ("stage", "stage"),
    ("lambda", "lambda"),
    ("parenthesized", "parenthesized"),
    ("list", "list"),
    ("comprehension", "comprehension"),
    ("record", "record"),
    ("choose", "choose"),
    ("if", "if"),
    ("match", "match"),
    ("match_arm", "match arm"),
    ("pattern", "pattern"),
    ("for", "for"),
    ("repeat", "repeat"),
    ("ask", "ask"),
    ("receive", "receive"),
    ("start", "start"),
    ("block_exit", "block exit"),
    ("fail", "fail"),
    ("type_name", "type name"),
    ("list_type", "list type"),
    ("map_type", "map type"),
    ("record_type", "record type"),
    ("union_type", "union type"),
    ("intersection_type", "intersection type"),
    ("nullable_type", "nullable type"),
    ("matching_type", "matching type"),
    ("bounded_type", "bounded type"),
    ("marked_type", "marked type"),
];

/// A parser for the grammar.
pub fn parser() -> Parser {
    let mut parser = Parser::new();
    parser.set_language(&Language::new(tree_sitter_flow::LANGUAGE)).unwrap();
    parser
}

/// Every node that is compared, in order.
pub fn shape(text: &str) -> Vec<super::Node> {
    let tree = parser().parse(text, None).unwrap();
    let mut nodes = Vec::new();
    walk(&mut tree.walk(), "", &mut nodes);
    nodes.sort();
    nodes
}

/// The compiler counts the marks in front of a union to the union.
fn start_of(node: Node<'_>) -> usize {
    let mut first = node;
    while let Some(parent) = first.parent().filter(|parent| parent.kind() == "marked_type") {
        first = parent;
    }
    if node.kind() != "union_type" {
        return node.start_byte();
    }
    first.start_byte()
}

fn walk(cursor: &mut TreeCursor<'_>, parent: &str, nodes: &mut Vec<super::Node>) {
    let node = cursor.node();
    let kind = node.kind();
    let (start, end) = (start_of(node) as u32, node.end_byte() as u32);
    if node.is_error() || node.is_missing() {
        nodes.push(("error", start, end));
    }
    // `a | b | c` is one union for the compiler.
    let inner = matches!(kind, "union_type" | "intersection_type") && kind == parent;
    if let Some((_, name)) = KINDS.iter().find(|(own, _)| *own == kind && node.is_named() && !inner) {
        nodes.push((name, start, end));
    }
    if cursor.goto_first_child() {
        loop {
            walk(cursor, kind, nodes);
            if !cursor.goto_next_sibling() {
                break;
            }
        }
        cursor.goto_parent();
    }
}
