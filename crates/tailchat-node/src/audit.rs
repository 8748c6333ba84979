//! What reads a whole log and builds its document: export and `check`, and nothing else. Knows no tasks.

use std::collections::BTreeSet;

use tailchat_core::block::Block;
use tailchat_core::change::Parts;
use tailchat_core::document::Document;
use tailchat_core::ids::ChangeHash;
use tailchat_store::disk::Disk;

use crate::chains::Chains;
use crate::journal::{Journal, JournalError};

/// What a check of a whole log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files read.
    pub files: u64,
    /// Records that verify.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Changes that fit their chains.
    pub changes: u64,
    /// Whether Automerge, given these changes, has the same heads.
    pub heads_match: bool,
    /// What is wrong.
    pub findings: Vec<String>,
}

impl<D: Disk> Journal<D> {
    /// The room's document as Automerge saves it.
    ///
    /// # Errors
    /// [`JournalError`] if something of it is missing or damaged.
    pub fn document(&self) -> Result<Document, JournalError> {
        let mut bytes = Vec::new();
        let mut seen = BTreeSet::new();
        self.each_change(&mut |parts, _, change| {
            if seen.insert((parts.actor, parts.seq)) {
                bytes.extend_from_slice(change);
            }
        })?;
        Ok(Document::from_changes(&bytes)?)
    }

    /// Verifies every byte on disk, every change in its chain, and that Automerge has the same heads.
    ///
    /// # Errors
    /// [`JournalError::Store`] if the folder cannot be read at all.
    pub fn check(&self) -> Result<Checked, JournalError> {
        let report = self.log.check()?;
        let mut findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        let mut chains = Chains::default();
        let read = self.each_change(&mut |parts, hash, _| chains.add(parts, hash));
        chains.connect();
        let heads_match = match read.and_then(|()| self.document()) {
            Ok(document) => document.heads() == chains.state().heads(),
            Err(err) => {
                findings.push(err.to_string());
                false
            }
        };
        Ok(Checked {
            files: report.files,
            records: report.records,
            bytes: report.bytes,
            changes: chains.state().changes(),
            heads_match,
            findings,
        })
    }

    /// Sets blocks aside that no longer verify, so that after the next opening peers fill the gap. Returns how
    /// many.
    ///
    /// # Errors
    /// [`JournalError::Store`]
    pub fn retire_damaged(&mut self) -> Result<usize, JournalError> {
        let numbers: Vec<_> = self.log.blocks().collect();
        let mut retired = 0;
        for number in numbers {
            let sound = self.log.read_block(number).is_ok_and(|stored| {
                Block::decode(&stored.shared)
                    .and_then(|block| block.changes())
                    .is_ok()
            });
            if !sound {
                self.log.retire_block(number)?;
                retired += 1;
            }
        }
        Ok(retired)
    }

    /// Calls with every change on disk, blocks first.
    fn each_change(&self, take: &mut impl FnMut(&Parts, ChangeHash, &[u8])) -> Result<(), JournalError> {
        // Of what cannot be used, the check speaks.
        let usable = |number: &_| self.log.block_info(*number).is_ok();
        for number in self.log.blocks().filter(usable) {
            let stored = self.log.read_block(number)?;
            let changes = Block::decode(&stored.shared).and_then(|block| block.changes());
            for change in changes.map_err(|source| self.bad_block(source))? {
                take(&change.parts, change.encoded.hash, &change.encoded.bytes);
            }
        }
        for number in self.log.tails() {
            for record in self.log.read_tail(number)? {
                let (parts, hash) = self.decode(&record)?;
                take(&parts, hash, &record.change);
            }
        }
        Ok(())
    }
}
