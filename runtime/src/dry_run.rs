//! What a run would call, in which order and how much at once: read off the plan, nothing is carried out.

use ecow::EcoString;
use serde::Serialize;
use weir_compiler::plan::{Act, ArmPlan, BlockPlan, EffectClass, FlowPlan, Plan, StepKind, StepPlan, Target, UndoPlan};
use weir_stdlib::pure::Pure;
use weir_stdlib::value::Value;

/// The walk through a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DryRun {
    /// Full name of the entry flow.
    pub flow: EcoString,
    /// Everything that it may do.
    pub capabilities: Vec<EcoString>,
    /// The steps in order; those that only compute are left out.
    pub steps: Vec<DryStep>,
}

/// A step that would be carried out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DryStep {
    /// Its path; `[i]` stands for every round of a loop.
    pub path: String,
    /// How far it is indented.
    pub depth: usize,
    /// In words: the tool or flow called, the question, the loop.
    pub what: String,
    /// What order has to respect.
    pub effect: EffectClass,
    /// What the call needs.
    pub capabilities: Vec<EcoString>,
    /// Steps of one number run side by side; numbers grow in the order in which steps begin.
    pub beside: u32,
    /// Clauses worth knowing, separated by commas.
    pub note: String,
}

impl DryRun {
    /// Reads it off a plan.
    pub fn of(plan: &Plan) -> DryRun {
        let mut walk = Walk { plan, steps: Vec::new(), group: 0, flows: Vec::new() };
        let entry = plan.entry_flow();
        if let Some(flow) = entry {
            walk.flows.push(plan.entry);
            walk.block(&flow.body, "", 0);
        }
        DryRun {
            flow: entry.map(|flow| flow.name.clone()).unwrap_or_default(),
            capabilities: entry.map(|flow| flow.can.clone()).unwrap_or_default(),
            steps: walk.steps,
        }
    }
}

struct Walk<'a> {
    plan: &'a Plan,
    steps: Vec<DryStep>,
    group: u32,
    /// Flows that are being walked through: a recursive one is entered once.
    flows: Vec<u32>,
}

