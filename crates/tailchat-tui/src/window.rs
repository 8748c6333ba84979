//! The loaded stretch of a room's lines: always a part of the room's lines without a gap, in their order, and
//! never more than [`LINES_MAX`]. Where lines are folded away, one may stand for several. Knows places; knows no rows,
//! no screen and no node.

mod folding;

use std::collections::VecDeque;

use crate::model::ids::{MessageKey, Place};
use crate::model::line::{Line, mark_late};

pub(crate) use folding::Behind;

/// Lines that are held at a time.
pub(crate) const LINES_MAX: usize = 600;
/// Lines that are asked for at a time.
pub(crate) const PAGE_LINES: u32 = 200;
/// With fewer loaded lines beyond the screen than these, more are asked for.
pub(crate) const AHEAD_LINES: usize = 150;

/// An end of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Oldest,
    Newest,
}

/// Where a line that arrived went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Among the loaded ones, at this index.
    At(usize),
    /// It was here already and is now as it arrived.
    Again,
    /// It stands among lines that were let go: what is loaded has to be asked for again.
    Within,
    /// It stands where nothing is loaded.
    Beyond(Edge),
}

/// The loaded lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    lines: VecDeque<Line>,
    more_before: bool,
    more_after: bool,
    /// Whether lines of people who are ignored are shown.
    shows_ignored: bool,
}

impl Window {
    /// These lines instead of all that were loaded. If they are too many, those stay that stand around this place; the
    /// newest without one.
    pub(crate) fn new(
        lines: Vec<Line>,
        (more_before, more_after): (bool, bool),
        around: Option<&Place>,
        shows_ignored: bool,
    ) -> Self {
        let mut window = Self {
            lines: in_order(lines).into(),
            more_before,
            more_after,
            shows_ignored,
        };
        window.trim_around(around);
        window.mark();
        window
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether the room has lines before or behind the loaded ones.
    pub(crate) fn has_more(&self, edge: Edge) -> bool {
        match edge {
            Edge::Oldest => self.more_before,
            Edge::Newest => self.more_after,
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Line> {
        self.lines.get(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Line> {
        self.lines.get_mut(index)
    }

    pub(crate) fn first(&self) -> Option<&Line> {
        self.lines.front()
    }

    pub(crate) fn last(&self) -> Option<&Line> {
        self.lines.back()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Line> {
        self.lines.iter_mut()
    }

    /// The index of the line that stands for this place, or of the next one behind it.
    pub(crate) fn index_of(&self, place: &Place) -> usize {
        self.lines.partition_point(|line| line.until() < place)
    }

    /// The message with this ID, if it is loaded.
    pub(crate) fn find(&self, id: &MessageKey) -> Option<&Line> {
        self.lines.iter().rev().find(|line| line.id == *id)
    }

    /// More lines at one end, namely those beyond a place, and whether there are more beyond them. Lines at the other
    /// end are let go. If the line at the place was let go meanwhile, what is beyond it is of no use.
    pub(crate) fn extend(&mut self, edge: Edge, beyond: &Place, lines: Vec<Line>, more: bool) {
        let lines = in_order(lines);
        match edge {
            Edge::Oldest => {
                let first = self.first().map(|line| line.place.clone());
                if first.as_ref().is_some_and(|first| first > beyond) {
                    return;
                }
                let new = lines
                    .into_iter()
                    .filter(|line| first.as_ref().is_none_or(|first| line.place < *first));
                new.rev().for_each(|line| self.lines.push_front(line));
                self.more_before = more;
                self.trim(Edge::Newest);
            }
            Edge::Newest => {
                let last = self.last().map(|line| line.until().clone());
                if last.as_ref().is_some_and(|last| last < beyond) {
                    return;
                }
                let new = lines
                    .into_iter()
                    .filter(|line| last.as_ref().is_none_or(|last| line.place > *last));
                self.lines.extend(new);
                self.more_after = more;
                self.trim(Edge::Oldest);
            }
        }
        self.mark();
    }

    /// A line that was shown just now. If there are too many, those at `let_go` leave.
    pub(crate) fn arrive(&mut self, line: Line, let_go: Edge) -> Arrival {
        let index = self.index_of(&line.place);
        if let Some(here) = self.lines.get_mut(index).filter(|here| here.place == line.place) {
            let (unfolded, behind) = (here.unfolded, here.behind.take());
            *here = Line {
                unfolded,
                behind,
                ..line
            };
            self.mark();
            return Arrival::Again;
        }
        if self.get(index).is_some_and(|here| here.place < line.place) {
            return Arrival::Within;
        }
        if index == 0 && self.more_before {
            return Arrival::Beyond(Edge::Oldest);
        }
        if index == self.lines.len() && self.more_after {
            return Arrival::Beyond(Edge::Newest);
        }
        let place = line.place.clone();
        self.lines.insert(index, line);
        self.trim(let_go);
        self.mark();
        let index = self.index_of(&place);
        match self.get(index) {
            Some(here) if here.place <= place => Arrival::At(index),
            _ => Arrival::Beyond(let_go),
        }
    }

    /// A line is no longer what it was, if it is here.
    pub(crate) fn amend(&mut self, line: Line) {
        let index = self.index_of(&line.place);
        if let Some(here) = self.lines.get_mut(index).filter(|here| here.place == line.place) {
            let (unfolded, unread, behind) = (here.unfolded, here.unread, here.behind.take());
            *here = Line {
                unfolded,
                unread,
                behind,
                ..line
            };
            self.mark();
        }
    }

    fn trim_around(&mut self, place: Option<&Place>) {
        if self.lines.len() > LINES_MAX {
            self.compact();
        }
        let excess = self.lines.len().saturating_sub(LINES_MAX);
        let middle = place.map_or(self.lines.len(), |place| self.index_of(place));
        let before = middle.saturating_sub(LINES_MAX / 2).min(excess);
        self.lines.drain(..before);
        self.more_before |= before > 0;
        self.trim(Edge::Newest);
    }

    fn trim(&mut self, edge: Edge) {
        if self.lines.len() > LINES_MAX {
            self.compact();
        }
        let excess = self.lines.len().saturating_sub(LINES_MAX);
        if excess == 0 {
            return;
        }
        match edge {
            Edge::Oldest => {
                self.lines.drain(..excess);
                self.more_before = true;
            }
            Edge::Newest => {
                self.lines.truncate(LINES_MAX);
                self.more_after = true;
            }
        }
    }

    fn mark(&mut self) {
        mark_late(&mut self.lines);
    }
}

/// The node answers in order; that a place comes once is made sure of here.
fn in_order(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by(|a, b| a.place.cmp(&b.place));
    lines.dedup_by(|a, b| a.place == b.place);
    lines
}

#[cfg(test)]
mod tests;
