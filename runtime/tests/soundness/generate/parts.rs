//! Parts that only some roles have, what waits for people and events, and what failures are handed to.

use super::{Callee, Gen, Ty, plain};
use std::fmt::Write;

/// Forms that a run of many programs must have met, each with what stands in one line of a program that has it.
pub const FORMS: &[(&str, &[&str])] = &[
    ("transformer", &["\ntransformer "]),
    ("validator", &["\nvalidator "]),
    ("executor", &["\nexecutor "]),
    ("delivery", &["\ndelivery "]),
    ("saga", &["\nsaga "]),
    ("aggregator", &["\naggregator "]),
    ("optional source", &["\n  from ", " optional"]),
    ("prefer", &["\n  merge ", " prefer "]),
    ("enricher", &["\nenricher "]),
    ("enricher that drops", &["else drop "]),
    ("router by match", &["\n  match "]),
    ("router by if", &["\n  if ", " } else { flow"]),
    ("ask", &[" = ask "]),
    ("approval", &["note: \"seen\""]),
    ("receive", &[" = receive "]),
    ("receive with key", &[" = receive ", " key "]),
    ("undo", &[" undo "]),
    ("final", &[" final"]),
    ("final flow call", &[" = flow", " final"]),
    ("escalate", &["escalate page"]),
    ("call that escalates", &[" = src.", " with loud"]),
    ("policy of a flow", &[" with easy {"]),
    ("escalating policy of a flow", &[" with loud {"]),
    ("policy on a flow call", &[" = flow", " with soft"]),
    ("escalating policy on a flow call", &[" = flow", " with loud"]),
    ("retry of a flow call", &[" = flow", " retry "]),
    ("branch", &["\n  if "]),
    ("for", &[" = for "]),
    ("parallel", &[" parallel "]),
    ("repeat", &[" = repeat "]),
    ("key of a call", &[" key ", " per run"]),
    ("until", &[" until "]),
    ("catch", &[" catch "]),
    ("check", &["\n  check "]),
    ("budget", &[" budget "]),
];

/// The forms that a program has.
pub fn forms(text: &str) -> impl Iterator<Item = &'static str> {
    let lines: Vec<String> = text.lines().map(|line| format!("\n{line}")).collect();
    let has = move |marks: &[&str]| lines.iter().any(|line| marks.iter().all(|mark| line.contains(mark)));
    FORMS.iter().filter(move |(_, marks)| has(marks)).map(|(form, _)| *form)
}

impl Gen {
    /// The flow that failures are escalated to.
    pub(super) fn page(&mut self) -> String {
        let (needs, body) = match self.dice.below(4) {
            0 => (Some("db.write"), "  db.set(owner: \"ann\", note: error.code)\n  return error.code\n"),
            1 => (Some("db.write"), "  v0 = db.put(name: error.code, v: 1)\n  return v0.id\n"),
            2 => (None, "  require error.transient else \"no\"\n  return error.message\n"),
            _ => (None, "  return error.code\n"),
        };
        self.page_needs = needs;
        let can = needs.map(|needs| format!(" can {needs}")).unwrap_or_default();
        format!("coordinator page(error: Error) -> string{can} {{\n{body}}}\n")
    }

