//! What clients ask for, and the answers: at once where the room is in memory, later where a disk, a post or a
//! peer must be waited for. Owns no state but the sessions.

use std::collections::VecDeque;

use tailchat_core::engine::{Draft, Event, Ticket};
use tailchat_core::entry::{Body, Imported, Profile, Stamp, Text};
use tailchat_core::ids::{MessageId, RoomId};
use tailchat_core::limits::{NAME_LEN_MAX, ORDER_MAX, TEXT_LEN_MAX};
use tailchat_core::timeline::{Line, Place};

use crate::answers::{self, View, room_name};
use crate::control::{
    Answer, CheckItem, Code, ExportFormat, Failure, IMPORT_MAX, Import, Item, NodeItem, Request, Wait,
};
use crate::folder::RoomFacts;
use crate::invite::{self, Invite};
use crate::journal::Checked;
use crate::node::{Done, Node, OpenRoom, random};
use crate::room::Job;
use crate::session::{
    AfterDisk, AfterPost, Ask, Deadline, FOLLOW_MAX, Lines, PAGE_LEN, Page, Pending, Post, Session, SessionId,
};

/// Hexadecimal digits of a file in one item.
const BYTES_ITEM_LEN: usize = 64 * 1024;

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
                let state = self.begin(session, request).unwrap_or_else(Pending::from);
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.state = state;
                }
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

    fn begin(&mut self, session: SessionId, request: Request) -> Result<Pending, Failure> {
        match request {
            Request::Hello => Ok(Pending::items([Item::Node(self.hello())])),
            Request::New { name } => self.new_room(session, name),
            Request::Join { room, peers, wait } => self.join(session, &room, peers, wait),
            Request::Rooms => Ok(Pending::items(
                self.rooms
                    .keys()
                    .map(|id| Item::Room(self.room_item(*id)))
                    .collect::<Vec<_>>(),
            )),
            Request::Leave { room, forget } => self.leave(session, &room, forget),
            Request::Members { room } => {
                let id = self.resolve(&room)?;
                Ok(Pending::items(
                    self.view(id)
                        .iter()
                        .flat_map(View::member_items)
                        .map(Item::Member),
                ))
            }
            Request::Send {
                room,
                texts,
                action,
                reply_to,
                on,
                wait,
            } => {
                let id = self.resolve(&room)?;
                let drafts = self.text_drafts(id, texts, action, reply_to.as_deref())?;
                let deadline = Deadline::of(wait, self.now().uptime).unwrap_or(Deadline(None));
                self.post(session, id, drafts, AfterPost::Sent { on, deadline })
            }
            Request::Log {
                room,
                last,
                since_ms,
                until_ms,
                follow,
            } => {
                let room = self.resolve(&room)?;
                let after = self.start_of(room, last, since_ms, until_ms);
                let follow = follow.then(VecDeque::new);
                Ok(Pending::Lines(Lines {
                    room,
                    after,
                    since_ms,
                    until_ms,
                    caught_up: false,
                    follow,
                }))
            }
            Request::Import { room, messages } => self.import(session, &room, messages),
            Request::Export { room, format } => self.export(session, &room, format),
            Request::Peers => {
                let rooms = self.rooms.iter().map(|(id, room)| (*id, room));
                Ok(Pending::items(
                    answers::addresses(&self.engine, rooms)
                        .into_iter()
                        .map(Item::Address),
                ))
            }
            Request::AddPeer { addr } => {
                let addr = invite::with_port(&addr)?;
                self.feed(Event::AddressAdded { addr });
                Ok(Pending::items([]))
            }
            Request::ForgetPeer { addr } => self.forget_peer(&addr),
            Request::Status { room, wait } => {
                let rooms = self.resolve_all(room.as_deref())?;
                let deadline = Deadline::of(wait, self.now().uptime)
                    .unwrap_or(Deadline(Some(std::time::Duration::ZERO)));
                Ok(Pending::Equal { rooms, deadline })
            }
            Request::Check { room, repair } => {
                let rooms = self.resolve_all(room.as_deref())?;
                Ok(self.check_next(session, rooms, repair, VecDeque::new()))
            }
            Request::Name { name } => self.rename(session, &name),
        }
    }

    fn hello(&self) -> NodeItem {
        NodeItem {
            version: env!("CARGO_PKG_VERSION").into(),
            name: self.engine.identity().name.clone(),
            listening: self.listening.iter().map(ToString::to_string).collect(),
            serving: self.serving,
        }
    }

    pub(crate) fn view(&self, id: RoomId) -> Option<View<'_>> {
        self.rooms.get(&id).map(|room| View::new(id, room, &self.engine))
    }

    fn room_item(&self, id: RoomId) -> crate::control::RoomItem {
        let peers = invite::addresses(&self.listening);
        let item = self.view(id).map(|view| view.room(&peers));
        item.unwrap_or_else(|| unreachable_room(id))
    }

    fn new_room(&mut self, session: SessionId, name: String) -> Result<Pending, Failure> {
        let name = checked_name(&name)?;
        let device = self.engine.identity().device;
        if self
            .folder
            .open_room(RoomId(random()), device, session, self.done.clone())
        {
            Ok(Pending::Disk(AfterDisk::Made { name }))
        } else {
            Err(busy())
        }
    }

    fn join(
        &mut self,
        session: SessionId,
        room: &str,
        peers: Vec<String>,
        wait: Wait,
    ) -> Result<Pending, Failure> {
        let Invite { room, peers: invited } = room.parse()?;
        let mut addrs = Vec::new();
        for peer in peers.iter().chain(&invited) {
            addrs.push(invite::with_port(peer)?);
        }
        if self.rooms.contains_key(&room) {
            return Ok(self.introduce(session, room, addrs, wait));
        }
        let device = self.engine.identity().device;
        if self.folder.open_room(room, device, session, self.done.clone()) {
            Ok(Pending::Disk(AfterDisk::Joined { peers: addrs, wait }))
        } else {
            Err(busy())
        }
    }

    /// Makes ourselves a member, and dials.
    fn introduce(&mut self, session: SessionId, room: RoomId, addrs: Vec<String>, wait: Wait) -> Pending {
        for addr in addrs {
            self.feed(Event::AddressAdded { addr });
        }
        let deadline = Deadline::of(wait, self.now().uptime);
        let me = self.engine.identity().device;
        let known = self.rooms.get(&room).is_some_and(|open| {
            open.timeline
                .members()
                .iter()
                .any(|member| member.devices.contains(&me))
        });
        let drafts = if known {
            Vec::new()
        } else {
            vec![self.profile(self.engine.identity().name.clone())]
        };
        self.post(session, room, drafts, AfterPost::Joined { deadline })
            .unwrap_or_else(Pending::from)
    }

    fn profile(&self, name: String) -> Draft {
        let identity = self.engine.identity();
        let profile = Profile {
            person: identity.person,
            device: identity.device,
            name,
        };
        Draft {
            body: Body::Profile(profile),
            stamp: None,
        }
    }

    pub(crate) fn folder_did(&mut self, done: Done) {
        match done {
            Done::RoomReady {
                session,
                result: Ok(loaded),
            } => {
                let room = loaded.journal.room();
                if !self.rooms.contains_key(&room) {
                    self.open_room(*loaded);
                }
                self.room_ready(session, room);
            }
            Done::RoomReady {
                session,
                result: Err(why),
            } => self.fail(session, Code::Failed, why),
            Done::RoomRemoved { session, result } => self.finish(session, result),
            Done::NameSaved {
                session,
                result: Ok(()),
            } => self.name_saved(session),
            Done::NameSaved { session, result } => self.finish(session, result),
        }
    }

    fn room_ready(&mut self, id: SessionId, room: RoomId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let state = std::mem::replace(&mut session.state, Pending::Disk(AfterDisk::Answer));
        let state = match state {
            Pending::Disk(AfterDisk::Made { name }) => {
                let draft = Draft {
                    body: Body::RoomName(name),
                    stamp: None,
                };
                self.post(id, room, vec![draft], AfterPost::Made)
                    .unwrap_or_else(Pending::from)
            }
            Pending::Disk(AfterDisk::Joined { peers, wait }) => self.introduce(id, room, peers, wait),
            // A room that was set right and opened again.
            Pending::Disk(AfterDisk::Check { rooms, repair, found }) => {
                self.check_next(id, rooms, repair, found)
            }
            other => other,
        };
        self.put(id, state);
    }

    fn leave(&mut self, session: SessionId, room: &str, forget: bool) -> Result<Pending, Failure> {
        let id = self.resolve(room)?;
        let draft = Draft {
            body: Body::Leave,
            stamp: None,
        };
        self.post(session, id, vec![draft], AfterPost::Left { forget })
    }

    pub(crate) fn facts_set(&mut self, id: SessionId, room: RoomId, result: Result<(), String>) {
        let Some(Pending::Disk(AfterDisk::Leave { forget })) = self.sessions.get(&id).map(|s| &s.state)
        else {
            return;
        };
        let forget = *forget;
        if result.is_err() {
            return self.finish(id, result);
        }
        let at_rest = self.close_room(room);
        if forget {
            self.folder.remove_room(room, at_rest, id, self.done.clone());
        } else {
            self.finish(id, Ok(()));
        }
    }

    fn text_drafts(
        &self,
        id: RoomId,
        texts: Vec<String>,
        action: bool,
        reply_to: Option<&str>,
    ) -> Result<Vec<Draft>, Failure> {
        let reply_to = reply_to.map(|text| self.resolve_message(id, text)).transpose()?;
        if texts.is_empty() {
            return Err(Failure::new(Code::Usage, "there is nothing to send"));
        }
        let draft = |text: String| {
            if text.trim().is_empty() {
                return Err(Failure::new(Code::Usage, "an empty message is not sent"));
            }
            if text.len() > TEXT_LEN_MAX {
                let why = format!(
                    "the text has {} bytes, a message holds {TEXT_LEN_MAX}; send it in parts",
                    text.len()
                );
                return Err(Failure::new(Code::Usage, why));
            }
            let text = Text { text, reply_to };
            Ok(Draft {
                body: if action {
                    Body::Action(text)
                } else {
                    Body::Text(text)
                },
                stamp: None,
            })
        };
        texts.into_iter().map(draft).collect()
    }

    fn post(
        &mut self,
        session: SessionId,
        room: RoomId,
        drafts: Vec<Draft>,
        then: AfterPost,
    ) -> Result<Pending, Failure> {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.insert(ticket, session);
        let state = Pending::Post(Post {
            room,
            ids: None,
            then,
        });
        if let Some(session) = self.sessions.get_mut(&session) {
            session.state = state;
        }
        self.feed(Event::Posted { room, ticket, drafts });
        // The outcome may have come at once.
        let state = self
            .sessions
            .get_mut(&session)
            .map(|session| std::mem::replace(&mut session.state, Pending::Disk(AfterDisk::Answer)));
        state.ok_or_else(|| Failure::new(Code::Failed, "the client is gone"))
    }

    pub(crate) fn posted(&mut self, ticket: Ticket, outcome: Result<Vec<MessageId>, String>) {
        let Some(id) = self.tickets.remove(&ticket) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        match outcome {
            Ok(ids) => {
                if let Pending::Post(post) = &mut session.state {
                    post.ids = Some(ids);
                }
            }
            Err(why) => session.state = Pending::failed(Code::Failed, why),
        }
    }

    fn import(&mut self, session: SessionId, room: &str, messages: Vec<Import>) -> Result<Pending, Failure> {
        let id = self.resolve(room)?;
        if messages.len() > IMPORT_MAX {
            let why = format!(
                "{} messages in one request, at most {IMPORT_MAX} are taken",
                messages.len()
            );
            return Err(Failure::new(Code::Usage, why));
        }
        let total = messages.len() as u64;
        let Some(open) = self.rooms.get(&id) else {
            return Err(no_room(room));
        };
        let drafts = messages
            .into_iter()
            .filter_map(|message| import_draft(message, open).transpose());
        let drafts = drafts.collect::<Result<Vec<_>, _>>()?;
        let added = drafts.len() as u64;
        let then = AfterPost::Imported {
            added,
            known: total - added,
        };
        if drafts.is_empty() {
            return Ok(Pending::items([Item::Imported {
                added: 0,
                known: total,
            }]));
        }
        self.post(session, id, drafts, then)
    }

    fn export(&mut self, session: SessionId, room: &str, format: ExportFormat) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        match format {
            ExportFormat::Messages => Ok(Pending::Lines(Lines {
                room,
                after: None,
                since_ms: None,
                until_ms: None,
                caught_up: false,
                follow: None,
            })),
            ExportFormat::Automerge => {
                self.job(room, Job::Export { session });
                Ok(Pending::Disk(AfterDisk::Answer))
            }
        }
    }

    pub(crate) fn exported(&mut self, id: SessionId, result: Result<Vec<u8>, String>) {
        match result {
            Ok(bytes) => {
                let pieces = bytes
                    .chunks(BYTES_ITEM_LEN / 2)
                    .map(|piece| Item::Bytes(piece.iter().map(|byte| format!("{byte:02x}")).collect()));
                self.put(id, Pending::items(pieces));
            }
            Err(why) => self.fail(id, Code::Damaged, why),
        }
    }

    fn forget_peer(&mut self, addr: &str) -> Result<Pending, Failure> {
        let known = self.engine.addresses().into_iter().map(|address| address.addr);
        let on_host =
            |known: &String| known == addr || known.rsplit_once(':').is_some_and(|(host, _)| host == addr);
        let found: Vec<_> = known.filter(on_host).collect();
        if found.is_empty() {
            let why = format!("no address \"{addr}\" is known; `tailchat peers` lists them");
            return Err(Failure::new(Code::NotFound, why));
        }
        found
            .into_iter()
            .for_each(|addr| self.feed(Event::AddressForgotten { addr }));
        Ok(Pending::items([]))
    }

    fn check_next(
        &mut self,
        session: SessionId,
        mut rooms: Vec<RoomId>,
        repair: bool,
        mut found: VecDeque<Answer>,
    ) -> Pending {
        match rooms.pop() {
            Some(room) => {
                self.job(room, Job::Check { session, repair });
                rooms.push(room);
                Pending::Disk(AfterDisk::Check { rooms, repair, found })
            }
            None => {
                found.push_back(Answer::Done);
                Pending::Ready(found)
            }
        }
    }

    pub(crate) fn checked(&mut self, id: SessionId, room: RoomId, result: Result<(Checked, usize), String>) {
        let name = self
            .rooms
            .get(&room)
            .map(|open| room_name(room, &open.timeline))
            .unwrap_or_default();
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let Pending::Disk(AfterDisk::Check { rooms, repair, found }) = &mut session.state else {
            return;
        };
        rooms.pop();
        let (checked, retired) = match result {
            Ok(result) => result,
            Err(why) => return self.fail(id, Code::Damaged, why),
        };
        found.push_back(Answer::Item(Item::Check(CheckItem {
            room: room.to_string(),
            name,
            files: checked.files,
            records: checked.records,
            bytes: checked.bytes,
            changes: checked.changes,
            heads_match: checked.heads_match,
            findings: checked.findings,
        })));
        let (rooms, repair, found) = (std::mem::take(rooms), *repair, std::mem::take(found));
        if retired > 0 {
            // Opened anew, the room knows what it lacks, and peers fill it.
            session.state = Pending::Disk(AfterDisk::Check { rooms, repair, found });
            let device = self.engine.identity().device;
            drop(self.close_room(room));
            if !self.folder.open_room(room, device, id, self.done.clone()) {
                self.fail(id, Code::Failed, busy().why);
            }
            return;
        }
        let state = self.check_next(id, rooms, repair, found);
        self.put(id, state);
    }

    fn rename(&mut self, session: SessionId, name: &str) -> Result<Pending, Failure> {
        let name = checked_name(name)?;
        if self
            .folder
            .save_name(self.engine.identity(), name.clone(), session, self.done.clone())
        {
            Ok(Pending::Disk(AfterDisk::Made { name }))
        } else {
            Err(busy())
        }
    }

    fn name_saved(&mut self, id: SessionId) {
        let Some(Pending::Disk(AfterDisk::Made { name })) =
            self.sessions.get(&id).map(|session| &session.state)
        else {
            return;
        };
        let name = name.clone();
        self.feed(Event::Renamed { name: name.clone() });
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        self.put(id, Pending::items([]));
        for room in rooms {
            let draft = self.profile(name.clone());
            if let Ok(state) = self.post(id, room, vec![draft], AfterPost::Named) {
                self.put(id, state);
            }
        }
    }

    /// Ends a request that a disk has carried out, or not.
    fn finish(&mut self, id: SessionId, result: Result<(), String>) {
        match result {
            Ok(()) => self.put(id, Pending::items([])),
            Err(why) => self.fail(id, Code::Failed, why),
        }
    }

    pub(crate) fn fail(&mut self, id: SessionId, code: Code, why: impl Into<String>) {
        self.put(id, Pending::failed(code, why));
    }

    fn put(&mut self, id: SessionId, state: Pending) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.state = state;
        }
    }

    fn resolve_all(&self, room: Option<&str>) -> Result<Vec<RoomId>, Failure> {
        match room {
            Some(room) => Ok(vec![self.resolve(room)?]),
            None => Ok(self.rooms.keys().copied().collect()),
        }
    }

    /// A room by ID, name, or the unique beginning of a name.
    fn resolve(&self, text: &str) -> Result<RoomId, Failure> {
        if let Ok(id) = text.parse::<RoomId>() {
            return if self.rooms.contains_key(&id) {
                Ok(id)
            } else {
                Err(no_room("with that ID"))
            };
        }
        let named: Vec<(RoomId, String)> = self
            .rooms
            .iter()
            .map(|(id, open)| (*id, room_name(*id, &open.timeline)))
            .collect();
        let exact: Vec<_> = named.iter().filter(|(_, name)| name == text).collect();
        let found = if exact.is_empty() {
            named.iter().filter(|(_, name)| name.starts_with(text)).collect()
        } else {
            exact
        };
        match found[..] {
            [(id, _)] => Ok(*id),
            [] => Err(no_room(&format!("\"{text}\""))),
            _ => {
                let names: Vec<_> = found.iter().map(|(id, name)| format!("{name} ({id})")).collect();
                Err(Failure::new(
                    Code::Usage,
                    format!("\"{text}\" may be any of: {}; give its ID", names.join(", ")),
                ))
            }
        }
    }

    /// A message by ID or the unique beginning of one.
    fn resolve_message(&self, room: RoomId, text: &str) -> Result<MessageId, Failure> {
        let Some(open) = self.rooms.get(&room) else {
            return Err(no_room(""));
        };
        let ids = open.timeline.lines().map(|(place, _)| place.id);
        let exact = text.parse::<MessageId>().ok();
        let mut found: Vec<_> = match exact {
            Some(id) => ids.filter(|found| *found == id).collect(),
            None => ids
                .filter(|found| found.to_string().starts_with(text))
                .take(10)
                .collect(),
        };
        found.dedup();
        match found[..] {
            [id] => Ok(id),
            [] => Err(Failure::new(
                Code::NotFound,
                format!("no message \"{text}\" in the room; `tailchat log --json` prints IDs"),
            )),
            _ => {
                let ids: Vec<_> = found.iter().map(ToString::to_string).collect();
                Err(Failure::new(
                    Code::Usage,
                    format!("\"{text}\" may be any of: {}", ids.join(", ")),
                ))
            }
        }
    }

    /// The place after which the wanted lines begin.
    fn start_of(
        &self,
        room: RoomId,
        last: Option<u64>,
        since_ms: Option<i64>,
        until_ms: Option<i64>,
    ) -> Option<Place> {
        let last = usize::try_from(last?).unwrap_or(usize::MAX);
        let lines = &self.rooms.get(&room)?.timeline;
        let wanted = |line: &Line| is_within(line, since_ms, until_ms);
        let mut from_newest = lines.lines().rev().filter(|(_, line)| wanted(line)).skip(last);
        from_newest.next().map(|(place, _)| *place)
    }

    /// Tells following clients of lines that were shown.
    pub(crate) fn follow(&mut self, room: RoomId, places: &[Place]) {
        for session in self.sessions.values_mut() {
            let Pending::Lines(Lines {
                room: of,
                after,
                caught_up,
                follow: Some(queue),
                ..
            }) = &mut session.state
            else {
                continue;
            };
            // What stands below the place reached so far will be met there.
            let missed = |place: &&Place| *caught_up || after.is_some_and(|after| **place <= after);
            if *of == room {
                queue.extend(places.iter().filter(missed));
            }
            if queue.len() > FOLLOW_MAX {
                session.state = Pending::failed(
                    Code::Failed,
                    "this client reads too slowly to follow; start it again",
                );
            }
        }
    }

    /// Gives every waiting client what there is for it now.
    pub(crate) fn serve_sessions(&mut self) {
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
            Pending::Lines(lines) => self.lines_page(lines),
            Pending::Disk(_) => Vec::new(),
            Pending::Post(post) => match self.after_post(id, post) {
                Some(next) => {
                    *state = next;
                    self.page(id, state)
                }
                None => Vec::new(),
            },
            Pending::Join { room, deadline, said } => {
                let item = self.room_item(*room);
                let met = self.engine.room_status(*room).is_some_and(|status| {
                    status.peers.iter().any(|peer| {
                        matches!(
                            peer.state,
                            tailchat_core::engine::PeerState::Equal
                                | tailchat_core::engine::PeerState::Ahead
                                | tailchat_core::engine::PeerState::Apart
                        )
                    })
                });
                if met && item.behind == 0 {
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
            Pending::Equal { rooms, deadline } => {
                let statuses: Vec<_> = rooms.iter().filter_map(|id| self.view(*id)?.status()).collect();
                let equal = statuses.iter().all(crate::control::StatusItem::is_equal);
                let past = deadline.is_past(self.now().uptime);
                if !equal && !past {
                    return Vec::new();
                }
                let mut page: Page = statuses
                    .into_iter()
                    .map(|status| Answer::Item(Item::Status(status)))
                    .collect();
                // A status that nobody waited for is told as it is; whoever waited is told that time is up.
                let waited = deadline.0.is_some_and(|at| at > std::time::Duration::ZERO);
                page.push(if equal || !waited {
                    Answer::Done
                } else {
                    Answer::Failed(Failure::new(
                        Code::TimeUp,
                        "time is up and not every room is equal with every connected peer",
                    ))
                });
                page
            }
        }
    }

    /// What follows a post, if it is durable and on enough disks.
    fn after_post(&mut self, id: SessionId, post: &Post) -> Option<Pending> {
        let ids = post.ids.as_ref()?;
        match post.then {
            AfterPost::Sent { on, deadline } => {
                let view = self.view(post.room)?;
                let items: Vec<_> = ids.iter().map(|id| (id, view.holders(*id, false))).collect();
                let enough = items.iter().all(|(_, holders)| *holders >= on);
                let late = deadline.is_past(self.now().uptime);
                if !enough && !late {
                    return None;
                }
                let items = items.into_iter().map(|(id, on)| {
                    Answer::Item(Item::Posted {
                        id: id.to_string(),
                        on,
                    })
                });
                let mut answers: VecDeque<_> = items.collect();
                answers.push_back(if enough {
                    Answer::Done
                } else {
                    let why = format!(
                        "time is up: the message is safe here, but not yet on {on} other members' disks"
                    );
                    Answer::Failed(Failure::new(Code::TimeUp, why))
                });
                Some(Pending::Ready(answers))
            }
            AfterPost::Imported { added, known } => Some(Pending::items([Item::Imported { added, known }])),
            AfterPost::Named => Some(Pending::items([])),
            AfterPost::Made => Some(Pending::items([Item::Room(self.room_item(post.room))])),
            AfterPost::Joined { deadline: None } => {
                Some(Pending::items([Item::Room(self.room_item(post.room))]))
            }
            AfterPost::Joined {
                deadline: Some(deadline),
            } => Some(Pending::Join {
                room: post.room,
                deadline,
                said: None,
            }),
            AfterPost::Left { forget } => {
                let facts = RoomFacts { left: true }.encode();
                self.job(post.room, Job::SetFacts { facts, session: id });
                Some(Pending::Disk(AfterDisk::Leave { forget }))
            }
        }
    }

    fn lines_page(&self, lines: &mut Lines) -> Page {
        let Some(view) = self.view(lines.room) else {
            return vec![Answer::Failed(Failure::new(Code::NotFound, "the room was left"))];
        };
        let timeline = &self.rooms[&lines.room].timeline;
        let mut page = Page::new();
        if !lines.caught_up {
            let first = lines.after.unwrap_or(Place::start_of(0));
            let from = timeline
                .line(&first)
                .filter(|_| lines.after.is_none())
                .map(|line| (&first, line));
            for (place, line) in from.into_iter().chain(timeline.lines_after(&first)) {
                lines.after = Some(*place);
                if is_within(line, lines.since_ms, lines.until_ms) {
                    page.push(Answer::Item(Item::Message(Box::new(view.message(place, line)))));
                }
                if page.len() == PAGE_LEN {
                    return page;
                }
            }
            lines.caught_up = true;
        }
        match &mut lines.follow {
            None => page.push(Answer::Done),
            Some(queue) => {
                for place in queue.drain(..PAGE_LEN.min(queue.len())) {
                    let line = timeline
                        .line(&place)
                        .filter(|line| is_within(line, lines.since_ms, lines.until_ms));
                    page.extend(
                        line.map(|line| Answer::Item(Item::Message(Box::new(view.message(&place, line))))),
                    );
                }
            }
        }
        page
    }
}

