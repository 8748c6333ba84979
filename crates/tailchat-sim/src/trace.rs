//! What happened in a run, as a sum to compare and, if wanted, as lines to read. Knows nothing of its meaning.

use std::fmt::Arguments;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::network::PeerNo;

/// Lines kept of a long run.
const LINES_MAX: usize = 200_000;

pub(crate) struct Trace {
    sum: DefaultHasher,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(wanted: bool) -> Self {
        Self {
            sum: DefaultHasher::new(),
            lines: wanted.then(Vec::new),
        }
    }

    /// Takes note of what happens to a peer.
    pub(crate) fn note(
        &mut self,
        at_us: u64,
        peer: PeerNo,
        what: &'static str,
        datum: u64,
        text: Arguments<'_>,
    ) {
        (at_us, peer, what, datum).hash(&mut self.sum);
        if let Some(lines) = self.lines.as_mut().filter(|lines| lines.len() < LINES_MAX) {
            let (s, us) = (at_us / 1_000_000, at_us % 1_000_000);
            lines.push(format!("{s:4}.{us:06} peer {peer}: {what} {text}"));
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        bytes.hash(&mut self.sum);
    }

    pub(crate) fn sum(&self) -> u64 {
        self.sum.finish()
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
