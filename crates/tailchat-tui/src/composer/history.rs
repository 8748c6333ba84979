//! What was sent before, for sending again, and the draft that waits meanwhile. Knows no cursor.

use std::collections::VecDeque;

/// Texts that are kept; the oldest is forgotten at more.
const HISTORY_MAX: usize = 200;
/// Bytes of all of them together; the oldest are forgotten at more.
const HISTORY_LEN_MAX: usize = 512 * 1024;

#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// The oldest first.
    sent: VecDeque<String>,
    len: usize,
    /// The one that is shown, counted from the newest, 0; none while the draft is.
    shown: Option<usize>,
    draft: String,
}

impl History {
    /// Keeps a text that was sent, and ends the looking back.
    pub(super) fn keep(&mut self, sent: &str) {
        self.leave();
        if sent.trim().is_empty() || self.sent.back().is_some_and(|last| last == sent) {
            return;
        }
        self.len += sent.len();
        self.sent.push_back(sent.to_owned());
        while self.sent.len() > HISTORY_MAX || self.len > HISTORY_LEN_MAX {
            self.len -= self.sent.pop_front().map_or(0, |oldest| oldest.len());
        }
    }

    /// Ends the looking back and forgets the draft.
    pub(super) fn leave(&mut self) {
        self.shown = None;
        self.draft.clear();
    }

    /// The text before the one that is shown; `current` waits as the draft.
    pub(super) fn older(&mut self, current: &str) -> Option<&str> {
        let next = self.shown.map_or(0, |shown| shown + 1);
        let at = self.sent.len().checked_sub(next + 1)?;
        if self.shown.is_none() {
            current.clone_into(&mut self.draft);
        }
        self.shown = Some(next);
        self.sent.get(at).map(String::as_str)
    }

    /// The text after the one that is shown, at last the draft.
    pub(super) fn newer(&mut self) -> Option<&str> {
        let shown = self.shown?;
        self.shown = shown.checked_sub(1);
        match self.shown {
            None => Some(&self.draft),
            Some(back) => self
                .sent
                .len()
                .checked_sub(back + 1)
                .and_then(|at| self.sent.get(at))
                .map(String::as_str),
        }
    }
}
