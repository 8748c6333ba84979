//! Everything that the screen shows and that a key's meaning depends on: plain state. Time comes in as an argument,
//! and nothing here asks, draws or waits.

pub(crate) mod ids;
pub(crate) mod line;
pub(crate) mod open_room;
pub(crate) mod overlay;
pub(crate) mod rooms;
pub(crate) mod searching;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use tailchat_node::control::Failure;

use crate::complete::Completion;
use crate::composer::Composer;
use crate::keys::{KeyMap, Mode};
use crate::preferences::{Notify, TimeFormat};
use crate::theme::Theme;
use ids::{MessageKey, RoomKey};
use open_room::OpenRoom;
use overlay::Overlay;
use rooms::{Room, Rooms};
use searching::Searching;

/// How long a word in the status line stays.
const SAID_MS: i64 = 4_000;
/// And so much longer for each of its letters, of so many.
const READING_MS: i64 = 50;
const WORDS_MAX: i64 = 400;

/// What the person chose, and where the program runs; does not change while it runs.
#[derive(Clone, Debug)]
pub(crate) struct Taste {
    pub(crate) keys: KeyMap,
    pub(crate) theme: Theme,
    pub(crate) zone: TimeZone,
    /// Whether the terminal shows more than ASCII.
    pub(crate) utf8: bool,
    /// Which messages are told to a person who looks elsewhere.
    pub(crate) notify: Notify,
    /// Words that stand out, beside the person's name.
    pub(crate) words: Vec<String>,
    /// Whether others are told that the person writes.
    pub(crate) typing: bool,
    /// How a message's time is shown.
    pub(crate) time: TimeFormat,
    /// Rows of a long message until somebody wants to see it whole.
    pub(crate) fold: usize,
    /// Draws an invite as rows of half blocks; none if it is too long for one.
    pub(crate) picture: fn(&str) -> Option<Vec<String>>,
}

/// The whole state.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) taste: Taste,
    pub(crate) columns: u16,
    pub(crate) rows: u16,
    pub(crate) now_ms: i64,
    /// Whether the person looks at this terminal, as far as it tells.
    pub(crate) focused: bool,
    /// What was found when the data folder was opened, in words.
    pub(crate) found: Vec<String>,
    /// The person's name, once the node has said it.
    pub(crate) name: Option<String>,
    pub(crate) rooms_known: bool,
    pub(crate) rooms: Rooms,
    pub(crate) open: Option<OpenRoom>,
    /// Rooms opened and windows replaced so far.
    pub(crate) epochs: u64,
    /// What is being written in the open room.
    pub(crate) writing: Writing,
    /// The same in the other rooms.
    pub(crate) parked: BTreeMap<RoomKey, Writing>,
    /// The room in which the node was told last that the person writes, and when.
    pub(crate) typing_told: Option<(RoomKey, i64)>,
    pub(crate) overlay: Option<Overlay>,
    pub(crate) search: Searching,
    pub(crate) panes: Shown,
    pub(crate) said: Option<Said>,
    pub(crate) away: Away,
    pub(crate) title: String,
    /// The next thing that has to be done at a time, in milliseconds since 1970.
    pub(crate) due: Due,
    pub(crate) quitting: bool,
    /// Whether there is no node at the moment.
    pub(crate) orphaned: bool,
    /// Whether the person knows that quitting then loses what is written.
    pub(crate) told_of_loss: bool,
    /// Why the node is no longer there.
    pub(crate) parted: Option<Failure>,
}

impl Model {
    pub(crate) fn new(taste: Taste, (columns, rows): (u16, u16), now_ms: i64) -> Self {
        Self {
            taste,
            columns,
            rows,
            now_ms,
            focused: true,
            found: Vec::new(),
            name: None,
            rooms_known: false,
            rooms: Rooms::default(),
            open: None,
            epochs: 0,
            writing: Writing::default(),
            parked: BTreeMap::new(),
            typing_told: None,
            overlay: None,
            search: Searching::default(),
            panes: Shown::default(),
            said: None,
            away: Away::default(),
            title: String::new(),
            due: Due::default(),
            quitting: false,
            orphaned: false,
            told_of_loss: false,
            parted: None,
        }
    }

