//! Verifying every byte of a room on disk. Reads alone; refuses to mend.

use std::path::Path;

use super::survey::Survey;
use super::{BlockReader, Log};
use crate::block::BlockFault;
use crate::disk::Disk;
use crate::error::{Finding, StoreError, TornEnd};
use crate::head::HeadFault;

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
                end: TornEnd::Left,
            });
        }
    }
    let reader = BlockReader::new(disk.clone(), dir, survey.room);
    for number in survey.blocks {
        match reader.whole(number) {
            Ok((_, head, len)) => {
                report.files += 1;
                report.bytes += len;
                report.findings.extend(head.finding(reader.shown(number)));
            }
            Err(fault @ BlockFault::Head(HeadFault::Newer(_))) => {
                return Err(fault.error(reader.shown(number), 0));
            }
            Err(fault) => {
                let finding = fault.finding(reader.shown(number), reader.length(number));
                report.findings.push(finding);
            }
        }
    }
    Ok(report)
}
