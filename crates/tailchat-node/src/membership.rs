//! Coming into rooms and leaving them, and the name that is shown there. Owns no state but the sessions.

use std::path::PathBuf;

use tailchat_core::engine::{Draft, Event, Identity};
use tailchat_core::entry::{Body, Profile};
use tailchat_core::ids::RoomId;
use tailchat_core::limits::{NAME_LEN_MAX, TOPIC_LEN_MAX};
use tailchat_store::log::room_dir;

use crate::control::{Code, Describing, Failure, Item, Request, Wait};
use crate::identity::{Known, KnownLink};
use crate::invite::{self, Invite};
use crate::node::{Done, Node, random};
use crate::opening::{Loaded, Unread};
use crate::requests::busy;
use crate::session::{AfterDisk, AfterPost, Deadline, Pending, SessionId};

impl Node {
    pub(crate) fn new_room(&mut self, session: SessionId, name: String) -> Result<Pending, Failure> {
        let name = checked_name(&name)?;
        self.is_settled()?;
        let room = RoomId(random());
        let device = self.engine.identity().device;
        if self
            .folder
            .open_room(room, device, Some(session), self.done.clone())
        {
            self.moving.insert(room_dir(room));
            Ok(Pending::Disk(AfterDisk::Made { name }))
        } else {
            Err(busy())
        }
    }

    pub(crate) fn join(
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
        self.is_settled()?;
        let device = self.engine.identity().device;
        if self
            .folder
            .open_room(room, device, Some(session), self.done.clone())
        {
            self.moving.insert(room_dir(room));
            Ok(Pending::Disk(AfterDisk::Joined { peers: addrs, wait }))
        } else {
            Err(busy())
        }
    }

    /// Makes ourselves a member, and dials.
    pub(crate) fn introduce(
        &mut self,
        session: SessionId,
        room: RoomId,
        addrs: Vec<String>,
        wait: Wait,
    ) -> Pending {
        for addr in addrs {
            self.feed(Event::AddressAdded { addr });
        }
        let status = self.engine.room_status(room);
        if status.is_some_and(|status| status.durable.changes() == 0)
            && let Some(open) = self.rooms.get_mut(&room)
        {
            open.facts.newcomer = true;
            self.keep_facts(room, None);
        }
        let deadline = Deadline::of(wait, self.now().uptime);
        // A fresh actor introduces itself, and a known one has.
        self.post(session, room, Vec::new(), AfterPost::Joined { deadline })
            .unwrap_or_else(Pending::from)
    }

