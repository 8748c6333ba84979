//! The small state that stands for a room's document: the tip of each actor's chain. It authors changes
//! and vets them in microseconds, whatever the history. Knows nothing of disks, peers or what entries mean.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::{Encoded, Parts, encode};
use crate::entry::is_message;
use crate::ids::{ActorId, ChangeHash};
use crate::limits::{ACTOR_ENTRIES_MAX, ACTORS_MAX, CHANGE_ENTRIES_MAX, CHANGE_LEN_MAX, ENTRY_LEN_MAX};

/// The end of one actor's chain. Everything else that a change needs (operation counters, list, element)
/// follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    /// Changes in the chain.
    pub seq: u64,
    /// Entries in the chain, of any kind.
    pub entries: u64,
    /// Those of them that are messages.
    pub messages: u64,
    /// The hash of the last change; zeros at `seq` 0.
    pub hash: ChangeHash,
}

impl Tip {
    /// The tip of an actor that wrote nothing yet.
    pub const START: Self = Self {
        seq: 0,
        entries: 0,
        messages: 0,
        hash: ChangeHash([0; 32]),
    };

    /// Encodes the change that adds these entries behind this tip, and gives the tip after it. The caller
    /// has checked the entries' sizes.
    #[must_use]
    pub fn extend(&self, actor: ActorId, entries: Vec<Vec<u8>>) -> (Self, Change) {
        let parts = Parts {
            actor,
            seq: self.seq + 1,
            first_index: self.entries,
            previous: (self.seq > 0).then_some(self.hash),
            entries,
        };
        let encoded = encode(&parts);
        let tip = self.after(&parts.entries, encoded.hash);
        (tip, Change { parts, encoded, tip })
    }

    /// The tip after a change whose hash is known already.
    #[must_use]
    pub fn after(&self, entries: &[Vec<u8>], hash: ChangeHash) -> Self {
        let messages = entries.iter().filter(|entry| is_message(entry)).count();
        Self {
            seq: self.seq + 1,
            entries: self.entries + entries.len() as u64,
            messages: self.messages + messages as u64,
            hash,
        }
    }
}

/// A change that fits a room: authored here or vetted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Author, place in the chain, entries.
    pub parts: Parts,
    /// Hash and bytes.
    pub encoded: Encoded,
    /// Its author's tip after it.
    pub tip: Tip,
}

/// A change as peers send it: what determines it, and its hash. The receiver encodes it anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its author.
    pub actor: ActorId,
    /// Its number in the author's chain, from 1.
    pub seq: u64,
    /// Its hash, which covers the whole chain before it.
    pub hash: ChangeHash,
    /// The entries that it adds.
    pub entries: Vec<Vec<u8>>,
}

impl From<&Change> for Row {
    fn from(change: &Change) -> Self {
        Self {
            actor: change.parts.actor,
            seq: change.parts.seq,
            hash: change.encoded.hash,
            entries: change.parts.entries.clone(),
        }
    }
}

/// What vetting finds of a change that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vetted {
    /// It is the actor's next one; the state has advanced by it.
    New(Box<Change>),
    /// It is there already, or an equally numbered one that cannot be told from it without the past.
    Known,
    /// Changes before it are missing.
    Gap,
}

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The actor's chain here is another one, up to this change or before.
    #[error("actor {actor} has two chains; they part at change {seq} or before")]
    Fork {
        /// The actor.
        actor: ActorId,
        /// The first change known to differ.
        seq: u64,
    },
    /// No entries, too many, or too large ones.
    #[error("a change of actor {actor} is outside format 1's limits")]
    Limits {
        /// The actor.
        actor: ActorId,
    },
    /// The room has [`ACTORS_MAX`] actors.
    #[error("the room has {ACTORS_MAX} actors, and no room for {actor}")]
    TooManyActors {
        /// The actor.
        actor: ActorId,
    },
}

/// The tips of all actors of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomState {
    tips: BTreeMap<ActorId, Tip>,
}

