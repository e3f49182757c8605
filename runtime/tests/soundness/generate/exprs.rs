//! Random expressions of a type.

use super::{Gen, Ty, plain};

impl Gen {
    /// A name or field of that type.
    pub(super) fn path(&mut self, ty: &Ty) -> Option<String> {
        let mut found = Vec::new();
        for (name, had) in &self.vars {
            if had.serves_as(ty) {
                found.push(name.clone());
            }
            found.extend(had.fields().iter().filter(|(_, of)| of == ty).map(|(field, _)| format!("{name}.{field}")));
        }
        if found.is_empty() { None } else { Some(found.swap_remove(self.dice.below(found.len()))) }
    }

    pub(super) fn expr(&mut self, ty: &Ty, depth: usize) -> String {
        if (depth == 0 || self.dice.one_in(2))
            && let Some(path) = self.path(ty)
        {
            return path;
        }
        if depth == 0 {
            return plain(ty);
        }
        let less = depth - 1;
        if self.dice.one_in(9) {
            let cond = self.expr(&Ty::Bool, less);
            return format!("(if {cond} then {} else {})", self.expr(ty, less), self.expr(ty, less));
        }
        match ty {
            Ty::Int => match self.dice.below(6) {
                5 => self.extras().unwrap_or_else(|| "5".into()),
                0 => self.dice.below(9).to_string(),
                1 => format!("({} + {})", self.expr(ty, less), self.expr(ty, less)),
                2 => format!("len({})", self.expr(&Ty::list(Ty::Str), less)),
                3 => format!("len({})", self.expr(&Ty::Str, less)),
                _ => format!("(max([{}, {}]) ?? 0)", self.expr(ty, less), self.expr(ty, less)),
            },
            Ty::Str => match self.dice.below(6) {
                0 => format!("\"s{}\"", self.dice.below(4)),
                1 => format!("lower({})", self.expr(ty, less)),
                2 => {
                    // A template's hole holds no text in quotes.
                    let inner = self.path(&Ty::Str).or_else(|| self.path(&Ty::Int)).unwrap_or_else(|| "1".into());
                    if inner == "1" { "\"x\"".into() } else { format!("\"{{{inner}}}!\"") }
                }
                3 => format!("(first({}) ?? \"none\")", self.expr(&Ty::list(Ty::Str), less)),
                4 => format!("({}[{}] ?? \"none\")", self.expr(&Ty::list(Ty::Str), 0), self.expr(&Ty::Int, 0)),
                _ => {
                    let subject = self.expr(&Ty::Str, 0);
                    let (a, b) = (self.expr(ty, less), self.expr(ty, less));
                    format!("(match {subject} {{ \"ann\" => {a}  else => {b} }})")
                }
            },
            Ty::Bool => match self.dice.below(5) {
                0 => format!("({} < {})", self.expr(&Ty::Int, less), self.expr(&Ty::Int, less)),
                1 => format!("({} == {})", self.expr(&Ty::Str, less), self.expr(&Ty::Str, less)),
                2 => format!("({} in {})", self.expr(&Ty::Str, less), self.expr(&Ty::list(Ty::Str), less)),
                3 => format!("not {}", self.expr(&Ty::Bool, 0)),
                _ => format!("({} and {})", self.expr(&Ty::Bool, less), self.expr(&Ty::Bool, less)),
            },
            Ty::Pair => format!("{{ a: {}, b: {} }}", self.expr(&Ty::Str, less), self.expr(&Ty::Str, less)),
            Ty::Item => format!(
                "{{ id: {}, note: {}, score: {} }}",
                self.expr(&Ty::Str, less),
                self.expr(&Ty::Str, less),
                self.expr(&Ty::Int, less)
            ),
            Ty::List(of) => self.list(of, less),
            Ty::Rich | Ty::Page | Ty::Id | Ty::Sent => plain(ty),
        }
    }

    /// What an enricher has added, where there is such a list.
    fn extras(&mut self) -> Option<String> {
        let found = self.vars.iter().find(|(_, ty)| *ty == Ty::List(Box::new(Ty::Rich)))?.0.clone();
        let name = self.name();
        Some(format!("(max([({name}.extra ?? 0) for {name} in {found}]) ?? 0)"))
    }

    fn list(&mut self, of: &Ty, less: usize) -> String {
        match self.dice.below(5) {
            0 => format!("[{}]", self.expr(of, less)),
            1 => format!("take({}, {})", self.expr(&Ty::list(of.clone()), less), self.dice.below(3)),
            2 => format!("reverse({})", self.expr(&Ty::list(of.clone()), less)),
            3 => {
                let source = self.expr(&Ty::list(of.clone()), 0);
                let name = self.name();
                let count = self.vars.len();
                self.vars.push((name.clone(), of.clone()));
                let (value, cond) = (self.expr(of, less), self.expr(&Ty::Bool, less));
                self.vars.truncate(count);
                format!("[{value} for {name} in {source} if {cond}]")
            }
            _ => format!("({} + {})", self.expr(&Ty::list(of.clone()), less), self.expr(&Ty::list(of.clone()), less)),
        }
    }
}
