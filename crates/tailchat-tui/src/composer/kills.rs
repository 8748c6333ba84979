//! What was cut, for putting back: Readline's kill ring. Knows no text but its own.

use std::collections::VecDeque;

/// Cuts that are kept; the oldest is forgotten at more.
const KILLS_MAX: usize = 16;

#[derive(Clone, Debug, Default)]
pub(super) struct Kills {
    /// The last one first.
    ring: VecDeque<String>,
}

/// On which side of the cursor a cut text stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

impl Kills {
    /// Keeps a cut text; with `joined` as one with the cut before.
    pub(super) fn keep(&mut self, cut: &str, side: Side, joined: bool) {
        match self.ring.front_mut().filter(|_| joined) {
            Some(last) if side == Side::Before => last.insert_str(0, cut),
            Some(last) => last.push_str(cut),
            None => {
                self.ring.push_front(cut.to_owned());
                self.ring.truncate(KILLS_MAX);
            }
        }
    }

    /// The `back`-th cut, 0 being the last; beyond the oldest the last again.
    pub(super) fn get(&self, back: usize) -> Option<&str> {
        let at = back.checked_rem(self.ring.len())?;
        self.ring.get(at).map(String::as_str)
    }
}
