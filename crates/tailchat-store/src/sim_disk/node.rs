//! Files and folders of the simulated machine: as programs see them, and as a crash would leave them. Refuses
//! to know paths.

use std::collections::BTreeMap;

/// The number of a file or folder, whatever its names.
pub(super) type Node = u64;
/// The data folder.
pub(super) const ROOT: Node = 0;

/// A file's content: as programs see it, and as a crash would leave it.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) live: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Write>,
}

/// A change of a file's content that is not durable.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Append(Vec<u8>),
    SetLen(usize),
}

/// A folder's names, likewise.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    pub(super) live: BTreeMap<String, Node>,
    pub(super) durable: BTreeMap<String, Node>,
    pub(super) pending: Vec<NameChange>,
}

/// A change of a folder's names that is not durable. A rename has both parts.
#[derive(Clone, Debug)]
pub(super) struct NameChange {
    pub(super) gone: Option<String>,
    pub(super) new: Option<(String, Node)>,
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<String, Node>) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        if let Some((name, node)) = &self.new {
            names.insert(name.clone(), *node);
        }
    }
}

impl Write {
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Append(bytes) => content.extend_from_slice(bytes),
            Self::SetLen(len) => content.resize(*len, 0),
        }
    }
}
