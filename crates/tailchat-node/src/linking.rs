//! Several devices of one person. One gives a code, another takes it, and from then on each calls the other its person's
//! in every room where both are: the one that took the code speaks first, with a proof that only the one that gave it can
//! check. Owns no state but what the node has of links.

use std::fmt;
use std::str::FromStr;

use tailchat_core::devices::{LinkProof, LinkSecret, Writer};
use tailchat_core::engine::{Draft, Event, Identity, Ticket};
use tailchat_core::entry::{Body, Link};
use tailchat_core::ids::{LinkToken, RoomId};
use tailchat_core::limits::LINKS_MAX;

use crate::control::{Code, Failure, Item, LINK_SCHEME};
use crate::identity::KnownLink;
use crate::invite::{self, Invite};
use crate::membership::checked_name;
use crate::node::{Node, random};
use crate::session::{Pending, SessionId};

/// What a device gives another one, so that it writes as the same person.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LinkCode {
    secret: LinkSecret,
    name: String,
    rooms: Vec<RoomId>,
    peers: Vec<String>,
}

impl LinkCode {
    fn invites(&self) -> impl Iterator<Item = Invite> {
        self.rooms.iter().map(|room| Invite {
            room: *room,
            peers: self.peers.clone(),
        })
    }
}

impl fmt::Display for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{LINK_SCHEME}{}?name=", self.secret)?;
        self.name.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        self.rooms.iter().try_for_each(|room| write!(f, "&room={room}"))?;
        self.peers.iter().try_for_each(|peer| write!(f, "&peer={peer}"))
    }
}

impl FromStr for LinkCode {
    type Err = Failure;

    /// In any case and with white space.
    fn from_str(text: &str) -> Result<Self, Failure> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = text.to_lowercase();
        let wrong = || {
            let why =
                "that is no link code; `tailchat link` on your other device prints one, all of it is needed";
            Failure::new(Code::Usage, why)
        };
        let (secret, query) = text
            .strip_prefix(LINK_SCHEME)
            .and_then(|code| code.split_once('?'))
            .ok_or_else(wrong)?;
        let mut code = Self {
            secret: secret.parse().map_err(|_| wrong())?,
            name: String::new(),
            rooms: Vec::new(),
            peers: Vec::new(),
        };
        for part in query.split('&') {
            match part.split_once('=') {
                Some(("name", name)) => code.name = checked_name(&unhex(name).ok_or_else(wrong)?)?,
                Some(("room", room)) => code.rooms.push(room.parse().map_err(|_| wrong())?),
                Some(("peer", peer)) => code.peers.push(invite::with_port(peer)?),
                _ => {}
            }
        }
        match code.name.is_empty() {
            true => Err(wrong()),
            false => Ok(code),
        }
    }
}

fn unhex(text: &str) -> Option<String> {
    let digits = text.is_ascii() && text.len().is_multiple_of(2);
    let pairs = text.as_bytes().chunks(2).filter(|_| digits);
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(pairs.map(byte).collect::<Option<Vec<_>>>()?).ok()
}

impl Node {
    /// Gives a code for another device. One that was given before and not used is void.
    pub(crate) fn link(&mut self, session: SessionId) -> Result<Pending, Failure> {
        let identity = self.engine.identity().clone();
        let mut links = self.links.clone();
        links.retain(|link| link.device.is_some());
        if links.len() >= LINKS_MAX {
            let why = format!("{} devices are linked, at most {LINKS_MAX} can be", links.len());
            return Err(Failure::new(Code::Failed, why));
        }
        let secret = LinkSecret {
            token: LinkToken(random()),
            person: identity.person,
            device: identity.device,
        };
        links.push(KnownLink {
            token: secret.token,
            device: None,
            taken: false,
        });
        let code = LinkCode {
            secret,
            name: identity.name.clone(),
            rooms: self.rooms.keys().copied().collect(),
            peers: invite::addresses(&self.listening),
        };
        self.become_known(session, identity, links, Some(Item::LinkCode(code.to_string())))
    }

