//! What keys do to a text that is being written, as Readline has it. Knows no key and no text.

/// One edit or movement. A character is what a reader takes for one (a grapheme cluster); a line is what stands
/// between two line breaks; a row is a line's part on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edit {
    /// A character to the left.
    Left,
    /// A character to the right.
    Right,
    /// To the beginning of this or the previous word.
    WordLeft,
    /// To the end of this or the next word.
    WordRight,
    /// To the beginning of the line.
    LineStart,
    /// To the end of the line.
    LineEnd,
    /// A row up; on the first one, the text sent before.
    Up,
    /// A row down; on the last one, the text sent after.
    Down,
    /// The text sent before, from any row.
    HistoryOlder,
    /// The text sent after, or what was being written.
    HistoryNewer,
    /// Break the line.
    Newline,
    /// Delete the character before the cursor.
    DeleteLeft,
    /// Delete the character at the cursor.
    DeleteRight,
    /// Cut back to the last white space.
    KillWordLeft,
    /// Cut back to the beginning of the word, as letters and digits make it.
    KillLettersLeft,
    /// Cut to the end of the word.
    KillWordRight,
    /// Cut to the beginning of the line.
    KillToStart,
    /// Cut to the end of the line, at the end the line break.
    KillToEnd,
    /// Insert what was cut last.
    Yank,
    /// After [`Edit::Yank`]: what was cut before that instead.
    YankOlder,
    /// Swap the characters around the cursor.
    Transpose,
    /// Swap the words around the cursor.
    TransposeWords,
    /// Take back the last change.
    Undo,
    /// Make the last change that was taken back again.
    Redo,
}

impl Edit {
    /// Every one of them.
    pub const ALL: [Self; 24] = [
        Self::Left,
        Self::Right,
        Self::WordLeft,
        Self::WordRight,
        Self::LineStart,
        Self::LineEnd,
        Self::Up,
        Self::Down,
        Self::HistoryOlder,
        Self::HistoryNewer,
        Self::Newline,
        Self::DeleteLeft,
        Self::DeleteRight,
        Self::KillWordLeft,
        Self::KillLettersLeft,
        Self::KillWordRight,
        Self::KillToStart,
        Self::KillToEnd,
        Self::Yank,
        Self::YankOlder,
        Self::Transpose,
        Self::TransposeWords,
        Self::Undo,
        Self::Redo,
    ];
}
