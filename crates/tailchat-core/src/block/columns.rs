//! The rows of a block as columns, version 2. Knows what a message consists of; everything else is bytes to it,
//! and comes back bit for bit.

use std::collections::BTreeMap;

use super::entries::Rows;
use super::numbers::{Column, at_distance, distance, put};
use super::packed::{pack, unpack};
use super::shape::{Form, Message};
use super::{BlockError, Span};
use crate::entry::is_message;
use crate::ids::{ActorId, MessageId};

/// How many columns there are.
const COLUMNS: usize = 12;

/// An entry that is no message by [`Message::read`].
const RAW: u8 = 0;
const WRITTEN: u8 = 1;
const IMPORTED: u8 = 2;
/// These stand beside `WRITTEN` and `IMPORTED`.
const IS_ACTION: u8 = 4;
const HAS_LAG: u8 = 8;
const IS_REPLY: u8 = 16;

/// The columns by name; on disk and wire they stand in this order.
#[derive(Default)]
struct Columns<T> {
    /// For each row its span, by place.
    spans: T,
    /// For each row how many entries it has beyond the first.
    counts: T,
    /// For each entry its shape.
    shapes: T,
    /// For each message the low byte of its order's distance from the message before; of no pattern, mostly.
    orders_low: T,
    /// The rest of that distance.
    orders_high: T,
    /// The lag of those that have one.
    lags: T,
    /// Texts, each with a zero byte behind it: cheaper than lengths, which nothing predicts.
    texts: T,
    /// For each imported message its nick: one of those before, or a new one.
    nicks: T,
    /// The new nicks, each with a zero byte behind it.
    names: T,
    /// What replies answer.
    replies: T,
    /// The lengths of raw entries.
    lengths: T,
    /// The raw entries, and the actors that replies name and no span has.
    raw: T,
}

impl<T> Columns<T> {
    fn from_array(columns: [T; COLUMNS]) -> Self {
        let [
            spans,
            counts,
            shapes,
            orders_low,
            orders_high,
            lags,
            texts,
            nicks,
            names,
            replies,
            lengths,
            raw,
        ] = columns;
        Self {
            spans,
            counts,
            shapes,
            orders_low,
            orders_high,
            lags,
            texts,
            nicks,
            names,
            replies,
            lengths,
            raw,
        }
    }

    fn as_array(&self) -> [&T; COLUMNS] {
        [
            &self.spans,
            &self.counts,
            &self.shapes,
            &self.orders_low,
            &self.orders_high,
            &self.lags,
            &self.texts,
            &self.nicks,
            &self.names,
            &self.replies,
            &self.lengths,
            &self.raw,
        ]
    }
}

/// Appends the rows.
pub(super) fn encode(spans: &[Span], rows: &Rows, bytes: &mut Vec<u8>) {
    let mut writer = Writer {
        columns: Columns::default(),
        places: spans
            .iter()
            .zip(0..)
            .map(|(span, place)| (span.actor, place))
            .collect(),
        ends: spans.iter().map(|span| span.first_index).collect(),
        nicks: BTreeMap::new(),
        order: 0,
    };
    for (span, entries) in rows.iter() {
        put(&mut writer.columns.spans, span as u64);
        put(&mut writer.columns.counts, (entries.len() as u64).wrapping_sub(1));
        entries.iter().for_each(|entry| writer.entry(entry));
        if let Some(end) = writer.ends.get_mut(span) {
            *end += entries.len() as u64;
        }
    }
    pack(writer.columns.as_array().map(Vec::as_slice), bytes);
}

struct Writer<'a> {
    columns: Columns<Vec<u8>>,
    places: BTreeMap<ActorId, usize>,
    /// For each span, how many entries its actor wrote before the present row.
    ends: Vec<u64>,
    nicks: BTreeMap<&'a [u8], u64>,
    /// Of the message before.
    order: u64,
}

impl<'a> Writer<'a> {
    fn entry(&mut self, entry: &'a [u8]) {
        let Some(message) = Message::read(entry) else {
            self.columns.shapes.push(RAW);
            put(&mut self.columns.lengths, entry.len() as u64);
            self.columns.raw.extend_from_slice(entry);
            return;
        };
        let lag = if message.lag == 0 { 0 } else { HAS_LAG };
        let shape = match message.form {
            Form::Written { action, reply_to } => {
                let reply = reply_to.map_or(0, |id| {
                    self.reply(id);
                    IS_REPLY
                });
                WRITTEN | reply | if action { IS_ACTION } else { 0 }
            }
            Form::Imported { action, nick } => {
                self.nick(nick);
                IMPORTED | if action { IS_ACTION } else { 0 }
            }
        };
        let columns = &mut self.columns;
        columns.shapes.push(shape | lag);
        put_split(
            &mut columns.orders_low,
            &mut columns.orders_high,
            distance(self.order, message.order),
        );
        self.order = message.order;
        if message.lag != 0 {
            put(&mut columns.lags, message.lag);
        }
        columns.texts.extend_from_slice(message.text);
        columns.texts.push(0);
    }

    fn reply(&mut self, id: MessageId) {
        let place = self.places.get(&id.actor);
        let end = place.and_then(|place| self.ends.get(*place));
        let column = &mut self.columns.replies;
        put(column, place.map_or(0, |place| *place as u64 + 1));
        put(column, distance(id.index, end.copied().unwrap_or(0)));
        if place.is_none() {
            self.columns.raw.extend_from_slice(&id.actor.0);
        }
    }

