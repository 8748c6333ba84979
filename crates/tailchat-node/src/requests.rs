//! What clients ask for, and the answers: at once where the room is in memory, later where a disk, a post or a
//! peer must be waited for. Owns no state but the sessions.

use std::collections::VecDeque;
use std::time::Duration;

use tailchat_core::engine::{Event, PeerState};
use tailchat_core::ids::RoomId;
use tailchat_index::From;

use crate::answers::View;
use crate::control::{Answer, CONTROL_VERSION, Code, Failure, Item, NodeItem, Request, RoomItem, StatusItem};
use crate::following::{FOLLOW_MAX, Following};
use crate::invite::{self};
use crate::node::Node;
use crate::session::{
    AfterDisk, AfterIndex, AfterPost, Ask, Deadline, Lines, PAGE_LEN, Page, Pending, Session, SessionId,
};

impl Node {
    pub(crate) fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Start {
                session,
                request,
                page,
            } => {
                self.tickets.retain(|_, waiting| *waiting != session);
                let state = Pending::Disk(AfterDisk::Answer);
                self.sessions.insert(
                    session,
                    Session {
                        state,
                        page: Some(page),
                    },
                );
                let state = self.begin_or_wait(session, request);
                self.begun(session, state);
                self.settle(session);
            }
            Ask::More { session, page } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.page = Some(page);
                }
            }
            Ask::End { session } => {
                self.tickets.retain(|_, waiting| *waiting != session);
                self.sessions.remove(&session);
            }
        }
    }

    /// Begins, unless rooms are being read that the request may mean.
    pub(crate) fn begin_or_wait(&mut self, session: SessionId, request: Request) -> Pending {
        if !self.moving.is_empty() && !self.is_clear(&request) {
            return Pending::Opening(Box::new(request));
        }
        self.begin(session, request).unwrap_or_else(Pending::from)
    }

    /// Rooms were opened or left: requests that may have waited for them begin.
    pub(crate) fn begin_waiting(&mut self) {
        let waiting = self
            .sessions
            .iter()
            .filter(|(_, session)| matches!(session.state, Pending::Opening(_)));
        let ids: Vec<_> = waiting.map(|(id, _)| *id).collect();
        for id in ids {
            let Some(session) = self.sessions.get_mut(&id) else {
                continue;
            };
            let state = std::mem::replace(&mut session.state, Pending::Disk(AfterDisk::Answer));
            let state = match state {
                Pending::Opening(request) => self.begin_or_wait(id, *request),
                other => other,
            };
            self.begun(id, state);
        }
    }

    fn begin(&mut self, session: SessionId, request: Request) -> Result<Pending, Failure> {
        match request {
            Request::New { name } => self.new_room(session, name),
            Request::Join { room, peers, wait } => self.join(session, &room, peers, wait),
            Request::Leave { room, forget } => self.leave(session, &room, forget),
            Request::Send {
                room,
                texts,
                action,
                reply_to,
                on,
                wait,
            } => {
                let now = self.now().uptime;
                let deadline = Deadline::of(wait, now).unwrap_or(Deadline(Some(now)));
                if let Some(reply_to) = reply_to {
                    let after = |room, reply_to| AfterIndex::Reply {
                        room,
                        texts,
                        action,
                        reply_to,
                        on,
                        deadline,
                    };
                    return self.look_for_message(session, &room, reply_to, after);
                }
                let id = self.resolve(&room)?;
                let drafts = Self::text_drafts(texts, action, None)?;
                self.post(session, id, drafts, AfterPost::Sent { on, deadline })
            }
            Request::Amend { room, message, what } => {
                let after = |room, message| AfterIndex::Amend { room, message, what };
                self.look_for_message(session, &room, message, after)
            }
            Request::Versions { room, message } => {
                let after = |room, message| AfterIndex::Versions { room, message };
                self.look_for_message(session, &room, message, after)
            }
            Request::Show { room, message } => {
                let after = |room, message| AfterIndex::Show { room, message };
                self.look_for_message(session, &room, message, after)
            }
            Request::Answers { room, message, after } => self.answers_to(session, &room, message, after),
            Request::Import { room, messages } => self.import(&room, messages),
            Request::Check { room, repair } => {
                let rooms = self.resolve_all(room.as_deref())?;
                Ok(self.check_next(session, rooms, repair, VecDeque::new()))
            }
            Request::Export { room, format } => self.export(session, &room, format),
            Request::Bundle { room, what } => self.bundle(session, &room, what),
            Request::Merge(merge) => self.merge(&merge),
            Request::Page {
                room,
                at,
                before,
                after,
            } => self.page_around(session, &room, at, (before, after)),
            Request::Search(search) => self.search(session, search),
            Request::Read { room, what } => self.read(session, &room, &what),
            Request::Pins { room } => self.pins(session, &room),
            setting => self.set_up(session, setting),
        }
    }

    /// What is set: of rooms, of ourselves, of addresses.
    fn set_up(&mut self, session: SessionId, request: Request) -> Result<Pending, Failure> {
        match request {
            Request::Describe { room, what } => self.describe(session, &room, what),
            Request::Alias { room, name } => self.alias(session, &room, &name),
            Request::Ignore { room, member, on } => self.ignore(session, &room, &member, on),
            Request::Mute { room, on } => self.mute(session, &room, on),
            Request::SetDraft { room, text } => self.set_draft(session, &room, text),
            Request::Link => self.link(session),
            Request::TakeLink { code } => self.take_link(session, &code),
            Request::Name { name } => self.rename(session, &name),
            Request::AddPeer { addr } => {
                let addr = invite::with_port(&addr)?;
                self.feed(Event::AddressAdded { addr });
                Ok(Pending::items([]))
            }
            Request::Typing { room } => {
                let room = self.resolve(&room)?;
                self.feed(Event::Typed { room });
                Ok(Pending::items([]))
            }
            Request::ForgetPeer { addr } => self.forget_peer(&addr),
            question => self.look_up(question),
        }
    }

    /// What can be answered from memory.
    fn look_up(&mut self, request: Request) -> Result<Pending, Failure> {
        match request {
            Request::Members { room } => {
                let id = self.resolve(&room)?;
                Ok(Pending::items(
                    self.view(id)
                        .iter()
                        .flat_map(View::member_items)
                        .map(Item::Member),
                ))
            }
            Request::Log(log) => {
                let room = self.resolve(&log.room)?;
                let last = log.last;
                let from = last.map_or(From::Start, From::Newest);
                let newest = last.map_or(usize::MAX, |last| usize::try_from(last).unwrap_or(usize::MAX));
                if log.known_ms.is_some() && (log.unread || log.follow || log.preview) {
                    let why = "the past does not go on, and what is unread is unread now";
                    return Err(Failure::new(Code::Usage, why));
                }
                Ok(Pending::Lines(Lines {
                    known_ms: log.known_ms,
                    since_ms: log.since_ms,
                    until_ms: log.until_ms,
                    unread: log.unread,
                    follow: log.follow.then(|| Following::new(FOLLOW_MAX)),
                    preview: if log.preview { newest } else { 0 },
                    ..Lines::all(room, from)
                }))
            }
            Request::Peers => Ok(self.peers()),
            Request::Status { room, wait } => {
                let rooms = self.resolve_all(room.as_deref())?;
                let deadline =
                    Deadline::of(wait, self.now().uptime).unwrap_or(Deadline(Some(Duration::ZERO)));
                Ok(Pending::Equal { rooms, deadline })
            }
            Request::Rooms => {
                let rooms: Vec<_> = self.rooms.keys().copied().collect();
                // The index answers in order.
                let counts = rooms.into_iter().filter_map(|room| self.count(room));
                Ok(Pending::Rooms(counts.max()))
            }
            Request::Room { room } => {
                let room = self.resolve(&room)?;
                Ok(Pending::items([Item::Room(self.room_item(room))]))
            }
            Request::Watch => Ok(self.watch()),
            Request::Doctor => Ok(self.doctor()),
            Request::Draft { room } => self.draft(&room),
            Request::Disks { room, messages } => self.disks_of(&room, &messages),
            _ => Ok(Pending::items([Item::Node(self.hello())])),
        }
    }

    fn hello(&self) -> NodeItem {
        NodeItem {
            version: env!("CARGO_PKG_VERSION").into(),
            control: CONTROL_VERSION,
            name: self.engine.identity().name.clone(),
            listening: self.listening.iter().map(ToString::to_string).collect(),
            serving: self.serving,
            closed: self.closed.values().cloned().collect(),
            warnings: self.warnings.clone(),
            reachable: match self.listening.is_empty() {
                true => Vec::new(),
                false => invite::all_addresses(&self.listening),
            },
            dialled_by: self.dialled_by.clone(),
        }
    }

    pub(crate) fn view(&self, id: RoomId) -> Option<View<'_>> {
        self.rooms.get(&id).map(|room| View::new(id, room, &self.engine))
    }

    pub(crate) fn room_item(&self, id: RoomId) -> RoomItem {
        let peers = invite::addresses(&self.listening);
        let item = self.view(id).map(|view| view.room(&peers));
        item.unwrap_or_else(|| unreachable_room(id))
    }

    /// Ends a request that a disk has carried out, or not.
    pub(crate) fn finish(&mut self, id: SessionId, result: Result<(), String>) {
        match result {
            Ok(()) => self.put(id, Pending::items([])),
            Err(why) => self.fail(id, Code::Failed, why),
        }
    }

    pub(crate) fn fail(&mut self, id: SessionId, code: Code, why: impl Into<String>) {
        self.put(id, Pending::failed(code, why));
    }

    /// A request goes on in this state, unless the disk that it waits for has refused it at once.
    fn begun(&mut self, id: SessionId, state: Pending) {
        if let Some(session) = self.sessions.get_mut(&id) {
            let answered = matches!(session.state, Pending::Ready(_));
            if !(answered && matches!(state, Pending::Disk(_))) {
                session.state = state;
            }
        }
    }

    pub(crate) fn put(&mut self, id: SessionId, state: Pending) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.state = state;
        }
    }

    /// Gives every waiting client what there is for it now.
    pub(crate) fn serve_sessions(&mut self) {
        self.merge_waiting();
        let waiting: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.page.is_some())
            .map(|(id, _)| *id)
            .collect();
        waiting.into_iter().for_each(|id| self.settle(id));
    }

    fn settle(&mut self, id: SessionId) {
        let Some(mut session) = self.sessions.remove(&id) else {
            return;
        };
        let page = self.page(id, &mut session.state);
        let sent_last = session.page.is_some() && session.turn(page);
        if !sent_last {
            self.sessions.insert(id, session);
        }
    }

    fn page(&mut self, id: SessionId, state: &mut Pending) -> Page {
        match state {
            Pending::Ready(answers) => {
                let long = |answer: &Answer| matches!(answer, Answer::Item(Item::Bytes(_)));
                let len = if answers.front().is_some_and(long) {
                    8
                } else {
                    PAGE_LEN
                };
                answers.drain(..len.min(answers.len())).collect()
            }
            Pending::Lines(lines) => self.lines_page(id, lines),
            Pending::Watch(watching) => self.watch_page(watching),
            Pending::Rooms(counted) if counted.is_some_and(|asked| asked > self.last_counted) => Vec::new(),
            Pending::Rooms(_) => {
                let rooms = self.rooms.keys();
                let items: Vec<_> = rooms.map(|id| Item::Room(self.room_item(*id))).collect();
                *state = Pending::items(items);
                self.page(id, state)
            }
            Pending::Bundle(bundling) => self.bundle_page(id, bundling),
            Pending::Disk(_)
            | Pending::Index(..)
            | Pending::Opening(_)
            | Pending::Brought(_)
            | Pending::Merging(_) => Vec::new(),
            Pending::Turn(room, messages) => {
                if !self.is_importing(*room) {
                    *state = self.import_next(id, *room, std::mem::take(messages));
                }
                Vec::new()
            }
            Pending::Post(post) => match self.after_post(id, post) {
                Some(next) => {
                    *state = next;
                    self.page(id, state)
                }
                None => Vec::new(),
            },
            Pending::Join { room, deadline, said } => self.join_page(*room, *deadline, said),
            Pending::Equal { rooms, deadline } => self.status_page(rooms, *deadline),
        }
    }

    /// Whether a peer is connected that has the room, and none has what is missing here.
    pub(crate) fn has_caught_up(&self, room: RoomId) -> bool {
        let has_all = |state| matches!(state, PeerState::Equal | PeerState::Ahead | PeerState::Apart);
        self.engine.room_status(room).is_some_and(|status| {
            status.peers.iter().any(|peer| has_all(peer.state))
                && status.peers.iter().all(|peer| peer.behind == 0)
        })
    }

    fn join_page(&self, room: RoomId, deadline: Deadline, said: &mut Option<RoomItem>) -> Page {
        if !self.rooms.contains_key(&room) {
            return if self.is_gone(room) {
                vec![Answer::Failed(left())]
            } else {
                Page::new()
            };
        }
        let item = self.room_item(room);
        if self.has_caught_up(room) {
            return vec![Answer::Item(Item::Room(item)), Answer::Done];
        }
        if deadline.is_past(self.now().uptime) {
            let why = "time is up and nobody who has the room was met; the join stands, `tailchat serve` goes on waiting";
            return vec![Answer::Failed(Failure::new(Code::TimeUp, why))];
        }
        if said.as_ref() == Some(&item) {
            return Vec::new();
        }
        *said = Some(item.clone());
        vec![Answer::Item(Item::Room(item))]
    }

    fn status_page(&self, rooms: &[RoomId], deadline: Deadline) -> Page {
        if !rooms.is_empty() && rooms.iter().all(|room| self.is_gone(*room)) {
            return vec![Answer::Failed(left())];
        }
        let statuses: Vec<_> = rooms.iter().filter_map(|id| self.view(*id)?.status()).collect();
        let gone = rooms.iter().filter(|room| self.is_gone(**room)).count();
        let equal = statuses.len() + gone == rooms.len() && statuses.iter().all(StatusItem::is_equal);
        if !equal && !deadline.is_past(self.now().uptime) {
            return Vec::new();
        }
        let mut page: Page = statuses
            .into_iter()
            .map(|status| Answer::Item(Item::Status(status)))
            .collect();
        // A status that nobody waited for is told as it is; whoever waited is told that time is up.
        let waited = deadline.0.is_some_and(|at| at > Duration::ZERO);
        page.push(if equal || !waited {
            Answer::Done
        } else {
            let why = "time is up and not every room is equal with every connected peer";
            Answer::Failed(Failure::new(Code::TimeUp, why))
        });
        page
    }
}

pub(crate) fn no_message(text: &str) -> Failure {
    let why = format!("no message \"{text}\" in the room; `tailchat log --json` prints IDs");
    Failure::new(Code::NotFound, why)
}

pub(crate) fn left() -> Failure {
    Failure::new(Code::NotFound, "the room was left")
}

pub(crate) fn busy() -> Failure {
    Failure::new(Code::Failed, "the data folder is busy; try again in a moment")
}

/// A room that was closed while its item was asked for.
fn unreachable_room(id: RoomId) -> RoomItem {
    RoomItem {
        room: id.to_string(),
        ..RoomItem::default()
    }
}
