//! `weir graph`

use crate::support::folder;

const SHOP: &str = r#"
saga order(sku: string) -> { id: string } can store.write {
  kept = store.insert(collection: "orders", id: sku, value: { sku })
    undo store.delete(collection: "orders", id: sku)
  if sku == "rush" {
    log = store.put(collection: "rush", id: sku, value: { sku }) final
  }
  return { id: kept.id }
}

coordinator main(skus: [string]) -> [{ id: string }] can store.read, store.write {
  a = store.get(collection: "x", id: "1")
  b = store.get(collection: "x", id: "2")
  require a.value == b.value else "they differ"
  done = for sku in skus parallel 4 {
    yield order(sku)
  }
  return done
}
"#;

#[test]
fn every_format_shows_steps_undo_and_blocks() {
    let here = folder(&[("shop.flow", SHOP)]);
    let text = here.weir(&["graph", "shop.flow"]).code(0).stdout;
    for part in
        ["coordinator main(", "saga order(", "store.get", "for parallel 4", "undo store.delete", "can store.read"]
    {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let mermaid = here.weir(&["graph", "shop.flow", "--format", "mermaid"]).code(0).stdout;
    assert!(mermaid.starts_with("flowchart TD\n") && mermaid.contains("-.->|undo|"), "{mermaid}");
    let dot = here.weir(&["graph", "shop.flow", "--format", "dot"]).code(0).stdout;
    assert!(dot.starts_with("digraph weir {") && dot.contains("style=dotted"), "{dot}");
    assert_eq!(dot.matches('{').count(), dot.matches('}').count());
}

#[test]
fn json_tells_what_waits_for_what() {
    let here = folder(&[("shop.flow", SHOP)]);
    let drawing = here.weir(&["graph", "shop.flow", "--format", "json"]).code(0).json();
    assert_eq!(drawing["entry"], "main");
    assert!(drawing["program"].as_str().unwrap().starts_with("sha256:"));
    let main = &drawing["flows"][0];
    let steps = main["steps"].as_array().unwrap();
    let place = |name: &str| steps.iter().position(|step| step["name"] == name).unwrap() as u64;
    let (a, b) = (place("a"), place("b"));
    let direct = main["edges"].as_array().unwrap().iter().any(|edge| edge["from"] == a && edge["to"] == b);
    assert!(!direct, "two reads do not wait for each other: {main}");
    assert_eq!(steps[a as usize]["effect"], "read");
    assert_eq!(steps[a as usize]["line"], 12);
}

#[test]
fn a_broken_or_unknown_flow_is_told() {
    let here = folder(&[("shop.flow", SHOP), ("bad.flow", "coordinator main( {}")]);
    here.weir(&["graph", "bad.flow"]).code(1).silent().says(&["syntax"]);
    here.weir(&["graph", "shop.flow:ordre"]).code(2).silent().says(&["did you mean `order`?"]);
    here.weir(&["graph", "shp.flow"]).code(2).silent().says(&["did you mean `shop.flow`?"]);
}
