//! Diagnostics in the editor's form.

use super::documents::Documents;
use super::projects::State;
use super::text::Encoding;
use gen_lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location, PublishDiagnosticsParams,
    Uri,
};
use std::path::PathBuf;
use weir_lang::diagnostic::{Diagnostic as Found, Severity};
use weir_lang::rules::Rule;
use weir_lang::span::Loc;

/// What the editor is told of a project: every file, those without mistakes too.
pub fn all(state: &State, documents: &Documents, encoding: Encoding) -> Vec<(PathBuf, PublishDiagnosticsParams)> {
    let mut out = Vec::new();
    for (place, path) in state.paths.iter().enumerate() {
        let file = u32::try_from(place).unwrap_or(u32::MAX);
        let of_file = state.checked.diagnostics.iter().filter(|found| found.loc().file.0 == file);
        let diagnostics = of_file.filter_map(|found| one(found, state, documents, encoding)).collect();
        let Some(uri) = state.uri(file, documents) else { continue };
        let version = documents.at(path).map(|document| document.version);
        out.push((path.clone(), PublishDiagnosticsParams { uri: Uri(uri), version, diagnostics }));
    }
    out
}

/// A diagnostic.
pub fn one(found: &Found, state: &State, documents: &Documents, encoding: Encoding) -> Option<Diagnostic> {
    let place = location(found.loc(), state, documents, encoding)?;
    let mut message = found.message.clone();
    if let Some(help) = &found.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    let related: Vec<DiagnosticRelatedInformation> = found
        .labels
        .iter()
        .filter(|label| !label.text.is_empty())
        .filter_map(|label| {
            let location = location(label.loc, state, documents, encoding)?;
            Some(DiagnosticRelatedInformation { location, message: label.text.clone() })
        })
        .collect();
    let severity = match found.severity {
        Severity::Error => DiagnosticSeverity::Error,
        Severity::Warning => DiagnosticSeverity::Warning,
    };
    let idle = [
        Rule::UnusedBinding,
        Rule::UnusedCapability,
        Rule::UnusedDeclaration,
        Rule::UnusedParameter,
        Rule::UnreachableArm,
    ];
    let idle = idle.contains(&found.rule);
    Some(Diagnostic {
        range: place.range,
        severity: Some(severity),
        code: Some(found.rule.name().into()),
        source: Some("weir".into()),
        message: message.into(),
        tags: idle.then(|| vec![DiagnosticTag::Unnecessary]),
        related_information: (!related.is_empty()).then_some(related),
        ..Diagnostic::default()
    })
}

/// A place in the editor's form.
pub fn location(loc: Loc, state: &State, documents: &Documents, encoding: Encoding) -> Option<Location> {
    let text = state.texts.get(loc.file.0 as usize)?;
    Some(Location { uri: Uri(state.uri(loc.file.0, documents)?), range: text.range(loc.span, encoding) })
}
