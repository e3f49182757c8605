//! Random programs over a small world of tools. Most are well typed; whether they keep the other rules is left to
//! chance, so that the checker has something to refuse.

mod exprs;
mod parts;

pub use parts::{FORMS, forms};

use std::fmt::Write;

/// Numbers that depend on nothing but their seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap()
    }

    /// Whether one of so many.
    pub fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// The types of generated values.
#[derive(Clone, Debug, PartialEq)]
pub enum Ty {
    Int,
    Str,
    Bool,
    Pair,
    Page,
    Item,
    /// An item with what an enricher adds.
    Rich,
    Id,
    /// What a delivery gives.
    Sent,
    List(Box<Ty>),
}

impl Ty {
    fn list(of: Ty) -> Ty {
        Ty::List(Box::new(of))
    }

    fn text(&self) -> String {
        match self {
            Ty::Int => "int".into(),
            Ty::Str => "string".into(),
            Ty::Bool => "bool".into(),
            Ty::Pair => "Pair".into(),
            Ty::Page => "Page".into(),
            Ty::Item => "Item".into(),
            Ty::Rich => "Rich".into(),
            Ty::Id => "{ id: string }".into(),
            Ty::Sent => "{ status: string, id: string? }".into(),
            Ty::List(of) => format!("[{}]", of.text()),
        }
    }

    fn fields(&self) -> Vec<(&'static str, Ty)> {
        match self {
            Ty::Pair => vec![("a", Ty::Str), ("b", Ty::Str)],
            Ty::Page => vec![("body", Ty::Str), ("n", Ty::Int), ("tags", Ty::list(Ty::Str)), ("owner", Ty::Str)],
            Ty::Item | Ty::Rich => vec![("id", Ty::Str), ("note", Ty::Str), ("score", Ty::Int)],
            Ty::Id => vec![("id", Ty::Str)],
            Ty::Sent => vec![("status", Ty::Str)],
            _ => Vec::new(),
        }
    }
}

impl Ty {
    /// Whether a value of this type stands wherever one of the other may.
    fn serves_as(&self, other: &Ty) -> bool {
        match (self, other) {
            (Ty::Rich, Ty::Item) => true,
            (Ty::List(of), Ty::List(other)) => of.serves_as(other),
            _ => self == other,
        }
    }
}

/// A flow that can be called.
#[derive(Clone)]
struct Callee {
    name: String,
    role: &'static str,
    params: Vec<Ty>,
    returns: Option<Ty>,
    needs: Vec<&'static str>,
}

/// How often which role is rolled.
const ROLES: [&str; 14] = [
    "coordinator",
    "coordinator",
    "transformer",
    "validator",
    "saga",
    "saga",
    "saga",
    "executor",
    "delivery",
    "aggregator",
    "aggregator",
    "enricher",
    "router",
    "router",
];
/// Roles without a `return` of their own, or with one that belongs to them.
const RETURN_THEMSELVES: [&str; 5] = ["executor", "delivery", "aggregator", "enricher", "router"];

/// A program with what was rolled for it.
pub struct Program {
    pub text: String,
    pub parallel: bool,
}

struct Gen {
    dice: Dice,
    names: usize,
    vars: Vec<(String, Ty)>,
    flows: Vec<Callee>,
    needs: Vec<&'static str>,
    role: &'static str,
    parallel: bool,
    depth: usize,
    /// What is done when a failure is escalated needs this.
    page_needs: Option<&'static str>,
    /// The point of no return is behind.
    after_final: bool,
}

/// A program from a seed.
pub fn program(seed: u64) -> Program {
    let mut made = Gen {
        dice: Dice::new(seed),
        names: 0,
        vars: Vec::new(),
        flows: Vec::new(),
        needs: Vec::new(),
        role: "",
        parallel: false,
        depth: 0,
        page_needs: None,
        after_final: false,
    };
    let mut text = made.world();
    for _ in 0..made.dice.below(6) {
        text += &made.flow();
    }
    text += &made.main();
    Program { text, parallel: made.parallel }
}

