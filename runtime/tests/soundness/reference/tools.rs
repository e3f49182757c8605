//! Calls of tools: arguments, permission, keys, attempts.

use super::{Frame, Reference, Res, Stop, wrong};
use crate::play::MAIN;
use crate::value::{D, V, v};
use crate::world::{Answer, Said, instead};
use serde_json::Value as Json;
use weir_lang::ast::*;

impl<'a> Reference<'a> {
    pub(super) fn tool(
        &mut self,
        frame: &mut Frame<'a>,
        tool: &'a ToolDecl,
        name: &str,
        given: Vec<(Option<String>, V)>,
        clauses: &'a [Clause],
        bound: Option<&str>,
    ) -> Res {
        let mut args = serde_json::Map::new();
        for (at, (label, value)) in given.into_iter().enumerate() {
            let param = match &label {
                Some(label) => tool.params.iter().find(|param| param.name.name == label.as_str()),
                None => tool.params.get(at),
            };
            let Some(param) = param else { return wrong("no such parameter") };
            if Self::must_be_trusted(&param.ty) && value.deep() {
                return wrong(format!("untrusted data in `{}` of `{name}`", param.name.name));
            }
            let Some(value) = self.fits(&value, &param.ty) else { return wrong(format!("argument of {name}")) };
            args.insert(param.name.name.to_string(), value.json());
        }
        let args = Json::Object(args);
        let (mut capabilities, mut idempotent, mut accepts) = (Vec::new(), false, None);
        for attr in &tool.attrs {
            match attr {
                ToolAttr::Can(all) => capabilities.extend(all.iter().map(|one| one.path.text().to_string())),
                ToolAttr::Idempotent(_) => idempotent = true,
                ToolAttr::AcceptsKey(name) => accepts = Some(name.name.as_str()),
                _ => {}
            }
        }
        for can in &self.can {
            if let Some(missing) = capabilities.iter().find(|one| !can.contains(one)) {
                return wrong(format!("`{name}` needs `{missing}`"));
            }
        }
        let key = clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::Key { key, .. } => Some(key),
            _ => None,
        });
        let reads = capabilities.iter().all(|one| one.ends_with(".read"));
        let repeatable = reads || idempotent || (accepts.is_some() && key.is_some());
        let sends = capabilities.iter().any(|one| one.ends_with(".send"));
        if sends && !self.delivers {
            frame.delivered = Some(delivered("disabled", None));
            return Err(Stop::Return(v(D::Null, false)));
        }
        let key = match key {
            Some(key) => Some(self.pure(frame, key)?.str()?.to_owned()),
            None if sends => frame.key.as_ref().map(|key| format!("{}:{key}", frame.flow)),
            None => None,
        };
        // A delivery's key says what is sent, in whatever words.
        let whole = if sends { Json::Null } else { args.clone() };
        self.touches += u64::from(!reads);
        let mut sent = args.clone();
        if let (Some(parameter), Some(key), Some(fields)) = (accepts, &key, sent.as_object_mut()) {
            // A key that belongs to a run is told with it.
            let per_run = clauses.iter().any(|clause| matches!(clause.kind, ClauseKind::Key { per_run: true, .. }));
            let told = if per_run { format!("{MAIN}:{key}") } else { key.clone() };
            fields.insert(parameter.to_owned(), Json::from(told));
        }
        let key = key.map(|key| (key, whole));
        let call = Call { key, bound, tool, name, args: sent, clauses, policy: frame.policy, repeatable, reads };
        let until = clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::Until { cond, .. } => Some(cond),
            _ => None,
        });
        let mut attempt = 0;
        let value = loop {
            let value = match self.attempts(&call, &mut attempt) {
                Ok(value) => value,
                // A person says what it came to, or it was done before: that is nothing to take back.
                Err(Stop::Skipped(value)) => return Ok(value),
                Err(Stop::Known(value)) => {
                    if sends {
                        frame.delivered = Some(delivered("duplicate", Some(&value)));
                    }
                    return Ok(value);
                }
                Err(stop) => {
                    let failed = matches!(&stop, Stop::Fail(code) if code != "unknown");
                    if failed && self.stays && !reads && frame.saga && !frame.passed {
                        frame.undos.push(None);
                    }
                    return Err(stop);
                }
            };
            let Some(cond) = until else { break value };
            frame.names.push(("it".to_owned(), value.clone()));
            let holds = self.pure(frame, cond);
            frame.names.pop();
            let holds = holds?;
            if holds.bool()? {
                break value.tainted(holds.deep());
            }
        };
        if sends {
            frame.delivered = Some(delivered("sent", Some(&value)));
        }
        for clause in clauses {
            if let ClauseKind::Final = &clause.kind {
                frame.passed = true;
                frame.undos.clear();
            }
            if let (ClauseKind::Undo(undo), true) = (&clause.kind, frame.saga && !frame.passed) {
                let ExprKind::Call { callee, args } = &undo.kind else { return wrong("undo") };
                frame.names.push((bound.unwrap_or("it").to_owned(), value.clone()));
                let given = self.args(frame, args)?;
                frame.names.pop();
                let given = given.into_iter().map(|(name, value)| (name.unwrap(), value.json())).collect();
                frame.undos.push(Some((callee.text().to_string(), Json::Object(given))));
            }
        }
        Ok(value)
    }

    /// Attempts until one succeeds or no more are allowed.
    fn attempts(&mut self, call: &Call<'a, '_>, attempt: &mut u32) -> Res {
        let (mut retries, mut arrived, mut stays, name) = (0, false, false, call.name);
        loop {
            *attempt += 1;
            self.attempts += 1;
            let known = self.under_key(call)?;
            let made = known.is_none();
            arrived |= made;
            let answer = known.unwrap_or_else(|| self.moods.answer(name, &call.args, *attempt));
            if !call.reads && made {
                self.writes.push((name.to_owned(), call.args.clone()));
            }
            let (mut code, maybe) = match answer {
                Answer::Ok(json) | Answer::Lie(json) => match &call.tool.returns {
                    None => return Ok(v(D::Null, false)),
                    Some(ty) => match self.fits(&V::of(&json), ty) {
                        Some(value) => {
                            self.settle(call, Some(Some(value.clone())));
                            return Ok(value);
                        }
                        None => {
                            self.lied = true;
                            ("bad_response", true)
                        }
                    },
                },
                Answer::Fail(code, maybe) => (code, maybe),
                Answer::Hang => ("timeout", true),
            };
            if maybe && !call.repeatable && code != "bad_response" {
                code = "unknown";
            }
            self.open = maybe;
            stays |= maybe && made;
            if made {
                // Until it is known what came of it, the key stands for these arguments.
                self.settle(call, maybe.then_some(None));
            }
            let (most, end) = self.allowed(call, code);
            let again = code != "unknown" && (call.repeatable || !maybe) && retries < most;
            if !again
                && code != "unknown"
                && let Some(PolicyEnd::Escalate(page)) = end
            {
                let lied = code == "bad_response";
                match if lied { Said::Fail } else { self.hand_over(page, code, call.bound)? } {
                    Said::Again => continue,
                    // The operator knows a call by its having arrived: what a key refused is let fail.
                    Said::Skip if arrived => return Err(Stop::Skipped(self.instead(call)?)),
                    Said::Skip | Said::Fail => {}
                }
            }
            if !again {
                // An escalation has made calls of its own meanwhile.
                self.stays = stays;
                return Err(if code == "unknown" { self.unknown(call.clauses) } else { Stop::Fail(code.into()) });
            }
            retries += 1;
        }
    }

    /// What is known of a call by its key: nothing, or that it is not made.
    fn under_key(&mut self, call: &Call<'a, '_>) -> Result<Option<Answer>, Stop> {
        let Some((key, whole)) = &call.key else { return Ok(None) };
        match self.keys.get(key) {
            None => Ok(None),
            Some((had, _)) if had != whole => Ok(Some(Answer::Fail("conflict", false))),
            Some((_, Some(value))) => Err(Stop::Known(value.clone())),
            // It may have happened: calling again is safe only where that changes nothing more.
            Some((_, None)) if call.repeatable => Ok(None),
            Some((_, None)) => Err(self.unknown(call.clauses)),
        }
    }

    fn settle(&mut self, call: &Call<'a, '_>, came: Option<Option<V>>) {
        let Some((key, whole)) = &call.key else { return };
        match came {
            Some(came) => drop(self.keys.insert(key.clone(), (whole.clone(), came))),
            None => drop(self.keys.remove(key)),
        }
    }

    /// Nobody knows whether a call happened: only what names `unknown` goes on without somebody who has a look.
    fn unknown(&self, clauses: &[Clause]) -> Stop {
        if caught_by_name(clauses) { Stop::Fail("unknown".into()) } else { Stop::Attention }
    }

    /// How often a failure is retried, and what then: the first that speaks of its code counts, the call's clause, its
    /// policy, the flow's policy, the default.
    fn allowed(&self, call: &Call<'a, '_>, code: &str) -> (u32, Option<&'a PolicyEnd>) {
        let transient = ["timeout", "rate_limited", "unavailable"].contains(&code);
        self.arm(call.policy, call.clauses, code).unwrap_or((if transient { 3 } else { 0 }, None))
    }

    /// What stands for the result of a call that an operator leaves out.
    fn instead(&self, call: &Call<'a, '_>) -> Res {
        let Some(ty) = &call.tool.returns else { return Ok(v(D::Null, false)) };
        self.fits(&V::of(&instead(call.name)), ty).map_or_else(|| wrong("what stands for a result"), Ok)
    }
}

