//! Where in each author's chain the changes begin that came at some time or later. Reads a whole log; knows no
//! bundle.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use tailchat_core::block::{Arrival, Block};
use tailchat_core::change::Parts;
use tailchat_core::entry::Entry;
use tailchat_core::ids::{ActorId, DeviceId};
use tailchat_store::disk::Disk;

use crate::journal::{Journal, JournalError, arrival};

/// What came when is not known: it counts as if it came at any time.
const UNKNOWN: Arrival = Arrival {
    at_ms: i64::MAX,
    via: DeviceId::NONE,
};

impl<D: Disk> Journal<D> {
    /// Of each actor the first change that arrived at this time or later, in milliseconds since 1970, or that holds an
    /// entry sent then; actors without one are left out.
    ///
    /// # Errors
    /// [`JournalError`] if something of the log cannot be read.
    pub fn begins_since(&self, since_ms: i64) -> Result<BTreeMap<ActorId, u64>, JournalError> {
        let mut begins = BTreeMap::new();
        // Of what cannot be used, the check speaks.
        let usable = |number: &_| self.log.block_info(*number).is_ok();
        for number in self.log.blocks().filter(usable) {
            let stored = self.log.read_block(number)?;
            let block = Block::decode(&stored.shared).map_err(|source| self.bad_block(source))?;
            let arrivals = block.decode_arrivals(&stored.local).unwrap_or_default();
            let arrivals = arrivals.into_iter().chain(std::iter::repeat(UNKNOWN));
            for (parts, arrival) in block.parts().zip(arrivals) {
                note(&mut begins, &parts, arrival, since_ms);
            }
        }
        for number in self.log.tails() {
            for record in self.log.read_tail(number)? {
                let (parts, _) = self.decode(&record)?;
                note(&mut begins, &parts, arrival(&record), since_ms);
            }
        }
        Ok(begins)
    }
}

fn note(begins: &mut BTreeMap<ActorId, u64>, parts: &Parts, arrival: Arrival, since_ms: i64) {
    let sent = |entry: &Vec<u8>| Entry::decode(entry).stamp.sent_at_ms >= since_ms;
    let is_later = || arrival.at_ms >= since_ms || parts.entries.iter().any(sent);
    match begins.entry(parts.actor) {
        Slot::Occupied(mut first) if parts.seq < *first.get() && is_later() => {
            first.insert(parts.seq);
        }
        Slot::Vacant(first) if is_later() => {
            first.insert(parts.seq);
        }
        _ => {}
    }
}
