//! What can go wrong on disk, in words for a person, and what an opening found. Refuses to decide what to do.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

/// Why the store could not do what it was asked. Every text says what happened, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refused an operation that changed nothing of what is stored.
    #[error("could not {doing}: {cause}; check that the disk works and that you may use the folder")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb.
        doing: &'static str,
        /// What the system said; it names the path.
        cause: io::Error,
    },
    /// No space. Nothing was written; the same call works once there is space.
    #[error(
        "the disk is full, so nothing was saved to {}; free some space and try again ({cause})",
        path.display()
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A write failed and was taken back. Nothing was written; the same call may be tried again.
    #[error("writing {} failed and was taken back; nothing was saved, try again ({cause})", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The disk failed twice, or a failed write could not be taken back: the room takes nothing more.
    #[error(
        "{} is read-only now, because {why}; what was saved before can be read; \
         check the disk; once it works the room takes messages again",
        path.display()
    )]
    Poisoned {
        /// The room's folder.
        path: PathBuf,
        /// What failed.
        why: String,
    },
    /// Written by a newer version. Nothing was touched.
    #[error(
        "{} has storage format {found}, this version knows {known}; \
         use a newer tailchat, nothing was changed",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its major format version.
        found: u16,
        /// The newest one known here.
        known: u16,
    },
    /// The bytes there are not those that were written.
    #[error("{} is damaged at {}..{}: {why}; run `tailchat check`", path.display(), range.start, range.end)]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The bytes that are meant.
        range: Range<u64>,
        /// What does not fit.
        why: Damage,
    },
    /// A folder of a room in which no file says which room it is.
    #[error("{} holds no readable log; join the room again to fetch it from the others, or remove the folder", path.display())]
    NoLog {
        /// The folder.
        path: PathBuf,
    },
    /// A room is created that is there already.
    #[error("{} exists already; open it instead of creating it", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// More than a limit allows. Nothing was written.
    #[error("{what} of {len} bytes for {} is over the limit of {max}; nothing was saved", path.display())]
    TooLarge {
        /// Where it should have gone.
        path: PathBuf,
        /// What is too large.
        what: &'static str,
        /// How large it is.
        len: usize,
        /// How large it may be.
        max: usize,
    },
    /// A stretch of the log that is not there, or not in the state that the call needs.
    #[error(
        "{} has no {what} number {number}; this is a mistake in the program, please report it",
        path.display()
    )]
    NoStretch {
        /// The room's folder.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// Its number.
        number: u64,
    },
    /// A fact's name that cannot be a file's name.
    #[error("{name:?} cannot name a fact: use 1 to 64 lower-case letters, digits and dashes")]
    FactName {
        /// The name.
        name: String,
    },
}

/// What does not fit in damaged bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Neither copy of the file's head verifies.
    #[error("the head of the file is unreadable")]
    FileHead,
    /// One copy of the file's head does not verify; the other was used.
    #[error("one copy of the file's head is unreadable, the other was used")]
    HeadCopy,
    /// No record head verifies here.
    #[error("no record is readable here")]
    RecordHead,
    /// A record's body is not what its head says.
    #[error("a record's content does not match its checksum")]
    RecordBody,
    /// A record's body is longer than the rest of the file.
    #[error("the file ends within a record")]
    CutShort,
    /// The record is sound, but the one before it is not the one it was written after.
    #[error("records are missing before this one")]
    Chain,
    /// The record is sound, but its body is not of the shape that its kind has.
    #[error("a record has an impossible content")]
    Content,
    /// A block's table does not verify or does not fit the file's length.
    #[error("the block's table of contents is unreadable or does not fit the file")]
    BlockTable,
    /// A section of a block is not what its table says.
    #[error("a section of the block does not match its checksum")]
    BlockSection,
    /// The file's head belongs to another room or number than its name.
    #[error("the file belongs to another room or place")]
    Misplaced,
    /// The system could not read the file.
    #[error("the disk could not read it")]
    Unreadable,
    /// A fact does not match its checksum.
    #[error("the stored fact does not match its checksum")]
    Fact,
}

/// What became of bytes at the end of a file that are no whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TornEnd {
    /// They were cut off, and are in this file now.
    MovedTo(PathBuf),
    /// They were zeros, and were cut off.
    Zeros,
    /// They are where they were: somebody only looked, or they could not be moved.
    Left,
}

/// What an opening or a check met that a person may want to know. Nothing of it keeps the room from being
/// used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The end of a file is no whole record: the normal end of a crash, and then none of it had been
    /// acknowledged. A last record that was damaged looks the same.
    Torn {
        /// The file.
        file: PathBuf,
        /// The bytes that are not used.
        range: Range<u64>,
        /// What became of them.
        end: TornEnd,
    },
    /// Bytes are not those that were written. All sound records around them are used.
    Damaged {
        /// The file.
        file: PathBuf,
        /// The bytes that are not used.
        range: Range<u64>,
        /// What does not fit.
        why: Damage,
    },
    /// A file with a name of ours and somebody else's content. It is left alone.
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// The room can be read, but not written, until it is opened anew.
    ReadOnly {
        /// The room's folder.
        dir: PathBuf,
        /// What failed.
        why: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn { file, range, end } => {
                let (file, len) = (file.display(), range.end.saturating_sub(range.start));
                write!(f, "{file}: the last {len} bytes ")?;
                match end {
                    TornEnd::Zeros => write!(f, "are zeros")?,
                    TornEnd::MovedTo(_) | TornEnd::Left => write!(f, "are no whole record")?,
                }
                write!(f, ", as when a machine stops while it writes")?;
                match end {
                    TornEnd::MovedTo(kept) => write!(f, "; they were moved to {}", kept.display())?,
                    TornEnd::Zeros => write!(f, "; they were cut off")?,
                    TornEnd::Left => write!(f, "; they are left there and not used")?,
                }
                write!(
                    f,
                    "; should a message be missing, whoever else has it sends it again"
                )
            }
            Self::Damaged { file, range, why } => {
                write!(
                    f,
                    "{}, bytes {} to {}: {why}",
                    file.display(),
                    range.start,
                    range.end
                )
            }
            Self::Foreign { file } => write!(f, "{}: not written by tailchat, left alone", file.display()),
            Self::ReadOnly { dir, why } => write!(f, "{}: read-only, because {why}", dir.display()),
        }
    }
}
