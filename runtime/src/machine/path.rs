//! Step paths: their order, segment by segment, indices as numbers.

use std::cmp::Ordering;

/// The order of two paths: `a[2]/x` stands before `a[10]/x`, `call` before `call#2`, a step before what is below it.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('/'), b.split('/'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match segment(x, y) {
                Ordering::Equal => {}
                other => return other,
            },
        }
    }
}

/// Texts as texts, runs of digits as numbers.
fn segment(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        match (left.is_empty(), right.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let (x, rest_x) = piece(left);
        let (y, rest_y) = piece(right);
        let order = match (x.parse::<u64>(), y.parse::<u64>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            _ => x.cmp(y),
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (rest_x, rest_y);
    }
}

fn piece(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_numbers() {
        let mut paths = vec!["b", "a[10]/x", "a[2]/x", "a", "call#10", "call#2", "call", "a[2]"];
        paths.sort_by(|x, y| compare(x, y));
        assert_eq!(paths, ["a", "a[2]", "a[2]/x", "a[10]/x", "b", "call", "call#2", "call#10"]);
    }
}
