//! Which rooms a request means: by ID, by name, by the beginning of a name; and whether that is certain while rooms are
//! still being read. Answers nothing.

use tailchat_core::ids::RoomId;
use tailchat_store::log::room_dir;

use crate::answers::{known_as, room_name};
use crate::bundling::head_of;
use crate::control::{Code, Failure, LogRequest, Request};
use crate::invite::Invite;
use crate::node::{Node, OpenRoom};

impl Node {
    /// Whether the request means the same with rooms that are not open yet as without them.
    pub(crate) fn is_clear(&self, request: &Request) -> bool {
        match request.room() {
            Concerned::Nothing => true,
            Concerned::All => false,
            Concerned::Invited(text) => {
                let invite = text.parse::<Invite>();
                invite.map_or(true, |invite| !self.moving.contains(&room_dir(invite.room)))
            }
            Concerned::Room(text) => {
                let named =
                    |(id, open): (&RoomId, &OpenRoom)| names(*id, open).iter().any(|name| name == text);
                text.parse().is_ok_and(|id| self.rooms.contains_key(&id)) || self.rooms.iter().any(named)
            }
            Concerned::Tagged(head) => head_of(head).is_none_or(|head| self.room_of(&head).is_some()),
        }
    }

    /// Whether a room is neither here nor about to be.
    pub(crate) fn is_gone(&self, room: RoomId) -> bool {
        !self.rooms.contains_key(&room) && !self.moving.contains(&room_dir(room))
    }

    pub(crate) fn resolve_all(&self, room: Option<&str>) -> Result<Vec<RoomId>, Failure> {
        match room {
            Some(room) => Ok(vec![self.resolve(room)?]),
            None => Ok(self.rooms.keys().copied().collect()),
        }
    }

    /// A room by ID, name, or the unique beginning of a name.
    pub(crate) fn resolve(&self, text: &str) -> Result<RoomId, Failure> {
        if let Ok(id) = text.parse::<RoomId>() {
            return if self.rooms.contains_key(&id) {
                Ok(id)
            } else {
                Err(self.no_room("with that ID"))
            };
        }
        let fitting = |fits: &dyn Fn(&str) -> bool| -> Vec<(RoomId, &OpenRoom)> {
            let rooms = self.rooms.iter().map(|(id, open)| (*id, open));
            rooms
                .filter(|(id, open)| names(*id, open).iter().any(|name| fits(name)))
                .collect()
        };
        // One's own names before everybody's: those anybody may give.
        let own = |open: &OpenRoom| open.facts.alias == text && !text.is_empty();
        let open = self.rooms.iter().map(|(id, open)| (*id, open));
        let mut found: Vec<_> = open.filter(|(_, open)| own(open)).collect();
        if found.is_empty() {
            found = fitting(&|name| name == text);
        }
        // Everything begins with nothing, as a script says it whose variable is empty.
        if found.is_empty() && !text.is_empty() {
            found = fitting(&|name| name.starts_with(text));
        }
        match found[..] {
            [(id, _)] => Ok(id),
            [] => Err(self.no_room(&format!("\"{text}\""))),
            _ => {
                let names: Vec<_> = found
                    .iter()
                    .map(|(id, open)| format!("{} ({id})", room_name(*id, open)))
                    .collect();
                Err(Failure::new(
                    Code::Usage,
                    format!("\"{text}\" may be any of: {}; give its ID", names.join(", ")),
                ))
            }
        }
    }

    /// The room that was asked for is not here, or it is one of those that could not be opened.
    pub(crate) fn no_room(&self, which: &str) -> Failure {
        if self.closed.is_empty() {
            return no_room(which);
        }
        let why: Vec<_> = self.closed.values().map(String::as_str).collect();
        let why = format!(
            "there is no room {which} among those that could be opened; {}",
            why.join("; ")
        );
        Failure::new(Code::Damaged, why)
    }
}

/// By what a room may be named: our own name for it, and everybody's.
fn names(id: RoomId, open: &OpenRoom) -> [String; 2] {
    [room_name(id, open), known_as(id, &open.roster)]
}

/// What of the rooms a request is about.
enum Concerned<'a> {
    Nothing,
    All,
    Room(&'a str),
    Invited(&'a str),
    /// A room that only a bundle's head tells.
    Tagged(&'a str),
}

impl Request {
    fn room(&self) -> Concerned<'_> {
        match self {
            Self::Join { room, .. } => Concerned::Invited(room),
            Self::Search(search) => match &search.query.rooms[..] {
                [room] => Concerned::Room(room),
                _ => Concerned::All,
            },
            // Whoever asks what is wrong is not to wait for what may be.
            Self::Hello
            | Self::Doctor
            | Self::New { .. }
            | Self::Peers
            | Self::AddPeer { .. }
            | Self::ForgetPeer { .. } => Concerned::Nothing,
            Self::Merge(merge) => Concerned::Tagged(&merge.head),
            Self::Rooms | Self::Name { .. } | Self::Link | Self::TakeLink { .. } | Self::Watch => {
                Concerned::All
            }
            Self::Status { room, .. } | Self::Check { room, .. } => {
                room.as_deref().map_or(Concerned::All, Concerned::Room)
            }
            Self::Leave { room, .. }
            | Self::Describe { room, .. }
            | Self::Pins { room }
            | Self::Room { room }
            | Self::Alias { room, .. }
            | Self::Ignore { room, .. }
            | Self::Amend { room, .. }
            | Self::Versions { room, .. }
            | Self::Show { room, .. }
            | Self::Answers { room, .. }
            | Self::Page { room, .. }
            | Self::Read { room, .. }
            | Self::Disks { room, .. }
            | Self::Draft { room }
            | Self::Typing { room }
            | Self::SetDraft { room, .. }
            | Self::Mute { room, .. }
            | Self::Members { room }
            | Self::Send { room, .. }
            | Self::Log(LogRequest { room, .. })
            | Self::Import { room, .. }
            | Self::Bundle { room, .. }
            | Self::Export { room, .. } => Concerned::Room(room),
        }
    }
}

pub(crate) fn no_room(which: &str) -> Failure {
    Failure::new(
        Code::NotFound,
        format!("there is no room {which} here; `tailchat rooms` lists them"),
    )
}
