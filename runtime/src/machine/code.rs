//! The plan as the machine runs it: blocks with their adjacency worked out once, tools and flows by number,
//! boundaries sealed. Shared by all machines of one plan.

use ecow::EcoString;
use indexmap::IndexMap;
use petgraph::Direction;
use petgraph::graph::NodeIndex;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use weir_compiler::plan::{
    Act, Ambient, BlockPlan, CheckPlan, Exit, FlowClauses, FlowPlan, KeyPlan, ParamPlan, Plan, PolicyArmPlan, StepKind,
    Target, ToolPlan, UntilPlan,
};
use weir_lang::ast::Role;
use weir_stdlib::Program;
use weir_stdlib::narrow::Boundary;
use weir_stdlib::pure::{Function, Pure, PurePattern};

/// A plan, ready to run.
#[derive(Debug)]
pub struct Code {
    /// The plan that it was made from.
    pub plan: Arc<Plan>,
    pub(super) flows: Vec<Flow>,
    pub(super) blocks: Vec<Block>,
    pub(super) tools: Vec<ToolPlan>,
    pub(super) functions: Vec<Function>,
    /// A flow is told of its end to others, with the number of its steps.
    pub(super) hooked: bool,
}

/// A flow.
#[derive(Debug)]
pub(super) struct Flow {
    pub name: EcoString,
    pub role: Role,
    pub params: Vec<ParamPlan>,
    pub returns: Option<Boundary>,
    pub can: Arc<[EcoString]>,
    pub slots: u16,
    pub root: u32,
    pub function: Option<u32>,
    pub clauses: FlowClauses,
}

/// A block: nodes in text order and who waits for whom.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub nodes: Vec<Node>,
    pub waits_for: Vec<u32>,
    pub first: Vec<u32>,
    pub value: Option<Pure>,
}

/// A step.
#[derive(Debug)]
pub(super) struct Node {
    pub name: EcoString,
    pub bind: Option<u16>,
    /// Place in the text of the whole flow.
    pub order: u32,
    pub then: Vec<u32>,
    pub op: Op,
}

/// What a step does; blocks are numbers.
#[derive(Debug)]
pub(super) enum Op {
    Let(Pure),
    Act(Box<ActCode>),
    Check(Box<CheckPlan>),
    Require { cond: Pure, otherwise: Exit },
    Branch { subject: Pure, arms: Vec<Arm> },
    For { source: Pure, parallel: Option<Pure>, slots: u16, body: u32 },
    Repeat { init: Pure, at_most: Pure, slots: u16, body: u32 },
    Wait(Pure),
    Ambient(Ambient),
    Yield(Pure),
    Next(Pure),
    Annotate(Pure),
    Exit(Exit),
    Return(Option<Pure>),
    Key { key: Pure, per_run: bool },
    Merge { sources: Vec<(EcoString, u16)>, element: u16, key: Pure },
}

/// An arm of a branch.
#[derive(Debug)]
pub(super) struct Arm {
    pub patterns: Vec<PurePattern>,
    pub guard: Option<Pure>,
    pub label: EcoString,
    pub block: u32,
}

/// A step that does something outside, with its clauses.
#[derive(Debug)]
pub(super) struct ActCode {
    pub target: Deed,
    pub result: u16,
    pub value: Option<Pure>,
    pub timeout: Option<Pure>,
    pub policy: Vec<PolicyArmPlan>,
    pub until: Option<UntilPlan>,
    pub layers: Vec<Layer>,
    pub undo: Option<Deed>,
    pub is_final: bool,
    pub key: Option<KeyPlan>,
    pub repeatable: bool,
}

/// What is done, tools and flows by number.
#[derive(Debug)]
pub(super) enum Deed {
    Tool {
        tool: u32,
        args: Pure,
    },
    Flow {
        flow: u32,
        args: Pure,
    },
    Ask {
        question: Pure,
        ty: Boundary,
        from: Option<Pure>,
    },
    Receive {
        event: Pure,
        ty: Boundary,
    },
    Start {
        flow: u32,
        args: Pure,
        delay: Option<Pure>,
    },
    /// The plan names a tool that it does not hold.
    Missing(EcoString),
}

