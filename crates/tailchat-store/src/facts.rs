//! Small facts under names, each replaced as a whole. Knows checksums; refuses to know what a fact says.

use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::error::{Damage, StoreError};
use crate::fields::{Fields, short};
use crate::head::{FORMAT_MAJOR, FORMAT_MINOR};
use crate::limits::{FACT_LEN_MAX, FACT_NAME_LEN_MAX};
use crate::log::write_error;

/// The folder of the facts, in the data folder.
pub const FACTS_DIR: &str = "facts";
/// The first bytes of a fact's file.
pub const FACT_MAGIC: [u8; 8] = *b"\x89TCfact\n";
const FRONT_LEN: usize = 16;

/// The facts of a data folder.
#[derive(Debug)]
pub struct Facts<D> {
    disk: D,
    /// Whether this owner made the folder durable already.
    made: bool,
}

impl<D: Disk> Facts<D> {
    /// The facts on this disk.
    pub fn new(disk: D) -> Self {
        Self { disk, made: false }
    }

    /// What was last written under the name, if anything ever was.
    ///
    /// # Errors
    /// `Damaged` if it is not what was written, `Newer`, `Io`, `FactName`.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = fact_path(name, "fact")?;
        let shown = || self.disk.shown(&path);
        let failed = |cause| StoreError::Io {
            path: shown(),
            doing: "read a stored fact",
            cause,
        };
        if self.disk.length(&path).map_err(failed)?.is_none() {
            return Ok(None);
        }
        let bytes = self.disk.read(&path).map_err(failed)?;
        match decode(name, &bytes) {
            Ok(fact) => Ok(Some(fact)),
            Err(Some(found)) => Err(StoreError::Newer {
                path: shown(),
                found,
                known: FORMAT_MAJOR,
            }),
            Err(None) => Err(StoreError::Damaged {
                path: shown(),
                range: 0..bytes.len() as u64,
                why: Damage::Fact,
            }),
        }
    }

    /// Replaces what stands under the name; durable when it returns. A crash leaves the old or the new fact.
    ///
    /// # Errors
    /// The old fact stays: `TooLarge`, `FactName`, `Full`, `Write`.
    pub fn write(&mut self, name: &str, fact: &[u8]) -> Result<(), StoreError> {
        let (path, fresh) = (fact_path(name, "fact")?, fact_path(name, "tmp")?);
        let shown = self.disk.shown(&path);
        if fact.len() > FACT_LEN_MAX {
            let (len, max) = (fact.len(), FACT_LEN_MAX);
            return Err(StoreError::TooLarge {
                path: shown,
                what: "a fact",
                len,
                max,
            });
        }
        let written = self.write_fresh(&fresh, &encode(name, fact));
        if written.is_err() {
            // Best effort: the next write removes it, and nothing reads it.
            let _ = self.disk.remove(&fresh);
        }
        let named = written.and_then(|()| {
            self.disk.rename(&fresh, &path)?;
            self.disk.sync_dir(Path::new(FACTS_DIR))
        });
        named.map_err(|cause| write_error(shown, cause))
    }

    fn write_fresh(&mut self, fresh: &Path, bytes: &[u8]) -> std::io::Result<()> {
        if !self.made {
            self.disk.create_dir(Path::new(FACTS_DIR))?;
            self.disk.sync_dir(Path::new(""))?;
            self.made = true;
        }
        if self.disk.length(fresh)?.is_some() {
            self.disk.remove(fresh)?;
        }
        self.disk.create(fresh)?;
        self.disk.append(fresh, bytes)?;
        self.disk.sync(fresh)
    }
}

fn fact_path(name: &str, ending: &str) -> Result<PathBuf, StoreError> {
    let letters = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if name.is_empty() || name.len() > FACT_NAME_LEN_MAX || !letters {
        return Err(StoreError::FactName {
            name: name.to_owned(),
        });
    }
    Ok(Path::new(FACTS_DIR).join(format!("{name}.{ending}")))
}

/// A sum over the name too, so that a file under another fact's name does not verify.
fn sum(name: &str, front: &[u8], fact: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 store fact v1");
    hasher
        .update(name.as_bytes())
        .update(&[0])
        .update(front)
        .update(fact);
    short(&hasher.finalize())
}

fn encode(name: &str, fact: &[u8]) -> Vec<u8> {
    let mut bytes = FACT_MAGIC.to_vec();
    bytes.extend_from_slice(&FORMAT_MAJOR.to_le_bytes());
    bytes.extend_from_slice(&FORMAT_MINOR.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(fact.len()).unwrap_or(u32::MAX).to_le_bytes());
    let sum = sum(name, &bytes, fact);
    bytes.extend_from_slice(&sum);
    bytes.extend_from_slice(fact);
    bytes
}

/// The fact, or the newer major version that wrote it, or nothing.
fn decode(name: &str, bytes: &[u8]) -> Result<Vec<u8>, Option<u16>> {
    let mut fields = Fields(bytes);
    if fields.array() != Some(FACT_MAGIC) {
        return Err(None);
    }
    let major = fields.u16().ok_or(None)?;
    fields.u16().ok_or(None)?;
    let len = fields.length().ok_or(None)?;
    let stored: [u8; 16] = fields.array().ok_or(None)?;
    let front = bytes.get(..FRONT_LEN).ok_or(None)?;
    let sound = len == fields.0.len() && stored == sum(name, front, fields.0);
    match (major.cmp(&FORMAT_MAJOR), sound) {
        (std::cmp::Ordering::Equal, true) => Ok(fields.0.to_vec()),
        (std::cmp::Ordering::Greater, _) => Err(Some(major)),
        _ => Err(None),
    }
}

#[cfg(test)]
mod tests;