/// A call of a tool.
struct Call<'a, 'b> {
    /// Its key, and the arguments that this stands for.
    key: Option<(String, Json)>,
    /// The name of its step.
    bound: Option<&'b str>,
    tool: &'a ToolDecl,
    name: &'b str,
    args: Json,
    clauses: &'a [Clause],
    policy: Option<&'a Policy>,
    repeatable: bool,
    reads: bool,
}

/// How often a `retry` tries again.
pub(super) fn times(retry: &Retry) -> u32 {
    match retry.count.as_ref().map(|count| &count.kind) {
        Some(ExprKind::Lit(Lit::Int(count))) => u32::try_from(*count).unwrap(),
        _ => u32::MAX,
    }
}

/// What a delivery gives.
pub(super) fn delivered(status: &str, sent: Option<&V>) -> V {
    let id = sent.and_then(|sent| sent.field("id").ok()).unwrap_or(v(D::Null, false));
    v(D::Rec([("status".to_owned(), v(D::Str(status.into()), false)), ("id".to_owned(), id)].into()), false)
}

fn caught_by_name(clauses: &[Clause]) -> bool {
    clauses.iter().any(|clause| match &clause.kind {
        ClauseKind::Catch(arms) => arms.iter().any(|arm| arm.codes.iter().any(|code| code.name == "unknown")),
        _ => false,
    })
}
