//! "Did you mean": the known word nearest to one that is not known. Knows letters, not what the words are for.

/// The candidate that fewest typing errors (a letter too many, missing, wrong, or two swapped) turn `word` into;
/// none if that takes more than one error in three letters. Case does not count.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(WORD_CHARS_MAX).collect();
    let allowed = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (errors(&word, candidate), candidate))
        .filter(|(errors, candidate)| *errors <= allowed && *errors < candidate.chars().count())
        .min_by_key(|(errors, _)| *errors)
        .map(|(_, candidate)| candidate)
}

/// Letters that are looked at: what is longer is no typing error of ours.
const WORD_CHARS_MAX: usize = 64;

/// Typing errors between two words (optimal string alignment), three rows of its table at a time.
fn errors(word: &[char], candidate: &str) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=word.len()).collect();
    let mut previous = None;
    for (row, c) in candidate.chars().flat_map(char::to_lowercase).enumerate() {
        let mut current = vec![row + 1];
        for (at, w) in word.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (cell(&last, at) + usize::from(*w != c))
                .min(cell(&last, at + 1) + 1)
                .min(cell(&current, at) + 1);
            let swapped = at > 0 && previous == Some(*w) && word.get(at.wrapping_sub(1)) == Some(&c);
            if swapped {
                best = best.min(cell(&before_last, at - 1) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(c);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_in_three_letters_is_understood() {
        let known = ["join", "invite", "leave", "quit"];
        for (word, meant) in [
            ("jion", Some("join")),
            ("Quit", Some("quit")),
            ("qit", Some("quit")),
            ("invit", Some("invite")),
            ("leve", Some("leave")),
            ("elephant", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }

    #[test]
    fn the_nearer_one_wins() {
        assert_eq!(nearest("room-2", ["room-1", "room-2"]), Some("room-2"));
    }
}
