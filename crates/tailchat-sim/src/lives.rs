//! How processes and machines begin and end, and how a data folder comes to be in two places. Knows nothing of
//! what peers say.

use tailchat_core::engine::{Event, Ticket};

use crate::dice::Dice;
use crate::happenings::PEERS_MAX;
use crate::network::{PeerNo, other};
use crate::peer::Peer;
use crate::world::{Checked, Due, World};

impl World {
    /// A process starts; one that still runs is ended for it.
    pub(crate) fn start(&mut self, no: PeerNo) -> Checked {
        if self.peer(no).running.is_some() {
            self.crash(no, false);
        }
        let peer = self.peer(no);
        peer.start();
        let (life, port) = (peer.life, peer.port);
        let rooms: Vec<_> = peer
            .shelves
            .iter()
            .filter(|(_, shelf)| shelf.wanted)
            .map(|(room, _)| *room)
            .collect();
        let addrs = peer.addrs.clone();
        self.note(no, "starts", life, format_args!("for the {life}. time"));
        self.schedule(0, Due::Tick { peer: no, life });
        self.tell(no, Event::Listening { port })?;
        for room in rooms {
            self.open(no, room)?;
        }
        self.peer(no).marker.clear();
        let addrs = addrs.into_values().collect();
        self.tell(no, Event::AddressesRemembered { addrs })
    }

    pub(crate) fn start_later(&mut self, no: PeerNo) {
        let delay = 1 << self.dice.between(10, 24);
        self.schedule(delay, Due::Start { peer: no });
    }

    /// The program ends as it should: what waits for the disk is written, peers are told, a marker is left.
    pub(crate) fn stop(&mut self, no: PeerNo) -> Checked {
        let rooms = self.open_rooms(no);
        for room in &rooms {
            while let Some((batch, done)) = self.write(no, *room)? {
                let room = *room;
                match done {
                    Ok(()) => self.tell(no, Event::Appended { room, batch })?,
                    Err(why) => self.tell(no, Event::AppendFailed { room, batch, why })?,
                }
            }
        }
        self.tell(no, Event::Stopping)?;
        let peer = self.peer(no);
        peer.marker.clear();
        let Some(running) = peer.running.take() else {
            return Ok(());
        };
        for (room, open) in running.rooms {
            let status = running.engine.room_status(room);
            let actor = status.and_then(|status| Some((status.actor?, status.durable)));
            if let Some((actor, durable)) = actor.filter(|_| open.log.poisoned().is_none()) {
                peer.marker.insert(room, (actor, durable.tip(actor)));
                if let Some(shelf) = peer.shelves.get_mut(&room) {
                    shelf.last_actor = Some(actor);
                }
            }
        }
        for id in self.net.ends_of(no) {
            self.close(id);
        }
        self.note(no, "stops", 0, format_args!(""));
        Ok(())
    }

    /// A process ends without a word, or a machine. Its connections end with it, and the others hear of it if
    /// there is still somebody to say so.
    pub(crate) fn crash(&mut self, no: PeerNo, power: bool) {
        self.counts.crashes += 1;
        let mut dice = Dice::new(self.dice.seed());
        self.peer(no).crash(&mut dice, power);
        self.note(no, "crashes", u64::from(power), format_args!("(power: {power})"));
        for id in self.net.ends_of(no) {
            if let Some(theirs) = self.net.ends.get_mut(&other(id)) {
                let sent = theirs.inbox.len() as u64;
                theirs
                    .inbox
                    .truncate(usize::try_from(dice.below(sent + 1)).unwrap_or(0));
                // Without power nobody says goodbye; who sends something later hears that nobody is there.
            }
            if power {
                if let Some(end) = self.net.ends.get_mut(&id) {
                    end.open = false;
                    end.inbox.clear();
                }
            } else {
                self.close(id);
            }
        }
    }

    /// The folder is copied to another machine and started there too.
    pub(crate) fn copy(&mut self, no: PeerNo) {
        let to = self.peers.len();
        if to >= PEERS_MAX {
            return;
        }
        self.counts.copies += 1;
        let seed = self.dice.seed();
        let mut copy = self.peer(no).copy(to, seed);
        copy.marker.clear();
        self.peers.push(copy);
        let addr = self.peer(no).addr();
        self.peer(to).knows(addr);
        let engine = self.peer(no).running.as_ref();
        let writers: Vec<_> = engine
            .into_iter()
            .flat_map(|running| {
                let rooms = running.rooms.keys();
                rooms.filter_map(|room| Some((*room, running.engine.room_status(*room)?.actor)))
            })
            .collect();
        for (room, actor) in writers {
            if let Some(shelf) = self.peer(to).shelves.get_mut(&room) {
                shelf.last_actor = actor.or(shelf.last_actor);
            }
        }
        self.start_later(to);
    }

    /// The image of a stopped machine is started in two places: both go on with the same actor.
    pub(crate) fn twin(&mut self, no: PeerNo) -> Checked {
        let to = self.peers.len();
        if to >= PEERS_MAX || !self.forked.is_empty() {
            return Ok(());
        }
        self.stop(no)?;
        self.counts.copies += 1;
        let seed = self.dice.seed();
        let copy = self.peer(no).copy(to, seed);
        let actors: Vec<_> = copy.marker.values().map(|(actor, _)| *actor).collect();
        self.forked.extend(actors);
        self.peers.push(copy);
        let addr = self.peer(no).addr();
        self.peer(to).knows(addr);
        self.start_later(no);
        self.start_later(to);
        Ok(())
    }

    /// The first time an image is made of the stopped machine, the second time it is put back.
    pub(crate) fn roll_back(&mut self, no: PeerNo) -> Checked {
        let forked = !self.forked.is_empty();
        match self.images.remove(&no).filter(|_| !forked) {
            None => {
                self.stop(no)?;
                let seed = self.dice.seed();
                let image = self.peer(no).copy(no, seed);
                self.images.insert(no, (image, Ticket(self.next_ticket)));
            }
            Some((image, next)) => {
                self.crash(no, true);
                self.put_back = true;
                self.counts.copies += 1;
                let actors: Vec<_> = image.marker.values().map(|(actor, _)| *actor).collect();
                self.forked.extend(actors);
                // What was accepted since is gone unless somebody else has it.
                self.accepted.retain(|post| post.peer != no || post.ticket < next);
                let life = self.peer(no).life;
                *self.peer(no) = Peer { life, ..image };
            }
        }
        self.start_later(no);
        Ok(())
    }
}
