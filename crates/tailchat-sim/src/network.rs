//! The links between the peers: connections whose frames arrive late but in order, or not at all. Knows no
//! frame's content and draws no lots.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tailchat_core::engine::ConnId;
use tailchat_core::handshake::Role;

/// A peer, by its number.
pub(crate) type PeerNo = usize;

/// What is under way to one end of a connection.
pub(crate) enum Parcel {
    Frame(Vec<u8>),
    /// The other end is gone.
    End,
}

/// One end of a connection.
pub(crate) struct End {
    pub(crate) peer: PeerNo,
    /// Which life of the peer: a restarted one has nothing to do with it.
    pub(crate) life: u64,
    /// Whether the process has the connection.
    pub(crate) open: bool,
    /// Whether it lets long frames in.
    pub(crate) trusted: bool,
    /// Frames that arrived.
    pub(crate) received: u64,
    /// Frames that it sent, without those that pass on what other disks hold.
    pub(crate) sent: u64,
    /// What is under way to it.
    pub(crate) inbox: VecDeque<Parcel>,
    /// When the last of that arrives.
    pub(crate) last_us: u64,
    /// Nothing arrives any more, and nobody says so.
    pub(crate) dead: bool,
}

/// All links.
#[derive(Default)]
pub(crate) struct Network {
    pub(crate) ends: BTreeMap<ConnId, End>,
    /// Whose packets do not reach whom.
    pub(crate) blocked: BTreeSet<(PeerNo, PeerNo)>,
    next: u64,
}

/// The other end of the same connection.
pub(crate) fn other(id: ConnId) -> ConnId {
    ConnId(id.0 ^ 1)
}

/// Which end it is.
pub(crate) fn role(id: ConnId) -> Role {
    if id.0.is_multiple_of(2) {
        Role::Dialler
    } else {
        Role::Listener
    }
}

impl Network {
    /// A new connection; gives the dialler's end.
    pub(crate) fn connect(&mut self, dialler: (PeerNo, u64), listener: (PeerNo, u64)) -> ConnId {
        let id = ConnId(self.next);
        self.next += 2;
        for (id, (peer, life)) in [(id, dialler), (other(id), listener)] {
            let end = End {
                peer,
                life,
                open: true,
                trusted: false,
                received: 0,
                sent: 0,
                inbox: VecDeque::new(),
                last_us: 0,
                dead: false,
            };
            self.ends.insert(id, end);
        }
        id
    }

    pub(crate) fn is_blocked(&self, from: PeerNo, to: PeerNo) -> bool {
        self.blocked.contains(&(from, to))
    }

    /// Whether both ends of the connection have it.
    pub(crate) fn stands(&self, id: ConnId) -> bool {
        let open = |id| self.ends.get(&id).is_some_and(|end| end.open && !end.dead);
        open(id) && open(other(id))
    }

    /// Puts a parcel on its way to an end; tells when it arrives, if it can.
    pub(crate) fn post(&mut self, to: ConnId, parcel: Parcel, at_us: u64) -> Option<u64> {
        let end = self.ends.get_mut(&to).filter(|end| !end.dead)?;
        end.last_us = end.last_us.max(at_us);
        end.inbox.push_back(parcel);
        Some(end.last_us)
    }

    /// The open ends of a peer.
    pub(crate) fn ends_of(&self, peer: PeerNo) -> Vec<ConnId> {
        let ends = self.ends.iter();
        ends.filter(|(_, end)| end.open && end.peer == peer)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Forgets a connection that neither end has.
    pub(crate) fn sweep(&mut self, id: ConnId) {
        let gone = |id| self.ends.get(&id).is_none_or(|end| !end.open);
        if gone(id) && gone(other(id)) {
            self.ends.remove(&id);
            self.ends.remove(&other(id));
        }
    }
}
