//! Everything that a key can set off. Knows neither keys nor how an action is carried out.

use crate::composer::Edit;

/// What the keys are for at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Typing goes to the input.
    Compose,
    /// As [`Mode::Compose`] while nothing is written: what no key means here, it means there.
    Empty,
    /// A message is selected.
    Select,
    /// A list to choose from, typing narrows it: quick switch, addresses.
    List,
    /// A screen to read: help, members, connections, an invite, the bare view.
    Screen,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Compose, Self::Empty, Self::Select, Self::List, Self::Screen];
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Change or move in the text that is being written.
    Edit(Edit),
    /// Send the text.
    Send,
    /// Complete the word before the cursor, or take the next completion.
    Complete,
    /// Take the completion before.
    CompleteBack,
    /// Write the text in the person's own editor.
    Editor,
    /// Scroll a page up.
    PageUp,
    /// Scroll a page down.
    PageDown,
    /// Scroll a line up.
    ScrollUp,
    /// Scroll a line down.
    ScrollDown,
    /// To the beginning of what is shown: the oldest message.
    Top,
    /// To the end of what is shown: the newest message.
    Bottom,
    /// To the first message that was not read.
    FirstUnread,
    /// To the next message below that was not read.
    NextUnread,
    /// To the next message that names the person.
    NextMention,
    /// To the next message that arrived late, above what was read.
    NextLate,
    /// Ask for a date and go there.
    GotoDate,
    /// Look for messages by what they say; in the search: to the next one.
    Search,
    /// List what is pinned in the room.
    Pins,
    /// Show what ignored people wrote, or fold it away again.
    Ignored,
    /// Mark every room as read.
    MarkAllRead,
    /// Nothing but the messages, for copying with the mouse.
    Bare,
    /// Select the newest message on the screen.
    Select,
    /// The message, item or line above.
    Up,
    /// The message, item or line below.
    Down,
    /// Answer the selected message.
    Reply,
    /// Say what one feels about the selected message, or take that back.
    React,
    /// Pin the selected message for everybody, or take that back.
    Pin,
    /// Give the selected message another text.
    EditMessage,
    /// Delete the selected message for everybody.
    DeleteMessage,
    /// Copy the selected message's text.
    Copy,
    /// Open a link of the selected message.
    OpenLink,
    /// Mark the selected message and all below as unread.
    MarkUnread,
    /// Show a long message whole, or fold it again.
    Fold,
    /// To the message that the selected one answers.
    Answered,
    /// To the first message that answers the selected one, or else to the next one that answers the same.
    Answer,
    /// To the next message that answers the same as the selected one.
    NextAnswer,
    /// Where the selected message is and how it came.
    Details,
    /// Choose the item.
    Choose,
    /// Ask for a room and go there.
    SwitchRoom,
    /// Go to the room at this place of the list, from 1.
    Room(u8),
    /// To the next room with something unread.
    NextUnreadRoom,
    /// To the room above.
    PreviousRoom,
    /// To the room below.
    NextRoom,
    /// Show or hide the list of rooms.
    ToggleRooms,
    /// Show or hide the members.
    ToggleMembers,
    /// Show or hide connections and how rooms stand.
    ToggleConnections,
    /// Show the room's invite.
    Invite,
    /// No notices from this room, or again.
    Mute,
    /// What the keys and commands are.
    Help,
    /// Back to what was before; from the input: everything here is read, to the newest message.
    Back,
    /// Ctrl-C: loses nothing, says how to quit.
    Interrupt,
    /// End the program; what is written stays as a draft.
    Quit,
    /// Stop the program until the shell's `fg`.
    Suspend,
    /// Draw the screen anew.
    Redraw,
}

/// Where an action stands in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Sending and what belongs to it.
    Writing,
    /// Readline's edits.
    Editing,
    /// Scrolling and jumping.
    Reading,
    /// With a message selected.
    Message,
    /// Between rooms.
    Rooms,
    /// In lists and on screens.
    Lists,
    /// The program itself.
    Always,
}

impl Section {
    /// Its heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Writing => "Writing",
            Self::Editing => "Editing the text",
            Self::Reading => "Reading",
            Self::Message => "A selected message",
            Self::Rooms => "Rooms and panes",
            Self::Lists => "Lists and screens",
            Self::Always => "Always",
        }
    }
}
