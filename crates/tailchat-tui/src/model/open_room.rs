//! The room on the screen: its loaded lines, where they are held, who is in it, and what waits to be asked. Knows
//! no keys and sends nothing.

use std::collections::{BTreeSet, VecDeque};

use tailchat_core::text;
use tailchat_node::control::{MemberItem, PeerItem, Standing, StatusItem};

use super::ids::{MessageKey, Place, RoomKey};
use super::line::Line;
use crate::command::Goal;
use crate::layout::{Position, Screen};
use crate::window::{Edge, Window};

/// Lines that are kept aside while a page is under way; with more, the page is asked for again.
const ASIDE_MAX: usize = 256;

/// Who is alone for so long, where nobody was met yet, reads why that may be.
pub(crate) const ALONE_MS: i64 = 10_000;

/// The room on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenRoom {
    pub(crate) key: RoomKey,
    pub(crate) window: Window,
    /// What a peer tells of its newest lines as long as none are here.
    pub(crate) previews: VecDeque<Line>,
    pub(crate) position: Position,
    /// What the last layout came to.
    pub(crate) screen: Screen,
    /// The row of the terminal at which it began.
    pub(crate) top: u16,
    pub(crate) pages: Pages,
    /// The first line that was unread when the room was opened, or when the person looked away.
    pub(crate) new_from: Option<Place>,
    /// Lines that came in above the screen and were not seen yet.
    pub(crate) above: BTreeSet<Place>,
    /// The same, below it.
    pub(crate) below: BTreeSet<Place>,
    /// Lines that are known to have come in late, for "what did I miss".
    pub(crate) late: BTreeSet<Place>,
    /// Where the last jump went; what comes next comes behind it.
    pub(crate) reached: Option<Place>,
    /// Whether messages of people who are ignored are shown, as long as the room is open.
    pub(crate) shows_ignored: bool,
    /// The message that is chosen to be copied, answered and so on.
    pub(crate) selected: Option<Place>,
    pub(crate) members: Vec<Member>,
    pub(crate) status: Option<Status>,
    /// Since when nobody else is connected in a room in which nobody was met yet.
    pub(crate) alone_since_ms: Option<i64>,
    /// Messages that the person has seen and the node does not know it yet.
    pub(crate) seen: Vec<MessageKey>,
    /// Questions that are to be asked once the last one of the kind is answered.
    pub(crate) members_asked: Repeated,
    pub(crate) status_asked: Repeated,
    pub(crate) disks_asked: Repeated,
}

impl OpenRoom {
    /// The end of the loaded lines that is further from the screen: it leaves if there are too many.
    pub(crate) fn far_edge(&self) -> Edge {
        match &self.position {
            Position::At { place, .. } if self.window.index_of(place) < self.window.len() / 2 => Edge::Newest,
            Position::At { .. } | Position::Newest => Edge::Oldest,
        }
    }

    pub(crate) fn new(key: RoomKey, epoch: u64) -> Self {
        Self {
            key,
            window: Window::default(),
            previews: VecDeque::new(),
            position: Position::Newest,
            screen: Screen::default(),
            top: 0,
            pages: Pages {
                epoch,
                ..Pages::default()
            },
            new_from: None,
            above: BTreeSet::new(),
            below: BTreeSet::new(),
            late: BTreeSet::new(),
            reached: None,
            shows_ignored: false,
            selected: None,
            members: Vec::new(),
            status: None,
            alone_since_ms: None,
            seen: Vec::new(),
            members_asked: Repeated::default(),
            status_asked: Repeated::default(),
            disks_asked: Repeated::default(),
        }
    }

    /// The message that is chosen, if it is loaded and not folded away.
    pub(crate) fn selected_line(&self) -> Option<&Line> {
        let line = self.window.get(self.selected_run()?)?;
        (!self.window.folds(line)).then_some(line)
    }

    /// The line that is chosen, or the first one of the folded run that is, by its index.
    pub(crate) fn selected_run(&self) -> Option<usize> {
        self.window.run_at(self.selected.as_ref()?)
    }

    /// Whether what is chosen is a run of lines that is folded away.
    pub(crate) fn has_selected_folded(&self) -> bool {
        let line = self.selected_run().and_then(|index| self.window.get(index));
        line.is_some_and(|line| self.window.folds(line))
    }

