//! 123 tools of ten real MCP servers: each becomes types.

use crate::{both, data};
use serde_json::Value as Json;
use std::collections::BTreeMap;

#[derive(Default)]
struct Count {
    exact: usize,
    widened: usize,
    why: BTreeMap<String, usize>,
}

impl Count {
    fn add(&mut self, tool: &str, schema: &Json) {
        let both = both(schema).unwrap_or_else(|why| panic!("{tool}: {why}"));
        if both.widened.is_empty() {
            self.exact += 1;
        } else {
            self.widened += 1;
        }
        let mut seen: Vec<&str> = both.widened.iter().map(|one| one.keyword.as_str()).collect();
        seen.sort_unstable();
        seen.dedup();
        for keyword in seen {
            *self.why.entry(keyword.to_owned()).or_default() += 1;
        }
    }

    fn print(&self, what: &str) {
        println!("{what}: {} exact, {} widened, by keyword {:?}", self.exact, self.widened, self.why);
    }
}

#[test]
fn real_tools_become_types() {
    let tools: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(data("mcp-tools.json")).unwrap()).unwrap();
    assert_eq!(tools.len(), 123);
    let (mut inputs, mut outputs) = (Count::default(), Count::default());
    for tool in &tools {
        let name = tool["name"].as_str().unwrap();
        inputs.add(name, &tool["inputSchema"]);
        if let Some(schema) = tool.get("outputSchema") {
            outputs.add(name, schema);
        }
        let record = both(&tool["inputSchema"]).unwrap();
        assert!(matches!(record.ty, weir_lang::types::Type::Record(_) | weir_lang::types::Type::Map(_)), "{name}");
    }
    inputs.print("inputs");
    outputs.print("outputs");
    println!("{} tools give a text: they have no output schema", tools.len() - outputs.exact - outputs.widened);
    assert_eq!(inputs.exact + inputs.widened, 123);
    assert_eq!(outputs.exact + outputs.widened, 27);
}
