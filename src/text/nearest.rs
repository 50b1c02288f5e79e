//! "Did you mean ...?"

use super::safe::Safe;

/// The name nearest to `typed`, if it is near: one slip in three letters, two in six or more.
pub fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a Safe>) -> Option<Safe> {
    let length = typed.chars().count();
    let allowed = if length < 6 { 1 } else { 2 };
    // A name that is wholly replaced is no slip.
    names
        .map(|name| (distance(typed, name.as_str()), name))
        .filter(|(distance, _)| *distance <= allowed && *distance < length)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.clone())
}

/// Letters to insert, delete, replace or swap with a neighbour to get from one text to the other
/// (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous_letter = None;
    for (row, letter) in from.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let at =
                |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX);
            let replace = at(&last, column) + usize::from(letter != *other);
            let gap = at(&last, column + 1).min(at(&current, column)) + 1;
            let swapped = column > 0
                && Some(*other) == previous_letter
                && to.get(column - 1) == Some(&letter);
            let swap = if swapped {
                at(&before_last, column - 1) + 1
            } else {
                usize::MAX
            };
            current.push(replace.min(gap).min(swap));
        }
        previous_letter = Some(letter);
        before_last = core::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::safe_name;

    #[test]
    fn distances() {
        for (from, to, expected) in [
            ("bob", "bob", 0),
            ("bbo", "bob", 1),
            ("bo", "bob", 1),
            ("bobb", "bob", 1),
            ("rob", "bob", 1),
            ("alice", "aliec", 1),
            ("carol", "bob", 4),
            ("", "bob", 3),
            ("bob", "", 3),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn the_nearest_name_is_suggested_if_it_is_near() {
        let names = ["alice", "bob", "borislav"].map(|name| safe_name(name).unwrap());
        let nearest = |typed| nearest(typed, names.iter()).map(|name| name.to_string());
        assert_eq!(nearest("bbo").as_deref(), Some("bob"));
        assert_eq!(nearest("Bob").as_deref(), Some("bob"));
        assert_eq!(nearest("borsilva").as_deref(), Some("borislav"));
        assert_eq!(nearest("x"), None);
        assert_eq!(nearest("ops"), None);
        assert_eq!(nearest(""), None);
    }
}