impl Gen {
    fn world(&mut self) -> String {
        let put = if self.dice.one_in(2) { " idempotent" } else { "" };
        let slow = if self.dice.one_in(2) { " timeout 2s" } else { "" };
        format!(
            r#"type Pair = {{ a: string, b: string }}
type Page = {{ body: untrusted string, n: int, tags: untrusted [string], owner: string }}
type Item = {{ id: string, note: untrusted string, score: int }}
type Rich = Item & {{ extra: int? }}
const TEAM = ["ann", "bob"]
tool src.page(q: string) -> Page can src.read{slow}
tool src.list(n: int) -> {{ items: [Item] }} can src.read costs 0.01
tool db.put(name: string, v: int) -> {{ id: string }} can db.write{put}
tool db.del(id: string) can db.write idempotent
tool db.set(owner: trusted string, note: string) -> {{ id: string }} can db.write idempotent{slow}
tool pay.charge(amount: int, to: trusted string, request_id?: string) -> {{ id: string }} can pay.write accepts key request_id costs 0.5
tool job.run(cmd: trusted [string]) -> {{ ok: bool }} can job.exec
tool mail.post(to: trusted string, text: string) -> {{ id: string }} can mail.send
{}{}{}{}{}"#,
            self.policy("easy"),
            self.policy("hard"),
            self.policy("soft"),
            self.policy("loud"),
            self.page()
        )
    }

    fn policy(&mut self, name: &str) -> String {
        let mut text = format!("policy {name} {{\n");
        for codes in ["timeout, unavailable", "rate_limited", "not_found, conflict", "permission"] {
            if self.dice.one_in(2) {
                let end = self.policy_end(name);
                let _ = writeln!(text, "  {codes} => {end}");
            }
        }
        if self.dice.one_in(3) {
            let end = self.policy_end(name);
            let _ = writeln!(text, "  else => {end}");
        }
        // What flows are called with has no time of its own: nobody could say beforehand what is cut off.
        if ["easy", "hard"].contains(&name) && self.dice.one_in(3) {
            text += "  timeout 2s\n";
        }
        // A policy says something.
        if text.lines().count() == 1 {
            text += "  not_found => fail\n";
        }
        text + "}\n"
    }

    /// Only the hard one and the one for flows need a `fallback` of the call.
    fn policy_end(&mut self, name: &str) -> String {
        let name = if name == "soft" { "hard" } else { name };
        match self.dice.below(6) {
            0..=2 if name == "loud" => "escalate page".into(),
            3 if name == "loud" => format!("retry {} backoff 50ms..2s then escalate page", 1 + self.dice.below(2)),
            0 | 1 => "fail".into(),
            2 if name == "hard" => "fallback".into(),
            3 if name == "hard" => format!("retry {} backoff 100ms..1s then fallback", 1 + self.dice.below(4)),
            _ => format!("retry {} backoff 50ms..2s", 1 + self.dice.below(4)),
        }
    }

