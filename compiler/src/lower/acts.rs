//! Calls, `ask`, `receive`, `start`: targets, arguments, clauses.

use super::block::Place;
use super::exprs::{Site, expr, placed};
use super::steps::FlowBody;
use crate::check::outline::core_of;
use crate::check::program::{AmbientFn, Callee};
use crate::plan::{
    Act, Ambient, CheckPlan, EffectClass, HandlerArm, HandlerPlan, KeyPlan, StepKind as Kind, Target, UndoPlan,
    UntilPlan,
};
use ecow::EcoString;
use weir_lang::ast::{Arg, ArmBody, CatchArm, Clause, ClauseKind, Delay, Expr, ExprKind, Path};
use weir_lang::types::Type;
use weir_stdlib::pure::{Pure, PureEntry};
use weir_stdlib::value::{Data, Value};

/// How often a call is asked `until` its condition holds when nothing else is said: every ten seconds.
const EVERY_MS: i64 = 10_000;

/// A record of the arguments that are there.
pub(super) fn record<'n>(args: impl Iterator<Item = (&'n EcoString, Option<Pure>)>) -> Pure {
    Pure::Record(args.filter_map(|(name, value)| Some(PureEntry::Field(name.clone(), value?))).collect())
}

impl FlowBody<'_, '_> {
    /// Lowers a call (or `ask`, …) with its clauses so that its value is in `slot`.
    pub(super) fn act_into(&mut self, value: &Expr, clauses: &[Clause], name: Option<&EcoString>, slot: u16) {
        let core = core_of(value);
        if let Some(done) = self.special(value, core, clauses, name, slot) {
            return done;
        }
        let Some((target, callee, own)) = self.target(core, clauses) else {
            return self.let_into(value, name, slot);
        };
        let result = self.frame().slot();
        let whole = self.projection(value, core, result);
        let mut act = Act {
            repeatable: self.repeatable(&target, clauses),
            policy: self.policy(&target, clauses),
            timeout: self.policy_timeout(&target, clauses),
            target,
            result,
            value: whole.clone(),
            until: None,
            handlers: Vec::new(),
            undo: None,
            is_final: false,
            key: None,
        };
        let mark = self.names.mark();
        for clause in clauses {
            self.clause(&mut act, clause, name, &whole);
        }
        self.names.reset(mark);
        let effect = self.with_handlers(own, &act.handlers);
        let step = name.cloned().unwrap_or(callee);
        self.add(&step, value.span, Some(slot), Kind::Act(Box::new(act)), effect, &[result]);
    }

    /// What is no act: `now()`, `check` in a pipeline, a loop or branch in parentheses.
    fn special(
        &mut self,
        value: &Expr,
        core: &Expr,
        clauses: &[Clause],
        name: Option<&EcoString>,
        slot: u16,
    ) -> Option<()> {
        match &core.kind {
            ExprKind::Call { callee, args } => {
                let Some(Callee::Ambient(ambient)) = self.lower.program.callee(self.module(), callee) else {
                    return None;
                };
                let kind = self.ambient(ambient, args);
                self.add(
                    name.map_or(ambient.name(), |name| name),
                    value.span,
                    Some(slot),
                    kind,
                    EffectClass::Barrier,
                    &[],
                );
                Some(())
            }
            ExprKind::Pipe { value: inner, stage } if stage.check => {
                let (flow, names) = self.validator(&stage.callee)?;
                let first = expr(self, inner);
                let mut rest = placed(self, &names, &stage.args, Some(Pure::Const(Value::NULL))).into_iter();
                rest.next();
                let rest = record(names.iter().skip(1).zip(rest));
                let each = self.lower.checked.facts.each.contains(&(self.module(), core.id));
                let plan = CheckPlan { flow, first, rest, each };
                let step = name.cloned().unwrap_or_else(|| stage.callee.text());
                self.add(&step, value.span, Some(slot), Kind::Check(Box::new(plan)), EffectClass::Barrier, &[]);
                Some(())
            }
            ExprKind::If { .. } | ExprKind::For { .. } | ExprKind::Repeat { .. } | ExprKind::Match { .. }
                if clauses.is_empty() =>
            {
                self.value_into(core, name, slot);
                Some(())
            }
            _ => None,
        }
    }

