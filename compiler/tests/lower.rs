//! Plans: order between steps, slots, paths, policies, and a hash that only the program changes.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test reads its files, and a panic is its failure"
)]

use weir_compiler::plan::{BlockPlan, EffectClass, Plan, PolicyEndPlan, StepKind, Target};
use weir_compiler::project::{ProjectSource, SourceFile};

fn checked(text: &str) -> weir_compiler::Checked {
    let file = SourceFile { path: "a.flow".into(), module: "".into(), text: text.into() };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    let errors: Vec<_> = checked.diagnostics.iter().filter(|one| one.severity.word() == "error").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    checked
}

fn plan(text: &str, flow: &str) -> Plan {
    checked(text).plan(flow).expect("a plan")
}

const TOOLS: &str = "
tool a.read(q: string) -> { n: int } can a.read
tool a.write(q: string) -> { id: string } can a.write
tool a.put(q: string) -> { id: string } can a.write idempotent
tool a.undo(id: string) can a.write idempotent
";

/// `before -> after` by step name, for every edge.
fn edges(block: &BlockPlan) -> Vec<String> {
    let mut out: Vec<String> = block
        .graph
        .edge_indices()
        .filter_map(|edge| block.graph.edge_endpoints(edge))
        .map(|(from, to)| format!("{} -> {}", block.graph[from].name, block.graph[to].name))
        .collect();
    out.sort();
    out
}

fn names(block: &BlockPlan) -> Vec<String> {
    block.graph.node_weights().map(|step| step.name.to_string()).collect()
}

