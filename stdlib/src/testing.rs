//! For tests only: a small reader of the expressions that the table's examples are written in.

use crate::eval::{NoSlots, Program};
use crate::functions::FunctionId;
use crate::pure::{Pure, PureEntry, PureItem};
use crate::value::{Data, Value, number_from_text, parse_duration};
use crate::{Raise, eval};
use weir_lang::ast::{BinaryOp, UnaryOp};
use weir_lang::types::TypeTable;

/// Evaluates an expression such as `sort([{ n: 2 }], by: x => x.n)`.
pub(crate) fn run(text: &str) -> Result<Value, Raise> {
    let mut reader = Reader { text: text.chars().collect(), at: 0, names: Vec::new() };
    let pure = reader.expr(0);
    reader.blanks();
    assert_eq!(reader.at, reader.text.len(), "left over in {text}");
    run_pure(&pure)
}

pub(crate) fn run_pure(pure: &Pure) -> Result<Value, Raise> {
    eval(pure, &NoSlots, &Program { functions: &[], types: &TypeTable::default() })
}

struct Reader {
    text: Vec<char>,
    at: usize,
    names: Vec<String>,
}

impl Reader {
    fn peek(&self, ahead: usize) -> char {
        self.text.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn blanks(&mut self) {
        while self.peek(0).is_whitespace() {
            self.at += 1;
        }
    }

    fn take(&mut self, token: &str) -> bool {
        self.blanks();
        let found = token.chars().enumerate().all(|(at, c)| self.peek(at) == c);
        if found {
            self.at += token.chars().count();
        }
        found
    }

    fn word(&mut self) -> String {
        self.blanks();
        let start = self.at;
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            self.at += 1;
        }
        self.text[start..self.at].iter().collect()
    }

    fn expr(&mut self, min: u8) -> Pure {
        let mut left = self.unary();
        'more: loop {
            let mark = self.at;
            for (word, op, strength) in BinaryOp::ALL {
                if strength > min && !word.starts_with(char::is_alphabetic) && self.take(word) {
                    if word == "<" && self.peek(0) == '=' || word == "=" {
                        self.at = mark;
                        continue;
                    }
                    let right = self.expr(strength);
                    left = Pure::Binary(op, left.into(), right.into());
                    continue 'more;
                }
            }
            return left;
        }
    }

    fn unary(&mut self) -> Pure {
        self.blanks();
        if self.peek(0) == '-' {
            self.at += 1;
            return match self.unary() {
                Pure::Const(Value { data: Data::Int(value), .. }) => Pure::Const(Value::int(-value)),
                other => Pure::Unary(UnaryOp::Neg, other.into()),
            };
        }
        let mut of = self.primary();
        loop {
            if self.take("?.") || (self.peek(0) == '.' && self.peek(1) != '.' && self.take(".")) {
                let name = self.word();
                of = Pure::Field(of.into(), name.into());
            } else if self.peek(0) == '[' && self.take("[") {
                let at = self.expr(0);
                assert!(self.take("]"));
                of = Pure::Index(of.into(), at.into());
            } else {
                return of;
            }
        }
    }

    fn primary(&mut self) -> Pure {
        self.blanks();
        match self.peek(0) {
            '"' => Pure::Const(Value::text(self.quoted('"'))),
            '/' => Pure::Regex(self.quoted('/').into()),
            '[' => self.list(),
            '{' => self.record(),
            '(' => self.parens(),
            c if c.is_ascii_digit() => self.number(),
            _ => self.named(),
        }
    }

    fn quoted(&mut self, end: char) -> String {
        let mut out = String::new();
        self.at += 1;
        while self.peek(0) != end {
            let c = self.peek(0);
            self.at += 1;
            if c == '\\' && end == '"' {
                let escaped = self.peek(0);
                self.at += 1;
                out.push(if escaped == 'n' { '\n' } else { escaped });
            } else {
                out.push(c);
            }
        }
        self.at += 1;
        out
    }

    fn number(&mut self) -> Pure {
        let start = self.at;
        while self.peek(0).is_alphanumeric() || (self.peek(0) == '.' && self.peek(1).is_ascii_digit()) {
            self.at += 1;
        }
        let text: String = self.text[start..self.at].iter().collect();
        let data = number_from_text(&text).or_else(|| parse_duration(&text).map(Data::Duration));
        Pure::Const(Value::new(data.unwrap_or_else(|| panic!("number {text}"))))
    }

    fn list(&mut self) -> Pure {
        let mut items = Vec::new();
        assert!(self.take("["));
        while !self.take("]") {
            items.push(PureItem::One(self.expr(0)));
            self.take(",");
        }
        Pure::List(items)
    }

    fn record(&mut self) -> Pure {
        let mut entries = Vec::new();
        assert!(self.take("{"));
        while !self.take("}") {
            self.blanks();
            let name = if self.peek(0) == '`' { self.quoted('`') } else { self.word() };
            assert!(self.take(":"));
            entries.push(PureEntry::Field(name.into(), self.expr(0)));
            self.take(",");
        }
        Pure::Record(entries)
    }

    fn parens(&mut self) -> Pure {
        let mark = self.at;
        self.take("(");
        let mut params = vec![self.word()];
        while self.take(",") {
            params.push(self.word());
        }
        if self.take(")") && self.take("=>") {
            return self.lambda(params);
        }
        self.at = mark;
        self.take("(");
        let inner = self.expr(0);
        assert!(self.take(")"));
        inner
    }

    fn lambda(&mut self, params: Vec<String>) -> Pure {
        let (before, count) = (self.names.len(), params.len());
        self.names.extend(params);
        let body = self.expr(0);
        self.names.truncate(before);
        Pure::Lambda { params: u16::try_from(count).expect("few"), body: body.into() }
    }

    fn named(&mut self) -> Pure {
        let name = self.word();
        match name.as_str() {
            "null" => return Pure::Const(Value::NULL),
            "true" => return Pure::Const(Value::bool(true)),
            "false" => return Pure::Const(Value::bool(false)),
            _ => {}
        }
        if self.take("=>") {
            return self.lambda(vec![name]);
        }
        if self.peek(0) == '(' {
            return self.call(&name);
        }
        let at = self.names.iter().rposition(|known| *known == name).unwrap_or_else(|| panic!("name `{name}`"));
        Pure::Local(u16::try_from(at).expect("few"))
    }

    fn call(&mut self, name: &str) -> Pure {
        let function = FunctionId::named(name).unwrap_or_else(|| panic!("function {name}"));
        let mut args = Vec::new();
        self.take("(");
        while !self.take(")") {
            let mark = self.at;
            let word = self.word();
            let named = !word.is_empty() && self.take(":");
            let params = &function.entry().signature().params;
            let at = params.iter().position(|param| named && param.name == word).unwrap_or(args.len());
            assert!(!named || params[at].name == word, "argument {word}");
            if !named {
                self.at = mark;
            }
            while args.len() < at {
                args.push(Pure::Const(Value::NULL));
            }
            args.push(self.expr(0));
            self.take(",");
        }
        Pure::Call(function, args)
    }
}