    /// Names a policy, sometimes.
    fn with(&mut self) -> &'static str {
        match self.dice.below(12) {
            0 | 1 => " with easy",
            2 => self.loud(),
            _ => "",
        }
    }

    /// A policy for a call, and what is done with its failure; the hard one nearly always with a `fallback`.
    fn governed(&mut self, fallback: &str) -> (&'static str, String) {
        match self.dice.below(8) {
            0 => (" with hard", format!(" fallback {fallback}")),
            1 => (" with easy", self.handled(fallback)),
            3 if self.dice.one_in(2) => (self.loud(), self.handled(fallback)),
            2 if self.dice.one_in(8) => (" with hard", self.handled(fallback)),
            _ => ("", self.handled(fallback)),
        }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    fn need(&mut self, capability: &'static str) {
        if !self.needs.contains(&capability) {
            self.needs.push(capability);
        }
    }

    fn can(&mut self) -> String {
        let mut needs = std::mem::take(&mut self.needs);
        if self.dice.one_in(25) {
            needs.pop();
        }
        if needs.is_empty() { String::new() } else { format!(" can {}", needs.join(", ")) }
    }

    fn any_type(&mut self) -> Ty {
        match self.dice.below(8) {
            0 => Ty::Int,
            1 | 2 => Ty::Str,
            3 => Ty::Bool,
            4 => Ty::Pair,
            5 => Ty::Item,
            6 => Ty::list(Ty::Str),
            _ => Ty::list(Ty::Item),
        }
    }

    fn flow(&mut self) -> String {
        self.vars.clear();
        let number = self.flows.len();
        let role = ROLES[self.dice.below(ROLES.len())];
        let role = if role == "router" && self.ways().is_empty() { "coordinator" } else { role };
        let name = format!("flow{number}");
        let count = 1 + self.dice.below(3);
        let params: Vec<Ty> = match role {
            "validator" => vec![Ty::Pair, Ty::list(Ty::Str)],
            "enricher" => vec![Ty::list(Ty::Item), Ty::Str],
            _ => (0..count).map(|_| self.any_type()).collect(),
        };
        let mut signature = Vec::new();
        for (at, ty) in params.iter().enumerate() {
            let mark = if self.dice.one_in(10) && *ty == Ty::Str { "trusted " } else { "" };
            self.vars.push((format!("p{at}"), ty.clone()));
            signature.push(format!("p{at}: {mark}{}", ty.text()));
        }
        self.role = role;
        self.needs.clear();
        self.after_final = false;
        let way = if role == "router" { self.way() } else { None };
        let returns = match role {
            "router" => way.as_ref().map(|way| way.0.clone()),
            "aggregator" => Some(Ty::list(if self.dice.one_in(2) { Ty::Item } else { Ty::Str })),
            "enricher" => Some(Ty::list(Ty::Rich)),
            "validator" => None,
            "executor" => Some(Ty::Id),
            "delivery" => Some(Ty::Sent),
            _ => Some(self.any_type()),
        };
        let mut body = String::new();
        match role {
            "aggregator" => body += &self.aggregator(returns.as_ref()),
            "enricher" => body += &self.enricher(),
            "router" => body += &way.map(|(_, ways)| self.router(&ways)).unwrap_or_default(),
            "validator" => body += &self.validator(),
            "executor" => body += &self.executor(),
            "delivery" => body += &self.delivery(),
            "saga" => (0..1 + self.dice.below(4)).for_each(|_| body += &self.saga_step("  ")),
            "transformer" => (0..self.dice.below(3)).for_each(|_| body += &self.pure_step("  ")),
            _ => (0..1 + self.dice.below(4)).for_each(|_| body += &self.step("  ")),
        }
        if let Some(ty) = returns.clone().filter(|_| !RETURN_THEMSELVES.contains(&role)) {
            let _ = writeln!(body, "  return {}", self.expr(&ty, 2));
        }
        let with = if matches!(role, "coordinator" | "saga") { self.with() } else { "" };
        let needs = self.needs.clone();
        let can = self.can();
        let arrow = returns.as_ref().filter(|_| role != "delivery");
        let arrow = arrow.map(|ty| format!(" -> {}", ty.text())).unwrap_or_default();
        self.flows.push(Callee { name: name.clone(), role, params, returns, needs });
        format!("{role} {name}({}){arrow}{can}{with} {{\n{body}}}\n", signature.join(", "))
    }

    fn validator(&mut self) -> String {
        match self.dice.below(4) {
            0 => "  require p0.a in p1 else \"not one of ours\"\n".into(),
            1 => "  require p0.a == \"ann\" or p0.b in p1\n".into(),
            2 => "  require len(p0.b) < 40 and p0.a in p1\n".into(),
            _ => "  require p0.a in p1\n  require p0.b in TEAM else \"unknown\"\n".into(),
        }
    }

    fn executor(&mut self) -> String {
        self.need("db.write");
        let (a, b) = (self.expr(&Ty::Str, 1), self.expr(&Ty::Int, 1));
        let undo = match self.dice.below(6) {
            0 => "",
            1 => " final",
            _ => " undo db.del(id: done.id)",
        };
        format!("  done = db.put(name: {a}, v: {b}){undo}\n  return {{ id: done.id }}\n")
    }

    fn delivery(&mut self) -> String {
        self.need("mail.send");
        let key = self.path(&Ty::Str).or_else(|| self.path(&Ty::Int));
        let key = key.map_or_else(|| "\"k\"".to_owned(), |path| format!("\"k-{{{path}}}\""));
        let read = if self.dice.one_in(4) { self.step_read("  ") } else { String::new() };
        let (to, text) = (self.sure(), self.expr(&Ty::Str, 1));
        let retry = if self.dice.one_in(8) { " retry 2 on unavailable" } else { "" };
        format!("  key {key}\n{read}  mail.post(to: {to}, text: {text}){retry}\n")
    }

    /// Steps of a saga inside a block.
    fn saga_inside(&mut self, pad: &str) -> String {
        let (count, inner) = (self.vars.len(), format!("{pad}  "));
        self.depth += 1;
        let steps = (0..1 + self.dice.below(2)).map(|_| self.saga_step(&inner)).collect();
        self.depth -= 1;
        self.vars.truncate(count);
        steps
    }

    fn saga_step(&mut self, pad: &str) -> String {
        if self.depth < 2 {
            match self.dice.below(9) {
                8 => return if self.dice.one_in(2) { self.ask(pad) } else { self.receive(pad) },
                0 | 1 => return self.sub_flow(pad),
                2 => {
                    let cond = self.expr(&Ty::Bool, 1);
                    return format!("{pad}if {cond} {{\n{}{pad}}}\n", self.saga_inside(pad));
                }
                3 => {
                    let source = self.expr(&Ty::list(Ty::Str), 1);
                    let (element, count) = (self.name(), self.vars.len());
                    self.vars.push((element.clone(), Ty::Str));
                    let inside = self.saga_inside(pad);
                    self.vars.truncate(count);
                    return format!("{pad}for {element} in {source} {{\n{inside}{pad}}}\n");
                }
                _ => {}
            }
        }
        self.saga_call(pad)
    }

    fn saga_call(&mut self, pad: &str) -> String {
        self.need("db.write");
        let name = self.name();
        let call = match self.dice.below(2) {
            0 => format!("db.put(name: {}, v: {})", self.expr(&Ty::Str, 1), self.expr(&Ty::Int, 1)),
            _ => format!("db.set(owner: {}, note: {})", self.expr(&Ty::Str, 1), self.expr(&Ty::Str, 1)),
        };
        let undo = match self.dice.below(20) {
            0 => String::new(),
            1 | 2 => " final".to_owned(),
            _ => format!(" undo db.del(id: {name}.id)"),
        };
        let handled = if self.after_final { self.handled("{ id: \"none\" }") } else { String::new() };
        self.after_final |= undo == " final";
        let undo = format!("{undo}{handled}");
        let undo = format!("{}{undo}", self.with());
        let read = if self.dice.one_in(3) { self.step_read(pad) } else { String::new() };
        self.vars.push((name.clone(), Ty::Id));
        format!("{pad}{name} = {call}{undo}\n{read}")
    }

    fn main(&mut self) -> String {
        self.vars = vec![
            ("who".into(), Ty::Str),
            ("n".into(), Ty::Int),
            ("names".into(), Ty::list(Ty::Str)),
            ("pairs".into(), Ty::list(Ty::Pair)),
        ];
        self.role = "coordinator";
        self.needs.clear();
        let mut body = String::new();
        for _ in 0..2 + self.dice.below(6) {
            body += &self.step("  ");
        }
        let ty = self.any_type();
        let value = self.expr(&ty, 2);
        let with = self.with();
        let can = self.can();
        let budget =
            if self.dice.one_in(6) { format!(" budget {} calls", 1 + self.dice.below(12)) } else { String::new() };
        let budget = format!("{budget}{with}");
        format!(
            "coordinator main(who: string, n: int, names: [string], pairs: [Pair]) -> {}{can}{budget} {{\n{body}  return {value}\n}}\n",
            ty.text()
        )
    }

    fn step(&mut self, pad: &str) -> String {
        if self.depth > 2 {
            return self.pure_step(pad);
        }
        match self.dice.below(18) {
            16 => self.ask(pad),
            17 => self.receive(pad),
            0..=2 => self.step_read(pad),
            3..=5 => self.step_write(pad),
            6 => self.pure_step(pad),
            7 => self.require(pad),
            8 => self.branch(pad),
            9 | 10 => self.for_loop(pad),
            11 => self.repeat(pad),
            12 | 13 => self.sub_flow(pad),
            14 => self.check(pad),
            _ => format!("{pad}wait {}s\n", 1 + self.dice.below(3)),
        }
    }

    fn pure_step(&mut self, pad: &str) -> String {
        let (name, ty) = (self.name(), self.any_type());
        let value = self.expr(&ty, 2);
        self.vars.push((name.clone(), ty));
        format!("{pad}{name} = {value}\n")
    }

    fn handled(&mut self, fallback: &str) -> String {
        if self.after_final && !self.dice.one_in(8) {
            return format!(" fallback {fallback}");
        }
        match self.dice.below(7) {
            0 => format!(" fallback {fallback}"),
            1 => format!(" retry {} fallback {fallback}", 1 + self.dice.below(3)),
            2 => format!(" catch {{ not_found => ({fallback})  timeout, unavailable => ({fallback}) }}"),
            3 => format!(
                " retry 1 backoff 100ms..1s on conflict catch {{ not_found => ({fallback}) else => ({fallback}) }}"
            ),
            4 => " timeout 1s".into(),
            _ => String::new(),
        }
    }

    fn step_read(&mut self, pad: &str) -> String {
        self.need("src.read");
        let name = self.name();
        let (call, ty, fallback) = match self.dice.below(3) {
            0 => (
                format!("src.page(q: {})", self.expr(&Ty::Str, 1)),
                Ty::Page,
                "{ body: \"-\", n: 0, tags: [], owner: \"-\" }",
            ),
            1 => (format!("src.page(q: {}).n", self.expr(&Ty::Str, 1)), Ty::Int, "0"),
            _ => (format!("src.list(n: {}).items", self.expr(&Ty::Int, 1)), Ty::list(Ty::Item), "[]"),
        };
        let (policy, handled) = self.governed(fallback);
        let clauses = format!("{policy}{}{handled}", self.until(&ty, call.ends_with(".n")));
        self.vars.push((name.clone(), ty));
        format!("{pad}{name} = {call}{clauses}\n")
    }

    /// Looks again until a condition holds that will hold some time.
    fn until(&mut self, ty: &Ty, field: bool) -> String {
        if !self.dice.one_in(6) || (*ty != Ty::Page && !field) {
            return String::new();
        }
        let cond = ["it.n > 1", "it.owner == \"ann\"", "it.body == \"bob\""];
        let within = if self.dice.one_in(2) { " within 12h" } else { "" };
        format!(" until {} every 1s{within}", cond[self.dice.below(cond.len())])
    }

    fn step_write(&mut self, pad: &str) -> String {
        let name = self.name();
        let (capability, call, keyed) = match self.dice.below(5) {
            0 => {
                ("db.write", format!("db.put(name: {}, v: {})", self.expr(&Ty::Str, 1), self.expr(&Ty::Int, 1)), false)
            }
            1 | 2 => ("db.write", format!("db.set(owner: {}, note: {})", self.sure(), self.expr(&Ty::Str, 1)), false),
            3 => ("pay.write", format!("pay.charge(amount: {}, to: {})", self.expr(&Ty::Int, 1), self.sure()), true),
            _ => {
                self.need("job.exec");
                return format!("{pad}{name} = job.run(cmd: [\"go\", {}])\n", self.sure());
            }
        };
        self.need(capability);
        let key = if keyed && self.dice.one_in(2) { format!(" key \"k-{name}\" per run") } else { String::new() };
        let (policy, handled) = self.governed("{ id: \"none\" }");
        let clauses = format!("{policy}{handled}");
        self.vars.push((name.clone(), Ty::Id));
        format!("{pad}{name} = {call}{key}{clauses}\n")
    }

    /// A text that is rather trusted.
    fn sure(&mut self) -> String {
        match self.dice.below(4) {
            0 => "who".to_owned().pipe(|name| if self.knows(&name) { name } else { "\"ann\"".into() }),
            1 => "\"ann\"".into(),
            _ => self.expr(&Ty::Str, 1),
        }
    }

    fn knows(&self, name: &str) -> bool {
        self.vars.iter().any(|(known, _)| known == name)
    }

    fn require(&mut self, pad: &str) -> String {
        let validates = self.flows.iter().any(|flow| flow.role == "validator");
        if validates && self.path(&Ty::Pair).is_some() && self.dice.one_in(2) {
            return self.check(pad);
        }
        let subject = self.path(&Ty::Str);
        match (self.dice.below(4), subject) {
            (0, Some(subject)) => format!("{pad}require {subject} in TEAM else \"not in the team\"\n"),
            (1, Some(subject)) => format!("{pad}require {subject} == \"ann\" else fail conflict \"not ann\"\n"),
            (2, Some(subject)) => {
                format!("{pad}require {subject} in {} and n < 100\n", self.expr(&Ty::list(Ty::Str), 1))
            }
            _ => format!("{pad}require {} else \"no\"\n", self.expr(&Ty::Bool, 2)),
        }
        .replace(" and n < 100", if self.knows("n") { " and n < 100" } else { "" })
    }

    fn inside(&mut self, pad: &str, most: usize) -> String {
        let (count, inner) = (self.vars.len(), format!("{pad}  "));
        self.depth += 1;
        let steps = (0..1 + self.dice.below(most)).map(|_| self.step(&inner)).collect();
        self.depth -= 1;
        self.vars.truncate(count);
        steps
    }

    fn branch(&mut self, pad: &str) -> String {
        let cond = self.expr(&Ty::Bool, 2);
        let then = self.inside(pad, 2);
        if self.dice.one_in(2) {
            return format!("{pad}if {cond} {{\n{then}{pad}}}\n");
        }
        let otherwise = self.inside(pad, 2);
        format!("{pad}if {cond} {{\n{then}{pad}}} else {{\n{otherwise}{pad}}}\n")
    }

    fn for_loop(&mut self, pad: &str) -> String {
        let of = [Ty::Str, Ty::Item, Ty::Pair][self.dice.below(3)].clone();
        let source = self.expr(&Ty::list(of.clone()), 1);
        let (name, element) = (self.name(), self.name());
        let parallel = if self.dice.one_in(5) { " parallel 2" } else { "" };
        self.parallel |= !parallel.is_empty();
        let (count, inner) = (self.vars.len(), format!("{pad}  "));
        self.vars.push((element.clone(), of));
        self.depth += 1;
        let mut body: String = (0..1 + self.dice.below(2)).map(|_| self.step(&inner)).collect();
        let yields = [Ty::Str, Ty::Item, Ty::Int][self.dice.below(3)].clone();
        let value = self.expr(&yields, 1);
        if self.dice.one_in(4) {
            let cond = self.expr(&Ty::Bool, 1);
            let _ = writeln!(body, "{inner}if {cond} {{ yield {value} }}");
        } else {
            let _ = writeln!(body, "{inner}yield {value}");
        }
        self.depth -= 1;
        self.vars.truncate(count);
        self.vars.push((name.clone(), Ty::list(yields)));
        format!("{pad}{name} = for {element} in {source}{parallel} {{\n{body}{pad}}}\n")
    }

    fn repeat(&mut self, pad: &str) -> String {
        let (name, state, most) = (self.name(), self.name(), 1 + self.dice.below(3));
        let init = self.expr(&Ty::Int, 1);
        let (count, inner) = (self.vars.len(), format!("{pad}  "));
        self.vars.push((state.clone(), Ty::Int));
        self.depth += 1;
        let body = self.step(&inner);
        self.depth -= 1;
        let value = self.expr(&Ty::Str, 1);
        self.vars.truncate(count);
        self.vars.push((name.clone(), Ty::list(Ty::Str)));
        format!(
            "{pad}{name} = repeat {state} = {init} at most {most} {{\n{body}{inner}yield {value}\n{inner}next {state} + 1\n{pad}}}\n"
        )
    }

    fn sub_flow(&mut self, pad: &str) -> String {
        let callable: Vec<Callee> = self.flows.iter().filter(|flow| flow.role != "validator").cloned().collect();
        if callable.is_empty() {
            return self.pure_step(pad);
        }
        let callee = callable[self.dice.below(callable.len())].clone();
        callee.needs.iter().for_each(|need| self.need(need));
        let args: Vec<String> = callee.params.iter().map(|ty| self.expr(ty, 1)).collect();
        let name = self.name();
        let call = format!("{}({})", callee.name, args.join(", "));
        let ty = callee.returns.clone().unwrap();
        let clauses = if callee.role == "transformer" { String::new() } else { self.flow_clauses(&callee, &ty) };
        self.vars.push((name.clone(), ty));
        format!("{pad}{name} = {call}{clauses}\n")
    }

    fn check(&mut self, pad: &str) -> String {
        let validators: Vec<String> =
            self.flows.iter().filter(|flow| flow.role == "validator").map(|flow| flow.name.clone()).collect();
        let Some(subject) = self.path(&Ty::Pair) else { return self.require(pad) };
        if validators.is_empty() {
            return self.require(pad);
        }
        let validator = &validators[self.dice.below(validators.len())].clone();
        let list = if self.dice.one_in(2) { "TEAM".into() } else { self.expr(&Ty::list(Ty::Str), 1) };
        format!("{pad}check {validator}({subject}, {list})\n")
    }
}

/// A constant of a type.
fn plain(ty: &Ty) -> String {
    match ty {
        Ty::Int => "1".into(),
        Ty::Str => "\"c\"".into(),
        Ty::Bool => "true".into(),
        Ty::Pair => "{ a: \"ann\", b: \"c\" }".into(),
        Ty::Page => "{ body: \"\", n: 1, tags: [], owner: \"ann\" }".into(),
        Ty::Item => "{ id: \"i\", note: \"c\", score: 1 }".into(),
        Ty::Rich => "{ id: \"i\", note: \"c\", score: 1, extra: null }".into(),
        Ty::Id => "{ id: \"i\" }".into(),
        Ty::Sent => "{ status: \"disabled\", id: null }".into(),
        Ty::List(of) => format!("[{}]", plain(of)),
    }
}

/// A value through a function.
trait Pipe: Sized {
    fn pipe<R>(self, through: impl FnOnce(Self) -> R) -> R {
        through(self)
    }
}

impl Pipe for String {}
