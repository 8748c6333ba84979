//! The keys as they are unless settings change them: one table, of which lookup, help, footer and README are made.
//! Knows no terminal. Chosen from what terminals deliver; Readline's where it has one, WeeChat's where it has.

use super::action::{Action, Mode, Section};
use crate::composer::Edit;
use Section::{Always, Editing, Lists, Message, Reading, Rooms, Writing};

/// Keys for one action.
pub(super) struct Line {
    pub(super) section: Section,
    pub(super) modes: &'static [Mode],
    /// The first is the one that footer and help name first.
    pub(super) chords: &'static [&'static str],
    pub(super) action: Action,
    /// As settings name it.
    pub(super) name: &'static str,
    /// A word for the footer; empty if it is not worth the room there.
    pub(super) hint: &'static str,
    pub(super) help: &'static str,
}

const COMPOSE: &[Mode] = &[Mode::Compose];
const EMPTY: &[Mode] = &[Mode::Empty];
const SELECT: &[Mode] = &[Mode::Select];
const LIST: &[Mode] = &[Mode::List];
const INPUT: &[Mode] = &[Mode::Compose, Mode::List];
const READ: &[Mode] = &[Mode::Compose, Mode::Select];
const PAGES: &[Mode] = &[Mode::Compose, Mode::Select, Mode::List, Mode::Screen];
const STEPS: &[Mode] = &[Mode::Select, Mode::List, Mode::Screen];
/// Where no text is written that a cursor could move in.
const UNWRITTEN: &[Mode] = &[Mode::Empty, Mode::Select, Mode::Screen];
const LETTERS: &[Mode] = &[Mode::Select, Mode::Screen];
const EVERYWHERE: &[Mode] = &[Mode::Compose, Mode::Select, Mode::List, Mode::Screen];

/// One line of the table, in the order (section, modes, chords, action, name, hint, help).
const fn line(
    at: (Section, &'static [Mode]),
    chords: &'static [&'static str],
    action: Action,
    name: &'static str,
    hint: &'static str,
    help: &'static str,
) -> Line {
    Line {
        section: at.0,
        modes: at.1,
        chords,
        action,
        name,
        hint,
        help,
    }
}

const fn edit(
    modes: &'static [Mode],
    chords: &'static [&'static str],
    edit: Edit,
    name: &'static str,
    help: &'static str,
) -> Line {
    line((Editing, modes), chords, Action::Edit(edit), name, "", help)
}

const SEARCH_HELP: &str = "Find messages by what they say; there: the next one";
const ROOM_HELP: &str = "The first to ninth room of the list";

