//! What there is to say of a tool that its server has defined: what its types leave out, what the server claims.

use ecow::EcoString;
use indexmap::IndexMap;
use serde_json::{Value, json};
use std::fmt::Write;
use weir_compiler::registry::schema::{Widened, to_type};
use weir_compiler::registry::{Annotations, Tool};
use weir_lang::types::{Type, TypeTable};

/// What the schemas of a tool's server say beyond its declaration.
#[derive(Default)]
pub struct Locked {
    /// The types that its parameters and result name.
    pub types: IndexMap<EcoString, Type>,
    /// What the types leave to the check at run time, with `input` or `output`.
    widened: Vec<(&'static str, Widened)>,
}

impl Locked {
    /// Of a tool; nothing where no server has defined it.
    pub fn of(tool: &Tool) -> Locked {
        let mut locked = Locked::default();
        let Some(Ok(definition)) = tool.definition.as_ref().map(|written| written.read()) else { return locked };
        let schemas = [("input", "Input", Some(&definition.input)), ("output", "Output", definition.output.as_ref())];
        for (side, root, schema) in schemas {
            let taken = TypeTable { types: locked.types.clone(), ..TypeTable::default() };
            let Some(Ok(typed)) = schema.map(|schema| to_type(schema, &tool.name, root, &taken)) else { continue };
            locked.types.extend(typed.names);
            locked.widened.extend(typed.widened.into_iter().map(|widened| (side, widened)));
        }
        locked
    }

    /// Comments that stand behind the declaration.
    pub fn remarks(&self, tool: &Tool) -> String {
        let mut lines = Vec::new();
        if !self.widened.is_empty() {
            lines.push("checked when it runs, since no type says it:".to_owned());
        }
        for (side, widened) in &self.widened {
            let place = if widened.path.is_empty() { side.to_string() } else { format!("{side} `{}`", widened.path) };
            lines.push(format!("  {place}: {} (`{}`)", widened.why, widened.keyword));
        }
        let claims = claims(tool);
        if !claims.is_empty() {
            lines.push(format!("the server claims that it {}", claims.join(", ")));
            lines.extend(accept(tool).map(|line| format!("  to believe what it claims: {line}")));
        }
        lines.extend(tool.accepts_key.iter().filter_map(|key| {
            let header = key.strip_prefix("header:")?;
            Some(format!("an idempotency key is sent in the header `{header}`"))
        }));
        let mut text = String::new();
        for (at, line) in lines.iter().enumerate() {
            let _ = writeln!(text, "{}// {}", if at == 0 { "\n" } else { "" }, crate::escape::line(line));
        }
        text
    }

    /// The same for programs.
    pub fn json(&self, tool: &Tool) -> Value {
        if tool.definition.is_none() {
            return json!({});
        }
        let widened = self.widened.iter().map(|(side, widened)| {
            json!({ "of": side, "path": widened.path.as_str(), "keyword": widened.keyword.as_str(),
                "why": widened.why.as_str() })
        });
        let types = self.types.iter().map(|(name, ty)| (name.to_string(), Value::from(ty.to_string())));
        json!({
            "widened": widened.collect::<Vec<_>>(), "types": types.collect::<serde_json::Map<_, _>>(),
            "claims": tool.definition.as_ref().map(|definition| &definition.annotations), "accept": accept(tool),
        })
    }
}

fn annotations(tool: &Tool) -> Option<&Annotations> {
    tool.definition.as_ref().map(|definition| &definition.annotations)
}

/// What the server says of the tool, for a sentence.
fn claims(tool: &Tool) -> Vec<&'static str> {
    let Some(claimed) = annotations(tool) else { return Vec::new() };
    let said = [
        (claimed.read_only == Some(true), "only reads"),
        (claimed.idempotent == Some(true), "may be repeated"),
        (claimed.destructive == Some(true), "may destroy something (a hint to declare it `send` or `exec`)"),
        (claimed.open_world == Some(true), "reaches beyond its own system"),
    ];
    said.into_iter().filter(|(claimed, _)| *claimed).map(|(_, words)| words).collect()
}

/// The line of `weir.toml` that accepts what the server claims, where it is not accepted yet.
fn accept(tool: &Tool) -> Option<String> {
    let claimed = annotations(tool)?;
    let reads = claimed.read_only == Some(true) && !tool.reads_only();
    let repeats = claimed.idempotent == Some(true) && !tool.idempotent;
    (reads || repeats).then(|| format!("`annotations = \"trust\"` in `[tools.{}]`", tool.server()))
}
