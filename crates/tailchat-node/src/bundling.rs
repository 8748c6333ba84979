//! Bundles, from a room to a program and back: which changes go into one, piece after piece, and what a piece brings.
//! Holds one piece at a time, whatever the room's length; the file is the program's. Owns no state but the sessions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tailchat_core::block::{Block, SeqRange};
use tailchat_core::bundle::{Binder, Head, Piece, Sealed, strike};
use tailchat_core::engine::{Event, Merged, Ticket};
use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_core::wire::Claim;
use tokio::sync::mpsc::error::TrySendError;

use crate::answers::room_name;
use crate::control::{Answer, Bundled, Code, Failure, Item, MergeRequest, MergedItem, hex};
use crate::node::{Node, random};
use crate::reading::file_items;
use crate::requests::{busy, left};
use crate::room::Job;
use crate::session::{AfterDisk, Page, Pending, SessionId};

/// Items of a bundle's bytes in one page.
const PAGE_ITEMS: usize = 8;

/// A question to the disk for the next of a bundle, no two of them alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BundleAsk(pub(crate) u64);

/// A bundle that is being written.
pub(crate) struct Bundling {
    room: RoomId,
    binder: Option<Binder>,
    /// What is still to come.
    wanted: Vec<SeqRange>,
    /// The question to the disk for more of it.
    asked: Option<BundleAsk>,
    ready: VecDeque<Answer>,
    messages: u64,
    changes: u64,
    member: Option<String>,
    unheard: bool,
}

/// A block that a bundle brought.
pub(crate) struct Brought {
    room: RoomId,
    via: DeviceId,
    block: Vec<u8>,
}

/// A member whom a bundle is for, and how far all of their disks hold each actor's changes.
struct Reader {
    name: String,
    /// None if nothing was heard of one of them.
    holds: Option<BTreeMap<ActorId, u64>>,
}

impl Node {
    pub(crate) fn bundle(
        &mut self,
        session: SessionId,
        room: &str,
        what: Bundled,
    ) -> Result<Pending, Failure> {
        let id = self.resolve(room)?;
        match what {
            Bundled::All => Ok(self.bundle_of(id, |_| 1, None)),
            Bundled::Since(since_ms) => {
                let jobs = self.rooms.get(&id).map(|open| &open.jobs);
                let asked = jobs.map(|jobs| jobs.try_send(Job::Begins { session, since_ms }));
                match asked {
                    Some(Ok(())) => Ok(Pending::Disk(AfterDisk::Begins { room: id, since_ms })),
                    _ => Err(busy()),
                }
            }
            Bundled::For(name) => {
                let reader = self.reader(id, &name)?;
                let holds = reader.holds.clone().unwrap_or_default();
                let from = |actor| holds.get(&actor).map_or(1, |seq| seq.saturating_add(1));
                Ok(self.bundle_of(id, from, Some(reader)))
            }
        }
    }

    /// The disk has found where what is to be bundled begins.
    pub(crate) fn bundle_from(
        &mut self,
        session: SessionId,
        (of, since): (RoomId, i64),
        begins: Result<BTreeMap<ActorId, u64>, String>,
    ) {
        let state = self.sessions.get(&session).map(|session| &session.state);
        let Some(Pending::Disk(AfterDisk::Begins { room, since_ms })) = state else {
            return;
        };
        if (*room, *since_ms) != (of, since) {
            return;
        }
        let state = match begins {
            Ok(begins) => self.bundle_of(of, |actor| begins.get(&actor).copied().unwrap_or(u64::MAX), None),
            Err(why) => Pending::failed(Code::Damaged, why),
        };
        self.put(session, state);
    }

    /// Begins a bundle of each actor's changes from this one on.
    fn bundle_of(&self, room: RoomId, from: impl Fn(ActorId) -> u64, reader: Option<Reader>) -> Pending {
        let Some(status) = self.engine.room_status(room) else {
            return Pending::from(left());
        };
        let tips: Vec<_> = status.durable.tips().collect();
        let wanted = tips.iter().map(|(actor, tip)| SeqRange {
            actor: *actor,
            from: from(*actor),
            to: tip.seq,
        });
        let head = Head::new(room, random(), self.engine.identity().device);
        let mut binder = Binder::new(&head, room);
        let vector = tips.iter().map(|(actor, tip)| Claim::of(*actor, tip));
        let vector = binder.piece(&Piece::Vector(vector.collect()));
        Pending::Bundle(Box::new(Bundling {
            room,
            binder: Some(binder),
            wanted: wanted.filter(|range| range.from <= range.to).collect(),
            asked: None,
            ready: file_answers(&[head.encode(), vector].concat()).collect(),
            messages: 0,
            changes: 0,
            unheard: reader.as_ref().is_some_and(|reader| reader.holds.is_none()),
            member: reader.map(|reader| reader.name),
        }))
    }