    /// Becomes the person who gave the code. What was written here before stays somebody else's, so nothing may have been.
    pub(crate) fn take_link(&mut self, session: SessionId, code: &str) -> Result<Pending, Failure> {
        let code: LinkCode = code.parse()?;
        let device = self.engine.identity().device;
        if code.secret.device == device {
            let why = "this is the device that gave the code; take it on the other one";
            return Err(Failure::new(Code::Usage, why));
        }
        let answer = |name: &str, code: &LinkCode| Item::Linked {
            name: name.to_owned(),
            invites: code.invites().map(|invite| invite.to_string()).collect(),
        };
        if self.is_linked_by(&code.secret) {
            // It was cut short the first time, and goes on.
            let answer = answer(&self.engine.identity().name, &code);
            return Ok(Pending::items([answer]));
        }
        if !self.rooms.is_empty() || !self.moving.is_empty() || !self.closed.is_empty() {
            let why = "this folder is in rooms already, as somebody of its own; link a fresh one: \
                       tailchat --data DIR link CODE";
            return Err(Failure::new(Code::Usage, why));
        }
        let answer = answer(&code.name, &code);
        let LinkCode { secret, name, .. } = code;
        let taken = KnownLink {
            token: secret.token,
            device: Some(secret.device),
            taken: true,
        };
        let identity = Identity {
            person: secret.person,
            device,
            name,
        };
        self.become_known(session, identity, vec![taken], Some(answer))
    }

    fn is_linked_by(&self, secret: &LinkSecret) -> bool {
        let taken = |link: &KnownLink| link.taken && link.token == secret.token;
        self.engine.identity().person == secret.person && self.links.iter().any(taken)
    }

    /// What this device still has to say of others of its person in a room.
    pub(crate) fn link_drafts(&self, room: RoomId) -> Vec<Draft> {
        let Some(open) = self.rooms.get(&room).filter(|_| !self.links.is_empty()) else {
            return Vec::new();
        };
        let own = self.own();
        let claims: Vec<_> = open.roster.links_to(own).collect();
        let draft = |link: &KnownLink| {
            let device = link.device?;
            let proved = claims.contains(&(device, LinkProof::new(&link.token, room, device, own.device)));
            let proof = LinkProof::new(&link.token, room, own.device, device);
            let due = (link.taken || proved) && !open.roster.shows_link(own, device, proof);
            due.then_some(Draft {
                body: Body::Link(Link { device, proof }),
                stamp: None,
            })
        };
        self.links.iter().filter_map(draft).collect()
    }

    /// Devices may have called themselves ours: one that proves it is, from now on, and is told so.
    pub(crate) fn links_heard(&mut self, room: RoomId) {
        let Some(open) = self.rooms.get(&room).filter(|_| !self.links.is_empty()) else {
            return;
        };
        let own = self.own();
        let claims: Vec<_> = open.roster.links_to(own).collect();
        let mut bound = false;
        // What is being saved now would not have it, and replaces what there is.
        for (device, proof) in claims.into_iter().filter(|_| self.becoming.is_none()) {
            let shown = |link: &&mut KnownLink| {
                link.device.is_none() && LinkProof::new(&link.token, room, device, own.device) == proof
            };
            if let Some(link) = self.links.iter_mut().find(shown) {
                link.device = Some(device);
                bound = true;
            }
        }
        if bound {
            self.keep_links();
        }
        let drafts = self.link_drafts(room);
        if !drafts.is_empty() {
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            self.feed(Event::Posted { room, ticket, drafts });
        }
    }

    /// Has a device remembered that came with our code. If that fails it proves itself again at the next start.
    fn keep_links(&mut self) {
        self.save_known(self.engine.identity().clone(), self.links.clone(), None);
    }

    pub(crate) fn own(&self) -> Writer {
        let identity = self.engine.identity();
        Writer {
            person: identity.person,
            device: identity.device,
        }
    }
}

#[cfg(test)]
mod tests {
    use tailchat_core::ids::{DeviceId, PersonId};

    use super::*;

    #[test]
    fn a_code_is_read_as_it_is_spelt_in_any_case_and_spacing() {
        let code = LinkCode {
            secret: LinkSecret {
                token: LinkToken([1; 32]),
                person: PersonId([2; 32]),
                device: DeviceId([3; 16]),
            },
            name: "ann & \u{e4}".into(),
            rooms: vec![RoomId([4; 16]), RoomId([5; 16])],
            peers: vec!["100.64.0.7:24242".into()],
        };
        let text = code.to_string();
        assert_eq!(text.parse(), Ok(code.clone()));
        assert_eq!(format!(" {}\n", text.to_uppercase()).parse(), Ok(code));
        for wrong in [
            text.replacen("link1q", "link1p", 1),
            text[..60].to_owned(),
            text.replace("name=", "nom="),
            text.replace("name=61", "name=6"),
            text.replace("room=room1", "room=rum1"),
            "tailchat-link:".to_owned(),
            String::new(),
        ] {
            let read = wrong.parse::<LinkCode>();
            assert!(read.is_err_and(|err| err.code == Code::Usage), "{wrong}");
        }
    }
}