impl Walk<'_> {
    fn block(&mut self, block: &BlockPlan, frame: &str, depth: usize) {
        let waves = waves(block);
        let last = waves.iter().copied().max().unwrap_or(0);
        for wave in 0..=last {
            let steps = block.graph.node_weights().zip(&waves);
            let steps: Vec<&StepPlan> =
                steps.filter(|(step, at)| **at == wave && shown(self.plan, step)).map(|(step, _)| step).collect();
            if steps.is_empty() {
                continue;
            }
            self.group += 1;
            let group = self.group;
            for step in steps {
                self.step(step, frame, depth, group);
            }
        }
    }

    fn step(&mut self, step: &StepPlan, frame: &str, depth: usize, group: u32) {
        let path = join(frame, &step.name);
        let mut line = DryStep {
            path: path.clone(),
            depth,
            what: String::new(),
            effect: step.effect,
            capabilities: Vec::new(),
            beside: group,
            note: String::new(),
        };
        match &step.kind {
            StepKind::Act(act) => self.act(act, line),
            StepKind::Check(check) => {
                let flow = self.plan.flows.get(check.flow as usize);
                let name = flow.map(|flow| flow.name.as_str()).unwrap_or_default();
                line.what = format!("check {name}{}", if check.each { " on each of a list" } else { "" });
                line.note = if check.each { "those that fail it are left out" } else { "blocks where it fails" }.into();
                self.steps.push(line);
                self.flow(check.flow, flow, &path, depth + 1);
            }
            StepKind::Branch { arms, .. } => {
                line.what = format!("one of {} ways", arms.len());
                self.steps.push(line);
                arms.iter().for_each(|arm| self.arm(arm, frame, &path, depth + 1, group));
            }
            StepKind::For(plan) => {
                let width = plan.parallel.as_ref().map(at_once);
                line.what = format!("for each of a list, {}", width.unwrap_or_else(|| "one after the other".into()));
                self.steps.push(line);
                self.block(&plan.body, &format!("{path}[i]"), depth + 1);
            }
            StepKind::Repeat(plan) => {
                let most = constant(&plan.at_most).map_or_else(String::new, |most| format!(", at most {most} times"));
                line.what = format!("repeat{most}");
                self.steps.push(line);
                self.block(&plan.body, &format!("{path}[i]"), depth + 1);
            }
            StepKind::Wait(until) => {
                let long = constant(until).map_or_else(String::new, |long| format!(" {long}"));
                line.what = format!("wait{long}");
                self.steps.push(line);
            }
            _ => {}
        }
    }

    fn arm(&mut self, arm: &ArmPlan, frame: &str, path: &str, depth: usize, group: u32) {
        self.steps.push(DryStep {
            path: path.into(),
            depth,
            what: format!("when {}", arm.label),
            effect: EffectClass::Pure,
            capabilities: Vec::new(),
            beside: group,
            note: String::new(),
        });
        self.block(&arm.block, frame, depth + 1);
    }

    fn act(&mut self, act: &Act, mut line: DryStep) {
        let (path, depth) = (line.path.clone(), line.depth);
        line.what = self.what(&act.target);
        line.note = self.note(act);
        if let Target::Tool { tool, .. } = &act.target {
            line.capabilities = self.plan.tools.get(tool).map(|tool| tool.capabilities.clone()).unwrap_or_default();
        }
        let group = line.beside;
        self.steps.push(line);
        if let Target::Flow { flow, .. } = &act.target {
            self.flow(*flow, self.plan.flows.get(*flow as usize), &path, depth + 1);
        }
        let frame = path.rsplit_once('/').map_or("", |(frame, _)| frame);
        for arm in act.handlers.iter().flat_map(|layer| &layer.arms) {
            if arm.block.graph.node_weights().any(|step| shown(self.plan, step)) {
                let codes: Vec<&str> = arm.codes.iter().map(EcoString::as_str).collect();
                let what = if codes.is_empty() { "any error".to_owned() } else { codes.join(", ") };
                self.steps.push(DryStep {
                    path: path.clone(),
                    depth: depth + 1,
                    what: format!("only after {what}"),
                    effect: EffectClass::Pure,
                    capabilities: Vec::new(),
                    beside: group,
                    note: String::new(),
                });
                self.block(&arm.block, frame, depth + 2);
            }
        }
    }

    fn flow(&mut self, number: u32, flow: Option<&FlowPlan>, path: &str, depth: usize) {
        let Some(flow) = flow else { return };
        if !self.flows.contains(&number) {
            self.flows.push(number);
            self.block(&flow.body, path, depth);
            self.flows.pop();
        }
    }

    fn what(&self, target: &Target) -> String {
        let flow = |at: &u32| self.plan.flows.get(*at as usize).map(|flow| flow.name.as_str()).unwrap_or_default();
        match target {
            Target::Tool { tool, .. } => tool.to_string(),
            Target::Flow { flow: at, .. } => {
                let role = self.plan.flows.get(*at as usize).map(|flow| flow.role.word()).unwrap_or_default();
                format!("{role} {}", flow(at))
            }
            Target::Ask { from, question, .. } => {
                let from = from.as_ref().and_then(constant).map_or_else(String::new, |from| format!(" {from}"));
                let question = constant(question).map_or_else(String::new, |text| format!(" \"{text}\""));
                format!("ask{from}{question}")
            }
            Target::Receive { event, .. } => {
                format!("receive{}", constant(event).map_or_else(String::new, |event| format!(" \"{event}\"")))
            }
            Target::Start { flow: at, .. } => format!("start {}", flow(at)),
        }
    }

    fn note(&self, act: &Act) -> String {
        let mut notes = Vec::new();
        if let Target::Tool { tool, .. } = &act.target
            && self.plan.tools.get(tool).is_some_and(|tool| tool.sends())
        {
            notes.push("sends only when deliveries are allowed".to_owned());
        }
        if act.is_final {
            notes.push("the point of no return".to_owned());
        }
        if let Some(UndoPlan { target }) = act.undo.as_deref() {
            notes.push(format!("undone by {}", self.what(target)));
        }
        if act.key.is_some() {
            notes.push("once for its key".to_owned());
        }
        if act.until.is_some() {
            notes.push("until it holds".to_owned());
        }
        if act.handlers.iter().any(|layer| layer.optional) {
            notes.push("optional".to_owned());
        }
        notes.join(", ")
    }
}

/// For each node, how many shown steps have to be through before it: equal numbers run side by side.
fn waves(block: &BlockPlan) -> Vec<usize> {
    let mut waves = vec![0; block.graph.node_count()];
    for index in block.graph.node_indices() {
        let counts = block.graph.node_weight(index).is_some_and(|step| !matches!(step.effect, EffectClass::Pure));
        let own = waves.get(index.index()).copied().unwrap_or(0) + usize::from(counts);
        for next in block.graph.neighbors(index) {
            if let Some(wave) = waves.get_mut(next.index()) {
                *wave = own.max(*wave);
            }
        }
    }
    waves
}

/// Whether a step does something, or holds steps that do.
fn shown(plan: &Plan, step: &StepPlan) -> bool {
    match &step.kind {
        StepKind::Act(act) => match &act.target {
            Target::Flow { flow, .. } => plan.flows.get(*flow as usize).is_some_and(|flow| flow.function.is_none()),
            _ => true,
        },
        StepKind::Check(_) | StepKind::Wait(_) => true,
        StepKind::Branch { arms, .. } => arms.iter().any(|arm| shows(plan, &arm.block)),
        StepKind::For(inner) => shows(plan, &inner.body),
        StepKind::Repeat(inner) => shows(plan, &inner.body),
        _ => false,
    }
}

fn shows(plan: &Plan, block: &BlockPlan) -> bool {
    block.graph.node_weights().any(|step| shown(plan, step))
}

fn join(frame: &str, name: &str) -> String {
    if frame.is_empty() { name.to_owned() } else { format!("{frame}/{name}") }
}

fn constant(pure: &Pure) -> Option<String> {
    match pure {
        Pure::Const(value) => Some(Value::display_text(value)),
        _ => None,
    }
}

fn at_once(width: &Pure) -> String {
    constant(width).map_or_else(|| "several at once".into(), |width| format!("{width} at once"))
}