    fn ambient(&mut self, ambient: AmbientFn, args: &[Arg]) -> Kind {
        let first = args.first().map(|arg| expr(self, &arg.value));
        Kind::Ambient(match ambient {
            AmbientFn::Now => Ambient::Now,
            AmbientFn::Today => Ambient::Today(first.unwrap_or_else(|| Pure::Const(Value::text("UTC")))),
            AmbientFn::Uuid => Ambient::Uuid,
            AmbientFn::Random => Ambient::Random,
            AmbientFn::Flag => Ambient::Flag(first.unwrap_or(Pure::Const(Value::NULL))),
        })
    }

    /// The value in terms of the call's own result: None when it is the result.
    fn projection(&mut self, value: &Expr, core: &Expr, result: u16) -> Option<Pure> {
        let stands = Pure::Slot { up: 0, at: result };
        self.names.replaced.push((core.id, stands.clone()));
        let pure = expr(self, value);
        self.names.replaced.pop();
        (pure != stands).then_some(pure)
    }

    /// What is done, what the step is called without a name, and its class.
    fn target(&mut self, core: &Expr, clauses: &[Clause]) -> Option<(Target, EcoString, EffectClass)> {
        match &core.kind {
            ExprKind::Call { callee, args } => self.call_target(callee, args, None),
            ExprKind::Pipe { value, stage } => {
                // A pure function is no act; what is piped into it becomes steps once, where the whole is lowered.
                if !matches!(
                    self.lower.program.callee(self.module(), &stage.callee)?,
                    Callee::Tool(_) | Callee::Flow(_)
                ) {
                    return None;
                }
                let piped = expr(self, value);
                self.call_target(&stage.callee, &stage.args, Some(piped))
            }
            ExprKind::Ask { question, .. } => {
                let question = expr(self, question);
                let from = clauses.iter().find_map(|clause| match &clause.kind {
                    ClauseKind::From(who) => Some(who),
                    _ => None,
                });
                let from = from.map(|who| expr(self, who));
                let ty = self.written(core);
                Some((Target::Ask { question, ty, from }, "ask".into(), EffectClass::Barrier))
            }
            ExprKind::Receive { event, .. } => {
                let event = expr(self, event);
                let ty = self.written(core);
                Some((Target::Receive { event, ty }, "receive".into(), EffectClass::Barrier))
            }
            ExprKind::Start { callee, args, delay } => {
                let (target, name, _) = self.call_target(callee, args, None)?;
                let Target::Flow { flow, args } = target else { return None };
                let delay = delay.as_ref().map(|delay| match delay {
                    Delay::After(when) | Delay::At(when) => expr(self, when),
                });
                Some((Target::Start { flow, args, delay }, name, EffectClass::Barrier))
            }
            _ => None,
        }
    }

    fn written(&mut self, core: &Expr) -> weir_stdlib::narrow::Boundary {
        let key = (self.module(), core.id);
        let ty = self.lower.checked.facts.written.get(&key).cloned().unwrap_or(Type::Json);
        self.lower.boundary(&ty)
    }

    fn call_target(
        &mut self,
        callee: &Path,
        args: &[Arg],
        piped: Option<Pure>,
    ) -> Option<(Target, EcoString, EffectClass)> {
        let program = self.lower.program;
        match program.callee(self.module(), callee)? {
            Callee::Tool(tool) => {
                let names: Vec<EcoString> = program.tool_params(&tool).into_iter().map(|param| param.name).collect();
                let placed = placed(self, &names, args, piped);
                let args = record(names.iter().zip(placed));
                let tool = self.lower.tool(&tool);
                let reads = program.tools.get(&tool).is_some_and(crate::registry::Tool::reads_only);
                let class = if reads { EffectClass::Read } else { EffectClass::Barrier };
                Some((Target::Tool { tool: tool.clone(), args }, callee.text(), class))
            }
            Callee::Flow(flow) => {
                let names: Vec<EcoString> =
                    program.flows.get(flow)?.params.iter().map(|param| param.name.clone()).collect();
                let placed = placed(self, &names, args, piped);
                let args = record(names.iter().zip(placed));
                let class = self.flow_class(flow);
                Some((Target::Flow { flow: self.lower.flow(flow), args }, callee.text(), class))
            }
            Callee::Function(_) | Callee::Ambient(_) => None,
        }
    }