/// A layer of handlers.
#[derive(Debug)]
pub(super) struct Layer {
    pub arms: Vec<Handler>,
    pub optional: bool,
}

/// An arm of a layer.
#[derive(Debug)]
pub(super) struct Handler {
    pub codes: Vec<EcoString>,
    pub error: Option<u16>,
    pub block: u32,
}

impl Code {
    /// Works a plan out.
    pub fn new(plan: Arc<Plan>) -> Arc<Code> {
        let mut maker = Maker { seal: table_key(&plan), tools: &plan.tools, blocks: Vec::new(), order: 0 };
        let flows = plan.flows.iter().map(|flow| maker.flow(flow)).collect();
        let tools = plan.tools.values().map(|tool| maker.tool(tool)).collect();
        let functions = plan.functions.iter().map(|function| maker.function(function)).collect();
        let blocks = maker.blocks;
        let hooked = plan.flows.iter().any(|flow| flow.clauses.after.or(flow.clauses.on_error).is_some());
        Arc::new(Code { flows, blocks, tools, functions, hooked, plan })
    }

    pub(super) fn program(&self) -> Program<'_> {
        Program { functions: &self.functions, types: &self.plan.types }
    }

    pub(super) fn node(&self, block: u32, node: u32) -> Option<&Node> {
        self.blocks.get(block as usize)?.nodes.get(node as usize)
    }

    pub(super) fn act(&self, block: u32, node: u32) -> Option<&ActCode> {
        match &self.node(block, node)?.op {
            Op::Act(act) => Some(act),
            _ => None,
        }
    }

    pub(super) fn flow(&self, flow: u32) -> Option<&Flow> {
        self.flows.get(flow as usize)
    }

    pub(super) fn tool(&self, tool: u32) -> Option<&ToolPlan> {
        self.tools.get(tool as usize)
    }
}

/// Stands for the type table in the keys of boundaries.
fn table_key(plan: &Plan) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    for (name, ty) in &plan.types.types {
        name.hash(&mut hasher);
        ty.hash(&mut hasher);
    }
    hasher.finish()
}

struct Maker<'a> {
    seal: u64,
    tools: &'a IndexMap<EcoString, ToolPlan>,
    blocks: Vec<Block>,
    order: u32,
}

