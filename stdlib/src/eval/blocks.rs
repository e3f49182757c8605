//! Transformers and pure validators: steps, loops, reports.

use super::exprs::{holds, items_of, truth};
use super::{Eval, Report, ReportKind, steered, told};
use crate::narrow::narrow;
use crate::pure::{Function, Pure, PureBlock, PureBlockExpr, PureExit, PurePattern, PureStep};
use crate::raise::Raise;
use crate::value::{Labels, Value};

/// The running round of a loop.
pub(crate) struct Round {
    /// The element.
    record: Value,
    /// What all rounds so far have yielded.
    yields: Vec<Value>,
    /// Whether untrusted data decided what is in `yields`.
    untrusted: bool,
}

/// What a step does to the steps after it.
enum Flow {
    Next,
    /// Ends the round of the innermost loop.
    Drop,
    /// Ends the function.
    Return(Value),
}

/// One arm of a `match` with blocks.
type BlockArm = (Vec<PurePattern>, Option<Pure>, PureBlock);

impl<'a> Eval<'a> {
    /// Runs a function on arguments, narrowed to its parameters.
    pub(crate) fn apply(&mut self, function: &'a Function, args: Vec<Value>) -> Result<Value, Raise> {
        let mut given = Vec::with_capacity(usize::from(function.params));
        let mut args = args.into_iter();
        for at in 0..usize::from(function.params) {
            let value = args.next().unwrap_or(Value::NULL);
            given.push(match function.inputs.get(at) {
                Some(input) => narrow(&value, input, self.program.types).map_err(|misfit| {
                    Raise::invalid(format!("argument {} of `{}`: {misfit}", at + 1, function.name))
                })?,
                None => value,
            });
        }
        let (base, rounds) = (self.base, std::mem::take(&mut self.rounds));
        let steered = std::mem::replace(&mut self.steered, false);
        let locals = self.locals.len();
        self.base = locals;
        let record = given.first().cloned().unwrap_or(Value::NULL);
        self.locals.extend(given);
        let result = self.deeper(|eval| eval.run_function(function, &record));
        self.locals.truncate(locals);
        (self.base, self.rounds, self.steered) = (base, rounds, steered);
        result
    }

    fn run_function(&mut self, function: &'a Function, record: &Value) -> Result<Value, Raise> {
        self.rounds.push(Round { record: record.clone(), yields: Vec::new(), untrusted: false });
        let value = match self.block(&function.body)? {
            (Flow::Return(value), _) => value,
            (_, Some(value)) => value,
            (_, None) => Value::NULL,
        };
        match &function.output {
            Some(output) => narrow(&value, output, self.program.types)
                .map_err(|misfit| Raise::invalid(format!("the value of `{}`: {misfit}", function.name))),
            None => Ok(value),
        }
    }

    /// Runs the steps of a block, then its value; bindings end with it.
    fn block(&mut self, block: &'a PureBlock) -> Result<(Flow, Option<Value>), Raise> {
        self.with_locals([], |eval| {
            for step in &block.steps {
                match eval.step(step)? {
                    Flow::Next => {}
                    other => return Ok((other, None)),
                }
            }
            let value = block.value.as_ref().map(|value| eval.eval(value)).transpose()?;
            Ok((Flow::Next, value))
        })
    }

    fn step(&mut self, step: &'a PureStep) -> Result<Flow, Raise> {
        self.charge(1)?;
        match step {
            PureStep::Bind(pure) => {
                let value = self.eval(pure)?;
                self.locals.push(value);
                Ok(Flow::Next)
            }
            PureStep::BindBlock(expr) => {
                let (flow, value) = self.deeper(|eval| eval.block_expr(expr))?;
                self.locals.push(value.unwrap_or(Value::NULL));
                Ok(flow)
            }
            PureStep::Do(expr) => self.deeper(|eval| eval.block_expr(expr)).map(|(flow, _)| flow),
            PureStep::Require { cond, otherwise } => {
                let cond = self.eval(cond)?;
                if cond.labels.untrusted()
                    && matches!(otherwise, PureExit::Drop(_))
                    && let Some(round) = self.rounds.last_mut()
                {
                    round.untrusted = true;
                }
                if truth(&cond)? { Ok(Flow::Next) } else { self.exit(otherwise) }
            }
            PureStep::Yield(pure) => self.yielded(pure),
            PureStep::Annotate(pure) => {
                let reason = told(&self.eval(pure)?);
                self.remark(ReportKind::Annotated, reason);
                Ok(Flow::Next)
            }
            PureStep::Exit(exit) => self.exit(exit),
            PureStep::Return(value) => {
                let value = value.as_ref().map(|value| self.eval(value)).transpose()?.unwrap_or(Value::NULL);
                Ok(Flow::Return(self.under_condition(value)))
            }
        }
    }