impl RoomState {
    /// The actor's tip; [`Tip::START`] if it wrote nothing.
    #[must_use]
    pub fn tip(&self, actor: ActorId) -> Tip {
        self.tips.get(&actor).copied().unwrap_or(Tip::START)
    }

    /// All tips, by actor.
    pub fn tips(&self) -> impl Iterator<Item = (ActorId, Tip)> {
        self.tips.iter().map(|(actor, tip)| (*actor, *tip))
    }

    /// Takes a tip as the actor's.
    pub fn set(&mut self, actor: ActorId, tip: Tip) {
        self.tips.insert(actor, tip);
    }

    /// Changes in the room.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.tips.values().map(|tip| tip.seq).sum()
    }

    /// Messages in the room.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.tips.values().map(|tip| tip.messages).sum()
    }

    /// The document's heads: since a change depends on its author's chain alone, the tips.
    #[must_use]
    pub fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self.tips.values().map(|tip| tip.hash).collect();
        heads.sort_unstable();
        heads
    }

    /// 16 bytes that are equal in two rooms if and only if their heads are.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 vector digest v1");
        for (actor, tip) in &self.tips {
            hasher
                .update(&actor.0)
                .update(&tip.seq.to_le_bytes())
                .update(&tip.hash.0);
        }
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        digest
    }

    /// Authors the actor's next change. The caller keeps within the limits that [`fits`] checks.
    pub fn author(&mut self, actor: ActorId, entries: Vec<Vec<u8>>) -> Change {
        let (tip, change) = self.tip(actor).extend(actor, entries);
        self.tips.insert(actor, tip);
        change
    }

    /// The gate: the only way in for what a peer sent. The change is not parsed but built anew from its
    /// entries behind our own tip of its author, and taken if its hash is the one that the peer named. So
    /// Automerge never reads a peer's bytes, and what comes in is a change of format 1 by construction.
    ///
    /// # Errors
    /// [`Refusal`] if it cannot ever fit.
    pub fn vet(&mut self, row: Row) -> Result<Vetted, Refusal> {
        let Row {
            actor,
            seq,
            hash,
            entries,
        } = row;
        let tip = self.tip(actor);
        if seq <= tip.seq {
            let forked = seq == 0 || seq == tip.seq && hash != tip.hash;
            return if forked {
                Err(Refusal::Fork { actor, seq })
            } else {
                Ok(Vetted::Known)
            };
        }
        if seq > tip.seq + 1 {
            return Ok(Vetted::Gap);
        }
        if !fits(&entries) {
            return Err(Refusal::Limits { actor });
        }
        let (_, change) = tip.extend(actor, entries);
        if change.encoded.hash != hash {
            return Err(Refusal::Fork { actor, seq });
        }
        self.admit(change).map(|change| Vetted::New(Box::new(change)))
    }

    /// Takes a change that follows its actor's tip here, within the limits of a room.
    pub(crate) fn admit(&mut self, change: Change) -> Result<Change, Refusal> {
        let actor = change.parts.actor;
        let tip = self.tip(actor).after(&change.parts.entries, change.encoded.hash);
        if change.encoded.bytes.len() > CHANGE_LEN_MAX || tip.entries > ACTOR_ENTRIES_MAX {
            return Err(Refusal::Limits { actor });
        }
        if tip.seq == 1 && self.tips.len() >= ACTORS_MAX {
            return Err(Refusal::TooManyActors { actor });
        }
        self.tips.insert(actor, tip);
        Ok(Change { tip, ..change })
    }
}

/// Whether these entries may stand in one change, as far as can be told without encoding it.
#[must_use]
pub fn fits(entries: &[Vec<u8>]) -> bool {
    (1..=CHANGE_ENTRIES_MAX).contains(&entries.len())
        && entries
            .iter()
            .all(|entry| (1..=ENTRY_LEN_MAX).contains(&entry.len()))
        && entries.iter().map(Vec::len).sum::<usize>() <= CHANGE_LEN_MAX
}
