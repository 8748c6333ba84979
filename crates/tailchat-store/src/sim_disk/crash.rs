//! A power cut on the simulated machine. Decides what may stay; which of it stays is an argument.

use std::path::{Path, PathBuf};

use super::machine::Machine;
use super::node::{File, Folder, Write};

/// Something that a crash may keep or lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced<'a> {
    /// Bytes appended to a file.
    Bytes {
        /// The file.
        path: &'a Path,
        /// How many.
        len: usize,
    },
    /// A file cut to a length.
    Length {
        /// The file.
        path: &'a Path,
    },
    /// A name created, changed or removed.
    Name {
        /// The folder.
        dir: &'a Path,
        /// The name that went, if one did.
        gone: Option<&'a str>,
        /// The name that came, if one did.
        new: Option<&'a str>,
    },
}

/// What a crash leaves of it. For a length or a name, everything but `Nothing` means that it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing of it.
    Nothing,
    /// All of it.
    All,
    /// Its first bytes. Later writes to the file are lost.
    First(usize),
    /// Its first bytes, and zeros in place of the others. Later writes to the file are lost.
    FirstThenZeros(usize),
    /// Zeros in place of its first bytes, then the others: pages that were written out of order.
    ZerosThenRest(usize),
}

impl Machine {
    pub(super) fn crash(&mut self, keep: &mut dyn FnMut(Unsynced<'_>) -> Keep) {
        let paths = self.paths();
        let removed = PathBuf::from("(removed)");
        for (node, file) in &mut self.files {
            file.crash(paths.get(node).unwrap_or(&removed), keep);
        }
        for (node, folder) in &mut self.folders {
            folder.crash(paths.get(node).unwrap_or(&removed), keep);
        }
        self.faults.clear();
        self.sweep();
    }
}

impl File {
    fn crash(&mut self, path: &Path, keep: &mut dyn FnMut(Unsynced<'_>) -> Keep) {
        for write in std::mem::take(&mut self.pending) {
            let whole = match &write {
                Write::SetLen(_) => {
                    let kept = keep(Unsynced::Length { path }) != Keep::Nothing;
                    if kept {
                        write.apply(&mut self.durable);
                    }
                    kept
                }
                Write::Append(bytes) => {
                    let kept = keep(Unsynced::Bytes {
                        path,
                        len: bytes.len(),
                    });
                    self.durable.extend_from_slice(&torn(bytes, kept));
                    kept == Keep::All
                }
            };
            // What was written after a lost write is lost too: a file's writes reach the disk as its length
            // grows. Out of order within one write is `ZerosThenRest`.
            if !whole {
                break;
            }
        }
        self.live = self.durable.clone();
    }
}

fn torn(bytes: &[u8], keep: Keep) -> Vec<u8> {
    let mut left = bytes.to_vec();
    match keep {
        Keep::Nothing => left.clear(),
        Keep::All => {}
        Keep::First(len) => left.truncate(len),
        Keep::FirstThenZeros(len) => left.iter_mut().skip(len).for_each(|byte| *byte = 0),
        Keep::ZerosThenRest(len) => left.iter_mut().take(len).for_each(|byte| *byte = 0),
    }
    left
}

impl Folder {
    fn crash(&mut self, dir: &Path, keep: &mut dyn FnMut(Unsynced<'_>) -> Keep) {
        for change in std::mem::take(&mut self.pending) {
            let (gone, new) = (
                change.gone.as_deref(),
                change.new.as_ref().map(|(name, _)| name.as_str()),
            );
            if keep(Unsynced::Name { dir, gone, new }) != Keep::Nothing {
                change.apply(&mut self.durable);
            }
        }
        self.live = self.durable.clone();
    }
}

/// In how many ways a crash may leave it.
pub(super) fn ways(unsynced: &Unsynced<'_>) -> u64 {
    match unsynced {
        Unsynced::Bytes { .. } => 5,
        Unsynced::Length { .. } | Unsynced::Name { .. } => 2,
    }
}

/// The way of that number.
pub(super) fn kept(way: u64, unsynced: &Unsynced<'_>) -> Keep {
    let half = match unsynced {
        Unsynced::Bytes { len, .. } => len / 2,
        Unsynced::Length { .. } | Unsynced::Name { .. } => 0,
    };
    match way {
        0 => Keep::Nothing,
        1 => Keep::All,
        2 => Keep::First(half),
        3 => Keep::FirstThenZeros(half),
        _ => Keep::ZerosThenRest(half),
    }
}

/// Lots drawn from a seed (splitmix64, <https://prng.di.unimi.it/splitmix64.c>): the store has no generator,
/// and a test needs no better one.
pub(super) struct Draw(pub(super) u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn keep(&mut self, unsynced: &Unsynced<'_>) -> Keep {
        let len = match unsynced {
            Unsynced::Bytes { len, .. } => *len,
            Unsynced::Length { .. } | Unsynced::Name { .. } => 0,
        };
        let place = usize::try_from(self.next() % (len as u64 + 1)).unwrap_or(len);
        match self.next() % 8 {
            0 | 1 => Keep::Nothing,
            2 | 3 => Keep::All,
            4 | 5 => Keep::First(place),
            6 => Keep::FirstThenZeros(place),
            _ => Keep::ZerosThenRest(place),
        }
    }
}