#[test]
fn independent_reads_have_no_order_and_writes_do() {
    let text = format!(
        "{TOOLS}
coordinator f() -> int can a.read, a.write {{
  x = a.read(q: \"1\")
  y = a.read(q: \"2\")
  a.put(q: \"{{x.n}}\")
  a.put(q: \"4\")
  z = a.read(q: \"5\")
  return z.n + y.n
}}"
    );
    let plan = plan(&text, "f");
    let found = edges(&plan.flows[0].body);
    let wanted = ["a.put -> a.put#2", "a.put#2 -> z", "x -> a.put", "y -> a.put", "y -> return", "z -> return"];
    assert_eq!(found, wanted, "x and y side by side, the writes one after the other, z after both");
}

#[test]
fn data_orders_reads() {
    let text = format!(
        "{TOOLS}
coordinator f() -> int can a.read {{
  x = a.read(q: \"1\")
  y = a.read(q: \"{{x.n}}\")
  z = a.read(q: \"3\")
  return y.n + z.n
}}"
    );
    let plan = plan(&text, "f");
    assert_eq!(edges(&plan.flows[0].body), ["x -> return", "x -> y", "y -> return", "z -> return"]);
}

#[test]
fn a_block_with_a_barrier_is_one_and_a_reading_flow_is_not() {
    let text = format!(
        "{TOOLS}
coordinator look(q: string) -> int can a.read {{
  x = a.read(q: q)
  require x.n > 0 else \"none\"
  return x.n
}}
coordinator f(b: bool) -> int can a.read, a.write {{
  x = look(\"1\")
  y = look(\"2\")
  if b {{ a.put(q: \"3\") }}
  z = look(\"4\")
  return x + y + z
}}"
    );
    let plan = plan(&text, "f");
    let body = &plan.flows[0].body;
    let class = |name: &str| body.graph.node_weights().find(|step| step.name == name).map(|step| step.effect);
    assert_eq!(class("x"), Some(EffectClass::Read));
    assert_eq!(class("if"), Some(EffectClass::Barrier));
    let found = edges(body);
    assert!(!found.contains(&"x -> y".to_string()), "{found:?}");
    assert!(found.contains(&"if -> z".to_string()), "{found:?}");
}

#[test]
fn calls_inside_expressions_become_steps_in_the_order_written() {
    let text = format!(
        "{TOOLS}
coordinator f(q: string?) -> int can a.read {{
  n = a.read(q: q ?? \"x\").n + len(\"{{a.read(q: \"b\").n}}\")
  m = if n > 3 then a.read(q: \"c\").n else 0
  return (parse_int(\"x\") ?? a.read(q: \"d\").n) + m
}}"
    );
    let plan = plan(&text, "f");
    assert_eq!(names(&plan.flows[0].body), ["a.read", "a.read#2", "n", "m", "value", "value#2", "return"]);
}

#[test]
fn the_retry_of_a_call_that_may_not_be_repeated_waits_for_proof() {
    let text = format!(
        "{TOOLS}
policy patient {{ timeout => retry 2  else => fail }}
coordinator f() can a.read, a.write with patient {{
  a.read(q: \"1\")
  a.write(q: \"2\")
  a.put(q: \"3\") retry 7 on conflict
}}"
    );
    let plan = plan(&text, "f");
    let acts: Vec<_> = plan.flows[0]
        .body
        .graph
        .node_weights()
        .filter_map(|step| match &step.kind {
            StepKind::Act(act) => Some(act),
            _ => None,
        })
        .collect();
    let first = |at: usize| acts[at].policy[0].clone();
    assert_eq!(first(0).retry.map(|retry| (retry.count, retry.only_if_not_happened)), Some((Some(2), false)));
    assert_eq!(first(1).retry.map(|retry| (retry.count, retry.only_if_not_happened)), Some((Some(2), true)));
    assert_eq!(first(2).codes, ["conflict"]);
    assert!(acts.iter().all(|act| act.policy.iter().all(|arm| arm.then == PolicyEndPlan::Fail)));
    assert!(!acts[1].repeatable && acts[2].repeatable);
}

#[test]
fn undo_sees_the_result_and_loops_have_frames() {
    let text = format!(
        "{TOOLS}
saga f(items: [string]) can a.write {{
  for item, i in items parallel 2 {{
    made = a.write(q: \"{{item}} {{i}} {{len(items)}}\")
      undo a.undo(id: made.id)
  }}
}}"
    );
    let plan = plan(&text, "f");
    let body = &plan.flows[0].body;
    let step = body.graph.node_weights().next().expect("a step");
    let StepKind::For(plan) = &step.kind else { panic!("{:?}", step.kind) };
    let StepKind::Act(act) = &plan.body.graph.node_weights().next().expect("a step").kind else { panic!() };
    let Target::Tool { args, .. } = &act.target else { panic!() };
    let text = format!("{args:?}");
    assert!(
        text.contains("Slot { up: 0, at: 0 }")
            && text.contains("Slot { up: 0, at: 1 }")
            && text.contains("Slot { up: 1, at: 0 }"),
        "{text}"
    );
    let undo = format!("{:?}", act.undo);
    assert!(undo.contains(&format!("at: {} }}", act.result)), "{undo}");
}

#[test]
fn the_hash_is_the_programs() {
    let text = format!("{TOOLS}\ncoordinator f() -> int can a.read {{\n  return a.read(q: \"1\").n\n}}\n");
    let first = plan(&text, "f").hash();
    assert_eq!(first, plan(&text, "f").hash());
    let other =
        format!("{text}\n/// Another flow.\ncoordinator g() -> int can a.read {{\n  return a.read(q: \"2\").n\n}}\n");
    assert_eq!(first, plan(&other, "f").hash(), "a flow that cannot be reached does not matter");
    let moved = format!("// A word before everything.\n{text}");
    assert_eq!(first, plan(&moved, "f").hash(), "where it stands does not matter");
    let changed = text.replace("\"1\"", "\"3\"");
    assert_ne!(first, plan(&changed, "f").hash());
    assert!(first.starts_with("sha256:"));
}

#[test]
fn a_plan_survives_being_stored() {
    for example in ["quickstart", "mail-triage", "orders", "approval"] {
        let root = format!("{}/../examples/{example}", env!("CARGO_MANIFEST_DIR"));
        let mut source = ProjectSource::default();
        let mut files: Vec<_> =
            std::fs::read_dir(format!("{root}/flows")).expect("flows").flatten().map(|entry| entry.path()).collect();
        files.sort();
        for path in files {
            let module = path.file_stem().unwrap().to_string_lossy().to_string();
            let text = std::fs::read_to_string(&path).unwrap();
            source.files.push(SourceFile { path: path.to_string_lossy().as_ref().into(), module: module.into(), text });
        }
        let checked = weir_compiler::check(source);
        assert!(!checked.has_errors(), "{:#?}", checked.diagnostics);
        let plan = checked.plan("main.main").expect("a plan");
        let text = serde_json::to_string(&plan).unwrap();
        let back: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!(plan.hash(), back.hash(), "{example}");
    }
}
