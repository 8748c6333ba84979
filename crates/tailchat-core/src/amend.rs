//! What entries say of earlier ones: another text, that it is gone, what somebody feels about it, that it is pinned. A pure function of
//! the set of entries, like the timeline. Knows who may amend what; knows nothing of where lines are kept.
//!
//! Whoever keeps lines asks [`Amends::applies`] and then changes the line by [`Line::edit`], [`Line::delete`] and
//! [`Reactions`]. An amendment that does not apply is kept and passed on like any entry, and does nothing.

use std::collections::BTreeMap;

use crate::block::Arrival;
use crate::devices::Writer;
use crate::ids::{ActorId, MessageId};
use crate::roster::Roster;
use crate::timeline::{Line, Place, Says};

/// An entry about another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// The message that it is about.
    pub of: MessageId,
    /// The entry's own place: of two that contradict each other the later one holds.
    pub place: Place,
    /// Who wrote it, or repeated it.
    pub by: ActorId,
    /// When and by whom it came to this disk; not part of what peers share.
    pub arrival: Arrival,
    /// What it says.
    pub what: Amends,
}

/// What an entry says of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amends {
    /// Another text.
    Edit(Box<str>),
    /// It is to be seen no longer. No later edit brings it back.
    Delete,
    /// What somebody feels about it.
    Reaction {
        /// An emoji or a word.
        with: Box<str>,
        /// Whether they still do.
        on: bool,
    },
    /// Whether it is pinned, by whomever: the last word holds.
    Pin(bool),
}

/// What became of a line since it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// The edit that gave it its text.
    pub edited: Option<Place>,
    /// Whether its author took it back: it has no text then, and no reactions.
    pub deleted: bool,
    /// Whether it is pinned.
    pub pinned: bool,
    /// What people feel about it, what was felt first before the rest.
    pub reactions: Vec<Felt>,
    /// How many lines that are here answer it. They stay answers when it is taken back; one that is taken back itself is
    /// none any more.
    pub answers: u64,
}

/// A reaction, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Felt {
    /// An emoji or a word.
    pub with: Box<str>,
    /// Whose, in the order in which they felt it; each person once.
    pub by: Vec<ActorId>,
}

impl Amends {
    /// Whether it has any effect on a line: what somebody wrote is theirs alone to change and to take back, on any of
    /// their devices. What came from elsewhere may be taken back by who brought it in.
    #[must_use]
    pub fn applies(&self, by: ActorId, line: &Line, roster: &Roster) -> bool {
        match (self, &line.says) {
            (_, Says::Unreadable { .. }) | (Self::Edit(_), Says::Imported { .. }) => false,
            (Self::Edit(_) | Self::Delete, _) => roster.is_one(by, line.author),
            (Self::Reaction { .. } | Self::Pin(_), _) => true,
        }
    }
}

impl Line {
    /// Gives the line another text.
    pub fn edit(&mut self, place: Place, with: &str) {
        if let Says::Message { text, .. } = &mut self.says {
            *text = with.into();
            self.since.edited = Some(place);
        }
    }

    /// Takes the line's text away, and all that hangs on it.
    pub fn delete(&mut self) {
        match &mut self.says {
            Says::Message { text, reply_to, .. } => {
                *text = "".into();
                *reply_to = None;
            }
            Says::Imported { text, .. } => *text = "".into(),
            Says::Unreadable { .. } => return,
        }
        self.since = Since {
            deleted: true,
            answers: self.since.answers,
            ..Since::default()
        };
    }

    /// The line as it is after these amendments, which stand in the order of their places.
    #[must_use]
    pub fn after<'a>(
        &self,
        amendments: impl IntoIterator<Item = (Place, ActorId, &'a Amends)>,
        roster: &Roster,
    ) -> Self {
        let mut line = self.clone();
        let mut reactions = Reactions::default();
        let mut deleted = false;
        for (place, by, what) in amendments {
            match what {
                _ if !what.applies(by, self, roster) => {}
                Amends::Edit(text) => line.edit(place, text),
                Amends::Delete => deleted = true,
                Amends::Pin(on) => line.since.pinned = *on,
                Amends::Reaction { with, on } => reactions.take(roster.writer(by), by, with, *on),
            }
        }
        if deleted {
            line.delete();
        } else {
            line.since.reactions = reactions.felt();
        }
        line
    }
}

/// Reactions to one message as they are taken in, in the order of their places: of each person and reaction the last
/// word holds.
#[derive(Debug, Default)]
pub struct Reactions {
    standing: BTreeMap<(Who, Box<str>), (u64, ActorId)>,
    taken: u64,
}

/// An actor without a profile stands for itself.
type Who = Result<Writer, ActorId>;

impl Reactions {
    /// Takes the next one in.
    pub fn take(&mut self, writer: Option<Writer>, by: ActorId, with: &str, on: bool) {
        let key = (writer.ok_or(by), with.into());
        self.taken += 1;
        if on {
            self.standing.entry(key).or_insert((self.taken, by));
        } else {
            self.standing.remove(&key);
        }
    }

