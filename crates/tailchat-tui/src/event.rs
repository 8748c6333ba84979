//! Everything that can wake the UI, in the past tense. Knows no terminal, no node and no model: the loop turns what
//! happens into these, and `update` alone says what they come to.

use crossterm::event::{KeyEvent, MouseEvent};
use tailchat_node::control::{Failure, Item};

use crate::command::Question;
use crate::notice::TooLong;

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted, whole.
    Pasted(String),
    /// The mouse did something; only if the person switched it on.
    Mouse(MouseEvent),
    /// The terminal has another size.
    Resized { columns: u16, rows: u16 },
    /// The person looks at this terminal, or no longer does.
    Focused(bool),
    /// The node told of a room without being asked.
    Watched(Item),
    /// The watch had ended and began anew: what was told between is lost.
    WatchedAnew,
    /// The node answered.
    Answered {
        question: Question,
        answer: Result<Vec<Item>, Failure>,
    },
    /// A text was too long for the clipboard.
    NotCopied(TooLong),
    /// `$EDITOR` ended: with what was written, or why there is nothing.
    Edited(Result<String, String>),
    /// The program was stopped and goes on, on a screen that anything may have happened to.
    Resumed,
    /// The time came that [`Model::wakes_at_ms`](crate::model::Model::wakes_at_ms) named.
    Ticked,
    /// The node is gone and another one is looked for; or none is there yet, for this reason.
    Orphaned(Option<Failure>),
    /// Another node is there: what the one before told, and what was asked of it, may be lost.
    Rejoined,
    /// The node is gone for good, or does not understand.
    Parted(Failure),
    /// A signal wants the program to end.
    Told,
}
