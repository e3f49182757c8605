//! What waits for somebody: questions, events, and failures that are handed to an operator.

use super::{Frame, Reference, Res, Stop, wrong};
use crate::value::{D, V, v};
use crate::world::Said;
use weir_lang::ast::*;

impl<'a> Reference<'a> {
    /// An answer is trusted; where nobody is there, it is too late.
    pub(super) fn ask(&mut self, frame: &mut Frame<'a>, question: &'a Expr, ty: &'a TypeExpr) -> Res {
        let question = self.pure(frame, question)?;
        match self.moods.says(question.str()?, ty.span.text(self.text)) {
            Some(answer) => {
                self.answered = true;
                self.fits(&V::of(&answer), ty).map_or_else(|| wrong("an answer"), Ok)
            }
            None => Err(Stop::Fail("timeout".into())),
        }
    }

    /// Remembers what a question showed that a person has just answered.
    pub(super) fn shown(&self, frame: &mut Frame<'a>, answer: &str, step: &'a Expr) {
        let asked = match &step.kind {
            ExprKind::Claused { value, .. } => value,
            _ => step,
        };
        let ExprKind::Ask { question, .. } = &asked.kind else { return };
        frame.approvals.retain(|(name, _)| name != answer);
        if let (ExprKind::Template(parts), true) = (&question.kind, self.answered) {
            let paths = parts.iter().filter_map(|part| match part {
                Part::Expr(path) => Some(path),
                Part::Text(_) => None,
            });
            frame.approvals.push((answer.to_owned(), paths.collect()));
        }
    }

    /// The first event that nobody has received, of that name and, where one is asked for, that key. It is untrusted.
    pub(super) fn receive(
        &mut self,
        frame: &mut Frame<'a>,
        event: &'a Expr,
        ty: &'a TypeExpr,
        clauses: &'a [Clause],
    ) -> Res {
        let event = self.pure(frame, event)?.str()?.to_owned();
        let key = clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::Key { key, .. } => Some(key),
            _ => None,
        });
        let key = key.map(|key| self.pure(frame, key)).transpose()?;
        let key = key.as_ref().map(V::str).transpose()?;
        let at = self.inbox.iter().position(|(name, with, _)| *name == event && (key.is_none() || *with == key));
        let Some(at) = at else { return Err(Stop::Fail("timeout".into())) };
        let (_, _, value) = self.inbox.remove(at);
        self.fits(&V::of(&value), ty).map_or_else(|| wrong("an event"), |value| Ok(value.tainted(true)))
    }

    /// Tells an operator by a run of its own, and asks what is to become of the step.
    pub(super) fn hand_over(&mut self, page: &Path, code: &str, name: Option<&str>) -> Result<Said, Stop> {
        let Some(page) = self.flows.get(page.text().as_str()).copied() else { return wrong("nobody to tell") };
        let text = |text: &str, t: bool| v(D::Str(text.into()), t);
        let transient = ["timeout", "rate_limited", "unavailable"].contains(&code);
        let error = [
            ("code".to_owned(), text(code, false)),
            ("message".to_owned(), text("as rolled", true)),
            ("transient".to_owned(), v(D::Bool(transient), false)),
        ];
        let can = std::mem::take(&mut self.can);
        let before = (self.attempts, self.touches, self.passed, self.open, self.beside.clone());
        let told = self.flow(page, vec![v(D::Rec(error.into()), false)], false);
        (self.attempts, self.touches, self.passed, self.open, self.beside) = before;
        self.can = can;
        if let Err(Stop::Wrong(what)) = told {
            return Err(Stop::Wrong(what));
        }
        let name = name.unwrap_or("it");
        let nth = self.decided.entry(name.to_owned()).or_default();
        *nth += 1;
        Ok(self.moods.decides(name, *nth))
    }
}