impl Maker<'_> {
    fn sealed(&self, boundary: &Boundary) -> Boundary {
        let mut boundary = boundary.clone();
        if boundary.key == 0 {
            boundary.seal(self.seal);
        }
        boundary
    }

    fn tool(&self, tool: &ToolPlan) -> ToolPlan {
        ToolPlan { input: self.sealed(&tool.input), output: self.sealed(&tool.output), ..tool.clone() }
    }

    fn function(&self, function: &Function) -> Function {
        let inputs = function.inputs.iter().map(|input| self.sealed(input)).collect();
        let output = function.output.as_ref().map(|output| self.sealed(output));
        Function { inputs, output, ..function.clone() }
    }

    fn flow(&mut self, flow: &FlowPlan) -> Flow {
        self.order = 0;
        let root = self.block(&flow.body);
        let param = |param: &ParamPlan| ParamPlan { ty: self.sealed(&param.ty), ..param.clone() };
        Flow {
            name: flow.name.clone(),
            role: flow.role,
            params: flow.params.iter().map(param).collect(),
            returns: flow.returns.as_ref().map(|returns| self.sealed(returns)),
            can: flow.can.iter().cloned().collect(),
            slots: flow.slots,
            root,
            function: flow.function,
            clauses: flow.clauses.clone(),
        }
    }

    fn block(&mut self, plan: &BlockPlan) -> u32 {
        let graph = &plan.graph;
        let mut block = Block { value: plan.value.clone(), ..Block::default() };
        for index in graph.node_indices() {
            let Some(step) = graph.node_weight(index) else { continue };
            self.order += 1;
            let order = self.order;
            let mut then: Vec<u32> = graph.neighbors(index).map(number).collect();
            then.sort_unstable();
            let waits = graph.neighbors_directed(index, Direction::Incoming).count();
            let waits = u32::try_from(waits).unwrap_or(u32::MAX);
            if waits == 0 {
                block.first.push(number(index));
            }
            block.waits_for.push(waits);
            let op = self.op(&step.kind);
            block.nodes.push(Node { name: step.name.clone(), bind: step.bind, order, then, op });
        }
        self.blocks.push(block);
        u32::try_from(self.blocks.len() - 1).unwrap_or(u32::MAX)
    }

    fn op(&mut self, kind: &StepKind) -> Op {
        match kind {
            StepKind::Let(pure) => Op::Let(pure.clone()),
            StepKind::Act(act) => Op::Act(Box::new(self.act(act))),
            StepKind::Check(check) => Op::Check(check.clone()),
            StepKind::Require { cond, otherwise } => Op::Require { cond: cond.clone(), otherwise: otherwise.clone() },
            StepKind::Branch { subject, arms } => Op::Branch {
                subject: subject.clone(),
                arms: arms
                    .iter()
                    .map(|arm| Arm {
                        patterns: arm.patterns.clone(),
                        guard: arm.guard.clone(),
                        label: arm.label.clone(),
                        block: self.block(&arm.block),
                    })
                    .collect(),
            },
            StepKind::For(plan) => Op::For {
                source: plan.source.clone(),
                parallel: plan.parallel.clone(),
                slots: plan.slots.max(2),
                body: self.block(&plan.body),
            },
            StepKind::Repeat(plan) => Op::Repeat {
                init: plan.init.clone(),
                at_most: plan.at_most.clone(),
                slots: plan.slots.max(1),
                body: self.block(&plan.body),
            },
            StepKind::Wait(until) => Op::Wait(until.clone()),
            StepKind::Ambient(ambient) => Op::Ambient(ambient.clone()),
            StepKind::Yield(value) => Op::Yield(value.clone()),
            StepKind::Next(state) => Op::Next(state.clone()),
            StepKind::Annotate(reason) => Op::Annotate(reason.clone()),
            StepKind::Exit(exit) => Op::Exit(exit.clone()),
            StepKind::Return(value) => Op::Return(value.clone()),
            StepKind::Key { key, per_run } => Op::Key { key: key.clone(), per_run: *per_run },
            StepKind::Merge { sources, element, key } => {
                Op::Merge { sources: sources.clone(), element: *element, key: key.clone() }
            }
        }
    }

    fn act(&mut self, act: &Act) -> ActCode {
        let layers = act.handlers.iter().map(|layer| Layer {
            optional: layer.optional,
            arms: layer
                .arms
                .iter()
                .map(|arm| Handler { codes: arm.codes.clone(), error: arm.error, block: self.block(&arm.block) })
                .collect(),
        });
        let layers = layers.collect();
        ActCode {
            layers,
            target: self.deed(&act.target),
            result: act.result,
            value: act.value.clone(),
            timeout: act.timeout.clone(),
            policy: act.policy.clone(),
            until: act.until.clone(),
            undo: act.undo.as_ref().map(|undo| self.deed(&undo.target)),
            is_final: act.is_final,
            key: act.key.clone(),
            repeatable: act.repeatable,
        }
    }

    fn deed(&self, target: &Target) -> Deed {
        match target {
            Target::Tool { tool, args } => match self.tools.get_index_of(tool) {
                Some(at) => Deed::Tool { tool: u32::try_from(at).unwrap_or(u32::MAX), args: args.clone() },
                None => Deed::Missing(tool.clone()),
            },
            Target::Flow { flow, args } => Deed::Flow { flow: *flow, args: args.clone() },
            Target::Ask { question, ty, from } => {
                Deed::Ask { question: question.clone(), ty: self.sealed(ty), from: from.clone() }
            }
            Target::Receive { event, ty } => Deed::Receive { event: event.clone(), ty: self.sealed(ty) },
            Target::Start { flow, args, delay } => {
                Deed::Start { flow: *flow, args: args.clone(), delay: delay.clone() }
            }
        }
    }
}

fn number(index: NodeIndex) -> u32 {
    u32::try_from(index.index()).unwrap_or(u32::MAX)
}
