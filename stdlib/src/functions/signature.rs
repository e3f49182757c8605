//! Signatures of pure functions: Weir's notation for types, plus type variables (single capital letters), lambdas
//! (`(T) => K`) and `regex`.

use ecow::EcoString;
use std::sync::Arc;
use weir_lang::types::{FieldType, LambdaType, RecordType, Type};

/// A parsed signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// Parameters in order; optional ones come last and may be given by name.
    pub params: Vec<SigParam>,
    /// The result. Type variables are those of the parameters.
    pub returns: Type,
}

/// A parameter of a signature.
#[derive(Clone, Debug, PartialEq)]
pub struct SigParam {
    /// Its name.
    pub name: EcoString,
    /// Its type; lambdas are [`Type::Lambda`], regular expressions [`Type::Regex`].
    pub ty: Type,
    /// Whether it may be left out (null then).
    pub optional: bool,
}

impl SigParam {
    /// The type of the lambda that the parameter takes, if it takes one.
    pub fn lambda(&self) -> Option<&LambdaType> {
        match &self.ty {
            Type::Lambda(lambda) => Some(lambda),
            _ => None,
        }
    }
}

impl Signature {
    /// What a type variable may stand for, in the order to try: it is bound to the first member that the argument's
    /// type fits. `N` is a numeric type, `Q` a quantity, `D` a quantity that can be divided; other letters are free.
    pub fn bound(variable: &str) -> Option<Type> {
        match variable {
            "N" => Some(Type::union([Type::INT, Type::NUMBER, Type::DECIMAL])),
            "Q" => Some(Type::union([Type::INT, Type::NUMBER, Type::DECIMAL, Type::Duration])),
            "D" => Some(Type::union([Type::NUMBER, Type::DECIMAL, Type::Duration])),
            _ => None,
        }
    }

    /// Reads `name(a: T, b?: U) -> R`. None where it is not that; the table's tests hold every row to it.
    pub(super) fn parse(text: &str) -> Option<Signature> {
        let rest = text.get(text.find('(')?..)?;
        let mut reader = Reader { rest };
        let mut params = Vec::new();
        reader.expect("(")?;
        while !reader.take(")") {
            let name = reader.name()?;
            let optional = reader.take("?");
            reader.expect(":")?;
            params.push(SigParam { name: name.into(), ty: reader.ty()?, optional });
            reader.take(",");
        }
        reader.expect("->")?;
        let returns = reader.ty()?;
        reader.rest.trim().is_empty().then_some(Signature { params, returns })
    }
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Option<()> {
        self.take(token).then_some(())
    }

    fn name(&mut self) -> Option<&'t str> {
        self.rest = self.rest.trim_start();
        let len = self.rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let (name, rest) = self.rest.split_at_checked(len).filter(|(name, _)| !name.is_empty())?;
        self.rest = rest;
        Some(name)
    }

    /// A union of types.
    fn ty(&mut self) -> Option<Type> {
        let mut members = vec![self.nullable()?];
        while self.take("|") {
            members.push(self.nullable()?);
        }
        if members.len() == 1 { members.pop() } else { Some(Type::union(members)) }
    }

    fn nullable(&mut self) -> Option<Type> {
        let mut ty = self.single()?;
        while self.take("?") {
            ty = ty.nullable();
        }
        Some(ty)
    }

    fn single(&mut self) -> Option<Type> {
        if self.take("[") {
            let element = self.ty()?;
            self.expect("]")?;
            return Some(Type::list(element));
        }
        if self.take("{") {
            return self.record();
        }
        if self.take("(") {
            return self.lambda();
        }
        if self.take("\"") {
            let (text, rest) = self.rest.split_once('"')?;
            self.rest = rest;
            return Some(Type::text(text));
        }
        self.named()
    }

    fn record(&mut self) -> Option<Type> {
        let mut record = RecordType::default();
        while !self.take("}") {
            let name = self.name()?;
            let optional = self.take("?");
            self.expect(":")?;
            record.fields.insert(name.into(), FieldType { ty: self.ty()?, optional, doc: None });
            self.take(",");
        }
        Some(Type::Record(Arc::new(record)))
    }

    fn lambda(&mut self) -> Option<Type> {
        let mut params = Vec::new();
        while !self.take(")") {
            params.push(self.ty()?);
            self.take(",");
        }
        self.expect("=>")?;
        let returns = self.ty()?;
        Some(Type::Lambda(Arc::new(LambdaType { params, returns })))
    }

    fn named(&mut self) -> Option<Type> {
        let name = self.name()?;
        if let Some(base) = Type::base_named(name) {
            return Some(base);
        }
        Some(match name {
            "regex" => Type::Regex,
            "map" => {
                self.expect("<")?;
                let value = self.ty()?;
                self.expect(">")?;
                Type::map(value)
            }
            name if name.len() == 1 && name.chars().all(|letter| letter.is_ascii_uppercase()) => Type::Var(name.into()),
            _ => return None,
        })
    }
}