    pub(crate) fn profile(&self, name: String) -> Draft {
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
            Done::RoomReady { dir, session, result } => {
                self.moving.remove(&dir);
                self.room_read(dir, session, result);
                self.begin_waiting();
            }
            Done::RoomLeft { dir, session, result } => {
                self.moving.remove(&dir);
                self.finish(session, result);
                self.begin_waiting();
            }
            Done::Identified {
                session,
                known,
                result,
            } => self.identity_saved(session, *known, result),
        }
    }

    fn room_read(&mut self, dir: PathBuf, session: Option<SessionId>, result: Result<Box<Loaded>, Unread>) {
        if matches!(result, Ok(_) | Err(Unread::Left)) {
            self.closed.remove(&dir);
        }
        match (session, result) {
            // What it was read into was lost before it could be closed with the others.
            (session, Ok(loaded)) if loaded.life < self.life => {
                let room = loaded.journal.room();
                drop(loaded);
                self.reopen_room(room, session);
            }
            (session, Ok(loaded)) => {
                let room = loaded.journal.room();
                self.open_room(*loaded);
                if let Some(session) = session {
                    self.room_ready(session, room);
                }
            }
            (Some(session), Err(why)) => self.fail(session, Code::Failed, why.to_string()),
            (None, Err(Unread::Left)) => {}
            (None, Err(why)) => drop(self.closed.insert(dir, why.to_string())),
        }
    }

    pub(crate) fn room_ready(&mut self, id: SessionId, room: RoomId) {
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

    pub(crate) fn leave(&mut self, session: SessionId, room: &str, forget: bool) -> Result<Pending, Failure> {
        let id = self.resolve(room)?;
        let draft = Draft {
            body: Body::Leave,
            stamp: None,
        };
        self.post(session, id, vec![draft], AfterPost::Left { forget })
    }

    pub(crate) fn facts_set(&mut self, session: Option<SessionId>, room: RoomId, result: Result<(), String>) {
        let Some(id) = session else {
            return self.facts_kept(room, result);
        };
        let forget = match self.sessions.get(&id).map(|s| &s.state) {
            Some(Pending::Disk(AfterDisk::Leave { forget })) => *forget,
            Some(Pending::Disk(AfterDisk::Answer)) => return self.finish(id, result),
            _ => return,
        };
        if result.is_err() {
            return self.finish(id, result);
        }
        if !self.rooms.contains_key(&room) {
            // Somebody else was faster, or it is being read anew: then it is left after that.
            let room = room.to_string();
            let again = Request::Leave { room, forget };
            let state = self.begin_or_wait(id, again);
            return self.put(id, state);
        }
        let at_rest = self.close_room(room);
        self.moving.insert(room_dir(room));
        self.folder
            .leave_room(room, forget, at_rest, id, self.done.clone());
    }

    /// Posts what everybody is to see of a room.
    pub(crate) fn describe(
        &mut self,
        session: SessionId,
        room: &str,
        what: Describing,
    ) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        let body = match what {
            Describing::Name(name) => Body::RoomName(checked_name(&name)?),
            Describing::Topic(topic) => Body::Topic(checked_topic(&topic)?),
        };
        self.post(session, room, vec![Draft { body, stamp: None }], AfterPost::Told)
    }

    pub(crate) fn rename(&mut self, session: SessionId, name: &str) -> Result<Pending, Failure> {
        let name = checked_name(name)?;
        let identity = Identity {
            name,
            ..self.engine.identity().clone()
        };
        self.become_known(session, identity, self.links.clone(), None)
    }

    /// Has saved who writes here, then goes by it.
    pub(crate) fn become_known(
        &mut self,
        session: SessionId,
        identity: Identity,
        links: Vec<KnownLink>,
        answer: Option<Item>,
    ) -> Result<Pending, Failure> {
        match self.save_known(identity, links, Some(session)) {
            true => Ok(Pending::Disk(AfterDisk::Identified { answer })),
            false => Err(busy()),
        }
    }

    /// Has saved who writes here, one after the other: each is made of what the one before came to.
    pub(crate) fn save_known(
        &mut self,
        identity: Identity,
        links: Vec<KnownLink>,
        session: Option<SessionId>,
    ) -> bool {
        let Identity { person, device, name } = identity;
        let known = Known {
            person,
            device,
            name,
            links,
        };
        let saving = self.becoming.is_none() && self.folder.save_identity(known, session, self.done.clone());
        self.becoming = self.becoming.or(saving.then_some(person));
        saving
    }

    /// Rooms are made and joined by who writes here from then on.
    fn is_settled(&self) -> Result<(), Failure> {
        let person = self.engine.identity().person;
        match self.becoming.is_none_or(|becoming| becoming == person) {
            true => Ok(()),
            false => Err(busy()),
        }
    }

    /// What is on disk holds, be the client who asked for it gone.
    fn identity_saved(&mut self, session: Option<SessionId>, known: Known, result: Result<(), String>) {
        self.becoming = None;
        match (result, session) {
            (Ok(()), None) => self.identified(None, known),
            (Ok(()), Some(id)) => {
                let state = self.sessions.get_mut(&id).map(|session| &mut session.state);
                if let Some(Pending::Disk(AfterDisk::Identified { answer })) = state {
                    let answer = answer.take();
                    self.put(id, Pending::items(answer));
                }
                self.identified(session, known);
            }
            (Err(why), None) => tracing::warn!("a linked device is not remembered yet: {why}"),
            (result, Some(id)) => self.finish(id, result),
        }
        // Meanwhile devices may have come with a code.
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        rooms.into_iter().for_each(|room| self.links_heard(room));
    }

    fn identified(&mut self, session: Option<SessionId>, known: Known) {
        let renamed = known.name != self.engine.identity().name;
        self.links = known.links;
        let (person, name) = (known.person, known.name);
        self.feed(Event::Identified {
            person,
            name: name.clone(),
        });
        let Some(id) = session.filter(|_| renamed) else {
            return;
        };
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            let draft = self.profile(name.clone());
            if let Ok(state) = self.post(id, room, vec![draft], AfterPost::Told) {
                self.put(id, state);
            }
        }
    }
}

/// A topic that can be shown: not too long, one line.
fn checked_topic(topic: &str) -> Result<String, Failure> {
    let topic = topic.trim();
    let why = if topic.len() > TOPIC_LEN_MAX {
        format!(
            "the topic has {} bytes, at most {TOPIC_LEN_MAX} are taken",
            topic.len()
        )
    } else if topic.chars().any(char::is_control) {
        "a topic is one line, without control characters".to_owned()
    } else {
        return Ok(topic.to_owned());
    };
    Err(Failure::new(Code::Usage, why))
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
