//! A summary at a call: what stands for parameters becomes what is known of the arguments.

use super::label::Label;
use super::paths::{PathId, Paths, Step};
use super::taint::{COMPUTED, Form, OWN, Taint};
use ecow::EcoVec;
use std::rc::Rc;

/// The arguments of a call, by parameter.
pub(super) struct Args<'a> {
    pub labels: &'a [Label],
    pub paths: &'a mut Paths,
}

impl Args<'_> {
    /// What is known of what stands at a parameter's path.
    pub fn at(&mut self, path: PathId) -> Label {
        let (param, steps) = self.paths.get(path);
        let Some(label) = self.labels.get(param).filter(|label| !label.is_clean()) else { return Label::default() };
        let steps = steps.to_vec();
        let mut label = label.clone();
        for step in &steps {
            label = label.project(step, self.paths);
        }
        label
    }

    fn atom(&mut self, atom: u32) -> Taint {
        let label = self.at(Paths::of_atom(atom));
        let taint = if atom & OWN != 0 { label.own() } else { label.deep() };
        if atom & COMPUTED != 0 { taint.computed() } else { taint }
    }

    pub fn taint(&mut self, taint: &Taint) -> Taint {
        if taint.atoms.is_empty() && taint.form.as_ref().is_none_or(|form| form.atoms.is_empty()) {
            return taint.clone();
        }
        let mut out = Taint { atoms: EcoVec::new(), form: None, ..taint.clone() };
        for atom in &taint.atoms {
            let found = self.atom(*atom);
            out.add(&found);
        }
        if let Some(form) = &taint.form {
            let form = self.form(form);
            out.add(&Taint { form, ..Taint::default() });
        }
        out
    }

    fn form(&mut self, form: &Rc<Form>) -> Option<Rc<Form>> {
        let mut behind = Taint { origin: form.origin, ..Taint::default() };
        for atom in &form.atoms {
            let found = self.atom(*atom);
            behind.add(&found);
        }
        let behind = behind.computed();
        behind.counts().then(|| Rc::new(Form { validator: form.validator, origin: behind.origin, atoms: behind.atoms }))
    }

    pub fn label(&mut self, label: &Label) -> Label {
        let Some(node) = label.node() else { return Label::default() };
        let mut base = Label::default();
        for sym in &node.syms {
            let found = self.at(*sym);
            base = base.joined(&found, self.paths);
        }
        let (mut fields, mut others) = (Vec::new(), Vec::new());
        for (step, part) in &node.parts {
            let part = self.label(part);
            match step {
                Step::Field(_) => fields.push((step.clone(), part)),
                _ => others.push((step.clone(), part)),
            }
        }
        let rest = Label::new(Taint::default(), self.taint(&node.size), EcoVec::new(), others);
        base = base.joined(&rest, self.paths);
        if base.is_clean() {
            base = Label::record(fields);
        } else {
            for (step, part) in fields {
                base = base.with(&step, part, self.paths);
            }
        }
        let own = self.taint(&node.own);
        base.steered(&own)
    }
}
