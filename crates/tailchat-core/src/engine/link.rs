//! What one connection knows of one room: who is there, what it holds, what is asked and answered. Asks and
//! sends nothing itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::disks::DisksTold;
use super::greet::Standing;
use super::preview::PreviewTurns;
use crate::block::SeqRange;
use crate::handshake::{FrameKey, Role, Session, Slots};
use crate::ids::{ActorId, DeviceId, RoomId};
use crate::limits::{ACTOR_ENTRIES_MAX, WANT_RANGES_MAX};
use crate::state::RoomState;
use crate::wire::Claim;

/// What one connection knows of one room. It lives as long as the connection: nothing of it is carried over.
pub(super) struct Link {
    pub(super) opened_at: Duration,
    pub(super) our_slot: u16,
    pub(super) their_slot: u16,
    pub(super) send_key: FrameKey,
    pub(super) receive_key: FrameKey,
    /// The peer's data folder and name, once it greeted.
    pub(super) peer: Option<(DeviceId, String)>,
    /// Where the peer says that it can be dialled.
    pub(super) listens: Option<String>,
    /// Whether it had other links enough in the room when it greeted.
    pub(super) settled: bool,
    /// What our disk held when we greeted, until the peer greeted; it compares with the same.
    pub(super) greeted: Option<Standing>,
    /// What the peer's disk holds; none until its vector arrived or its digest was ours.
    pub(super) holds: Option<BTreeMap<ActorId, Claim>>,
    /// Whether the peer knows what our disk holds, so that from now on it hears of what is new.
    pub(super) told: bool,
    /// How far the peer was sent each actor's changes without having acknowledged them.
    pub(super) pushed: BTreeMap<ActorId, u64>,
    /// Actors whose changes it asked to be sent, and those whose it does not want: it gets them by another link. Of the
    /// rest it is sent what this device writes.
    pub(super) wants: BTreeMap<ActorId, bool>,
    /// Our questions that it has not answered, the oldest first.
    pub(super) asked: VecDeque<Asked>,
    /// Its questions that we have not answered.
    pub(super) answering: usize,
    /// It let a question stall; it is asked last until then.
    pub(super) stalled_until: Duration,
    /// The changes a second that its last answer brought; more than any at first. Who claims much and hands it over
    /// by the piece keeps nobody from those who serve better.
    pub(super) pace: u64,
    /// Since when it has something that we lack and others are asked instead.
    pub(super) waits_since: Option<Duration>,
    /// Actors whose chain is another one at the peer.
    pub(super) forked: BTreeSet<ActorId>,
    /// Whether the peer was asked for its newest lines, or we were.
    pub(super) preview: PreviewTurns,
    /// How far the peer was told what other members' disks hold.
    pub(super) disks_told: DisksTold,
}

/// What a room lacks of what a peer claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Messages.
    pub messages: u64,
    /// Changes.
    pub changes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    CatchUp,
    /// For whatever the peer holds beyond us, before we know whether there is any.
    Beyond,
    Fork,
}

impl Link {
    pub(super) fn new(
        session: &Session,
        room: RoomId,
        role: Role,
        slots: (u16, u16),
        opened_at: Duration,
    ) -> Self {
        let (our_slot, their_slot) = slots;
        let slots = slots_of(role, our_slot, their_slot);
        Self {
            opened_at,
            our_slot,
            their_slot,
            send_key: session.key(room, role, slots),
            receive_key: session.key(room, role.other(), slots),
            peer: None,
            listens: None,
            settled: false,
            wants: BTreeMap::new(),
            greeted: None,
            holds: None,
            told: false,
            pushed: BTreeMap::new(),
            asked: VecDeque::new(),
            answering: 0,
            stalled_until: Duration::ZERO,
            pace: u64::MAX,
            waits_since: None,
            forked: BTreeSet::new(),
            preview: PreviewTurns::default(),
            disks_told: DisksTold::default(),
        }
    }

