//! The tree-sitter grammar of Weir, for editors and code hosts. The compiler has a grammar of its own; a test holds
//! the two together over every flow file of the repository.

use tree_sitter_language::LanguageFn;

unsafe extern "C" {
    fn tree_sitter_flow() -> *const ();
}

/// The language, for `tree_sitter::Language::new`.
pub const LANGUAGE: LanguageFn = unsafe { LanguageFn::from_raw(tree_sitter_flow) };

/// Which colour each part of the text gets.
pub const HIGHLIGHTS: &str = include_str!("../../queries/highlights.scm");