    /// Only reads, is idempotent, or has a key that its tool accepts.
    pub(super) fn repeatable(&self, target: &Target, clauses: &[Clause]) -> bool {
        match target {
            Target::Tool { tool, .. } => {
                let keyed = clauses.iter().any(|clause| matches!(clause.kind, ClauseKind::Key { .. }));
                self.lower
                    .program
                    .tools
                    .get(tool)
                    .is_some_and(|tool| tool.reads_only() || tool.idempotent || (keyed && tool.accepts_key.is_some()))
            }
            Target::Flow { flow, .. } => {
                let decl = self.lower.order.get(*flow as usize).copied();
                decl.and_then(|decl| self.lower.checked.facts.effects.get(decl))
                    .is_some_and(|effects| effects.idempotent)
            }
            Target::Ask { .. } | Target::Receive { .. } => true,
            Target::Start { .. } => false,
        }
    }

    fn clause(&mut self, act: &mut Act, clause: &Clause, name: Option<&EcoString>, whole: &Option<Pure>) {
        match &clause.kind {
            ClauseKind::Timeout(timeout) => act.timeout = Some(expr(self, timeout)),
            ClauseKind::Catch(arms) => {
                let arms = arms.iter().map(|arm| self.catch_arm(arm)).collect();
                act.handlers.insert(0, HandlerPlan { arms, optional: false });
            }
            ClauseKind::Fallback(value) => {
                let block = self.in_block(|body| Some(expr(body, value)));
                act.handlers.push(HandlerPlan {
                    arms: vec![HandlerArm { codes: Vec::new(), error: None, block }],
                    optional: false,
                });
            }
            ClauseKind::Optional => {
                let block = crate::plan::BlockPlan { value: Some(Pure::Const(Value::NULL)), ..Default::default() };
                act.handlers.push(HandlerPlan {
                    arms: vec![HandlerArm { codes: Vec::new(), error: None, block }],
                    optional: true,
                });
            }
            ClauseKind::Undo(call) => {
                let mark = self.bind_result(act.result, name, whole);
                act.undo = self.undo(call);
                self.names.reset(mark);
            }
            ClauseKind::Final => act.is_final = true,
            ClauseKind::Key { key, per_run } => act.key = Some(KeyPlan { key: expr(self, key), per_run: *per_run }),
            ClauseKind::Until { cond, every, within } => {
                let mark = self.bind_result(act.result, name, whole);
                let cond = expr(self, cond);
                self.names.reset(mark);
                let every = every.as_ref().map(|every| expr(self, every));
                let every = every.unwrap_or_else(|| Pure::Const(Value::new(Data::Duration(EVERY_MS))));
                let within = within.as_ref().map(|within| expr(self, within));
                act.until = Some(UntilPlan { cond, every, within });
            }
            ClauseKind::Retry(_) | ClauseKind::With(_) | ClauseKind::From(_) => {}
        }
    }

    /// Brings `it` and the name that is being bound into reach.
    fn bind_result(&mut self, result: u16, name: Option<&EcoString>, whole: &Option<Pure>) -> usize {
        let mark = self.names.mark();
        let level = self.level();
        self.names.bind(&"it".into(), Place::Slot { level, at: result });
        if let Some(name) = name {
            let stands = whole.clone().unwrap_or(Pure::Slot { up: 0, at: result });
            self.names.bind(name, Place::Stands(stands, level));
        }
        mark
    }

    fn undo(&mut self, call: &Expr) -> Option<Box<UndoPlan>> {
        let core = core_of(call);
        let ExprKind::Call { callee, args } = &core.kind else { return None };
        let (target, _, _) = self.call_target(callee, args, None)?;
        Some(Box::new(UndoPlan { target }))
    }

    fn catch_arm(&mut self, arm: &CatchArm) -> HandlerArm {
        let mark = self.names.mark();
        let error = arm.binding.as_ref().map(|name| {
            let at = self.frame().slot();
            let level = self.level();
            self.names.bind(&name.name, Place::Slot { level, at });
            at
        });
        let block = match &arm.body {
            ArmBody::Block(block) => self.block(block),
            ArmBody::Expr(value) => self.in_block(|body| Some(expr(body, value))),
        };
        self.names.reset(mark);
        HandlerArm { codes: arm.codes.iter().map(|code| code.name.clone()).collect(), error, block }
    }
}
