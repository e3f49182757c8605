//! Programs that a seed makes up: every one can be checked, and everything that a saga does brings its undo.

use crate::chance::Chance;
use crate::flows::{self, Program};
use std::fmt::Write;
use std::sync::Arc;

struct Writer<'a> {
    chance: &'a mut Chance,
    names: u32,
    /// Loops around.
    rounds: u32,
    /// Flows beside the entry.
    flows: String,
}

/// A program.
pub fn program(chance: &mut Chance) -> Arc<Program> {
    let mut writer = Writer { chance, names: 0, rounds: 0, flows: String::new() };
    let saga = writer.chance.percent(60);
    let body = writer.steps(saga, 2, true);
    let role = if saga { "saga" } else { "coordinator" };
    let text = format!("{role} main() -> string can t.read, t.write {{\n{body}  return \"done\"\n}}\n{}", writer.flows);
    Arc::new(flows::program("made_up", &text, None))
}

impl Writer<'_> {
    fn name(&mut self) -> String {
        self.names += 1;
        format!("x{}", self.names)
    }

    fn steps(&mut self, saga: bool, depth: u32, entry: bool) -> String {
        let mut text = String::new();
        for _ in 0..self.chance.between(1, 5) {
            let step = self.step(saga, depth);
            text.push_str(&step);
        }
        if self.chance.percent(if entry { 25 } else { 40 }) {
            let code = *self.chance.pick(&["conflict", "permission", "failed"]);
            let _ = writeln!(text, "  require {} > {} else fail {code} \"as planned\"", self.chance.below(3), 1);
        }
        text
    }

    fn step(&mut self, saga: bool, depth: u32) -> String {
        if self.chance.percent(15) {
            return self.monitor(saga);
        }
        if self.chance.percent(12) {
            return self.shared(saga);
        }
        match self.chance.below(if depth == 0 { 7 } else { 10 }) {
            0 | 1 => self.call("put", saga),
            2 => self.call("set", saga),
            3 => self.call("pay", saga),
            4 => {
                let name = self.name();
                format!("  {name} = t.get(n: \"{name}\") optional\n  require {name} == null or {name}.n != \"\"\n")
            }
            5 => format!("  wait {}ms\n", self.chance.pick(&[1, 50, 3_000, 61_000])),
            // Events are told apart by their key, and rounds of a loop would have the same.
            6 if self.rounds > 0 => "  wait 2s\n".to_owned(),
            6 => self.question(),
            7 => self.each(saga, depth),
            _ => self.flow(saga, depth),
        }
    }

    fn call(&mut self, tool: &str, saga: bool) -> String {
        let name = self.name();
        let key = if tool == "pay" { format!(" key \"{name}\" per run") } else { String::new() };
        let clauses = match self.chance.below(4) {
            0 => " retry 2 backoff 10ms..2s on rate_limited",
            1 if !saga => " catch { conflict, permission, not_found => null }",
            _ => "",
        };
        let undo = if saga { format!("\n    undo t.del(id: {name}.id)") } else { String::new() };
        let binding = if saga { format!("{name} = ") } else { String::new() };
        format!("  {binding}t.{tool}(n: \"{name}\"){key}{clauses}{undo}\n")
    }

    /// A monitor that tells of this place; nobody waits for it.
    fn monitor(&mut self, saga: bool) -> String {
        let name = format!("tells_{}", self.name());
        let mut body = String::new();
        for _ in 0..self.chance.between(1, 3) {
            let (made, tool) = (self.name(), *self.chance.pick(&["tell", "count"]));
            let _ = match saga {
                true => writeln!(body, "  {made} = t.{tool}(n: \"{made}\")\n    undo t.del(id: {made}.id)"),
                false => writeln!(body, "  t.{tool}(n: \"{made}\")"),
            };
        }
        let _ = write!(self.flows, "monitor {name}() can t.write {{\n{body}}}\n");
        format!("  {name}()\n")
    }

    fn question(&mut self) -> String {
        let name = self.name();
        match self.chance.below(3) {
            0 => format!("  {name} = ask \"Go on?\" as bool\n  require {name} else fail conflict \"no\"\n"),
            1 => format!(
                "  {name} = receive \"settled\" as {{ n: int }} key \"{name}\"\n  require {name}.n == 7 else fail conflict \"no\"\n"
            ),
            _ => format!(
                "  {name} = receive \"settled\" as {{ n: int }} key \"{name}\" timeout {}s fallback null\n  require {name} == null or {name}.n == 7\n",
                self.chance.between(1, 60)
            ),
        }
    }

    fn each(&mut self, saga: bool, depth: u32) -> String {
        let (name, item) = (self.name(), self.name());
        let parallel = *self.chance.pick(&["", " parallel 2", " parallel 5"]);
        let count = self.chance.between(1, 4);
        self.rounds += 1;
        let body = if self.chance.percent(30) && depth > 1 { self.flow(saga, depth) } else { self.call("put", saga) };
        self.rounds -= 1;
        let body = body.replace("\n  ", "\n    ");
        format!(
            "  {name} = for {item} in range(0, {count}){parallel} {{\n  {body}    yield {item}\n  }}\n  require len({name}) >= 0\n"
        )
    }

    /// Steps that want one key, most of them at once; now and then one with other arguments. Their names say so.
    fn shared(&mut self, saga: bool) -> String {
        let (key, name, item) = (self.name(), self.name(), self.name());
        let tool = *self.chance.pick(&["put", "put", "set", "pay"]);
        let (count, others) = (self.chance.between(2, 4), self.chance.percent(30));
        let parallel = *self.chance.pick(&["", " parallel 2", " parallel 5", " parallel 5"]);
        let first = self.under(&key, "a", tool, saga);
        let other = self.under(&key, if others { "b" } else { "a" }, tool, saga);
        let late = if self.chance.percent(50) { self.under(&key, "a", tool, saga) } else { String::new() };
        let nap = if self.chance.percent(30) { format!("    wait {item} * 20ms\n") } else { String::new() };
        format!(
            "  {name} = for {item} in range(0, {count}){parallel} {{\n{nap}    if {item} == 1 {{\n{other}    }} else {{\n{first}    }}\n    yield {item}\n  }}\n  require len({name}) >= 0\n{late}"
        )
    }

    /// A step that calls under a key that others want too.
    fn under(&mut self, key: &str, args: &str, tool: &str, saga: bool) -> String {
        let name = format!("k_{key}_{args}_{tool}{}", self.name().trim_start_matches('x'));
        let clauses = match self.chance.below(5) {
            0 => " retry 2 backoff 10ms..2s on rate_limited",
            1 if tool != "put" => " retry 3 backoff 10ms..2s on rate_limited, unavailable, timeout",
            2 if !saga => " catch { conflict, permission, not_found => null }",
            3 if !saga => " optional",
            _ => "",
        };
        let undo = if saga { format!("\n        undo t.del(id: {name}.id)") } else { String::new() };
        format!("      {name} = t.{tool}(n: \"{key}{args}\") key \"{key}\" per run{clauses}{undo}\n")
    }

    /// A flow of its own, called here.
    fn flow(&mut self, saga: bool, depth: u32) -> String {
        let name = format!("part_{}", self.name());
        let inner = self.chance.percent(if saga { 100 } else { 60 });
        let body = self.steps(inner, depth - 1, false);
        let role = if inner { "saga" } else { "coordinator" };
        let _ = write!(self.flows, "{role} {name}() can t.read, t.write {{\n{body}}}\n");
        match self.chance.below(3) {
            0 => format!("  {name}()\n"),
            1 => format!("  {name}() catch {{ conflict, blocked => null }}\n"),
            _ => format!("  {name}() fallback null\n"),
        }
    }
}
