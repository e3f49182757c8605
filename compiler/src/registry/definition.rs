//! A tool as its server defines it: what `tools/list`, an OpenAPI operation or a program's description says, in one
//! shape. The lock file keeps it, the checker types it, the runtime holds values against it.

use ecow::EcoString;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::ops::Deref;
use weir_stdlib::hex;

/// A tool as its server defines it. Its name (the server's own spelling) is the key that it stands under. `S`: its
/// schemas, as trees or as the text that they were read from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition<S = Json> {
    /// What the server says that it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<EcoString>,
    /// JSON Schema of the arguments, always of an object.
    pub input: S,
    /// JSON Schema of the result. None: the result is its text.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub output: Option<S>,
    /// What the server claims.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// How the operation of an HTTP API is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Operation>,
}

/// A server's claims about a tool (MCP's `annotations`; for an HTTP API what its method means).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annotations {
    /// Changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// Calling again with the same arguments changes nothing more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    /// May destroy something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destructive: Option<bool>,
    /// Reaches beyond its own system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_world: Option<bool>,
}

impl Annotations {
    /// Whether nothing is claimed.
    pub fn is_empty(&self) -> bool {
        *self == Annotations::default()
    }
}

/// How an operation of an HTTP API is called.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// `GET`, `POST`, …
    pub method: EcoString,
    /// `/contacts/{id}`
    pub path: EcoString,
    /// Where each argument goes, by the argument's name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub params: IndexMap<EcoString, Place>,
    /// How the body is written; None: no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// Header that takes an idempotency key, where the API declares one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_header: Option<EcoString>,
    /// Where the credential of `weir.toml` goes: `bearer`, `basic`, `header:NAME`, `query:NAME`, `cookie:NAME`, or `none`.
    /// None: the API does not say; a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<EcoString>,
}

impl Operation {
    /// Its method and path alone.
    pub fn outline(&self) -> Operation {
        Operation { method: self.method.clone(), path: self.path.clone(), ..Operation::default() }
    }
}

/// Where an argument goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// `path`, `query`, `header`, `cookie` or `body`.
    #[serde(rename = "in")]
    pub place: EcoString,
    /// Its name there, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<EcoString>,
    /// OpenAPI's `style`, where it is not the place's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<EcoString>,
    /// OpenAPI's `explode`, where it is not the style's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explode: Option<bool>,
}

/// How a request's body is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// `application/json`, …
    pub content_type: EcoString,
    /// The argument that is the whole body; None: the arguments whose place is `body` are its fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<EcoString>,
}

/// A definition whose schemas are kept as they are written: as a tree, a schema takes some twenty times as much memory.
pub type Written = Definition<Box<RawValue>>;

impl<S: Deref<Target = RawValue>> Definition<S> {
    /// The same with its schemas as trees.
    ///
    /// # Errors
    /// What is wrong with a schema that cannot be read: it is nested too deep.
    pub fn read(&self) -> Result<Definition, serde_json::Error> {
        let tree = |schema: &S| serde_json::from_str(schema.get());
        Ok(Definition {
            description: self.description.clone(),
            input: tree(&self.input)?,
            output: self.output.as_ref().map(tree).transpose()?,
            annotations: self.annotations.clone(),
            http: self.http.clone(),
        })
    }
}

impl Definition<&RawValue> {
    /// The same, apart from the text that it was read from.
    pub fn kept(self) -> Written {
        Definition {
            description: self.description,
            input: self.input.to_owned(),
            output: self.output.map(ToOwned::to_owned),
            annotations: self.annotations,
            http: self.http,
        }
    }
}

impl Definition {
    /// `sha256:…` over its canonical text: object keys sorted, so that order and layout do not count.
    pub fn hash(&self) -> EcoString {
        let json = serde_json::to_value(self).unwrap_or_default();
        ecow::eco_format!("sha256:{}", hex(&Sha256::digest(sorted(json).to_string())))
    }
}

/// The same with the keys of every object in order.
pub fn sorted(json: Json) -> Json {
    match json {
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        Json::Object(fields) => {
            let mut fields: Vec<(String, Json)> = fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(fields.into_iter().collect())
        }
        other => other,
    }
}
