//! The main record of a log: a change and how it came here. Knows its bytes; the change itself is opaque.

use tailchat_core::ids::{ActorId, DeviceId};

use crate::fields::Fields;

/// How many bytes of a record's body stand before the change.
pub const CHANGE_PREFIX_LEN: usize = 48;

/// A change and how it came here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRecord {
    /// Who wrote it.
    pub actor: ActorId,
    /// Its number in the actor's chain.
    pub seq: u64,
    /// When it came here, in milliseconds since 1970.
    pub arrived_at_ms: i64,
    /// Who brought it.
    pub via: DeviceId,
    /// The change, opaque.
    pub change: Vec<u8>,
}

impl ChangeRecord {
    /// The length of its body.
    #[must_use]
    pub fn body_len(&self) -> usize {
        CHANGE_PREFIX_LEN + self.change.len()
    }

    /// The body of its record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.body_len());
        body.extend_from_slice(&self.actor.0);
        body.extend_from_slice(&self.seq.to_le_bytes());
        body.extend_from_slice(&self.arrived_at_ms.to_le_bytes());
        body.extend_from_slice(&self.via.0);
        body.extend_from_slice(&self.change);
        body
    }

    /// Reads a body; `None` when it is shorter than what stands before the change.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        Some(Self {
            actor: ActorId(fields.array()?),
            seq: fields.u64()?,
            arrived_at_ms: fields.i64()?,
            via: DeviceId(fields.array()?),
            change: fields.0.to_vec(),
        })
    }
}

/// A range of one actor's changes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The actor.
    pub actor: ActorId,
    /// The first change's number.
    pub first_seq: u64,
    /// The last change's number.
    pub last_seq: u64,
}

impl Span {
    /// Whether both have a change in common.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.actor == other.actor && self.first_seq <= other.last_seq && other.first_seq <= self.last_seq
    }

    /// Whether the change is in it.
    #[must_use]
    pub fn holds(&self, actor: ActorId, seq: u64) -> bool {
        self.actor == actor && (self.first_seq..=self.last_seq).contains(&seq)
    }
}

/// How far a log has come: all of the stretches before `stretch`, and its first `changes` changes. Whoever
/// reflects a log up to here skips so many of that stretch when the log is opened again.
///
/// It is not a count of what is readable: where an opening says that a tail is damaged, or finds fewer changes
/// than were counted, the stretch has to be read from its start. A sealed stretch has its changes in another
/// order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The last stretch.
    pub stretch: StretchNumber,
    /// How many changes it holds, a change that is there twice counted twice.
    pub changes: u64,
}

/// The number of a stretch of the log: `tail-<n>.log` until it is sealed, `block-<n>.blk` after. From 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StretchNumber(pub u64);
