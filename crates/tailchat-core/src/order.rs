//! The clock that orders a room: an entry never stands above what its author had seen, among clocks that
//! agree within five minutes. A hybrid of wall clock and Lamport clock (L. Lamport, "Time, Clocks, and the
//! Ordering of Events in a Distributed System", 1978). Knows no clock of its own.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::entry::{Body, Entry, Stamp};
use crate::limits::{ORDER_AHEAD_MAX_MS, ORDER_MAX, ORDERS_AHEAD_MAX};

/// The greatest order seen in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderClock {
    greatest: u64,
    /// Orders seen that are still too far ahead of our clock to be believed.
    ahead: BTreeSet<u64>,
}

impl OrderClock {
    /// Takes note of an entry that is in the room since our clock said `arrived_at_ms`. Imported entries carry
    /// old times and move no clock.
    pub fn observe(&mut self, entry: &Entry, arrived_at_ms: i64) {
        let moves = !matches!(entry.body, Body::Imported(_) | Body::Repeat(_));
        let order = entry.stamp.order;
        if !moves {
            return;
        }
        let latest = self.doubt(arrived_at_ms);
        if order <= latest {
            self.greatest = self.greatest.max(order);
            return;
        }
        self.ahead.insert(order);
        if self.ahead.len() > ORDERS_AHEAD_MAX {
            self.ahead.pop_last();
        }
    }

    /// The stamp of an entry written now: the wall clock, or one above the greatest order seen that is not
    /// more than [`ORDER_AHEAD_MAX_MS`] ahead of it.
    pub fn stamp(&mut self, now_ms: i64) -> Stamp {
        let now = clock_reading(now_ms);
        let latest = self.doubt(now_ms);
        let beyond = self.ahead.split_off(&(latest + 1));
        let believed = std::mem::replace(&mut self.ahead, beyond);
        self.greatest = self.greatest.max(believed.last().copied().unwrap_or(0));
        let order = now.max(self.greatest + 1).min(ORDER_MAX);
        self.greatest = order;
        Stamp {
            order,
            sent_at_ms: now_ms,
        }
    }

    /// The latest order that is believed at this time. If our own clock was set back, what it wrote before is
    /// ahead now, like anybody's.
    fn doubt(&mut self, now_ms: i64) -> u64 {
        let latest = clock_reading(now_ms) + ORDER_AHEAD_MAX_MS;
        if self.greatest > latest {
            self.ahead.insert(std::mem::take(&mut self.greatest));
        }
        latest
    }
}

fn clock_reading(now_ms: i64) -> u64 {
    u64::try_from(now_ms).unwrap_or(0).min(ORDER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leave(order: u64) -> Entry {
        Entry {
            stamp: Stamp { order, sent_at_ms: 0 },
            body: Body::Leave,
        }
    }

    #[test]
    fn an_answer_stands_below_what_it_answers() {
        let mut clock = OrderClock::default();
        clock.observe(&leave(1_000_200), 1_000_000);
        assert_eq!(clock.stamp(1_000_000).order, 1_000_201);
        assert_eq!(clock.stamp(1_000_000).order, 1_000_202);
        assert_eq!(clock.stamp(2_000_000).order, 2_000_000);
    }

    #[test]
    fn a_clock_far_ahead_drags_nobody_along_until_its_time_comes() {
        let mut clock = OrderClock::default();
        clock.observe(&leave(1_000_000 + ORDER_AHEAD_MAX_MS + 1), 1_000_000);
        assert_eq!(clock.stamp(1_000_000).order, 1_000_000);
        assert_eq!(clock.stamp(1_000_001).order, 1_000_000 + ORDER_AHEAD_MAX_MS + 2);
    }

    #[test]
    fn a_clock_that_was_a_year_ahead_and_is_set_right_writes_in_the_present() {
        let mut clock = OrderClock::default();
        assert_eq!(clock.stamp(32_000_000_000).order, 32_000_000_000);
        assert_eq!(clock.stamp(1_000_000).order, 1_000_000);
        clock.observe(&leave(1_000_500), 1_000_000);
        assert_eq!(clock.stamp(1_000_001).order, 1_000_501);
    }

    #[test]
    fn of_a_long_history_the_last_order_is_remembered() {
        let mut clock = OrderClock::default();
        for order in 1_000_000..1_000_000 + 2 * ORDERS_AHEAD_MAX as u64 {
            clock.observe(&leave(order), 1_000_000);
        }
        let last = 1_000_000 + 2 * ORDERS_AHEAD_MAX as u64 - 1;
        assert_eq!(clock.stamp(1_000_000).order, last + 1);
    }

    #[test]
    fn imported_entries_move_no_clock() {
        let mut clock = OrderClock::default();
        let imported = crate::entry::Imported {
            nick: "n".into(),
            action: false,
            text: "t".into(),
        };
        let entry = Entry {
            body: Body::Imported(imported),
            ..leave(1_000_100)
        };
        clock.observe(&entry, 1_000_000);
        assert_eq!(clock.stamp(1_000_000).order, 1_000_000);
    }
}