fn is_within(line: &Line, since_ms: Option<i64>, until_ms: Option<i64>) -> bool {
    since_ms.is_none_or(|since| line.sent_at_ms >= since)
        && until_ms.is_none_or(|until| line.sent_at_ms < until)
}

fn import_draft(message: Import, open: &OpenRoom) -> Result<Option<Draft>, Failure> {
    let Import {
        sent_at_ms,
        rank,
        nick,
        action,
        text,
    } = message;
    let order = u64::try_from(sent_at_ms).unwrap_or(0).saturating_add(rank);
    if order > ORDER_MAX || nick.len() > NAME_LEN_MAX || text.len() > TEXT_LEN_MAX {
        let why = format!("a message of {sent_at_ms} ms is beyond the limits of time, nick or text");
        return Err(Failure::new(Code::Usage, why));
    }
    if open.timeline.has_imported(order, &nick, action, &text) {
        return Ok(None);
    }
    let body = Body::Imported(Imported { nick, action, text });
    Ok(Some(Draft {
        body,
        stamp: Some(Stamp { order, sent_at_ms }),
    }))
}

/// A name that can be shown: not empty, not too long, one line.
pub(crate) fn checked_name(name: &str) -> Result<String, Failure> {
    let name = name.trim();
    let why = if name.is_empty() {
        "a name cannot be empty".to_owned()
    } else if name.len() > NAME_LEN_MAX {
        format!(
            "the name has {} bytes, at most {NAME_LEN_MAX} are taken",
            name.len()
        )
    } else if name.chars().any(char::is_control) {
        "a name cannot hold control characters or line breaks".to_owned()
    } else {
        return Ok(name.to_owned());
    };
    Err(Failure::new(Code::Usage, why))
}

fn no_room(which: &str) -> Failure {
    Failure::new(
        Code::NotFound,
        format!("there is no room {which} here; `tailchat rooms` lists them"),
    )
}

fn busy() -> Failure {
    Failure::new(Code::Failed, "the data folder is busy; try again in a moment")
}

/// A room that was closed while its item was asked for.
fn unreachable_room(id: RoomId) -> crate::control::RoomItem {
    crate::control::RoomItem {
        room: id.to_string(),
        name: String::new(),
        invite: String::new(),
        messages: 0,
        members: 0,
        connected: 0,
        behind: 0,
        met: false,
    }
}
