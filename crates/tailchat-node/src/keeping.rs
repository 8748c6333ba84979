//! What a person sets for themselves in a room and no peer hears of: drafts, mutes, a name of their own, whom they
//! ignore. Knows nothing of how it is kept.

use tailchat_core::devices::Writer;
use tailchat_core::ids::RoomId;
use tailchat_core::limits::TEXT_LEN_MAX;

use crate::control::{Code, Failure, Item};
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
            name if name.parse::<RoomId>().is_ok() => {
                let why = "that is a room's ID, by which it is that room for every command; take a name";
                return Err(Failure::new(Code::Usage, why));
            }
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
        let writer = self.member(room, member)?;
        let whole = |of: &Writer| self.rooms.get(&room).map_or(*of, |open| open.roster.whole(*of));
        if writer == whole(&self.own()) {
            return Err(Failure::new(
                Code::Usage,
                "that is you; whom you ignore is somebody else",
            ));
        }
        let known = self.rooms.get(&room).map(|open| open.facts.ignored.clone());
        let mut ignored = known.unwrap_or_default();
        ignored.retain(|other| whole(other) != writer);
        ignored.extend(on.then_some(writer));
        let pending = self.set(session, room, |facts| facts.ignored = ignored);
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

    /// Who in a room is meant, be it that they left: by name, or by the beginning of the ID that `members` prints.
    pub(crate) fn member(&self, room: RoomId, text: &str) -> Result<Writer, Failure> {
        let everybody = self.view(room).map(|view| view.everybody());
        let everybody = everybody.unwrap_or_default();
        let fits = |(name, writer): &&(String, Writer)| {
            let beginning = text.len() >= MEMBER_DIGITS_MIN && writer.person.to_string().starts_with(text);
            let told_apart = name.strip_prefix(text).is_some_and(|rest| rest.starts_with('~'));
            name == text || told_apart || beginning
        };
        let found: Vec<_> = everybody.iter().filter(fits).collect();
        let exact: Vec<_> = found.iter().filter(|(name, _)| name == text).copied().collect();
        match (&exact[..], &found[..]) {
            ([(_, writer)], _) | (_, [(_, writer)]) => Ok(*writer),
            (_, []) => Err(no_member(text)),
            _ => {
                let people: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
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
