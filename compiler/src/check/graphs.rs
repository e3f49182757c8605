//! Circles in graphs of names.

use rustc_hash::FxHashSet;

/// The nodes of a graph in groups that lead back to themselves (most are alone), those that others lead to first.
pub fn groups(count: usize, edges: impl Fn(usize) -> Vec<usize>) -> Vec<Vec<usize>> {
    let mut graph = petgraph::graph::DiGraph::<usize, ()>::with_capacity(count, count);
    let nodes: Vec<_> = (0..count).map(|node| graph.add_node(node)).collect();
    for (from, node) in nodes.iter().enumerate() {
        for to in edges(from) {
            if let Some(to) = nodes.get(to) {
                graph.add_edge(*node, *to, ());
            }
        }
    }
    // Kosaraju's way needs no recursion, so a chain of a hundred thousand flows is no stack overflow.
    let groups = petgraph::algo::kosaraju_scc(&graph);
    groups
        .into_iter()
        .map(|group| group.iter().filter_map(|node| graph.node_weight(*node).copied()).collect())
        .collect()
}

/// The circles of a graph of `count` nodes, each once, starting at its smallest node.
pub fn cycles(count: usize, edges: impl Fn(usize) -> Vec<usize>) -> Vec<Vec<usize>> {
    let mut out = Vec::new();
    for mut members in groups(count, &edges) {
        members.sort_unstable();
        let Some(first) = members.first().copied() else { continue };
        if members.len() > 1 || edges(first).contains(&first) {
            out.push(walk(first, &members, &edges));
        }
    }
    out.sort();
    out
}

/// A shortest way from `first` back to itself through `members`.
fn walk(first: usize, members: &[usize], edges: &impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
    let members: FxHashSet<usize> = members.iter().copied().collect();
    let mut seen: FxHashSet<usize> = FxHashSet::default();
    let mut came: Vec<(usize, Option<usize>)> = vec![(first, None)];
    let mut at = 0;
    while let Some((node, _)) = came.get(at).copied() {
        for next in edges(node) {
            if next == first {
                let mut way = Vec::new();
                let mut step = Some(at);
                while let Some((node, before)) = step.and_then(|step| came.get(step)).copied() {
                    way.push(node);
                    step = before;
                }
                way.reverse();
                return way;
            }
            if members.contains(&next) && seen.insert(next) {
                came.push((next, Some(at)));
            }
        }
        at += 1;
    }
    vec![first]
}

#[cfg(test)]
mod tests {
    #[test]
    fn finds_each_circle_once() {
        let edges = |node: usize| match node {
            0 => vec![1],
            1 => vec![2],
            2 => vec![0],
            3 => vec![3],
            _ => vec![0],
        };
        assert_eq!(super::cycles(5, edges), vec![vec![0, 1, 2], vec![3]]);
    }
}
