//! The reference's values: each part knows whether an outsider may have written it.

use super::reference::{Stop, wrong};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A value, and whether an outsider may have written it.
#[derive(Clone, Debug, PartialEq)]
pub struct V {
    pub d: D,
    pub t: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum D {
    Null,
    Bool(bool),
    Int(i64),
    Str(String),
    List(Vec<V>),
    Rec(BTreeMap<String, V>),
}

type Res = Result<V, Stop>;

pub fn v(d: D, t: bool) -> V {
    V { d, t }
}

impl V {
    pub fn of(json: &Json) -> V {
        v(
            match json {
                Json::Null => D::Null,
                Json::Bool(it) => D::Bool(*it),
                Json::Number(it) => D::Int(it.as_i64().unwrap()),
                Json::String(it) => D::Str(it.clone()),
                Json::Array(items) => D::List(items.iter().map(V::of).collect()),
                Json::Object(fields) => D::Rec(fields.iter().map(|(name, it)| (name.clone(), V::of(it))).collect()),
            },
            false,
        )
    }

    pub fn json(&self) -> Json {
        match &self.d {
            D::Null => Json::Null,
            D::Bool(it) => json!(it),
            D::Int(it) => json!(it),
            D::Str(it) => json!(it),
            D::List(items) => Json::Array(items.iter().map(V::json).collect()),
            D::Rec(fields) => Json::Object(fields.iter().map(|(name, it)| (name.clone(), it.json())).collect()),
        }
    }

    /// Whether any part is untrusted.
    pub fn deep(&self) -> bool {
        self.t
            || match &self.d {
                D::List(items) => items.iter().any(V::deep),
                D::Rec(fields) => fields.values().any(V::deep),
                _ => false,
            }
    }

    /// The same with every part untrusted where `t`.
    pub fn tainted(mut self, t: bool) -> V {
        if t {
            self.t = true;
            match &mut self.d {
                D::List(items) => items.iter_mut().for_each(|it| *it = it.clone().tainted(true)),
                D::Rec(fields) => fields.values_mut().for_each(|it| *it = it.clone().tainted(true)),
                _ => {}
            }
        }
        self
    }

    pub fn clean(mut self) -> V {
        self.t = false;
        match &mut self.d {
            D::List(items) => items.iter_mut().for_each(|it| *it = it.clone().clean()),
            D::Rec(fields) => fields.values_mut().for_each(|it| *it = it.clone().clean()),
            _ => {}
        }
        self
    }

    pub fn bool(&self) -> Result<bool, Stop> {
        if let D::Bool(it) = self.d { Ok(it) } else { wrong(format!("{self:?} is no bool")) }
    }

    pub fn int(&self) -> Result<i64, Stop> {
        if let D::Int(it) = self.d { Ok(it) } else { wrong(format!("{self:?} is no int")) }
    }

    pub fn str(&self) -> Result<&str, Stop> {
        if let D::Str(it) = &self.d { Ok(it) } else { wrong(format!("{self:?} is no text")) }
    }

    pub fn list(&self) -> Result<&Vec<V>, Stop> {
        if let D::List(it) = &self.d { Ok(it) } else { wrong(format!("{self:?} is no list")) }
    }

    pub fn field(&self, name: &str) -> Res {
        match &self.d {
            D::Rec(fields) => match fields.get(name) {
                Some(it) => Ok(it.clone().tainted(self.t)),
                None => wrong(format!("no field {name}")),
            },
            _ => wrong(format!("{self:?} has no fields")),
        }
    }
}
