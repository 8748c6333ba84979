//! Verifying every byte of a room on disk. Reads alone; refuses to mend.

use std::path::Path;

use super::Log;
use super::survey::Survey;
use crate::block::{Block, BlockFault};
use crate::disk::Disk;
use crate::error::{Finding, StoreError};
use crate::tail::block_path;

/// What a check read and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Tails and blocks that could be used.
    pub files: u64,
    /// Sound records in tails.
    pub records: u64,
    /// Bytes read and verified.
    pub bytes: u64,
    /// What is not as it was written.
    pub findings: Vec<Finding>,
}

impl<D: Disk> Log<D> {
    /// Reads and verifies every byte of the log on disk.
    ///
    /// # Errors
    /// As for [`check()`].
    pub fn check(&self) -> Result<Report, StoreError> {
        check(&self.disk, &self.dir)
    }
}

/// Reads and verifies every byte of a room's folder. Changes nothing, so it serves for a backup too; while
/// the room is being written, the end of its last tail may seem torn.
///
/// # Errors
/// `Newer` if any file is, `NoLog` if none says which room it is, `Io` if the folder cannot be listed.
pub fn check(disk: &impl Disk, dir: &Path) -> Result<Report, StoreError> {
    let mut survey = Survey::take(disk, dir)?;
    let mut report = Report {
        findings: std::mem::take(&mut survey.findings),
        ..Report::default()
    };
    for content in survey.tails.values() {
        report.files += 1;
        report.records += content.records;
        report.bytes += content.tail.end;
        if let Some(torn) = &content.torn {
            let (file, range) = (disk.shown(&content.tail.path), torn.range.clone());
            report.findings.push(Finding::Torn {
                file,
                range,
                kept_in: None,
            });
        }
    }
    for (number, info) in &survey.blocks {
        let path = block_path(dir, *number);
        match disk
            .read(&path)
            .map_err(BlockFault::Io)
            .and_then(|bytes| Block::decode(&bytes))
        {
            Ok(_) => {
                report.files += 1;
                report.bytes += info.file_len;
            }
            Err(fault) => report
                .findings
                .push(fault.finding(disk.shown(&path), info.file_len)),
        }
    }
    Ok(report)
}
