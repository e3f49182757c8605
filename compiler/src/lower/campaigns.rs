//! Campaigns: what each starts, with which arguments, and when.

use super::Lower;
use super::acts::record;
use super::block::Place;
use super::exprs::{Names, PureSite, placed};
use crate::check::Checked;
use crate::check::program::{Callee, full_name};
use crate::plan::{CampaignPlan, Overlap, Trigger};
use ecow::EcoString;
use std::sync::Arc;
use weir_lang::ast::{Campaign, CampaignPartKind, Expr};
use weir_lang::types::Type;

/// Every campaign of a project, in the order of its files.
pub(crate) fn campaigns(checked: &Checked) -> Vec<CampaignPlan> {
    checked.facts.program.campaigns().filter_map(|(module, campaign)| one(checked, module, campaign)).collect()
}

fn one(checked: &Checked, module: usize, campaign: &Campaign) -> Option<CampaignPlan> {
    let program = &checked.facts.program;
    let mut lower = Lower::new(checked);
    let mut plan = CampaignPlan {
        name: full_name(program.module_name(module), &campaign.name.name),
        trigger: trigger(&mut lower, module, campaign)?,
        plan: Arc::default(),
        args: weir_stdlib::pure::Pure::Const(weir_stdlib::value::Value::NULL),
        delivery: false,
        flag: None,
        overlap: Overlap::Skip,
        priority: None,
    };
    let mut entry = None;
    for part in &campaign.parts {
        match &part.kind {
            CampaignPartKind::Run { callee, args } => {
                let Callee::Flow(flow) = program.callee(module, callee)? else { return None };
                let params: Vec<EcoString> =
                    program.flows.get(flow)?.params.iter().map(|param| param.name.clone()).collect();
                let mut names = Names::default();
                names.bind(&"event".into(), Place::Slot { level: 0, at: 0 });
                let placed = placed(&mut PureSite { lower: &mut lower, module, names }, &params, args, None);
                plan.args = record(params.iter().zip(placed));
                entry = Some(lower.flow(flow));
            }
            CampaignPartKind::Delivery(on) => plan.delivery = *on,
            CampaignPartKind::Flag(flag) => plan.flag = program.constant_text(module, flag),
            CampaignPartKind::Overlap(word) => {
                plan.overlap = match word.name.as_str() {
                    "queue" => Overlap::Queue,
                    "allow" => Overlap::Allow,
                    _ => Overlap::Skip,
                };
            }
            CampaignPartKind::Priority(priority) => plan.priority = program.constant_int(module, priority),
            _ => {}
        }
    }
    plan.plan = Arc::new(lower.finish(entry?)?);
    Some(plan)
}

fn trigger(lower: &mut Lower<'_>, module: usize, campaign: &Campaign) -> Option<Trigger> {
    let at = (module, campaign.name.span.start);
    let program = lower.program;
    let text = |expr: &Expr| program.constant_text(module, expr);
    let ty = lower.checked.facts.events.get(&at).cloned().unwrap_or(Type::Json);
    campaign.parts.iter().find_map(|part| {
        Some(match &part.kind {
            CampaignPartKind::Cron { schedule, zone } => {
                let zone = zone.as_ref().and_then(&text).unwrap_or_else(|| "UTC".into());
                Trigger::Cron { schedule: text(schedule)?, zone }
            }
            CampaignPartKind::Every(every) => Trigger::Every(lower.program.constant_ms(module, every)?),
            CampaignPartKind::OnEvent { event, .. } => {
                Trigger::Event { name: text(event)?, ty: Box::new(lower.boundary(&ty)) }
            }
            CampaignPartKind::OnWebhook { path, .. } => {
                Trigger::Webhook { path: text(path)?, ty: Box::new(lower.boundary(&ty)) }
            }
            _ => return None,
        })
    })
}