    /// What there is of a bundle; if nothing is, the disk is asked for more.
    pub(crate) fn bundle_page(&mut self, session: SessionId, bundling: &mut Bundling) -> Page {
        if bundling.ready.is_empty() && bundling.wanted.is_empty() {
            bundling.end();
        }
        if !bundling.ready.is_empty() || bundling.asked.is_some() {
            let len = PAGE_ITEMS.min(bundling.ready.len());
            return bundling.ready.drain(..len).collect();
        }
        let Some(open) = self.rooms.get(&bundling.room) else {
            let gone = self.is_gone(bundling.room);
            return gone.then(|| Answer::Failed(left())).into_iter().collect();
        };
        let ask = BundleAsk(self.next_ticket);
        self.next_ticket += 1;
        let wanted = bundling.wanted.clone();
        match open.jobs.try_send(Job::Bundle { session, ask, wanted }) {
            Ok(()) => bundling.asked = Some(ask),
            Err(TrySendError::Full(_)) => return vec![Answer::Failed(busy())],
            // The room is being closed.
            Err(TrySendError::Closed(_)) => {}
        }
        Page::new()
    }

    /// The disk gave the next block of a bundle.
    pub(crate) fn bundled(&mut self, id: SessionId, ask: BundleAsk, result: Result<Vec<u8>, String>) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let Pending::Bundle(bundling) = &mut session.state else {
            return;
        };
        // A request before this one may have asked, too.
        if bundling.asked.take_if(|asked| *asked == ask).is_none() {
            return;
        }
        let taken = result.and_then(|block| bundling.take(block));
        if let Err(why) = taken {
            self.fail(id, Code::Damaged, why);
        }
    }

    /// The member whom a bundle is for.
    fn reader(&self, room: RoomId, name: &str) -> Result<Reader, Failure> {
        let writer = self.member(room, name)?;
        let members = self.rooms.get(&room).map(|open| open.roster.members_ever());
        let members = members.into_iter().flatten();
        let (mut name, mut devices) = (name.to_owned(), BTreeSet::new());
        for member in members.filter(|member| member.writer == writer) {
            name = member.name;
            devices.extend(member.devices);
        }
        devices.remove(&self.engine.identity().device);
        if devices.is_empty() {
            let why = "that is you, here; say for whom else the bundle is, or leave --for out";
            return Err(Failure::new(Code::Usage, why));
        }
        let known = self.engine.known_disks(room);
        let known: BTreeMap<_, BTreeMap<_, _>> = known
            .map(|(device, claims)| (device, claims.map(|claim| (claim.actor, claim.seq)).collect()))
            .collect();
        let disks: Option<Vec<_>> = devices.iter().map(|device| known.get(device)).collect();
        let holds = disks.map(|disks| held_by_all(&disks));
        Ok(Reader { name, holds })
    }

    /// The open room that a bundle's section is for.
    pub(crate) fn room_of(&self, head: &Head) -> Option<RoomId> {
        self.rooms.keys().copied().find(|room| head.is_for(*room))
    }

    pub(crate) fn merge(&mut self, merge: &MergeRequest) -> Result<Pending, Failure> {
        let malformed = || Failure::new(Code::Usage, "this is no piece of a bundle");
        let head = head_of(&merge.head).ok_or_else(malformed)?;
        let code = hex::decode(&merge.code).and_then(|code| code.try_into().ok());
        let sealed = Sealed {
            number: merge.number,
            code: code.ok_or_else(malformed)?,
            body: hex::decode(&merge.body).ok_or_else(malformed)?,
        };
        let Some(room) = self.room_of(&head) else {
            return Err(self.not_joined());
        };
        let piece = head.open(room, &sealed);
        match piece.map_err(|err| Failure::new(Code::Failed, err.to_string()))? {
            None => {
                // With a peer there, the history may not be all here yet.
                let status = self.engine.room_status(room);
                if status.is_some_and(|status| status.peers.is_empty()) {
                    self.count_as_read(room);
                }
                let end = MergedItem {
                    end: true,
                    ..self.merged_item(room, &Merged::default())
                };
                Ok(Pending::items([Item::Merged(end)]))
            }
            Some(Piece::Vector(claims)) => {
                let device = head.device();
                self.feed(Event::VectorBrought { room, device, claims });
                self.keep_disks(room);
                let item = self.merged_item(room, &Merged::default());
                Ok(Pending::items([Item::Merged(item)]))
            }
            Some(Piece::Block(block)) => {
                let via = head.device();
                Ok(Pending::Brought(Brought { room, via, block }))
            }
        }
    }

    /// Hands the engine what was brought, where it has room for it.
    pub(crate) fn merge_waiting(&mut self) {
        let waiting = self.sessions.iter().filter_map(|(id, session)| {
            let Pending::Brought(brought) = &session.state else {
                return None;
            };
            Some((*id, brought.room))
        });
        let waiting: Vec<_> = waiting.collect();
        for (id, room) in waiting {
            let Some(session) = self
                .sessions
                .get_mut(&id)
                .filter(|_| !self.engine.is_crowded(room))
            else {
                continue;
            };
            let state = std::mem::replace(&mut session.state, Pending::Merging(room));
            let Pending::Brought(Brought { room, via, block }) = state else {
                continue;
            };
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            self.tickets.insert(ticket, id);
            self.feed(Event::BlockBrought {
                room,
                ticket,
                via,
                block,
            });
        }
    }

    /// What was new in what was brought is durable.
    pub(crate) fn merged(&mut self, ticket: Ticket, merged: Merged) {
        let Some(id) = self.tickets.remove(&ticket) else {
            return;
        };
        let state = self.sessions.get(&id).map(|session| &session.state);
        if let Some(Pending::Merging(room)) = state {
            let item = self.merged_item(*room, &merged);
            self.put(id, Pending::items([Item::Merged(item)]));
        }
    }

    fn merged_item(&self, room: RoomId, merged: &Merged) -> MergedItem {
        let open = self.rooms.get(&room);
        let actors = |actors: &[ActorId]| actors.iter().map(ToString::to_string).collect();
        MergedItem {
            room: room.to_string(),
            name: open.map_or_else(String::new, |open| room_name(room, open)),
            end: false,
            added: merged.added,
            known: merged.known,
            missing: actors(&merged.missing),
            forked: actors(&merged.forked),
            refused: actors(&merged.refused),
        }
    }

    /// No room that is open is the one of a bundle.
    fn not_joined(&self) -> Failure {
        if !self.closed.is_empty() {
            return self.no_room("that this bundle is for");
        }
        let why = "the bundle is for a room that is not here; ask whoever made it for the room's ID or an invite, \
                   take part with `tailchat join room1... --wait 0`, and merge it again";
        Failure::new(Code::NotFound, why)
    }
}