    /// Those that stand.
    #[must_use]
    pub fn felt(self) -> Vec<Felt> {
        let mut standing: Vec<_> = self.standing.into_iter().collect();
        standing.sort_unstable_by_key(|(_, (taken, _))| *taken);
        let mut felt: Vec<Felt> = Vec::new();
        let mut index: BTreeMap<Box<str>, usize> = BTreeMap::new();
        for ((_, with), (_, by)) in standing {
            let at = *index.entry(with.clone()).or_insert_with(|| {
                felt.push(Felt { with, by: Vec::new() });
                felt.len() - 1
            });
            if let Some(felt) = felt.get_mut(at) {
                felt.by.push(by);
            }
        }
        felt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Parts;
    use crate::devices::LinkProof;
    use crate::entry::{Body, Edit, Entry, Imported, Link, Profile, Reaction, Stamp, Text};
    use crate::ids::{DeviceId, PersonId};
    use crate::timeline::Timeline;

    const HERE: Arrival = Arrival {
        at_ms: 0,
        via: DeviceId::NONE,
    };
    const FIRST: MessageId = MessageId {
        actor: ActorId([1; 16]),
        index: 1,
    };

    fn text(text: &str) -> Body {
        Body::Text(Text {
            text: text.into(),
            reply_to: None,
        })
    }

    fn edit(of: MessageId, text: &str) -> Body {
        Body::Edit(Edit {
            of,
            text: text.into(),
        })
    }

    fn feel(of: MessageId, with: &str, on: bool) -> Body {
        Body::Reaction(Reaction {
            of,
            with: with.into(),
            on,
        })
    }

    /// What the actor of a person writes, at these orders; all devices of a person vouch for each other.
    fn wrote(actor: u8, person: u8, said: &[(u64, Body)]) -> Parts {
        let profile = Profile {
            person: PersonId([person; 32]),
            device: DeviceId([actor; 16]),
            name: format!("person {person}"),
        };
        let links = (1..5).map(|device| {
            let link = Link {
                device: DeviceId([device; 16]),
                proof: LinkProof([0; 16]),
            };
            (0, Body::Link(link))
        });
        let all = std::iter::once((0, Body::Profile(profile))).chain(said.iter().cloned());
        let all = all.chain(links);
        let entries = all.map(|(order, body)| {
            let stamp = Stamp { order, sent_at_ms: 0 };
            Entry { stamp, body }.encode()
        });
        Parts {
            actor: ActorId([actor; 16]),
            seq: 1,
            first_index: 0,
            previous: None,
            entries: entries.collect(),
        }
    }

    /// The first line after all that, with the same result whatever comes first.
    fn line(wrote: &[Parts]) -> Line {
        let fold = |parts: &mut dyn Iterator<Item = &Parts>| {
            let mut timeline = Timeline::default();
            parts.for_each(|parts| timeline.fold(parts, HERE));
            timeline
        };
        let timeline = fold(&mut wrote.iter());
        assert_eq!(timeline, fold(&mut wrote.iter().rev()));
        let line = timeline.lines().next().map(|(_, line)| line.clone());
        line.unwrap()
    }

    fn said(line: &Line) -> &str {
        match &line.says {
            Says::Message { text, .. } | Says::Imported { text, .. } => text,
            Says::Unreadable { .. } => "?",
        }
    }

    #[test]
    fn the_last_edit_holds_on_whatever_device_it_was_made() {
        let line = line(&[
            wrote(
                1,
                1,
                &[(10, text("tee is redy")), (20, edit(FIRST, "tee is ready"))],
            ),
            wrote(2, 1, &[(30, edit(FIRST, "tea is ready"))]),
        ]);
        assert_eq!(said(&line), "tea is ready");
        assert_eq!(line.since.edited.map(|place| place.order), Some(30));
    }

    #[test]
    fn what_others_wrote_is_theirs() {
        let line = line(&[
            wrote(1, 1, &[(10, text("mine"))]),
            wrote(
                2,
                2,
                &[
                    (20, edit(FIRST, "yours")),
                    (21, Body::Delete(FIRST)),
                    (22, feel(FIRST, "+1", true)),
                ],
            ),
        ]);
        assert_eq!(said(&line), "mine");
        assert_eq!((line.since.edited, line.since.deleted), (None, false));
        assert_eq!(line.since.reactions.len(), 1);
    }

    #[test]
    fn what_was_taken_back_has_no_text_and_no_edit_brings_it_back() {
        let line = line(&[
            wrote(
                1,
                1,
                &[
                    (10, text("secret")),
                    (20, Body::Delete(FIRST)),
                    (30, edit(FIRST, "again")),
                ],
            ),
            wrote(2, 2, &[(25, feel(FIRST, "+1", true))]),
        ]);
        assert_eq!(said(&line), "");
        assert!(line.since.deleted && line.since.reactions.is_empty());
    }

    #[test]
    fn what_came_from_elsewhere_is_taken_back_by_who_brought_it_and_edited_by_nobody() {
        let nick = Body::Imported(Imported {
            nick: "old".into(),
            action: false,
            text: "history".into(),
        });
        let line = |amends: &[(u64, Body)]| {
            let mut all = vec![(10, nick.clone())];
            all.extend(amends.iter().cloned());
            line(&[wrote(1, 1, &all)])
        };
        assert_eq!(said(&line(&[(20, edit(FIRST, "other"))])), "history");
        assert_eq!(said(&line(&[(20, Body::Delete(FIRST))])), "");
    }

    #[test]
    fn a_reaction_counts_once_for_a_person_and_can_be_taken_back() {
        let line = line(&[
            wrote(1, 1, &[(10, text("tea?")), (40, feel(FIRST, "tea", true))]),
            wrote(
                2,
                2,
                &[(20, feel(FIRST, "+1", true)), (21, feel(FIRST, "+1", true))],
            ),
            wrote(
                3,
                2,
                &[(22, feel(FIRST, "+1", true)), (23, feel(FIRST, "tea", true))],
            ),
            wrote(
                4,
                3,
                &[(24, feel(FIRST, "+1", true)), (25, feel(FIRST, "+1", false))],
            ),
        ]);
        let felt: Vec<_> = line
            .since
            .reactions
            .iter()
            .map(|felt| (&*felt.with, felt.by.len()))
            .collect();
        assert_eq!(felt, [("+1", 1), ("tea", 2)]);
    }
}
