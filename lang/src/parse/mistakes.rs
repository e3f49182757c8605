//! The commonest mistakes, told apart by what stands around the place where a broken piece breaks.

use super::grammar::Rule;
use super::{say, spelling};
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Loc, Span};

/// A broken piece and where reading it stopped.
pub(super) struct Broken<'a> {
    pub(super) source: &'a str,
    pub(super) span: Span,
    /// Byte offset in `source`.
    pub(super) at: usize,
    /// The rules that were tried there.
    pub(super) wanted: Vec<Rule>,
    /// The rule that the piece was read with.
    pub(super) rule: Rule,
}

impl<'a> Broken<'a> {
    pub(super) fn loc(&self, file: FileId, start: usize, length: usize) -> Loc {
        Loc { file, span: Span::new(start, start + length) }
    }

    /// The text from the place on.
    pub(super) fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or("")
    }

    /// The broken piece up to the place.
    pub(super) fn before(&self) -> &'a str {
        self.source.get(self.span.start as usize..self.at).unwrap_or("")
    }

    /// Where the message points: at the place, or behind the last thing before it at a line's end.
    pub(super) fn place(&self) -> usize {
        match self.found().is_empty() {
            true => self.span.start as usize + self.before().trim_end().len(),
            false => self.at,
        }
    }

    /// The token at the place; empty at the end of a line or of the text.
    pub(super) fn found(&self) -> &'a str {
        token(self.rest())
    }

    pub(super) fn found_name(&self) -> String {
        match self.found() {
            "" if self.rest().trim().is_empty() => "the end of the file".to_owned(),
            "" => "the end of the line".to_owned(),
            text if text.starts_with('"') => "a text".to_owned(),
            "`" => "a backtick".to_owned(),
            text => format!("`{text}`"),
        }
    }

    /// A message of its own for what goes wrong most often.
    pub(super) fn common(&self, file: FileId) -> Option<Diagnostic> {
        let sign = self.loc(file, self.at, self.found().len());
        self.in_text(file)
            .or_else(|| self.by_first_word(file))
            .or_else(|| self.by_sign(sign))
            .or_else(|| self.by_word(sign))
            .or_else(|| self.unclosed(file))
    }

    /// Something wrong inside a text, or a text or name that is never closed.
    fn in_text(&self, file: FileId) -> Option<Diagnostic> {
        let here = self.loc(file, self.place(), self.found().len());
        let opened = open_brackets(self.before());
        let quote = opened.iter().rev().find(|(sign, _)| *sign == '"' || *sign == 'T').copied();
        if self.wants(Rule::close_text) {
            let at = self.span.start as usize + quote.map_or(0, |(_, at)| at);
            return Some(say::unclosed_text(self.loc(file, at, 3), "\"\"\""));
        }
        if self.wants(Rule::close_quote) {
            let at = self.span.start as usize + quote.map_or(0, |(_, at)| at);
            return Some(say::unclosed_text(self.loc(file, at, 1), "\""));
        }
        if let Some((_, at)) = quote {
            let brace = opened.iter().rev().find(|(sign, _)| *sign == '{').map_or(at, |(_, brace)| *brace);
            let start = self.span.start as usize + brace;
            let text =
                self.source.get(start..).and_then(|rest| rest.get(..rest.find(['}', '"', '\n'])? + 1)).unwrap_or("{");
            let shown = text.trim_end_matches(['"', '\n']);
            return Some(say::common(
                self.loc(file, start, shown.len()),
                format!("`{shown}` in a text is not an expression"),
                "write `\\{` for a brace, or `/…/` for a regular expression",
            ));
        }
        match self.found() {
            "`" => Some(say::unclosed_text(here, "`")),
            found if found.starts_with('"') && self.wants_value() => Some(say::unclosed_text(here, "\"")),
            _ => None,
        }
    }

    pub(super) fn by_first_word(&self, file: FileId) -> Option<Diagnostic> {
        let text = self.span.text(self.source);
        let first = token(text);
        let next = token(text.get(first.len()..).unwrap_or("").trim_start());
        let here = self.loc(file, self.span.start as usize, first.len());
        let is_word = next.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '`');
        if self.rule == Rule::one_item {
            return self.by_first_word_of_item(here, first, next, is_word);
        }
        let (message, help) = match first {
            "let" | "const" | "var" | "val" | "mut" if is_word => {
                (format!("a binding needs no `{first}`"), format!("write `{next} = …`"))
            }
            "elif" | "elsif" | "elseif" => (format!("there is no `{first}`"), "write `else if … { … }`".to_owned()),
            "else" | "catch" if text.contains('{') || text.contains(':') => {
                (format!("this `{first}` belongs to nothing"), format!("`{first}` follows what it belongs to"))
            }
            "while" | "loop" | "do" => {
                (format!("there is no `{first}`"), "write `repeat state = first at most 100 { … next … }`".to_owned())
            }
            "switch" | "case" => (format!("there is no `{first}`"), "write `match value { … => … }`".to_owned()),
            "try" => (
                "there is no `try`".to_owned(),
                "handle an error behind the call: `catch { not_found => … }`".to_owned(),
            ),
            "throw" | "raise" | "panic" => {
                (format!("there is no `{first}`"), "write `fail code \"message\"`".to_owned())
            }
            "await" | "async" => {
                (format!("there is no `{first}`"), "leave it out; steps wait for each other by themselves".to_owned())
            }
            "break" | "continue" => (
                format!("there is no `{first}`"),
                "choose the elements before the loop, or end a `repeat` with `next null`".to_owned(),
            ),
            "is" | "equals" => (format!("there is no `{first}`"), "write `==` to compare".to_owned()),
            "parallel" if next == "{" => (
                "there is no `parallel` block".to_owned(),
                "reads run side by side by themselves; a loop does with `for x in xs parallel 4 { … }`".to_owned(),
            ),
            "f" | "r" | "b" | "u" if text.get(1..).is_some_and(|rest| rest.starts_with('"')) => {
                ("a text has no prefix".to_owned(), "leave it out: `\"…{name}…\"` interpolates by itself".to_owned())
            }
            "retry" | "timeout" | "undo" | "fallback"
                if is_word || next == "{" || next.starts_with(char::is_numeric) =>
            {
                (format!("`{first}` stands behind a call"), format!("write `tool.call(…) {first} …`"))
            }
            "new" if is_word => {
                ("there is no `new`".to_owned(), "write the record itself: `{ field: value }`".to_owned())
            }
            _ if spelling::is_reserved(first) && next == "=" => {
                return Some(say::reserved(here, first));
            }
            _ => {
                let operator = matches!(next, "in" | "and" | "or" | "as" | "matches");
                let beside = is_word && !operator || next == "\"";
                return spelling::near_step(first)
                    .filter(|_| beside && self.rule == Rule::one_step)
                    .map(|meant| say::misspelt(here, first, meant));
            }
        };
        Some(say::common(here, message, help))
    }

    fn by_first_word_of_item(&self, here: Loc, first: &str, next: &str, is_word: bool) -> Option<Diagnostic> {
        let (message, help) = match first {
            "}" | ")" | "]" => (
                format!("this `{first}` closes nothing"),
                "remove it, or look for the bracket that is missing before it".to_owned(),
            ),
            "function" | "def" | "fn" | "func" | "flow" | "async" | "export" | "public" => (
                format!("there is no `{first}`"),
                "a flow is declared by its role: `coordinator name(…) { … }`".to_owned(),
            ),
            "import" | "from" | "include" => (format!("there is no `{first}`"), "write `use module.{name}`".to_owned()),
            "interface" | "struct" | "class" | "enum" | "record" => {
                (format!("there is no `{first}`"), format!("write `type {} = …`", if is_word { next } else { "Name" }))
            }
            "let" | "var" | "val" => (format!("there is no `{first}`"), "write `const NAME = …`".to_owned()),
            _ if spelling::is_reserved(next) && spelling::starts_item(first) => {
                let start = self.span.text(self.source).find(next).unwrap_or(0);
                let at = self.span.start as usize + start;
                return Some(say::reserved(self.loc(here.file, at, next.len()), next));
            }
            _ if !spelling::starts_item(first) => return Some(unknown_declaration(here, first)),
            _ => return None,
        };
        Some(say::common(here, message, help))
    }

    /// By the sign that stands where it breaks.
    fn by_sign(&self, here: Loc) -> Option<Diagnostic> {
        let before = self.before().trim_end();
        let rest = self.rest();
        let (message, help) = match self.found() {
            ";" => ("there are no semicolons", "leave it out; a new line is enough"),
            "&&" | "&" => ("there is no `&&`", "write `and`"),
            "||" if !before.is_empty() => ("there is no `||`", "write `or`"),
            "!" => ("there is no `!`", "write `not`"),
            "'" => ("texts stand in double quotes", "write `\"…\"`"),
            "#" => ("a comment starts with `//`", "write `// …`"),
            "/" if rest.starts_with("/*") => ("a comment starts with `//`", "write `// …` on each line"),
            "+=" | "++" => ("a value cannot be changed", "bind the result to a new name"),
            "->" if self.wants(Rule::arrow) => ("there is no `->` here", "write `=>`"),
            "->" if self.rule == Rule::one_step => ("there is no `->` in an expression", "write `x => …` for a lambda"),
            "=>" if before.ends_with(')') => ("this is no list of parameters", "write `(a, b) => …`"),
            "?" => ("there is no `? :`", "write `if … then … else …`"),
            "=" | "==" if before.ends_with("==") || before.ends_with("!=") => {
                ("there is no `===`", "write `==` or `!=`; both compare types too")
            }
            "=" if before.ends_with(['+', '-', '*', '/']) => {
                ("a value cannot be changed", "bind the result to a new name")
            }
            "}" if self.operator_behind_clause().is_some() => {
                let at = self.operator_behind_clause().unwrap_or_default();
                let sign = token(self.source.get(at..).unwrap_or(""));
                let help = format!("put the call and its clauses in parentheses: `(call catch {{ … }}) {sign} …`");
                return Some(say::common(
                    self.loc(here.file, at, sign.len()),
                    format!("`{sign}` cannot follow a clause"),
                    help,
                ));
            }
            ")" | "]" if open_brackets(before).is_empty() => {
                ("this bracket closes nothing", "remove it, or look for the bracket that is missing before it")
            }
            "=" | "=>" if self.is_condition() => ("`=` gives a name to a value", "write `==` to compare"),
            "[" if before.ends_with("can") => {
                ("capabilities stand without brackets", "write `can crm.read, crm.write`")
            }
            "{" if self.wants(Rule::equals) && token(before) == "type" => {
                ("a type needs `=`", "write `type Name = { … }`")
            }
            "=" => return self.equals_sign(here),
            ":" => return self.colon(here),
            sign if !sign.is_ascii() => return Some(odd_character(here, sign)),
            _ => return None,
        };
        Some(say::common(here, message, help))
    }

    /// Where the operator behind the brace stands: `call() catch { … } |> next`.
    fn operator_behind_clause(&self) -> Option<usize> {
        let inside = self.before().rfind('{').and_then(|at| self.before().get(..at))?;
        let behind = self.rest().strip_prefix('}')?.trim_start();
        let is_operator = ["|>", "??", ".", "+"].iter().any(|sign| behind.starts_with(sign));
        (is_operator && inside.trim_end().ends_with("catch")).then(|| self.source.len() - behind.len())
    }

    /// The word where it breaks, or the one before, with the place where it starts.
    pub(super) fn words(&self) -> [(usize, &'a str); 2] {
        let before = self.before().trim_end();
        let last = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        [(self.at, self.found()), (self.span.start as usize + before.len() - last.len(), last)]
    }

    fn equals_sign(&self, here: Loc) -> Option<Diagnostic> {
        let before = self.before().trim_end();
        let name = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        let opened = open_brackets(before);
        let (message, help) = match opened.last().map(|(sign, _)| *sign) {
            Some('(') => ("an argument is named with `:`".to_owned(), format!("write `{name}: …`")),
            Some('{') if !before.contains("=> {") => {
                ("a field is named with `:`".to_owned(), format!("write `{name}: …`"))
            }
            None if before.contains('.') || before.ends_with(']') => {
                ("a value cannot be changed".to_owned(), "make a new one: `{ ...old, field: value }`".to_owned())
            }
            None if self.wants(Rule::colon) => return None,
            _ => return None,
        };
        Some(say::common(here, message, help))
    }

    fn colon(&self, here: Loc) -> Option<Diagnostic> {
        let before = self.before().trim_end();
        let first = token(self.span.text(self.source));
        if self.rule != Rule::one_item && before == first && !spelling::is_reserved(first) {
            let help = format!("write `{first} = …`, or `{first} = … as T` where the value is `json`");
            return Some(say::common(here, "a binding has no type", help));
        }
        if self.rule == Rule::one_item && before.ends_with(')') {
            return Some(say::common(here, "the type of the result stands behind `->`", "write `-> T`"));
        }
        let block = matches!(first, "if" | "for" | "match" | "repeat") && open_brackets(before).is_empty();
        block.then(|| say::common(here, "a block stands in braces", "write `{ … }`"))
    }

    /// By the word that stands where it breaks.
    fn by_word(&self, here: Loc) -> Option<Diagnostic> {
        let found = self.found();
        let before = self.before().trim_end();
        let number: &str = before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
        if !number.is_empty() && spelling::looks_like_unit(found) && !before.ends_with('.') {
            let start = self.span.start as usize + before.len() - number.len();
            let length = self.at + found.len() - start;
            return Some(say::detached_unit(self.loc(here.file, start, length), number, found));
        }
        let [_, (unit_at, unit)] = self.words();
        let counted = self.source.get(..unit_at).unwrap_or("").trim_end();
        let number = counted.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
        if !number.is_empty() && counted.len() < unit_at && spelling::looks_like_unit(unit) {
            let start = counted.len() - number.len();
            return Some(say::detached_unit(self.loc(here.file, start, unit_at + unit.len() - start), number, unit));
        }
        if before.ends_with("=>") && matches!(found, "return" | "yield" | "require" | "check" | "wait") {
            let help = format!("write `=> {{ {found} … }}`");
            return Some(say::common(here, "a step behind `=>` stands in braces", help));
        }
        let [_, (start, last)] = self.words();
        if let Some((start, word)) =
            [(self.at, found), (start, last)].into_iter().find(|(_, word)| matches!(*word, "await" | "async"))
        {
            return Some(say::common(
                self.loc(here.file, start, word.len()),
                format!("there is no `{word}`"),
                "leave it out; steps wait for each other by themselves",
            ));
        }
        if found == "is" || found == "equals" {
            return Some(say::common(here, format!("there is no `{found}`"), "write `==` to compare"));
        }
        if self.wants(Rule::kw_in) && matches!(found, "of" | "from") {
            return Some(say::common(here, "a loop goes over a list with `in`", "write `for x in xs { … }`"));
        }
        if (self.wants(Rule::match_arm) || self.wants(Rule::pattern)) && found.starts_with(char::is_alphabetic) {
            return Some(say::common(
                here,
                "a pattern is a literal, a range or `else`",
                "compare with `if`, or behind `else`",
            ));
        }
        if spelling::is_reserved(found) && (self.wants(Rule::name) || self.wants(Rule::path)) && !self.wants_value() {
            return Some(say::reserved(here, found));
        }
        None
    }

    /// A bracket that is never closed: the place is the end of its line or of the broken piece.
    fn unclosed(&self, file: FileId) -> Option<Diagnostic> {
        let closers = [(Rule::close_paren, '(', ")"), (Rule::close_bracket, '[', "]"), (Rule::close_brace, '{', "}")];
        let ends = self.found().is_empty() || self.found() == "}" || self.at >= self.span.end as usize;
        let opened = open_brackets(self.before());
        let (sign, at) = opened.last().copied().filter(|_| ends)?;
        let (_, open, close) = closers.into_iter().find(|(rule, open, _)| *open == sign && self.wants(*rule))?;
        let start = self.span.start as usize;
        let end = start + self.before().trim_end().len();
        Some(say::unclosed(self.loc(file, end, 0), self.loc(file, start + at, 1), open.encode_utf8(&mut [0; 4]), close))
    }

    fn wants(&self, rule: Rule) -> bool {
        self.wanted.contains(&rule)
    }

    fn wants_value(&self) -> bool {
        self.expected().contains(&"an expression")
    }

    /// Whether the broken piece is reading a condition.
    fn is_condition(&self) -> bool {
        let before = self.before();
        let first = token(before);
        let words = ["if ", " if ", "when ", "until ", "(if "];
        let inner = open_brackets(before).last().map_or(0, |(_, at)| at + 1);
        let near = before.get(inner..).unwrap_or("");
        matches!(first, "if" | "require" | "expect") && inner == 0 || words.iter().any(|word| near.contains(word))
    }
}

