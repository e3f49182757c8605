//! Signatures of pure functions: Weir's notation for types, plus type variables and lambdas.

use ecow::EcoString;
use weir_lang::types::{LambdaType, Type};

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
}
