//! Files as a tar archive that is the same whenever and by whomever it is made: sorted, of one time, owned by root. Knows
//! bytes and paths; reads no disk.

use std::collections::BTreeSet;

use anyhow::Result;
use tar::{Builder, EntryType, Header};

/// A file in an archive.
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    mode: u32,
}

impl Entry {
    /// A file to read.
    pub(super) fn file(path: String, bytes: &[u8]) -> Self {
        let bytes = bytes.to_vec();
        Self {
            path,
            bytes,
            mode: 0o644,
        }
    }

    /// A file to run.
    pub(super) fn program(path: String, bytes: &[u8]) -> Self {
        Self {
            mode: 0o755,
            ..Self::file(path, bytes)
        }
    }
}

/// The archive, with the folders that the files are in.
pub(super) fn tar(mut entries: Vec<Entry>) -> Result<Vec<u8>> {
    entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    let mut builder = Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    for entry in &entries {
        for (at, _) in entry.path.match_indices('/') {
            let folder = entry.path.get(..=at).unwrap_or_default();
            if folders.insert(folder) {
                let mut header = header(0, 0o755);
                header.set_entry_type(EntryType::Directory);
                builder.append_data(&mut header, folder, [].as_slice())?;
            }
        }
        let mut header = header(entry.bytes.len() as u64, entry.mode);
        builder.append_data(&mut header, &entry.path, entry.bytes.as_slice())?;
    }
    Ok(builder.into_inner()?)
}

fn header(len: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(len);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_and_stand_behind_their_folders_and_belong_to_nobody_in_particular() {
        let files = |reversed: bool| {
            let mut entries = vec![
                Entry::program("top/bin/x".to_owned(), b"run me"),
                Entry::file("top/README".to_owned(), b"read me"),
            ];
            if reversed {
                entries.reverse();
            }
            tar(entries).unwrap()
        };
        let bytes = files(false);
        assert_eq!(bytes, files(true));
        let mut archive = tar::Archive::new(bytes.as_slice());
        let told = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let plain = (
                header.mtime().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap(),
            );
            assert_eq!(plain, (0, 0, 0));
            let path = entry.path().unwrap().display().to_string();
            format!("{path} {:o} {}", header.mode().unwrap(), header.size().unwrap())
        });
        let told: Vec<_> = told.collect();
        assert_eq!(
            told,
            [
                "top/ 755 0",
                "top/README 644 7",
                "top/bin/ 755 0",
                "top/bin/x 755 6"
            ]
        );
    }
}
