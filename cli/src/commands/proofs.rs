//! `weir check --bounds` and `--trust`: what is proven of each flow, instead of what is wrong with it.

use crate::args::CheckFormat;
use crate::out;
use crate::report::bounds::{self, Bounded};
use crate::report::trust::{self, Told};
use std::cell::OnceCell;
use weir_compiler::Checked;
use weir_compiler::trust::FlowTrust;
use weir_lang::span::{Lines, Loc};

/// A checked project, and which of its files were asked for.
pub type Asked<'a> = (&'a Checked, &'a [bool]);

/// Prints the worst case of every flow in the files that were asked for.
pub fn tell_bounds(format: CheckFormat, projects: &[Asked<'_>]) {
    let mut flows = Vec::new();
    for (checked, wanted) in projects {
        let place = places(checked);
        let found = checked.bounds().into_iter();
        let found = found.filter(|bound| wanted.get(bound.loc.file.0 as usize).copied().unwrap_or(false));
        flows.extend(found.map(|bound| Bounded { at: place(bound.loc), bound }));
    }
    match format {
        CheckFormat::Json => out::result_line(&bounds::json(&flows)),
        _ => out::result(&bounds::human(&flows)),
    }
}

/// Prints where untrusted data comes from and what keeps it from where it must not go, of the files asked for.
pub fn tell_trust(format: CheckFormat, projects: &[Asked<'_>], told: &[&[FlowTrust]]) {
    let (mut text, mut flows) = (Vec::new(), Vec::new());
    for ((checked, wanted), told) in projects.iter().zip(told) {
        text.push(places(checked));
        let asked = |flow: &&FlowTrust| wanted.get(flow.loc.file.0 as usize).copied().unwrap_or(false);
        flows.push(told.iter().filter(asked).collect::<Vec<_>>());
    }
    let flows: Vec<Told<'_>> = text
        .iter()
        .zip(flows)
        .flat_map(|(at, flows)| flows.into_iter().map(move |flow| Told { flow, at: at as &dyn Fn(Loc) -> String }))
        .collect();
    match format {
        CheckFormat::Json => out::result_line(&trust::json(&flows)),
        _ => out::result(&trust::human(&flows)),
    }
}

/// `file:line` of places; the lines of each file are read once, when something in it is told.
fn places(checked: &Checked) -> impl Fn(Loc) -> String {
    let lines: Vec<OnceCell<Lines>> = checked.files.iter().map(|_| OnceCell::new()).collect();
    move |loc| {
        let at = loc.file.0 as usize;
        let (Some(file), Some(lines)) = (checked.files.get(at), lines.get(at)) else { return "?".into() };
        let line = lines.get_or_init(|| Lines::new(&file.text)).line(loc.span.start);
        format!("{}:{line}", file.path)
    }
}