/// The brackets and quotes (`T` for a text block) that `text` leaves open, with their places.
fn open_brackets(text: &str) -> Vec<(char, usize)> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut skip = 0;
    for (at, c) in text.char_indices() {
        if at < skip {
            continue;
        }
        let rest = text.get(at..).unwrap_or("");
        match (open.last().map(|(sign, _)| *sign), c) {
            (Some('"' | 'T'), '\\') => skip = at + 2,
            (Some('"'), '"') => drop(open.pop()),
            (Some('"'), '\n') => drop(open.pop()),
            (Some('T'), '"') if rest.starts_with("\"\"\"") => {
                open.pop();
                skip = at + 3;
            }
            (Some('"' | 'T'), '{') => open.push(('{', at)),
            (Some('"' | 'T'), _) => {}
            (_, '"') if rest.starts_with("\"\"\"") => {
                open.push(('T', at));
                skip = at + 3;
            }
            (_, '"' | '(' | '[' | '{') => open.push((c, at)),
            (_, ')' | ']' | '}') => drop(open.pop()),
            (_, '/') if rest.starts_with("//") => skip = at + rest.find('\n').unwrap_or(rest.len()),
            _ => {}
        }
    }
    open
}

fn unknown_declaration(here: Loc, word: &str) -> Diagnostic {
    let roles = crate::ast::Role::ALL.iter().map(|(role, _)| *role);
    let known = roles.chain(spelling::DECLARATIONS);
    let near = known.map(|known| (strsim::damerau_levenshtein(known, word), known)).min();
    let message = format!("`{word}` starts no declaration");
    match near {
        Some((distance, known)) if distance <= 2 && distance < word.len().min(known.len()) => {
            say::common(here, message, format!("did you mean `{known}`?"))
                .fix(format!("replace with `{known}`"), vec![(here, known.to_owned())])
        }
        _ if spelling::near_any(word).is_some() => {
            say::misspelt(here, word, spelling::near_any(word).unwrap_or_default())
        }
        _ => say::common(
            here,
            message,
            "a file holds flows (`coordinator`, `saga`, …), `type`, `tool`, `use`, `const`, `policy`, `campaign` and `test`",
        ),
    }
}

