//! Records: framed, chained and summed bytes in a tail file. Pure: knows no files, and not what a body means.

use std::ops::Range;

use crate::error::Damage;
use crate::fields::{Fields, short};
use crate::head::FileId;
use crate::limits::RECORD_BODY_LEN_MAX;

/// The first bytes of a record: what a search for the next one looks for.
pub const RECORD_MAGIC: [u8; 4] = *b"\xF6tcr";
/// The length of a record before its body.
pub const RECORD_HEAD_LEN: usize = 48;
/// How much of the head its sum covers.
const SUMMED_LEN: usize = 40;

/// What a record is. Kinds are only ever added; one that is not known is kept and skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordKind(pub u8);

impl RecordKind {
    /// A change and how it came here.
    pub const CHANGE: Self = Self(1);
    /// The room's local facts; the last one counts.
    pub const LOCAL: Self = Self(2);
}

/// The key of all sums in one file, made from the file's ID.
#[derive(Clone)]
pub struct FileKey([u8; 32]);

impl FileKey {
    /// The key of the file with this ID.
    #[must_use]
    pub fn new(id: FileId) -> Self {
        Self(blake3::derive_key("tailchat 2026 store file sums v1", &id.0))
    }

    /// A sum over a place in the file and the bytes there. `what` keeps sums of different things apart.
    #[must_use]
    pub fn sum<const N: usize>(&self, what: u8, place: u64, bytes: &[u8]) -> [u8; N] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&[what]).update(&place.to_le_bytes()).update(bytes);
        short(&hasher.finalize())
    }
}

/// Where a file's chain of records stands: what the next record has to say of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The next record's number, from 0.
    pub next_seq: u32,
    /// The first bytes of the last record's body sum; of the file's ID when there is none.
    pub link: [u8; 8],
}

impl Chain {
    /// The start of a file's chain.
    #[must_use]
    pub fn start(id: FileId) -> Self {
        let mut link = [0; 8];
        link.iter_mut().zip(id.0).for_each(|(to, from)| *to = from);
        Self { next_seq: 0, link }
    }

    fn after(seq: u32, body_sum: [u8; 16]) -> Self {
        let mut link = [0; 8];
        link.iter_mut().zip(body_sum).for_each(|(to, from)| *to = from);
        Self {
            next_seq: seq.wrapping_add(1),
            link,
        }
    }
}

/// Adds a record that will stand at `offset` in its file, and moves the chain on. The caller has checked that
/// the body is at most [`RECORD_BODY_LEN_MAX`] long.
pub fn encode(
    out: &mut Vec<u8>,
    key: &FileKey,
    chain: &mut Chain,
    offset: u64,
    kind: RecordKind,
    body: &[u8],
) {
    let start = out.len();
    let body_sum: [u8; 16] = key.sum(b'b', offset, body);
    out.extend_from_slice(&RECORD_MAGIC);
    out.extend_from_slice(&[kind.0, 0, 0, 0]);
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&chain.next_seq.to_le_bytes());
    out.extend_from_slice(&chain.link);
    out.extend_from_slice(&body_sum);
    let head_sum: [u8; 8] = key.sum(b'h', offset, out.get(start..).unwrap_or_default());
    out.extend_from_slice(&head_sum);
    out.extend_from_slice(body);
    *chain = Chain::after(chain.next_seq, body_sum);
}

/// A record that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: RecordKind,
    /// Its number in the file.
    pub seq: u32,
    /// All of it, as offsets in the file.
    pub range: Range<usize>,
    link: [u8; 8],
    body_sum: [u8; 16],
}

impl Found {
    /// Its body, given the bytes that it was found in.
    #[must_use]
    pub fn body<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes
            .get(self.range.start + RECORD_HEAD_LEN..self.range.end)
            .unwrap_or_default()
    }
}

/// Verifies the record that `bytes` begins with, which stands at `offset` in its file.
///
/// # Errors
/// What does not fit.
pub fn verify(key: &FileKey, offset: usize, bytes: &[u8]) -> Result<Found, Damage> {
    let head = bytes.get(..RECORD_HEAD_LEN).ok_or(Damage::CutShort)?;
    let (len, found) = decode_head(key, offset, head).ok_or(Damage::RecordHead)?;
    let body = bytes
        .get(RECORD_HEAD_LEN..RECORD_HEAD_LEN + len)
        .ok_or(Damage::CutShort)?;
    if key.sum(b'b', offset as u64, body) != found.body_sum {
        return Err(Damage::RecordBody);
    }
    Ok(found)
}

/// Reads a record's head: the body's length, and the record if its body verifies. `None` when a field or the
/// head's sum does not fit.
fn decode_head(key: &FileKey, offset: usize, head: &[u8]) -> Option<(usize, Found)> {
    let mut fields = Fields(head);
    if fields.array() != Some(RECORD_MAGIC) {
        return None;
    }
    let kind = RecordKind(fields.u8()?);
    fields.bytes(3)?;
    let (len, seq) = (fields.length()?, fields.u32()?);
    let (link, body_sum) = (fields.array()?, fields.array()?);
    let stored: [u8; 8] = fields.array()?;
    let sound = len <= RECORD_BODY_LEN_MAX && key.sum(b'h', offset as u64, head.get(..SUMMED_LEN)?) == stored;
    let range = offset..offset + RECORD_HEAD_LEN + len;
    sound.then_some((
        len,
        Found {
            kind,
            seq,
            range,
            link,
            body_sum,
        },
    ))
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// All records that verify, in the file's order.
    pub records: Vec<Found>,
    /// Where the file ends when what is torn is cut off.
    pub end: usize,
    /// What follows the last sound record and is none: the file was not wholly written.
    pub torn: Option<Range<usize>>,
    /// Stretches with sound records after them.
    pub damage: Vec<(Range<usize>, Damage)>,
    /// The state in which the next record continues the chain.
    pub chain: Chain,
}

/// Finds all records from `start` on in a whole file's bytes. A bad record is torn if nothing sound follows
/// it, otherwise it is damage, and the search goes on at the next sound record. Lengths in bad records are
/// not believed: the search looks at every byte, and the keyed sums keep a body from posing as a record.
#[must_use]
pub fn scan(id: FileId, bytes: &[u8], start: usize) -> Scan {
    let key = FileKey::new(id);
    let mut scan = Scan {
        records: vec![],
        end: start,
        torn: None,
        damage: vec![],
        chain: Chain::start(id),
    };
    let mut bad: Option<(usize, Damage)> = None;
    let mut at = start;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match verify(&key, at, rest) {
            Ok(found) => {
                let follows = Chain {
                    next_seq: found.seq,
                    link: found.link,
                } == scan.chain;
                match bad.take() {
                    Some((from, why)) => scan.damage.push((from..at, why)),
                    None if !follows => scan.damage.push((at..at, Damage::Chain)),
                    None => {}
                }
                scan.chain = Chain::after(found.seq, found.body_sum);
                at = found.range.end;
                scan.end = at;
                scan.records.push(found);
            }
            Err(why) => {
                bad.get_or_insert((at, why));
                let next = rest
                    .get(1..)
                    .and_then(|rest| rest.windows(4).position(|four| four == RECORD_MAGIC));
                at = next.map_or(bytes.len(), |found| at + 1 + found);
            }
        }
    }
    scan.torn = bad.map(|(from, _)| from..bytes.len());
    scan
}

#[cfg(test)]
mod tests;