    fn nick(&mut self, nick: &'a [u8]) {
        let new = self.nicks.len() as u64;
        let place = *self.nicks.entry(nick).or_insert(new);
        put(&mut self.columns.nicks, place);
        if place == new {
            self.columns.names.extend_from_slice(nick);
            self.columns.names.push(0);
        }
    }
}

/// Reads the rows of these spans, to the end of the bytes. The spans are within the limits.
pub(super) fn decode(spans: &[Span], bytes: &[u8]) -> Result<Rows, BlockError> {
    let columns: [Vec<u8>; COLUMNS] = unpack(bytes)?;
    let len = columns.iter().map(Vec::len).sum();
    let columns = Columns::from_array(columns.each_ref().map(|column| Column(column)));
    let rows = spans.iter().map(|span| span.last_seq - span.first_seq + 1).sum();
    let entries = spans.iter().map(|span| span.entries).sum();
    let mut reader = Reader {
        columns,
        spans,
        ends: spans.iter().map(|span| span.first_index).collect(),
        nicks: Vec::new(),
        order: 0,
        rows: Rows::with_capacity(capacity(rows), capacity(entries), len),
    };
    // For each span what its rows still have to bring: changes, entries, messages.
    let mut open: Vec<_> = spans
        .iter()
        .map(|span| (span.last_seq - span.first_seq + 1, span.entries, span.messages))
        .collect();
    for _ in 0..rows {
        let (place, entries, messages) = reader.row()?;
        let left = open.get_mut(place).ok_or(BlockError::Malformed)?;
        let take = |left: u64, part| left.checked_sub(part).ok_or(BlockError::Malformed);
        *left = (take(left.0, 1)?, take(left.1, entries)?, take(left.2, messages)?);
    }
    let whole = open.iter().all(|left| *left == (0, 0, 0));
    let empty = reader.columns.as_array().iter().all(|column| column.is_empty());
    if whole && empty {
        Ok(reader.rows)
    } else {
        Err(BlockError::Malformed)
    }
}

fn capacity(count: u64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

struct Reader<'a> {
    columns: Columns<Column<'a>>,
    spans: &'a [Span],
    ends: Vec<u64>,
    nicks: Vec<&'a [u8]>,
    order: u64,
    rows: Rows,
}

impl<'a> Reader<'a> {
    /// Reads one row: its span, how many entries it has and how many of them are messages.
    fn row(&mut self) -> Result<(usize, u64, u64), BlockError> {
        let place = self.columns.spans.length().ok_or(BlockError::Malformed)?;
        let more = self.columns.counts.number().ok_or(BlockError::Malformed)?;
        let mut messages = 0;
        for _ in 0..=more {
            let begin = self.rows.buffer().len();
            self.entry().ok_or(BlockError::Malformed)?;
            let entry = self.rows.buffer().get(begin..).unwrap_or_default();
            messages += u64::from(is_message(entry));
            self.rows.end_entry();
        }
        let span = u32::try_from(place).map_err(|_| BlockError::Malformed)?;
        self.rows.end_checked_row(span)?;
        let end = self.ends.get_mut(place).ok_or(BlockError::Malformed)?;
        *end += more + 1;
        Ok((place, more + 1, messages))
    }

    fn entry(&mut self) -> Option<()> {
        let shape = self.columns.shapes.byte()?;
        if shape == RAW {
            let len = self.columns.lengths.length()?;
            let entry = self.columns.raw.bytes(len)?;
            self.rows.write(entry);
            return Some(());
        }
        let action = shape & IS_ACTION != 0;
        let form = match shape & !(IS_ACTION | HAS_LAG) {
            WRITTEN => Form::Written {
                action,
                reply_to: None,
            },
            reply if reply == WRITTEN | IS_REPLY => Form::Written {
                action,
                reply_to: Some(self.reply()?),
            },
            IMPORTED => Form::Imported {
                action,
                nick: self.nick()?,
            },
            _ => return None,
        };
        let columns = &mut self.columns;
        let far = take_split(&mut columns.orders_low, &mut columns.orders_high)?;
        self.order = at_distance(self.order, far);
        let lag = if shape & HAS_LAG == 0 {
            0
        } else {
            columns.lags.number()?
        };
        let message = Message {
            order: self.order,
            lag,
            text: columns.texts.string()?,
            form,
        };
        message.write(self.rows.buffer());
        Some(())
    }

    fn reply(&mut self) -> Option<MessageId> {
        let place = self.columns.replies.length()?;
        let back = self.columns.replies.number()?;
        let (actor, end) = match place.checked_sub(1) {
            Some(place) => (self.spans.get(place)?.actor, *self.ends.get(place)?),
            None => (ActorId(self.columns.raw.array()?), 0),
        };
        // The distance leads from the reply's target to the end; backwards it is the other way.
        let index = end.wrapping_sub(at_distance(0, back));
        Some(MessageId { actor, index })
    }

    fn nick(&mut self) -> Option<&'a [u8]> {
        let place = self.columns.nicks.length()?;
        if place == self.nicks.len() {
            self.nicks.push(self.columns.names.string()?);
        }
        self.nicks.get(place).copied()
    }
}

/// Puts a number's low byte, which is mostly chance, apart from the rest of it, which is not.
pub(super) fn put_split(low: &mut Vec<u8>, high: &mut Vec<u8>, number: u64) {
    low.push((number & 0xff) as u8);
    put(high, number >> 8);
}

pub(super) fn take_split(low: &mut Column<'_>, high: &mut Column<'_>) -> Option<u64> {
    let low = u64::from(low.byte()?);
    let high = high.number().filter(|high| *high < 1 << 56)?;
    Some(high << 8 | low)
}