    /// What keys are for now.
    pub(crate) fn mode(&self) -> Mode {
        match &self.overlay {
            Some(
                Overlay::Switcher { .. }
                | Overlay::Search
                | Overlay::Pins(_)
                | Overlay::Prompt(_)
                | Overlay::Welcome { .. },
            ) => Mode::List,
            Some(_) => Mode::Screen,
            None if self.open.as_ref().is_some_and(|room| room.selected.is_some()) => Mode::Select,
            None if self.panes.bare => Mode::Screen,
            None if self.writing.composer.text().is_empty() => Mode::Empty,
            None => Mode::Compose,
        }
    }

    /// Whether there is an input: also before the first room is open, which takes what was typed then.
    pub(crate) fn has_input(&self) -> bool {
        self.open.is_some() || !self.rooms_known
    }

    /// The open room as the list knows it.
    pub(crate) fn room(&self) -> Option<&Room> {
        self.open.as_ref().and_then(|open| self.rooms.get(&open.key))
    }

    /// What is being written in a room, on the screen or not; none if it was left.
    pub(crate) fn writing_in(&mut self, key: &RoomKey) -> Option<&mut Writing> {
        match self.open.as_ref().is_some_and(|open| open.key == *key) {
            true => Some(&mut self.writing),
            false => self.parked.get_mut(key),
        }
    }

    /// Puts a word into the status line for a while.
    pub(crate) fn say(&mut self, words: impl Into<String>) {
        let words = words.into();
        let reading = i64::try_from(words.len()).unwrap_or(0).min(WORDS_MAX) * READING_MS;
        self.said = Some(Said {
            until_ms: self.now_ms.saturating_add(SAID_MS + reading),
            words,
        });
    }

    /// The same, behind what is being said.
    pub(crate) fn say_more(&mut self, words: String) {
        match self.said.take() {
            Some(said) if said.words.ends_with(&words) => self.say(said.words),
            Some(said) => self.say(format!("{}; {words}", said.words)),
            None => self.say(words),
        }
    }

    /// When something on the screen or something that waits depends on the time, and nothing else will wake the UI.
    pub(crate) fn wakes_at_ms(&self) -> Option<i64> {
        let said = self.said.as_ref().map(|said| said.until_ms);
        let due = &self.due;
        [
            said,
            due.draft_ms,
            due.seen_ms,
            due.alone_ms,
            due.away_ms,
            due.again_ms,
            due.ages_ms,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// What is being written in a room.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writing {
    pub(crate) composer: Composer,
    /// The message that gets another text.
    pub(crate) editing: Option<Editing>,
    /// The message that is answered.
    pub(crate) reply_to: Option<(MessageKey, String)>,
    pub(crate) kept: Kept,
    /// The completion under way.
    pub(crate) completion: Option<Completion>,
}

/// A message that gets another text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Editing {
    pub(crate) message: MessageKey,
    /// What was being written before.
    pub(crate) draft: String,
}

impl Writing {
    /// What is being written as a message of its own, whatever else the input holds just now.
    pub(crate) fn draft(&self) -> &str {
        match &self.editing {
            Some(editing) => &editing.draft,
            None => self.composer.text(),
        }
    }
}

/// What the node keeps of what is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kept {
    #[default]
    Unasked,
    /// It was asked for; until it is here nothing is kept, or that would take its place.
    Asked,
    /// What it is after an answer that failed.
    Unknown,
    This(String),
}

/// Which panes the person wants, where there is room for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) rooms: bool,
    pub(crate) members: bool,
    /// Nothing but messages.
    pub(crate) bare: bool,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            rooms: true,
            members: true,
            bare: false,
        }
    }
}

/// A word in the status line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) words: String,
    pub(crate) until_ms: i64,
}

/// What came while the person looked elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Away {
    pub(crate) messages: u64,
    pub(crate) people: BTreeSet<String>,
    pub(crate) via: BTreeSet<String>,
    /// Rooms into which more came than was listed; their counts of unread messages tell how many.
    pub(crate) bulk: BTreeSet<RoomKey>,
    /// How many that were.
    pub(crate) unlisted: u64,
}

/// What is to be done at which time, in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// The draft goes to the node.
    pub(crate) draft_ms: Option<i64>,
    /// What was seen goes to the node.
    pub(crate) seen_ms: Option<i64>,
    /// Who is alone reads why that may be.
    pub(crate) alone_ms: Option<i64>,
    /// What came during a catch-up is summed up.
    pub(crate) away_ms: Option<i64>,
    /// The loaded lines are asked for again.
    pub(crate) again_ms: Option<i64>,
    /// Ages on the screen ("3 min ago") are other ones.
    pub(crate) ages_ms: Option<i64>,
}
