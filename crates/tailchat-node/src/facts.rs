//! What a person keeps of a room for themselves: whether it was left, what was read, what is being written, how they
//! call it, whom they would rather not read. In the
//! room's log, never told to peers. Knows how it is spelt; decides nothing.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tailchat_core::ids::{ActorId, PersonId};
use tailchat_core::read::ReadState;

/// A room's local facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RoomFacts {
    /// The room was left: it is on disk and not opened.
    pub(crate) left: bool,
    /// The room was joined, and its history is not all here yet.
    pub(crate) newcomer: bool,
    /// What was read.
    pub(crate) read: Arc<ReadState>,
    /// What is being written; empty if nothing is.
    pub(crate) draft: String,
    /// Nobody is to be told of its messages.
    pub(crate) muted: bool,
    /// What the person calls it; empty if what everybody does.
    pub(crate) alias: String,
    /// Whose messages are folded away and never count.
    pub(crate) ignored: BTreeSet<PersonId>,
}

/// As JSON; what a version before did not have yet is empty.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    left: bool,
    newcomer: bool,
    /// By actor, in hexadecimal, the first entry of each stretch and the one behind its last.
    read: Vec<(String, Vec<(u64, u64)>)>,
    draft: String,
    muted: bool,
    alias: String,
    /// People, in hexadecimal.
    ignored: Vec<String>,
}

impl RoomFacts {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let pairs = |stretches: &[Range<u64>]| stretches.iter().map(|read| (read.start, read.end)).collect();
        let written = Written {
            left: self.left,
            newcomer: self.newcomer,
            read: self
                .read
                .actors()
                .map(|(actor, stretches)| (actor.to_string(), pairs(stretches)))
                .collect(),
            draft: self.draft.clone(),
            muted: self.muted,
            alias: self.alias.clone(),
            ignored: self.ignored.iter().map(ToString::to_string).collect(),
        };
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// What does not verify is as good as missing: the room is there, and unread.
    pub(crate) fn decode(bytes: Option<&[u8]>) -> Self {
        let written: Written = bytes
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .unwrap_or_default();
        let mut read = ReadState::default();
        for (actor, stretches) in &written.read {
            let Ok(actor) = actor.parse::<ActorId>() else {
                continue;
            };
            for (start, end) in stretches {
                // Beyond the limit there is nothing that we wrote.
                let _ = read.mark(actor, *start..*end);
            }
        }
        Self {
            left: written.left,
            newcomer: written.newcomer,
            read: Arc::new(read),
            draft: written.draft,
            muted: written.muted,
            alias: written.alias,
            ignored: written
                .ignored
                .iter()
                .filter_map(|person| person.parse().ok())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_what_older_versions_wrote_is_read() {
        let mut facts = RoomFacts {
            newcomer: true,
            draft: "half a \"sentence\"\n".into(),
            muted: true,
            alias: "home".into(),
            ignored: [PersonId([9; 32])].into(),
            ..RoomFacts::default()
        };
        let read = Arc::make_mut(&mut facts.read);
        read.mark(ActorId([7; 16]), 0..9).unwrap();
        read.mark(ActorId([7; 16]), 12..13).unwrap();
        read.mark(ActorId([8; 16]), 0..1).unwrap();
        assert_eq!(RoomFacts::decode(Some(&facts.encode())), facts);
        let old = RoomFacts::decode(Some(br#"{"left":true}"#));
        assert!(old.left && old.draft.is_empty());
        assert_eq!(RoomFacts::decode(Some(b"rubbish")), RoomFacts::default());
        assert_eq!(RoomFacts::decode(None), RoomFacts::default());
    }
}
