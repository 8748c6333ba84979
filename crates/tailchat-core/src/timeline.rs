//! What a room looks like: the fold of its entries. A pure function of the set of entries, whatever the
//! order in which they came. Knows nothing of changes, disks or screens.
//!
//! [`told_by`] says what a change comes to; who keeps the lines, in memory as [`Timeline`] or in an index,
//! keeps them by [`Place`] and asks [`Line::outranks`] where two stand at one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::amend::{Amendment, Amends, Since};
use crate::block::Arrival;
use crate::change::Parts;
use crate::entry::{Body, Entry, Imported, Link, Reaction, Stamp, Text, entry_sum};
use crate::ids::{ActorId, MessageId};
use crate::limits::ORDER_AHEAD_MAX_MS;
use crate::roster::{Heard, News, Roster};

/// An entry's place: by order, then by author and number, the same on every peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// [`crate::entry::Stamp::order`].
    pub order: u64,
    /// Which entry.
    pub id: MessageId,
    /// [`entry_sum`], since the branches of a forked actor have different entries of one ID.
    pub sum: u32,
}

impl Place {
    /// Before every entry of this order.
    #[must_use]
    pub fn start_of(order: u64) -> Self {
        Self {
            order,
            id: MessageId {
                actor: ActorId([0; 16]),
                index: 0,
            },
            sum: 0,
        }
    }
}

/// Hexadecimal, 72 digits, that compare as places do.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order, id, sum } = self;
        write!(f, "{order:016x}{}{:016x}{sum:08x}", id.actor, id.index)
    }
}

/// What is no place as [`Place`] spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in a room")]
pub struct NotAPlace;

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let digits = |from: usize, to: usize| {
            let part = text.get(from..to)?;
            part.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(part)
        };
        let number = |from, to| u64::from_str_radix(digits(from, to)?, 16).ok();
        let read = || {
            let id = MessageId {
                actor: digits(16, 48)?.parse().ok()?,
                index: number(48, 64)?,
            };
            Some(Self {
                order: number(0, 16)?,
                id,
                sum: u32::from_str_radix(digits(64, 72)?, 16).ok()?,
            })
        };
        read().filter(|_| text.len() == 72).ok_or(NotAPlace)
    }
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose profile names the author: the entry's own actor, or the one that repeated the entry.
    pub author: ActorId,
    /// When its author's clock says that it was written, in milliseconds since 1970; see [`shown_time`].
    pub sent_at_ms: i64,
    /// When and by whom it came to this disk; not part of what peers share.
    pub arrival: Arrival,
    /// What it says, as it was edited last.
    pub says: Says,
    /// What became of it since.
    pub since: Since,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// A message of a member.
    Message {
        /// What was written.
        text: Box<str>,
        /// Whether it is in the third person.
        action: bool,
        /// The message that it answers.
        reply_to: Option<MessageId>,
    },
    /// A message from another system.
    Imported {
        /// Who wrote it there.
        nick: Box<str>,
        /// What was written.
        text: Box<str>,
        /// Whether it is in the third person.
        action: bool,
    },
    /// An entry that this version cannot read.
    Unreadable {
        /// The kind byte.
        kind: u8,
    },
}

impl Line {
    /// The entry that the line stands for, with the time that is shown; none for one that this version cannot read, or
    /// that is to be seen no longer.
    #[must_use]
    pub fn entry(&self, place: &Place) -> Option<Entry> {
        if self.since.deleted {
            return None;
        }
        let body = match &self.says {
            Says::Message {
                text,
                action,
                reply_to,
            } => {
                let text = Text {
                    text: text.to_string(),
                    reply_to: *reply_to,
                };
                if *action {
                    Body::Action(text)
                } else {
                    Body::Text(text)
                }
            }
            Says::Imported { nick, text, action } => Body::Imported(Imported {
                nick: nick.to_string(),
                action: *action,
                text: text.to_string(),
            }),
            Says::Unreadable { .. } => return None,
        };
        let stamp = Stamp {
            order: place.order,
            sent_at_ms: self.sent_at_ms,
        };
        Some(Entry { stamp, body })
    }

    /// The message that it answers; none once it was taken back.
    #[must_use]
    pub fn reply_to(&self) -> Option<MessageId> {
        match &self.says {
            Says::Message { reply_to, .. } => *reply_to,
            Says::Imported { .. } | Says::Unreadable { .. } => None,
        }
    }

