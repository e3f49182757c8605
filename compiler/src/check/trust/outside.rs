//! What starts flows from outside of any flow: campaigns, hooks, policies, and models that choose calls.

use super::World;
use super::label::Label;
use super::paths::Step;
use super::steps::error_label;
use super::taint::{Origin, Taint};
use super::walk::{Mode, Walk};
use super::{Finding, Sink};
use crate::check::program::Callee;
use ecow::EcoString;
use std::rc::Rc;
use weir_lang::ast::{Campaign, CampaignPartKind, Flow, FlowClauseKind, Path, PolicyEnd};

impl<'a> World<'a> {
    pub fn outside(&mut self) {
        let program = &self.checker.program;
        for (module, campaign) in program.campaigns() {
            self.campaign(module, campaign);
        }
        for flow in 0..program.flows.len() {
            let (Some(decl), Some(tree)) = (program.flows.get(flow), program.flow_ast(flow)) else { continue };
            self.hooks(flow, decl.at.module, tree);
        }
        for policy in 0..program.policies.len() {
            let Some((module, policy)) = program.policy_ast(policy) else { continue };
            for arm in &policy.arms {
                if let Some(PolicyEnd::Escalate(path)) = &arm.then {
                    let origin =
                        self.source(module, path, "a failed call's error, which may quote an outsider, is handed over");
                    self.hand_over(module, path, &error_label(origin));
                }
            }
        }
    }

    fn source(&mut self, module: usize, path: &Path, text: &str) -> Origin {
        let loc = self.checker.program.loc(module, path.span);
        self.origins.source(loc, text)
    }

    /// `run flow(args)` with the event that an outsider sent.
    fn campaign(&mut self, module: usize, campaign: &'a Campaign) {
        let mut event = Label::default();
        for part in &campaign.parts {
            if let CampaignPartKind::OnEvent { .. } | CampaignPartKind::OnWebhook { .. } = &part.kind {
                let loc = self.checker.program.loc(module, part.span);
                let origin = self.origins.source(loc, "this event comes from outside");
                event = Label::leaf(Taint::of(origin));
            }
        }
        for part in &campaign.parts {
            let CampaignPartKind::Run { callee, args } = &part.kind else { continue };
            let Some(Callee::Flow(flow)) = self.checker.program.callee(module, callee) else { continue };
            let mut walk = Walk::new(self, module, Mode::Trust);
            walk.bind(&"event".into(), event.clone());
            walk.flow_call(flow, args, None, callee.span);
        }
    }

    fn hooks(&mut self, flow: usize, module: usize, tree: &'a Flow) {
        for clause in &tree.clauses {
            match &clause.kind {
                FlowClauseKind::After(path) | FlowClauseKind::OnError(path) => {
                    let text = "an envelope holds errors and results, which an outsider may have written";
                    let origin = self.source(module, path, text);
                    let label = self.envelope(flow, origin);
                    self.hand_over(module, path, &label);
                }
                FlowClauseKind::Tools(paths) => {
                    for path in paths {
                        self.offered(module, path);
                    }
                }
                _ => {}
            }
        }
    }

    /// An envelope: its error, its reasons and its records are what others wrote.
    fn envelope(&self, _flow: usize, origin: Origin) -> Label {
        let all = Label::leaf(Taint::of(origin));
        let field = |name: &str, label: Label| (Step::Field(name.into()), label);
        let list = |label: Label| Label::list(label, Taint::default());
        let effect = Label::record([field("id", all.clone())]);
        let report = Label::record([field("record", all.clone()), field("reason", all.clone())]);
        let metadata = Label::record([
            field("reason", all.clone()),
            field("error", error_label(origin)),
            field("side_effects", list(effect)),
            field("report", list(report)),
        ]);
        let record = Label::record([field("value", all)]);
        Label::record([field("metadata", metadata), field("records", list(record))])
    }

    /// A flow that is called with one value which no expression stands for.
    fn hand_over(&mut self, module: usize, path: &Path, label: &Label) {
        if let Some(Callee::Flow(flow)) = self.checker.program.callee(module, path) {
            self.met_by(module, path, flow, std::slice::from_ref(label));
        }
    }

    /// A tool or flow that a model may call with whatever arguments it likes.
    fn offered(&mut self, module: usize, path: &Path) {
        let origin = self.source(module, path, "the model chooses the arguments, and it reads what outsiders wrote");
        let model = Label::leaf(Taint::of(origin));
        match self.checker.program.callee(module, path) {
            Some(Callee::Tool(name)) => {
                let Some(tool) = self.checker.program.tools.get(&name) else { return };
                let loc = self.checker.program.loc(module, path.span);
                let types = &self.checker.program.types;
                let trusted = |param: &crate::registry::ToolParam| {
                    param.trusted || !self.marks.trusted(&param.ty, types).is_empty()
                };
                if let Some((param, _)) = tool.params.iter().find(|(_, param)| trusted(param)) {
                    let what = ecow::eco_format!("`{param}` of `{name}`");
                    let sink = Sink { what, loc, server: EcoString::new(), step: false, via: Vec::new() };
                    let finding = |origin| Finding { sink: Rc::new(sink), origin, path: None, note: None };
                    self.meet(loc, &Taint::of(origin), finding, "");
                }
            }
            Some(Callee::Flow(flow)) => {
                let count = self.checker.program.flows.get(flow).map_or(0, |flow| flow.params.len());
                self.met_by(module, path, flow, &vec![model; count]);
            }
            _ => {}
        }
    }

    /// Where a flow's parameters go, for arguments that no expression stands for.
    fn met_by(&mut self, module: usize, path: &Path, flow: usize, labels: &[Label]) {
        let Some(decl) = self.checker.program.flows.get(flow) else { return };
        let loc = self.checker.program.loc(module, path.span);
        for (param, label) in decl.params.iter().zip(labels) {
            for steps in self.marks.trusted(&param.ty, &self.checker.program.types) {
                let part = steps.iter().fold(label.clone(), |label, step| label.project(step, &mut self.paths));
                let what = ecow::eco_format!("`{}` of `{}`", param.name, decl.name);
                let sink = Sink { what, loc, server: EcoString::new(), step: false, via: Vec::new() };
                let finding = |origin| Finding { sink: Rc::new(sink), origin, path: None, note: None };
                self.meet(loc, &part.deep(), finding, "");
            }
        }
        let summary = self.summaries.get(flow).cloned().unwrap_or_default();
        for ((atom, _), sink) in &summary.sinks {
            let taint = super::subst::Args { labels, paths: &mut self.paths }.taint(&Taint::atom(*atom));
            let mut sink = (**sink).clone();
            sink.through(loc);
            let server = sink.server.clone();
            let finding = |origin| Finding { sink: Rc::new(sink), origin, path: None, note: None };
            self.meet(loc, &taint, finding, &server);
        }
        for ((atom, validator), sink) in &summary.forms {
            let taint = super::subst::Args { labels, paths: &mut self.paths }.taint(&Taint::atom(*atom));
            if let Some(origin) = taint.blame("") {
                self.forms.entry(*validator).or_insert_with(|| (sink.clone(), Some(origin)));
            }
        }
    }
}
