//! What a person sets for themselves in a room and no peer hears of: drafts, mutes, a name of their own, whom they
//! ignore. Knows nothing of how it is kept.

use tailchat_core::ids::{PersonId, RoomId};
use tailchat_core::limits::TEXT_LEN_MAX;

use crate::control::{Code, Failure, Item, MemberItem};
use crate::facts::RoomFacts;
use crate::membership::checked_name;
use crate::node::Node;
use crate::session::{AfterDisk, Pending, SessionId};

/// Digits of an ID that are none of a name by chance.
const MEMBER_DIGITS_MIN: usize = 4;

impl Node {
    pub(crate) fn draft(&self, room: &str) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        let draft = self.rooms.get(&room).map(|open| open.facts.draft.clone());
        Ok(Pending::items(draft.map(Item::Draft)))
    }

    pub(crate) fn set_draft(
        &mut self,
        session: SessionId,
        room: &str,
        text: String,
    ) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        if text.len() > TEXT_LEN_MAX {
            let why = format!(
                "the draft has {} bytes, {TEXT_LEN_MAX} are kept; send it in parts",
                text.len()
            );
            return Err(Failure::new(Code::Usage, why));
        }
        Ok(self.set(session, room, |facts| facts.draft = text))
    }

    pub(crate) fn mute(&mut self, session: SessionId, room: &str, on: bool) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        Ok(self.set(session, room, |facts| facts.muted = on))
    }

    pub(crate) fn alias(&mut self, session: SessionId, room: &str, name: &str) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        let alias = match name.trim() {
            "" => String::new(),
            name => checked_name(name)?,
        };
        Ok(self.set(session, room, |facts| facts.alias = alias))
    }

    pub(crate) fn ignore(
        &mut self,
        session: SessionId,
        room: &str,
        member: &str,
        on: bool,
    ) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        let person = self.member(room, member)?;
        if person == self.engine.identity().person {
            return Err(Failure::new(
                Code::Usage,
                "that is you; whom you ignore is somebody else",
            ));
        }
        let pending = self.set(session, room, |facts| {
            match on {
                true => facts.ignored.insert(person),
                false => facts.ignored.remove(&person),
            };
        });
        self.unread_changed(room);
        self.lines_changed(room);
        Ok(pending)
    }

    /// Has facts changed and written; answers when they are on disk.
    fn set(&mut self, session: SessionId, room: RoomId, change: impl FnOnce(&mut RoomFacts)) -> Pending {
        if let Some(open) = self.rooms.get_mut(&room) {
            change(&mut open.facts);
        }
        self.room_changed(room);
        self.keep_facts(room, Some(session));
        Pending::Disk(AfterDisk::Answer)
    }

    /// Who in a room is meant: by name, or by the beginning of the ID that `members` prints.
    pub(crate) fn member(&self, room: RoomId, text: &str) -> Result<PersonId, Failure> {
        let members = self
            .view(room)
            .map(|view| view.member_items())
            .unwrap_or_default();
        let fits = |member: &&MemberItem| {
            let beginning = text.len() >= MEMBER_DIGITS_MIN && member.person.starts_with(text);
            let told_apart = member
                .name
                .strip_prefix(text)
                .is_some_and(|rest| rest.starts_with('~'));
            member.name == text || told_apart || beginning
        };
        let found: Vec<_> = members.iter().filter(fits).collect();
        let id = |member: &MemberItem| member.person.parse().ok();
        match found[..] {
            [member] => id(member).ok_or_else(|| no_member(text)),
            [] => Err(no_member(text)),
            _ => {
                let people: Vec<_> = found.iter().map(|member| member.name.as_str()).collect();
                let why = format!("\"{text}\" may be any of: {}", people.join(", "));
                Err(Failure::new(Code::Usage, why))
            }
        }
    }
}

fn no_member(text: &str) -> Failure {
    let why = format!("nobody in the room is called \"{text}\"; `tailchat members` lists them");
    Failure::new(Code::NotFound, why)
}