    /// The room's slots, as the end in our role sees them.
    pub(super) fn slots(&self, role: Role) -> Slots {
        slots_of(role, self.our_slot, self.their_slot)
    }

    /// What the peer holds beyond `state`, without the actors on whose chains we differ.
    pub(super) fn lacking(&self, state: &RoomState) -> Vec<SeqRange> {
        let claims = self.holds.iter().flat_map(BTreeMap::values);
        let ahead = claims
            .filter(|claim| !self.forked.contains(&claim.actor))
            .filter_map(|claim| {
                let have = state.tip(claim.actor).seq;
                (claim.seq > have).then_some(SeqRange {
                    actor: claim.actor,
                    from: have + 1,
                    to: claim.seq,
                })
            });
        ahead.take(WANT_RANGES_MAX).collect()
    }

    /// What `state` holds beyond the peer, without the actors on whose chains we differ.
    pub(super) fn lacked(&self, state: &RoomState) -> Vec<SeqRange> {
        let held = |actor| {
            let claim = self.holds.as_ref().and_then(|holds| holds.get(&actor));
            claim.map_or(0, |claim| claim.seq)
        };
        let beyond = state
            .tips()
            .filter(|(actor, tip)| !self.forked.contains(actor) && tip.seq > held(*actor))
            .map(|(actor, tip)| SeqRange {
                actor,
                from: held(actor) + 1,
                to: tip.seq,
            });
        beyond.take(WANT_RANGES_MAX).collect()
    }

    /// How much of what the peer holds is missing from `state`, actors on whose chains we differ left out.
    pub(super) fn behind(&self, state: &RoomState) -> Missing {
        let claims = self.holds.iter().flat_map(BTreeMap::values);
        let shared = claims.filter(|claim| !self.forked.contains(&claim.actor));
        shared.fold(Missing::default(), |missing, claim| {
            let tip = state.tip(claim.actor);
            Missing {
                messages: missing.messages + claim.messages.saturating_sub(tip.messages),
                changes: missing.changes + claim.seq.saturating_sub(tip.seq),
            }
        })
    }

    /// Whether the change is the next one that the peer lacks, as far as we know.
    pub(super) fn next_is(&self, actor: ActorId, seq: u64) -> bool {
        let held = self
            .holds
            .as_ref()
            .and_then(|holds| holds.get(&actor))
            .map_or(0, |claim| claim.seq);
        let pushed = self.pushed.get(&actor).copied().unwrap_or(0);
        held.max(pushed) + 1 == seq && !self.forked.contains(&actor)
    }
}

fn slots_of(role: Role, ours: u16, theirs: u16) -> Slots {
    let (dialler, listener) = match role {
        Role::Dialler => (ours, theirs),
        Role::Listener => (theirs, ours),
    };
    Slots { dialler, listener }
}

pub(super) fn vector(state: &RoomState) -> Vec<Claim> {
    state.tips().map(|(actor, tip)| Claim::of(actor, &tip)).collect()
}

/// An actor writes less than that, so whoever claims more lies, and sums need not fear it.
pub(super) fn is_possible(claim: &Claim) -> bool {
    claim.seq.max(claim.entries).max(claim.messages) <= ACTOR_ENTRIES_MAX
}

/// Keeps the further claim of each actor, of at most so many; gives the actors of whom that was news.
pub(super) fn raise(
    holds: &mut BTreeMap<ActorId, Claim>,
    claims: &[Claim],
    actors_max: usize,
) -> Vec<ActorId> {
    let mut news = Vec::new();
    for claim in claims {
        let known = holds.get(&claim.actor).map_or(0, |known| known.seq);
        if is_possible(claim) && claim.seq > known && (known > 0 || holds.len() < actors_max) {
            holds.insert(claim.actor, *claim);
            news.push(claim.actor);
        }
    }
    news
}
