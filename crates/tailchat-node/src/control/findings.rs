//! What is found wrong with a node and the machine that it runs on, or right. Words for people, and commands for their
//! shell; knows nothing of how it was found.

use serde::{Deserialize, Serialize};

/// A thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingItem {
    /// What it is about.
    pub area: Area,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// Why that is, or what follows from it.
    pub why: Option<String>,
    /// What mends it: a command to type.
    pub mend: Option<String>,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// The running program.
    Node,
    /// The way of other commands to it.
    Socket,
    /// The data folder.
    Folder,
    /// The disk that it is on.
    Disk,
    /// Rooms, as they are on disk.
    Rooms,
    /// Where others can dial us.
    Listening,
    /// What may keep them out.
    Firewall,
    /// How peers are looked for.
    Discovery,
    /// A VPN that they may be in.
    Vpn,
    /// Those that are known.
    Peers,
    /// What time it is, here and there.
    Clock,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Fine,
    /// Worth knowing.
    Note,
    /// To be mended.
    Wrong,
}

impl FindingItem {
    /// Something that is as it should be.
    pub fn fine(area: Area, what: impl Into<String>) -> Self {
        Self::new(area, Level::Fine, what)
    }

    /// Something worth knowing.
    pub fn note(area: Area, what: impl Into<String>) -> Self {
        Self::new(area, Level::Note, what)
    }

    /// Something to be mended.
    pub fn wrong(area: Area, what: impl Into<String>) -> Self {
        Self::new(area, Level::Wrong, what)
    }

    fn new(area: Area, level: Level, what: impl Into<String>) -> Self {
        Self {
            area,
            level,
            what: what.into(),
            why: None,
            mend: None,
        }
    }

    /// With a reason.
    #[must_use]
    pub fn since(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// With a command that mends it.
    #[must_use]
    pub fn mended_by(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(command.into());
        self
    }
}