#[rustfmt::skip]
pub(super) const TABLE: &[Line] = &[
    line((Writing, COMPOSE), &["enter"], Action::Send, "send", "send", "Send"),
    line((Writing, COMPOSE), &["alt-enter", "ctrl-j"], Action::Edit(Edit::Newline), "newline", "new line", "Break the line"),
    line((Writing, COMPOSE), &["tab"], Action::Complete, "complete", "", "Complete a name, /command or :emoji:; again: the next one"),
    line((Writing, COMPOSE), &["shift-tab"], Action::CompleteBack, "complete-back", "", "The completion before"),
    line((Writing, COMPOSE), &["alt-e"], Action::Editor, "editor", "", "Write in $VISUAL or $EDITOR"),

    edit(INPUT, &["left", "ctrl-b"], Edit::Left, "left", "A character to the left"),
    edit(INPUT, &["right", "ctrl-f"], Edit::Right, "right", "A character to the right"),
    edit(INPUT, &["alt-b", "ctrl-left", "alt-left"], Edit::WordLeft, "word-left", "A word to the left"),
    edit(INPUT, &["alt-f", "ctrl-right", "alt-right"], Edit::WordRight, "word-right", "A word to the right"),
    edit(INPUT, &["ctrl-a", "home"], Edit::LineStart, "line-start", "The beginning of the line"),
    edit(INPUT, &["ctrl-e", "end"], Edit::LineEnd, "line-end", "The end of the line"),
    edit(COMPOSE, &["up"], Edit::Up, "row-up", "A row up; on the first one, what was sent before"),
    edit(COMPOSE, &["down"], Edit::Down, "row-down", "A row down; on the last one, what was sent after"),
    edit(COMPOSE, &["ctrl-p"], Edit::HistoryOlder, "history-older", "What was sent before"),
    edit(COMPOSE, &["ctrl-n"], Edit::HistoryNewer, "history-newer", "What was sent after; at last the draft again"),
    edit(INPUT, &["backspace"], Edit::DeleteLeft, "delete-left", "Delete the character before"),
    edit(INPUT, &["delete", "ctrl-d"], Edit::DeleteRight, "delete-right", "Delete the character at the cursor"),
    edit(INPUT, &["ctrl-w"], Edit::KillWordLeft, "kill-word-left", "Cut back to the last space"),
    edit(INPUT, &["alt-backspace"], Edit::KillLettersLeft, "kill-letters-left", "Cut back to the beginning of the word"),
    edit(INPUT, &["alt-d", "ctrl-delete"], Edit::KillWordRight, "kill-word-right", "Cut to the end of the word"),
    edit(INPUT, &["ctrl-u"], Edit::KillToStart, "kill-to-start", "Cut to the beginning of the line"),
    edit(INPUT, &["alt-k"], Edit::KillToEnd, "kill-to-end", "Cut to the end of the line"),
    edit(INPUT, &["ctrl-y"], Edit::Yank, "yank", "Insert what was cut"),
    edit(INPUT, &["alt-y"], Edit::YankOlder, "yank-older", "After that: insert what was cut before instead"),
    edit(INPUT, &["ctrl-t"], Edit::Transpose, "transpose", "Swap two characters"),
    edit(INPUT, &["alt-t"], Edit::TransposeWords, "transpose-words", "Swap two words"),
    edit(INPUT, &["ctrl-_"], Edit::Undo, "undo", "Undo"),
    edit(INPUT, &["alt-_"], Edit::Redo, "redo", "Redo"),

    line((Reading, PAGES), &["pageup"], Action::PageUp, "page-up", "", "A page up"),
    line((Reading, PAGES), &["pagedown"], Action::PageDown, "page-down", "", "A page down"),
    line((Reading, READ), &["shift-up"], Action::ScrollUp, "scroll-up", "", "A line up"),
    line((Reading, READ), &["shift-down"], Action::ScrollDown, "scroll-down", "", "A line down"),
    line((Reading, PAGES), &["ctrl-home", "alt-<"], Action::Top, "top", "", "The oldest message, the top"),
    line((Reading, PAGES), &["ctrl-end", "alt->"], Action::Bottom, "bottom", "", "The newest message, the bottom"),
    line((Reading, READ), &["alt-u"], Action::FirstUnread, "first-unread", "", "The first unread message"),
    line((Reading, READ), &["alt-shift-u"], Action::NextUnread, "next-unread", "", "The next unread message below"),
    line((Reading, READ), &["alt-n"], Action::NextMention, "next-mention", "", "The next message that names you"),
    line((Reading, READ), &["alt-l"], Action::NextLate, "next-late", "", "The next message that arrived late: what did I miss"),
    line((Reading, READ), &["alt-g"], Action::GotoDate, "goto-date", "", "Go to a date"),
    line((Reading, EVERYWHERE), &["ctrl-r"], Action::Search, "search", "", SEARCH_HELP),
    line((Reading, UNWRITTEN), &["ctrl-f"], Action::Search, "search", "", SEARCH_HELP),
    line((Reading, LETTERS), &["/"], Action::Search, "search", "", SEARCH_HELP),
    line((Reading, READ), &["alt-p"], Action::Pins, "pins", "", "What is pinned here"),
    line((Reading, READ), &["alt-i"], Action::Ignored, "ignored", "", "Show what ignored people wrote here, or fold it away"),
    line((Reading, READ), &["alt-shift-r"], Action::MarkAllRead, "mark-all-read", "", "Mark every room as read"),
    line((Reading, READ), &["f5"], Action::Bare, "bare", "", "Only the messages, for copying with the mouse"),

    line((Message, COMPOSE), &["alt-s", "ctrl-up"], Action::Select, "select", "", "Select a message"),
    line((Message, SELECT), &["r", "enter"], Action::Reply, "reply", "reply", "Reply to it"),
    line((Message, SELECT), &["+"], Action::React, "react", "react", "React to it, or take that back"),
    line((Message, SELECT), &[">"], Action::Answer, "answer", "answers", "Its first answer; without one, the next to the same message"),
    line((Message, SELECT), &["e"], Action::EditMessage, "edit-message", "edit", "Give your own message another text"),
    line((Message, SELECT), &["d", "delete"], Action::DeleteMessage, "delete-message", "delete", "Delete your own message for everybody"),
    line((Message, SELECT), &["c", "y"], Action::Copy, "copy", "copy", "Copy its text"),
    line((Message, SELECT), &["o"], Action::OpenLink, "open-link", "open", "Open a link in it"),
    line((Message, SELECT), &["u"], Action::MarkUnread, "mark-unread", "unread", "Mark as unread from here on"),
    line((Message, SELECT), &["*"], Action::Pin, "pin", "pin", "Pin it for everybody, or take that back"),
    line((Message, SELECT), &["space", "x"], Action::Fold, "fold", "", "Show it whole, fold it again"),
    line((Message, SELECT), &["n"], Action::NextAnswer, "next-answer", "", "The next answer to the same message"),
    line((Message, SELECT), &["p", "<"], Action::Answered, "answered", "", "The message that it answers"),
    line((Message, SELECT), &["i"], Action::Details, "details", "", "Where it is, when and how it came"),

    line((Rooms, EVERYWHERE), &["ctrl-k"], Action::SwitchRoom, "switch-room", "rooms", "Go to a room by a few letters of its name"),
    line((Rooms, EVERYWHERE), &["alt-1"], Action::Room(1), "room-1", "", ROOM_HELP),
    line((Rooms, EVERYWHERE), &["alt-2"], Action::Room(2), "room-2", "", ROOM_HELP),
    line((Rooms, EVERYWHERE), &["alt-3"], Action::Room(3), "room-3", "", ROOM_HELP),
    line((Rooms, EVERYWHERE), &["alt-4"], Action::Room(4), "room-4", "", ROOM_HELP),
    line((Rooms, EVERYWHERE), &["alt-5"], Action::Room(5), "room-5", "", ROOM_HELP),
    line((Rooms, EVERYWHERE), &["alt-6"], Action::Room(6), "room-6", "", ROOM_HELP),
    line((Rooms, EVERYWHERE), &["alt-7"], Action::Room(7), "room-7", "", ROOM_HELP),
    line((Rooms, EVERYWHERE), &["alt-8"], Action::Room(8), "room-8", "", ROOM_HELP),
    line((Rooms, EVERYWHERE), &["alt-9"], Action::Room(9), "room-9", "", ROOM_HELP),
    line((Rooms, EVERYWHERE), &["alt-a"], Action::NextUnreadRoom, "next-unread-room", "", "The next room with something unread, mentions first"),
    line((Rooms, EVERYWHERE), &["alt-up"], Action::PreviousRoom, "previous-room", "", "The room above"),
    line((Rooms, EVERYWHERE), &["alt-down"], Action::NextRoom, "next-room", "", "The room below"),
    line((Rooms, EVERYWHERE), &["f2"], Action::ToggleRooms, "toggle-rooms", "", "Show or hide the rooms"),
    line((Rooms, EVERYWHERE), &["f3"], Action::ToggleMembers, "toggle-members", "", "Show or hide the members"),
    line((Rooms, EVERYWHERE), &["f4"], Action::ToggleConnections, "toggle-connections", "", "Show or hide connections: who has what"),
    line((Rooms, EVERYWHERE), &["f6"], Action::Invite, "invite", "", "Show the room's invite"),
    line((Rooms, READ), &["alt-m"], Action::Mute, "mute", "", "No notices from this room, or again"),

    line((Lists, STEPS), &["up"], Action::Up, "up", "", "Up: the message, item or line before"),
    line((Lists, STEPS), &["down"], Action::Down, "down", "", "Down: the message, item or line after"),
    line((Lists, LETTERS), &["k"], Action::Up, "up", "", "Up: the message, item or line before"),
    line((Lists, LETTERS), &["j"], Action::Down, "down", "", "Down: the message, item or line after"),
    line((Lists, LIST), &["ctrl-p", "shift-tab"], Action::Up, "up", "", "Up: the message, item or line before"),
    line((Lists, LIST), &["ctrl-n", "tab"], Action::Down, "down", "", "Down: the message, item or line after"),
    line((Lists, LETTERS), &["home", "g"], Action::Top, "top", "", "The oldest message, the top"),
    line((Lists, LETTERS), &["end", "shift-g"], Action::Bottom, "bottom", "", "The newest message, the bottom"),
    line((Lists, &[Mode::Screen]), &["space"], Action::PageDown, "page-down", "", "A page down"),
    line((Lists, LIST), &["enter"], Action::Choose, "choose", "choose", "Choose"),

    line((Always, EMPTY), &["?"], Action::Help, "help", "help", "Help"),
    line((Always, LETTERS), &["?"], Action::Help, "help", "help", "Help"),
    line((Always, EVERYWHERE), &["f1", "alt-h"], Action::Help, "help", "help", "Help"),
    line((Always, &[Mode::Compose]), &["esc"], Action::Back, "back", "", "Back; in the input: all here is read, to the newest message"),
    line((Always, STEPS), &["esc"], Action::Back, "back", "back", "Back; in the input: all here is read, to the newest message"),
    line((Always, LETTERS), &["q"], Action::Back, "back", "back", "Back; in the input: all here is read, to the newest message"),
    line((Always, EVERYWHERE), &["ctrl-q"], Action::Quit, "quit", "quit", "Quit; what you wrote stays as a draft"),
    line((Always, EVERYWHERE), &["ctrl-c"], Action::Interrupt, "interrupt", "", "Does not quit and loses nothing; says how to quit"),
    line((Always, EVERYWHERE), &["ctrl-z"], Action::Suspend, "suspend", "", "To the shell; fg comes back"),
    line((Always, EVERYWHERE), &["ctrl-l"], Action::Redraw, "redraw", "", "Draw the screen anew"),
];