impl Bundling {
    /// Takes a block in, of which an asker at the same place would take as much.
    fn take(&mut self, block: Vec<u8>) -> Result<(), String> {
        let spans = Block::spans_of(&block).unwrap_or_default();
        let changes = strike(&mut self.wanted, &spans);
        if changes == 0 {
            let why = "the room's log does not give what it should hold; run `tailchat check`";
            return Err(why.into());
        }
        self.changes += changes;
        self.messages += spans.iter().map(|span| span.messages).sum::<u64>();
        if let Some(binder) = &mut self.binder {
            let bytes = binder.piece(&Piece::Block(block));
            self.ready.extend(file_answers(&bytes));
        }
        Ok(())
    }

    /// Ends the bundle, once.
    fn end(&mut self) {
        let Some(binder) = self.binder.take() else {
            return;
        };
        self.ready.extend(file_answers(&binder.end()));
        self.ready.push_back(Answer::Item(Item::Bundled {
            messages: self.messages,
            changes: self.changes,
            member: self.member.take(),
            unheard: self.unheard,
        }));
        self.ready.push_back(Answer::Done);
    }
}

fn file_answers(bytes: &[u8]) -> impl Iterator<Item = Answer> {
    file_items(bytes).map(Answer::Item)
}

/// A section's head, from a request.
pub(crate) fn head_of(text: &str) -> Option<Head> {
    Head::decode(&hex::decode(text)?).ok()
}

/// The last change of each actor that all of these disks hold.
fn held_by_all(disks: &[&BTreeMap<ActorId, u64>]) -> BTreeMap<ActorId, u64> {
    let Some((first, others)) = disks.split_first() else {
        return BTreeMap::new();
    };
    let least = |(actor, seq): (&ActorId, &u64)| {
        let others = others.iter().map(|disk| disk.get(actor).copied());
        let all: Option<Vec<_>> = others.chain([Some(*seq)]).collect();
        Some((*actor, all?.into_iter().min()?))
    };
    first.iter().filter_map(least).collect()
}