    /// Whether this line stands where the other one does of the same entry: the author itself before who
    /// repeated it, the least of these; so in any order of arrival it is the same one.
    #[must_use]
    pub fn outranks(&self, other: &Self, place: &Place) -> bool {
        let rank = |author: ActorId| (author != place.id.actor, author);
        rank(self.author) < rank(other.author)
    }
}

/// What an entry comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A line, unless one that outranks it stands there.
    Line(Place, Line),
    /// Something about a line, which may not be there yet.
    Amendment(Amendment),
    /// Something for the [`Roster`].
    News(News),
}

/// What the entries of a change come to, in their order. A repeat comes to two: that there is one, and what
/// it repeats.
#[must_use]
pub fn told_by(parts: &Parts, arrival: Arrival) -> Vec<Told> {
    let mut told = Vec::with_capacity(parts.entries.len());
    for (index, bytes) in (parts.first_index..).zip(&parts.entries) {
        let id = MessageId {
            actor: parts.actor,
            index,
        };
        tell_entry(id, bytes, arrival, &mut told);
    }
    told
}

fn tell_entry(id: MessageId, bytes: &[u8], arrival: Arrival, told: &mut Vec<Told>) {
    let by = id.actor;
    let entry = Entry::decode(bytes);
    let place = place_of(id, entry.stamp, bytes);
    match entry.body {
        Body::Profile(profile) => told.push(Told::News(News::Profile { place, profile })),
        Body::Leave => told.push(Told::News(News::Leave { place })),
        Body::Link(Link { device, proof }) => told.push(Told::News(News::Link {
            by: id,
            device,
            proof,
        })),
        // Shown under the ID and at the place of what it repeats: with the entry itself it is one line.
        Body::Repeat(repeat) => {
            let sum = entry_sum(&repeat.entry);
            told.push(Told::News(News::Repeated(repeat.of, sum)));
            let repeated = Entry::decode(&repeat.entry);
            let place = place_of(repeat.of, repeated.stamp, &repeat.entry);
            told.extend(tell_what_may_repeat(place, by, repeated, arrival));
        }
        _ => told.extend(tell_what_may_repeat(place, by, entry, arrival)),
    }
}

/// Tells of what may be repeated. What may not, a repeat above all, is passed over: a chain of repeats in one
/// entry would go as deep as the entry is long.
fn tell_what_may_repeat(place: Place, by: ActorId, entry: Entry, arrival: Arrival) -> Option<Told> {
    let about = |of, what| {
        Some(Told::Amendment(Amendment {
            of,
            place,
            by,
            arrival,
            what,
        }))
    };
    let says = match entry.body {
        Body::Text(text) => Says::Message {
            text: text.text.into(),
            action: false,
            reply_to: text.reply_to,
        },
        Body::Action(text) => Says::Message {
            text: text.text.into(),
            action: true,
            reply_to: text.reply_to,
        },
        Body::Imported(import) => Says::Imported {
            nick: import.nick.into(),
            text: import.text.into(),
            action: import.action,
        },
        Body::Unknown { kind } => Says::Unreadable { kind },
        Body::RoomName(name) => return Some(Told::News(News::RoomName { place, name })),
        Body::Topic(topic) => return Some(Told::News(News::Topic { place, topic })),
        Body::Edit(edit) => return about(edit.of, Amends::Edit(edit.text.into())),
        Body::Delete(of) => return about(of, Amends::Delete),
        Body::Reaction(Reaction { of, with, on }) => {
            let with = with.into();
            return about(of, Amends::Reaction { with, on });
        }
        Body::Pin(pin) => return about(pin.of, Amends::Pin(pin.on)),
        Body::Profile(_) | Body::Leave | Body::Link(_) | Body::Repeat(_) => return None,
    };
    let line = Line {
        author: by,
        sent_at_ms: shown_time(entry.stamp),
        arrival,
        says,
        since: Since::default(),
    };
    Some(Told::Line(place, line))
}

fn place_of(id: MessageId, stamp: Stamp, bytes: &[u8]) -> Place {
    Place {
        order: stamp.order,
        id,
        sum: entry_sum(bytes),
    }
}