pub(super) fn odd_character(here: Loc, sign: &str) -> Diagnostic {
    let code: Vec<String> = sign.chars().map(|c| format!("U+{:04X}", c as u32)).collect();
    if sign.chars().any(char::is_alphanumeric) {
        return say::common(
            here,
            format!("`{sign}` cannot be part of a name"),
            "names are written with a-z, A-Z, 0-9 and `_`; any other name stands between backticks",
        );
    }
    let meant = match sign {
        "“" | "”" | "„" => "write `\"`",
        "‘" | "’" => "write `\"…\"`",
        "–" | "—" | "−" => "write `-`",
        "…" => "write `...`",
        "→" => "write `->` or `=>`",
        "≤" => "write `<=`",
        "≥" => "write `>=`",
        "≠" => "write `!=`",
        _ => "remove it",
    };
    say::common(here, format!("the character {} has no meaning here", code.join(" ")), meant)
}

/// The first token of a text: a word, a number, a sign.
pub(super) fn token(text: &str) -> &str {
    let Some(first) = text.chars().next() else {
        return "";
    };
    if first == '\n' || first == '\r' {
        return "";
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let end = if is_word(first) {
        text.find(|c: char| !is_word(c)).unwrap_or(text.len())
    } else {
        let double = ["==", "=>", "!=", "<=", ">=", "&&", "||", "|>", "??", "?.", "..", "->", "++", "+="];
        double.iter().find(|sign| text.starts_with(**sign)).map_or(first.len_utf8(), |sign| sign.len())
    };
    text.get(..end).unwrap_or("")
}