    /// Names the policy that escalates.
    pub(super) fn loud(&mut self) -> &'static str {
        if let Some(needs) = self.page_needs {
            self.need(needs);
        }
        " with loud"
    }

    /// What stands behind the call of a flow.
    pub(super) fn flow_clauses(&mut self, callee: &Callee, ty: &Ty) -> String {
        let mut clauses = match self.dice.below(12) {
            0 => format!(" with soft fallback {}", plain(ty)),
            1 => self.loud().to_owned(),
            2 => format!("{} fallback {}", self.loud(), plain(ty)),
            3 => format!(" retry {} backoff 50ms..1s on conflict, not_found", 1 + self.dice.below(2)),
            4 | 5 => format!(" fallback {}", plain(ty)),
            _ => String::new(),
        };
        if self.after_final && !self.dice.one_in(8) {
            clauses = format!(" catch {{ blocked, budget => ({0}) else => ({0}) }}", plain(ty));
        }
        if self.role == "saga" && callee.role == "delivery" && !self.dice.one_in(4) {
            self.after_final = true;
            clauses += " final";
        }
        clauses
    }

    pub(super) fn ask(&mut self, pad: &str) -> String {
        let (name, ty) = (self.name(), [Ty::Bool, Ty::Str, Ty::Pair][self.dice.below(3)].clone());
        let shown = self.path(&Ty::Str);
        let about =
            shown.clone().or_else(|| self.path(&Ty::Int)).map(|path| format!(" {{{path}}}")).unwrap_or_default();
        let from = if self.dice.one_in(3) { " from \"team\"" } else { "" };
        let handled = self.waited(&ty);
        // Now and then a fallback that must not count as a person's word.
        let handled = if self.dice.one_in(3) { handled.replace("true", "false") } else { handled };
        let then = if ty == Ty::Bool { self.approved(pad, &name, shown) } else { String::new() };
        self.vars.push((name.clone(), ty.clone()));
        format!("{pad}{name} = ask \"Is it{about}?\" as {}{from} timeout 1h{handled}\n{then}", ty.text())
    }

    /// What is only done when somebody says yes.
    fn approved(&mut self, pad: &str, answer: &str, shown: Option<String>) -> String {
        let shown = if self.dice.one_in(6) { self.path(&Ty::Str) } else { shown };
        let Some(path) = shown.filter(|_| self.role == "coordinator" && self.dice.one_in(2)) else {
            return String::new();
        };
        self.need("db.write");
        let name = self.name();
        match self.dice.below(3) {
            0 => format!("{pad}if {answer} {{\n{pad}  {name} = db.set(owner: {path}, note: \"seen\")\n{pad}}}\n"),
            _ => format!("{pad}require {answer} else \"no\"\n{pad}{name} = db.set(owner: {path}, note: \"seen\")\n"),
        }
    }

    pub(super) fn receive(&mut self, pad: &str) -> String {
        let name = self.name();
        let (event, ty) = [("note", Ty::Str), ("count", Ty::Int), ("pair", Ty::Pair)][self.dice.below(3)].clone();
        let key = match self.dice.below(3) {
            0 => " key \"ann\"".to_owned(),
            1 => self.path(&Ty::Str).map(|path| format!(" key {path}")).unwrap_or_default(),
            _ => String::new(),
        };
        let handled = self.waited(&ty);
        self.vars.push((name.clone(), ty.clone()));
        format!("{pad}{name} = receive \"{event}\" as {}{key} timeout 1h{handled}\n", ty.text())
    }

    /// What is done when nobody answers in time.
    fn waited(&mut self, ty: &Ty) -> String {
        match self.dice.below(4) {
            0 => String::new(),
            1 => format!(" catch {{ timeout => ({}) }}", plain(ty)),
            _ => format!(" fallback {}", plain(ty)),
        }
    }

    pub(super) fn aggregator(&mut self, returns: Option<&Ty>) -> String {
        self.need("src.read");
        let items = returns.is_some_and(|ty| *ty == Ty::List(Box::new(Ty::Item)));
        let (mut body, mut sources) = (String::new(), Vec::new());
        for _ in 0..2 + self.dice.below(2) {
            let source = self.name();
            let call = match items {
                true => format!("src.list(n: {}).items", self.expr(&Ty::Int, 1)),
                false => format!("src.page(q: {}).tags", self.expr(&Ty::Str, 1)),
            };
            let clauses = [" optional", " timeout 1s optional", " fallback []", " retry 1", " with easy", "", ""]
                [self.dice.below(7)];
            let _ = writeln!(body, "  from {call} as {source}{clauses}");
            sources.push(source);
        }
        let element = self.name();
        let by = match (items, self.dice.below(3)) {
            (true, 0) => format!("{element}.id"),
            (true, 1) => format!("lower({element}.note)"),
            (true, _) => format!("{element}.score"),
            (false, 0) => element.clone(),
            (false, _) => format!("lower({element})"),
        };
        let prefer = match self.dice.below(3) {
            0 => String::new(),
            1 => format!(" prefer {}", sources.pop().unwrap_or_default()),
            _ => format!(" prefer {}", sources.into_iter().rev().collect::<Vec<_>>().join(", ")),
        };
        format!("{body}  merge by {element} => {by}{prefer}\n")
    }

    pub(super) fn enricher(&mut self) -> String {
        self.need("src.read");
        let (record, extra) = (self.name(), self.name());
        self.vars.push((record.clone(), Ty::Item));
        let parallel = if self.dice.one_in(5) { " parallel 2" } else { "" };
        self.parallel |= !parallel.is_empty();
        let keep = match self.dice.below(3) {
            0 => format!("    require {} else drop \"no\"\n", self.expr(&Ty::Bool, 1)),
            _ => String::new(),
        };
        let asked = self.expr(&Ty::Str, 1);
        let clauses = [" optional", " optional", " with easy optional", " fallback 0", ""][self.dice.below(5)];
        format!(
            "  for {record} in p0{parallel} {{\n{keep}    {extra} = src.page(q: {asked}).n{clauses}\n    yield {{ ...{record}, extra: {extra} }}\n  }}\n"
        )
    }

    /// Flows that a router may choose.
    pub(super) fn ways(&self) -> Vec<Callee> {
        let chosen = |flow: &&Callee| !matches!(flow.role, "validator" | "transformer");
        self.flows.iter().filter(chosen).cloned().collect()
    }

    /// A type, and the flows that return it.
    pub(super) fn way(&mut self) -> Option<(Ty, Vec<Callee>)> {
        let mut ways = self.ways();
        let ty = ways.get(self.dice.below(ways.len()))?.returns.clone()?;
        ways.retain(|flow| flow.returns.as_ref() == Some(&ty));
        Some((ty, ways))
    }

    pub(super) fn router(&mut self, ways: &[Callee]) -> String {
        let mut body = if self.dice.one_in(3) { self.step_read("  ") } else { String::new() };
        let call = |made: &mut Gen| {
            let callee = ways[made.dice.below(ways.len())].clone();
            callee.needs.iter().for_each(|need| made.need(need));
            let args: Vec<String> = callee.params.iter().map(|ty| made.expr(ty, 1)).collect();
            format!("{}({})", callee.name, args.join(", "))
        };
        if self.dice.one_in(2) {
            let cond = self.expr(&Ty::Bool, 1);
            let (then, otherwise) = (call(self), call(self));
            let _ = writeln!(body, "  if {cond} {{ {then} }} else {{ {otherwise} }}");
        } else {
            let subject = self.expr(&Ty::Str, 0);
            let (ann, other) = (call(self), call(self));
            let _ = writeln!(body, "  match {subject} {{ \"ann\" => {ann}  else => {other} }}");
        }
        body
    }
}