/// The time that is shown for a stamp: its author's clock, held within what the rules for writing allow, from
/// [`ORDER_AHEAD_MAX_MS`] before the order up to it. So a range of times is a range of places too, whatever a
/// peer wrote.
#[must_use]
pub fn shown_time(stamp: Stamp) -> i64 {
    let order = i64::try_from(stamp.order).unwrap_or(i64::MAX);
    let earliest = order.saturating_sub_unsigned(ORDER_AHEAD_MAX_MS + 1);
    // Before 1970 the order is nought and says nothing of the time.
    if stamp.order == 0 {
        stamp.sent_at_ms.min(0)
    } else {
        stamp.sent_at_ms.clamp(earliest, order)
    }
}

/// The fold of a room's entries, in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// As they are shown.
    lines: BTreeMap<Place, Line>,
    /// As they were written, those that something was said about.
    written: BTreeMap<Place, Line>,
    places: BTreeMap<MessageId, BTreeSet<Place>>,
    amendments: BTreeMap<MessageId, BTreeMap<(Place, ActorId), Amends>>,
    /// The lines that answer a message, whether it is here or not.
    answers: BTreeMap<MessageId, BTreeSet<Place>>,
    roster: Roster,
}

impl Timeline {
    /// Takes in a change's entries. The same change again does nothing.
    pub fn fold(&mut self, parts: &Parts, arrival: Arrival) {
        for told in told_by(parts, arrival) {
            match told {
                Told::News(news) => {
                    if self.roster.hear(news) != Heard::Plainly {
                        let amended: Vec<_> = self.amendments.keys().copied().collect();
                        amended.into_iter().for_each(|of| self.amend(of));
                    }
                }
                Told::Amendment(Amendment {
                    of, place, by, what, ..
                }) => {
                    let known = self.amendments.entry(of).or_default();
                    if known.insert((place, by), what).is_none() {
                        self.amend(of);
                    }
                }
                Told::Line(place, line) => {
                    let there = self.lines.get(&place);
                    if there.is_none_or(|there| line.outranks(there, &place)) {
                        self.places.entry(place.id).or_default().insert(place);
                        self.written.remove(&place);
                        self.show(place, line);
                        self.amend(place.id);
                    }
                }
            }
        }
    }

    /// Shows a message as it is by now, if something was said about it.
    fn amend(&mut self, of: MessageId) {
        let (Some(amendments), Some(places)) = (self.amendments.get(&of), self.places.get(&of)) else {
            return;
        };
        let mut amended = Vec::new();
        for place in places {
            let Some(shown) = self.lines.get(place) else {
                continue;
            };
            let written = self.written.entry(*place).or_insert_with(|| Line {
                since: Since::default(),
                ..shown.clone()
            });
            let amendments = amendments.iter().map(|((at, by), what)| (*at, *by, what));
            amended.push((*place, written.after(amendments, &self.roster)));
        }
        for (place, line) in amended {
            self.show(place, line);
        }
    }

    /// Shows a line at its place, instead of the one that was shown there, and counts it as the answer that it is.
    fn show(&mut self, place: Place, line: Line) {
        let now = line.reply_to();
        let before = self.lines.insert(place, line).and_then(|line| line.reply_to());
        if let Some(of) = before
            && let Some(answers) = self.answers.get_mut(&of)
        {
            answers.remove(&place);
            if answers.is_empty() {
                self.answers.remove(&of);
            }
        }
        if let Some(of) = now {
            self.answers.entry(of).or_default().insert(place);
        }
        for of in before.into_iter().chain(now).chain([place.id]) {
            self.count_answers(of);
        }
    }

    fn count_answers(&mut self, of: MessageId) {
        let count = self.answers.get(&of).map_or(0, |answers| answers.len() as u64);
        for place in self.places.get(&of).into_iter().flatten() {
            if let Some(line) = self.lines.get_mut(place) {
                line.since.answers = count;
            }
        }
    }

    /// Who is in the room, and its name.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The lines in order.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = (&Place, &Line)> {
        self.lines.iter()
    }

    /// The line at a place.
    #[must_use]
    pub fn line(&self, place: &Place) -> Option<&Line> {
        self.lines.get(place)
    }

    /// The lines above a place, it excluded, in order.
    pub fn lines_after(&self, place: &Place) -> impl DoubleEndedIterator<Item = (&Place, &Line)> {
        self.lines.range((Bound::Excluded(*place), Bound::Unbounded))
    }
}

#[cfg(test)]
mod tests;
