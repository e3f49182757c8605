//! Formatting as edits: no more of the text is replaced than has to change.

use weir_lang::span::Span;

/// The edits that bring a text into the one style; those that touch `within`, where it is given. None when the text does
/// not parse.
pub fn format(source: &str, within: Option<Span>) -> Option<Vec<(Span, String)>> {
    let pretty = weir_lang::format::format(source).ok()?;
    let (old, new) = (lines(source), lines(&pretty));
    let edits = changed(source, &old, &new);
    let touches = |span: &Span| within.is_none_or(|within| span.start <= within.end && within.start <= span.end);
    Some(edits.into_iter().filter(|(span, _)| touches(span)).collect())
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Longest row of lines that is compared line by line; a larger one is replaced as a whole.
const MOST: usize = 4_000;

/// Replacements of whole lines.
fn changed(source: &str, old: &[&str], new: &[&str]) -> Vec<(Span, String)> {
    let front = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.get(front..).unwrap_or(&[]), new.get(front..).unwrap_or(&[]));
    let back = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let old_mid = old_rest.get(..old_rest.len() - back).unwrap_or(&[]);
    let new_mid = new_rest.get(..new_rest.len() - back).unwrap_or(&[]);
    let begin: usize = old.iter().take(front).map(|line| line.len()).sum();
    if old_mid.is_empty() && new_mid.is_empty() {
        return Vec::new();
    }
    if old_mid.len() * new_mid.len() > MOST * MOST {
        let length: usize = old_mid.iter().map(|line| line.len()).sum();
        return vec![(Span::new(begin, (begin + length).min(source.len())), new_mid.concat())];
    }
    hunks(begin, old_mid, new_mid)
}

/// The stretches between lines that stay.
fn hunks(begin: usize, old: &[&str], new: &[&str]) -> Vec<(Span, String)> {
    let kept = common(old, new);
    let (mut out, mut at, mut o, mut n) = (Vec::new(), begin, 0, 0);
    for (to_old, to_new) in kept.into_iter().chain([(old.len(), new.len())]) {
        let gone: usize = old.get(o..to_old).unwrap_or(&[]).iter().map(|line| line.len()).sum();
        let come = new.get(n..to_new).unwrap_or(&[]).concat();
        if gone > 0 || !come.is_empty() {
            out.push((Span::new(at, at + gone), come));
        }
        at += gone + old.get(to_old).map_or(0, |line| line.len());
        (o, n) = (to_old + 1, to_new + 1);
    }
    out
}

/// Pairs of equal lines, the most of them that keep their order.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut best = vec![0_u32; (old.len() + 1) * width];
    let get = |best: &[u32], o: usize, n: usize| best.get(o * width + n).copied().unwrap_or(0);
    for (o, a) in old.iter().enumerate().rev() {
        for (n, b) in new.iter().enumerate().rev() {
            let value =
                if a == b { get(&best, o + 1, n + 1) + 1 } else { get(&best, o + 1, n).max(get(&best, o, n + 1)) };
            if let Some(slot) = best.get_mut(o * width + n) {
                *slot = value;
            }
        }
    }
    let (mut out, mut o, mut n) = (Vec::new(), 0, 0);
    while let (Some(a), Some(b)) = (old.get(o), new.get(n)) {
        if a == b {
            out.push((o, n));
            (o, n) = (o + 1, n + 1);
        } else if get(&best, o + 1, n) >= get(&best, o, n + 1) {
            o += 1;
        } else {
            n += 1;
        }
    }
    out
}

/// The blanks that the line of an offset should begin with, as an edit where they are others. Works on text that does not
/// parse: two blanks for each bracket that is open.
pub fn indent(source: &str, offset: u32) -> Option<(Span, String)> {
    let start = source.get(..offset as usize)?.rfind('\n').map_or(0, |at| at + 1);
    let line = source.get(start..)?.split('\n').next()?;
    let had = line.len() - line.trim_start_matches([' ', '\t']).len();
    let mut open: Vec<(u32, usize)> = Vec::new();
    for token in super::tokens::tokens(source).iter().take_while(|token| (token.span.start as usize) < start) {
        if token.span.end as usize > start {
            // Inside a text of several lines, blanks are its own.
            return None;
        }
        match token.span.text(source) {
            "(" | "[" | "{" => open.push((line_of(source, token.span.start), open.len())),
            ")" | "]" | "}" => {
                open.pop();
            }
            _ => {}
        }
    }
    if line.trim_start().starts_with([')', ']', '}']) {
        open.pop();
    }
    // Brackets that open on one line indent once.
    open.dedup_by_key(|(line, _)| *line);
    let wanted = "  ".repeat(open.len());
    let span = Span::new(start, start + had);
    (span.text(source) != wanted).then_some((span, wanted))
}

fn line_of(source: &str, offset: u32) -> u32 {
    u32::try_from(source.get(..offset as usize).unwrap_or("").matches('\n').count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(source: &str, edits: &[(Span, String)]) -> String {
        let mut text = source.to_owned();
        for (span, new) in edits.iter().rev() {
            text.replace_range(span.start as usize..span.end as usize, new);
        }
        text
    }

    #[test]
    fn edits_give_the_formatted_text() {
        for source in [
            "const A=1\n\n\n\nconst   B = 2\nconst C = 3",
            "transformer a(x:int)->int {\nreturn x\n}\n// end\n",
            "const A = 1\n",
        ] {
            let edits = format(source, None).unwrap();
            assert_eq!(applied(source, &edits), weir_lang::format::format(source).unwrap());
        }
        assert!(format("const A = 1\n", None).unwrap().is_empty());
    }

    #[test]
    fn a_range_changes_only_its_own_lines() {
        let source = "const A=1\nconst B=2\n";
        let edits = format(source, Some(Span::new(12, 13))).unwrap();
        assert!(edits.iter().all(|(span, _)| span.end > 10), "{edits:?}");
    }

    #[test]
    fn lines_are_indented_by_their_brackets() {
        let source = "saga a() {\n  x = crm.add(\nname: 1\n)\n}";
        let at = |needle: &str| u32::try_from(source.find(needle).unwrap()).unwrap();
        assert_eq!(indent(source, at("name")).unwrap().1, "    ");
        assert_eq!(indent(source, at(")\n}")).unwrap().1, "  ");
        assert_eq!(indent(source, at("  x")), None);
    }
}
