//! The entries of a block in one buffer, whatever they are and however many. Knows nothing of what is in
//! them.

use std::ops::Range;

use super::BlockError;
use crate::limits::{BLOCK_LEN_MAX, CHANGE_ENTRIES_MAX, CHANGE_LEN_MAX, ENTRY_LEN_MAX};

/// Changes of a block, each as the place of its span and its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    /// For each row its span, by place, and the number of the entry after its last.
    rows: Vec<(u32, u32)>,
    /// Where each entry ends in `bytes`. A vector an entry would take forty times the bytes of a short one.
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Rows {
    /// Room for so many rows and entries, which the caller has bounded.
    pub(super) fn with_capacity(rows: usize, entries: usize, len: usize) -> Self {
        Self {
            rows: Vec::with_capacity(rows),
            ends: Vec::with_capacity(entries),
            bytes: Vec::with_capacity(len),
        }
    }

    /// Adds what an entry consists of.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The buffer that the present entry is being written to.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Ends the present entry.
    pub(super) fn end_entry(&mut self) {
        self.ends
            .push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    /// Ends the present row.
    pub(super) fn end_row(&mut self, span: u32) {
        self.rows
            .push((span, u32::try_from(self.ends.len()).unwrap_or(u32::MAX)));
    }

    /// Ends the present row if its entries may stand in one change.
    pub(super) fn end_checked_row(&mut self, span: u32) -> Result<(), BlockError> {
        let first = self.rows.last().map_or(0, |row| row.1 as usize);
        let begin = self.begin(first);
        let count = self.ends.len() - first;
        let mut before = begin;
        let sizes_fit = self.ends.iter().skip(first).all(|end| {
            let len = *end as usize - before;
            before = *end as usize;
            (1..=ENTRY_LEN_MAX).contains(&len)
        });
        if self.bytes.len() > BLOCK_LEN_MAX {
            return Err(BlockError::TooLong);
        }
        if !sizes_fit || !(1..=CHANGE_ENTRIES_MAX).contains(&count) || before - begin > CHANGE_LEN_MAX {
            return Err(BlockError::Malformed);
        }
        self.end_row(span);
        Ok(())
    }

    /// How many rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Each row: its span and its entries.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, Entries<'_>)> {
        let mut first = 0;
        self.rows.iter().map(move |(span, end)| {
            let entries = Entries {
                rows: self,
                range: first..*end as usize,
            };
            first = *end as usize;
            (*span as usize, entries)
        })
    }

    fn begin(&self, entry: usize) -> usize {
        let before = entry.checked_sub(1).and_then(|before| self.ends.get(before));
        before.map_or(0, |end| *end as usize)
    }
}

/// The entries of one row.
#[derive(Clone, Debug)]
pub(super) struct Entries<'a> {
    rows: &'a Rows,
    range: Range<usize>,
}

impl<'a> Entries<'a> {
    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let rows = self.rows;
        let mut begin = rows.begin(self.range.start);
        let ends = rows.ends.get(self.range.clone()).unwrap_or_default();
        ends.iter().map(move |end| {
            let entry = rows.bytes.get(begin..*end as usize).unwrap_or_default();
            begin = *end as usize;
            entry
        })
    }

    pub(super) fn to_vecs(&self) -> Vec<Vec<u8>> {
        self.iter().map(<[u8]>::to_vec).collect()
    }
}
