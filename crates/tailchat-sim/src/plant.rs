//! Faults that are planted on purpose, to see that the simulation finds them. Knows their names; what each
//! does stands where it is done.

use std::fmt;
use std::str::FromStr;

/// A fault of the driver or the disk around a sound engine and a sound log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// No sync does anything.
    NoFsync,
    /// Syncs of folders do nothing.
    NoDirFsync,
    /// A new block gets its name before its bytes are durable.
    RenameBeforeFsync,
    /// A write is acknowledged when it begins.
    AcknowledgeBeforeFsync,
    /// A change is shown when its write begins.
    ShowBeforeFsync,
    /// What a crash tore off a tail is put back, and new records go behind it.
    AppendBehindTorn,
    /// The actor is continued whatever happened: after a crash, and in a copied folder.
    SameActor,
    /// A failed write is acknowledged.
    AcknowledgeFailure,
    /// A reopened room lacks the newest change on its disk.
    ForgetLast,
}

impl Plant {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NoFsync,
        Self::NoDirFsync,
        Self::RenameBeforeFsync,
        Self::AcknowledgeBeforeFsync,
        Self::ShowBeforeFsync,
        Self::AppendBehindTorn,
        Self::SameActor,
        Self::AcknowledgeFailure,
        Self::ForgetLast,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::NoFsync => "no-fsync",
            Self::NoDirFsync => "no-dir-fsync",
            Self::RenameBeforeFsync => "rename-before-fsync",
            Self::AcknowledgeBeforeFsync => "acknowledge-before-fsync",
            Self::ShowBeforeFsync => "show-before-fsync",
            Self::AppendBehindTorn => "append-behind-torn",
            Self::SameActor => "same-actor",
            Self::AcknowledgeFailure => "acknowledge-failure",
            Self::ForgetLast => "forget-last",
        }
    }
}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Plant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|plant| plant.name() == text);
        found.ok_or_else(|| format!("there is no such fault; there are {names}"))
    }
}
