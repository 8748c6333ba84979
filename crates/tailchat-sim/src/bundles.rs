//! Bundles that are carried from one peer to another, whether these can reach each other or not: made of what a disk
//! holds, cut off on the way, merged late and twice. Knows no connections.

use tailchat_core::block::{Block, SeqRange};
use tailchat_core::bundle::{Binder, Cutter, Head, Part, Piece, strike};
use tailchat_core::engine::{Event, Merged, Ticket};
use tailchat_core::ids::RoomId;
use tailchat_core::wire::Claim;

use crate::history::answer;
use crate::network::PeerNo;
use crate::world::{Checked, Due, World};

impl World {
    /// Makes a bundle of a room, and sends it on its way.
    pub(crate) fn carry(&mut self, no: PeerNo) -> Checked {
        let rooms = self.open_rooms(no);
        let peers: Vec<PeerNo> = (0..self.peers.len()).collect();
        let (Some(room), Some(to)) = (self.dice.pick(&rooms), self.dice.pick(&peers)) else {
            return Ok(());
        };
        let wanted = self.wanted_by(no, to, room);
        let Some(mut bytes) = self.bundle(no, room, wanted)? else {
            return Ok(());
        };
        if self.dice.one_in(4) {
            let cut = self.dice.below(bytes.len() as u64);
            bytes.truncate(usize::try_from(cut).unwrap_or(0));
        }
        let times = 1 + u64::from(self.dice.one_in(4));
        self.note(
            no,
            "bundles",
            bytes.len() as u64,
            format_args!("for peer {to}, {times} times"),
        );
        for _ in 0..times {
            let delay = 1 << self.dice.between(10, 25);
            let bytes = bytes.clone();
            self.schedule(
                delay,
                Due::Carried {
                    peer: to,
                    room,
                    bytes,
                },
            );
        }
        Ok(())
    }

    /// All of a room, what another peer's disk lacks of it, or of each actor an end.
    fn wanted_by(&mut self, no: PeerNo, to: PeerNo, room: RoomId) -> Vec<SeqRange> {
        let running = self.peer(no).running.as_ref();
        let status = running.and_then(|running| running.engine.room_status(room));
        let tips: Vec<_> = status.iter().flat_map(|status| status.durable.tips()).collect();
        let shelf = self.peer(to).shelves.get(&room);
        let held = shelf.map(|shelf| shelf.disk.state.clone()).unwrap_or_default();
        let way = self.dice.below(3);
        let wanted = tips.into_iter().map(|(actor, tip)| {
            let from = match way {
                0 => 1,
                1 => held.tip(actor).seq + 1,
                _ => self.dice.between(1, tip.seq + 1),
            };
            SeqRange {
                actor,
                from,
                to: tip.seq,
            }
        });
        wanted.filter(|range| range.from <= range.to).collect()
    }

    /// A bundle's bytes; none if the disk does not give them today.
    fn bundle(&mut self, no: PeerNo, room: RoomId, mut wanted: Vec<SeqRange>) -> Checked<Option<Vec<u8>>> {
        let nonce = self.dice.bytes();
        let peer = self.peer(no);
        let (device, ails) = (peer.identity.device, peer.disk_ails);
        let Some(running) = &peer.running else {
            return Ok(None);
        };
        let (Some(open), Some(status)) = (running.rooms.get(&room), running.engine.room_status(room)) else {
            return Ok(None);
        };
        let head = Head::new(room, nonce, device);
        let mut binder = Binder::new(&head, room);
        let claims = status.durable.tips().map(|(actor, tip)| Claim::of(actor, &tip));
        let mut bytes = head.encode();
        bytes.extend(binder.piece(&Piece::Vector(claims.collect())));
        while !wanted.is_empty() {
            let block = match answer(&open.log, &wanted) {
                Ok(block) => block,
                Err(_) if ails => return Ok(None),
                Err(error) => return Err(format!("peer {no} cannot bundle: {error}")),
            };
            let spans = Block::spans_of(&block).unwrap_or_default();
            if strike(&mut wanted, &spans) == 0 {
                return Err(format!(
                    "peer {no} does not find what its bundle is to have: {wanted:?}"
                ));
            }
            bytes.extend(binder.piece(&Piece::Block(block)));
        }
        bytes.extend(binder.end());
        Ok(Some(bytes))
    }

    /// A bundle has arrived.
    pub(crate) fn merge(&mut self, no: PeerNo, room: RoomId, bytes: &[u8]) -> Checked {
        if self.peer(no).room(room).is_none() {
            return Ok(());
        }
        self.counts.bundles += 1;
        let mut cutter = Cutter::default();
        cutter.push(bytes);
        let mut head: Option<Head> = None;
        while let Some(part) = cutter
            .cut()
            .map_err(|error| format!("a bundle is broken: {error}"))?
        {
            let sealed = match part {
                Part::Head(next) => {
                    head = Some(next);
                    continue;
                }
                Part::Piece(sealed) => sealed,
            };
            let Some(head) = head.filter(|head| head.is_for(room)) else {
                return Err("a bundle is for another room".into());
            };
            let piece = head
                .open(room, &sealed)
                .map_err(|error| format!("a bundle is broken: {error}"))?;
            let (device, ticket) = (head.device(), Ticket(self.next_ticket));
            self.next_ticket += 1;
            match piece {
                None => {}
                Some(Piece::Vector(claims)) => {
                    self.tell(no, Event::VectorBrought { room, device, claims })?;
                }
                Some(Piece::Block(block)) => {
                    let spans = Block::spans_of(&block).unwrap_or_default();
                    self.merging.insert(ticket, (room, spans));
                    self.tell(
                        no,
                        Event::BlockBrought {
                            room,
                            ticket,
                            via: device,
                            block,
                        },
                    )?;
                }
            }
        }
        Ok(())
    }

    /// What was brought is told to be durable: what was not left out has to be.
    pub(crate) fn merged(&mut self, no: PeerNo, ticket: Ticket, merged: &Merged) -> Checked {
        let Some((room, spans)) = self.merging.remove(&ticket) else {
            return Err("tells of a merge twice".into());
        };
        self.counts.brought += merged.added;
        let Some(shelf) = self.peer(no).shelves.get(&room) else {
            return Err("tells of a merge into a room that it does not have".into());
        };
        let left_out = [&merged.missing, &merged.forked, &merged.refused];
        let taken = spans
            .iter()
            .filter(|span| !left_out.iter().any(|actors| actors.contains(&span.actor)));
        for span in taken {
            if shelf.disk.state.tip(span.actor).seq < span.last_seq {
                return Err(format!(
                    "tells that {} is here up to {}, and it is not durable",
                    span.actor, span.last_seq
                ));
            }
        }
        Ok(())
    }
}