    /// Whether nobody was found for long.
    pub(crate) fn is_long_alone(&self, now_ms: i64) -> bool {
        self.alone_since_ms
            .is_some_and(|since| now_ms.saturating_sub(since) >= ALONE_MS)
    }

    /// The lines of which something is on the screen.
    pub(crate) fn on_screen(&self) -> impl Iterator<Item = &Line> {
        let range = match (self.screen.first(), self.screen.last()) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        };
        range.filter_map(|index| self.window.get(index))
    }
}

/// Which pages are under way, and what was shown meanwhile: the node may have read a page just before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pages {
    /// Answers to questions of another epoch are of no use.
    pub(crate) epoch: u64,
    pub(crate) before: bool,
    pub(crate) after: bool,
    /// A jump, or the same stretch again.
    pub(crate) whole: Option<Whole>,
    /// Whether the loaded stretch has to be asked for again, once nothing is under way.
    pub(crate) stale: bool,
    /// Before that time it is not asked for again: a long catch-up tells of new lines all the time.
    pub(crate) again_from_ms: i64,
    aside: Vec<Line>,
    overflowed: bool,
}

/// A page that replaces the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    Jump(Goal),
    Again,
}

impl Pages {
    pub(crate) fn under_way(&self) -> bool {
        self.before || self.after || self.whole.is_some()
    }

    /// Keeps a line aside until the pages under way are here.
    pub(crate) fn put_aside(&mut self, line: &Line) {
        if !self.under_way() {
            return;
        }
        if self.aside.len() < ASIDE_MAX {
            self.aside.push(line.clone());
        } else {
            self.overflowed = true;
        }
    }

    /// The lines that were kept aside; once nothing is under way any more they are forgotten.
    pub(crate) fn aside(&mut self) -> Vec<Line> {
        if self.under_way() {
            return self.aside.clone();
        }
        self.stale |= std::mem::take(&mut self.overflowed);
        std::mem::take(&mut self.aside)
    }
}

/// A question that is asked again and again, never twice at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repeated {
    under_way: bool,
    wanted: bool,
}

impl Repeated {
    /// Whether to ask now; otherwise it is asked when the answer is here.
    pub(crate) fn want(&mut self) -> bool {
        self.wanted = self.under_way;
        !std::mem::replace(&mut self.under_way, true)
    }

    /// The answer is here; whether to ask again.
    pub(crate) fn answered(&mut self) -> bool {
        self.under_way = std::mem::take(&mut self.wanted);
        self.under_way
    }
}

/// Somebody in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) person: String,
    pub(crate) online: bool,
    pub(crate) me: bool,
    /// Whether their messages are folded away.
    pub(crate) ignored: bool,
    pub(crate) last_seen_ms: Option<i64>,
}

impl Member {
    pub(crate) fn new(item: &MemberItem) -> Self {
        Self {
            name: text::name(&item.name),
            person: item.person.clone(),
            online: item.online,
            me: item.me,
            ignored: item.ignored,
            last_seen_ms: item.last_seen_ms,
        }
    }
}

/// How the room stands with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// Who is connected.
    pub(crate) peers: Vec<Peer>,
    /// Members' disks that are not, as they were last heard of.
    pub(crate) absent: Vec<Peer>,
    /// What is here, in eight words.
    pub(crate) fingerprint: String,
    /// What is wrong with it, in words.
    pub(crate) problems: Vec<String>,
}

/// A connected peer, or a member's disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) addr: String,
    pub(crate) state: Standing,
    /// Messages that we have and it lacks.
    pub(crate) ahead: u64,
    /// Messages that it has and we lack.
    pub(crate) behind: u64,
    pub(crate) last_seen_ms: Option<i64>,
}

impl Status {
    pub(crate) fn new(item: &StatusItem) -> Self {
        let problems = item.failing.iter().chain(&item.forks).chain(&item.findings);
        let absent = item.peers.iter().filter(|peer| !peer.connected);
        Self {
            peers: item.connected().map(Peer::new).collect(),
            absent: absent.map(Peer::new).collect(),
            fingerprint: text::visible(&item.fingerprint).into_owned(),
            problems: problems
                .map(|problem| text::visible(problem).into_owned())
                .collect(),
        }
    }
}

impl Peer {
    fn new(item: &PeerItem) -> Self {
        Self {
            name: text::name(&item.peer),
            addr: text::visible(&item.addr).into_owned(),
            state: item.state,
            ahead: item.ahead,
            behind: item.behind,
            last_seen_ms: item.last_seen_ms,
        }
    }
}