    fn yielded(&mut self, pure: &'a Pure) -> Result<Flow, Raise> {
        let value = self.eval(pure)?;
        let value = self.under_condition(value);
        let steered = self.steered;
        if let Some(round) = self.rounds.last_mut() {
            round.yields.push(value);
            round.untrusted |= steered;
        }
        Ok(Flow::Next)
    }

    fn under_condition(&self, value: Value) -> Value {
        if !self.steered {
            return value;
        }
        let labels = value.labels.as_untrusted();
        value.with_labels(labels)
    }

    fn exit(&mut self, exit: &'a PureExit) -> Result<Flow, Raise> {
        match exit {
            PureExit::Drop(reason) => {
                let reason = told(&self.eval(reason)?);
                self.remark(ReportKind::Dropped, reason);
                Ok(Flow::Drop)
            }
            PureExit::Raise { code, message } => {
                let message = self.eval(message)?;
                Err(Raise::new(code.clone(), told(&message)))
            }
        }
    }

    fn remark(&mut self, kind: ReportKind, reason: String) {
        let record = self.rounds.last().map_or(Value::NULL, |round| round.record.clone());
        self.report.push(Report { kind, record, reason });
    }

    fn block_expr(&mut self, expr: &'a PureBlockExpr) -> Result<(Flow, Option<Value>), Raise> {
        match expr {
            PureBlockExpr::Value(pure) => self.eval(pure).map(|value| (Flow::Next, Some(value))),
            PureBlockExpr::If { cond, then, otherwise } => {
                let cond = self.eval(cond)?;
                let block = if truth(&cond)? { then } else { otherwise };
                self.branch(block, &cond.labels)
            }
            PureBlockExpr::Match { subject, arms } => self.match_blocks(subject, arms),
            PureBlockExpr::For { source, body } => self.each_round(source, body),
        }
    }

    fn branch(&mut self, block: &'a PureBlock, by: &Labels) -> Result<(Flow, Option<Value>), Raise> {
        let before = self.steered;
        self.steered |= by.untrusted();
        let result = self.block(block);
        self.steered = before;
        result.map(|(flow, value)| {
            if by.untrusted()
                && matches!(flow, Flow::Drop)
                && let Some(round) = self.rounds.last_mut()
            {
                round.untrusted = true;
            }
            (flow, value.map(|value| steered(value, by)))
        })
    }

    fn match_blocks(&mut self, subject: &'a Pure, arms: &'a [BlockArm]) -> Result<(Flow, Option<Value>), Raise> {
        let subject = self.eval(subject)?;
        let mut labels = subject.labels.clone();
        for (patterns, guard, block) in arms {
            if !holds(patterns, &subject) {
                continue;
            }
            if let Some(guard) = guard {
                let guard = self.eval(guard)?;
                labels = labels.steered_by(&guard.labels);
                if !truth(&guard)? {
                    continue;
                }
            }
            return self.branch(block, &labels);
        }
        Err(Raise::invalid("no arm of `match` fits"))
    }

    /// A dropped round leaves out what it yielded.
    fn each_round(&mut self, source: &'a Pure, body: &'a PureBlock) -> Result<(Flow, Option<Value>), Raise> {
        let source = self.eval(source)?;
        let items = items_of(&source)?;
        self.rounds.push(Round { record: Value::NULL, yields: Vec::with_capacity(items.len()), untrusted: false });
        let mut ended = Ok(Flow::Next);
        for (at, item) in items.iter().enumerate() {
            let item = item.clone().joined(&source.labels);
            let mut kept = 0;
            if let Some(round) = self.rounds.last_mut() {
                round.record = item.clone();
                kept = round.yields.len();
            }
            let place = Value::int(at as i64).with_labels(source.labels.clone());
            match self.with_locals([item, place], |eval| eval.block(body)) {
                Ok((Flow::Next, _)) => {}
                Ok((Flow::Drop, _)) => {
                    if let Some(round) = self.rounds.last_mut() {
                        round.yields.truncate(kept);
                    }
                }
                Ok((Flow::Return(value), _)) => {
                    ended = Ok(Flow::Return(value));
                    break;
                }
                Err(raise) => {
                    ended = Err(raise);
                    break;
                }
            }
        }
        let round = self.rounds.pop();
        let flow = ended?;
        let list = round.map(|round| {
            let labels = if round.untrusted { source.labels.as_untrusted() } else { source.labels.clone() };
            Value::list(round.yields).with_labels(labels)
        });
        Ok((flow, list))
    }
}
