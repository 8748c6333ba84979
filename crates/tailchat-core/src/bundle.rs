//! A room's changes as a file: what a stick, a mail or a pipe carries from one member to another. Knows the bytes
//! and what they prove; opens no file, and takes nothing into a room.
//!
//! A bundle is any number of sections, one after the other, so two bundles in one file are a bundle. A section is
//! a head, pieces and an end. The head names no room: it has a tag that only who holds the room's ID can make or
//! recognise. Each piece has a code under a key of that section, over its number and its bytes, and the end has one
//! too, so that whatever is cut off, altered, left out or moved is told from an honest end.

use serde::{Deserialize, Serialize};

use crate::block::{SeqRange, Span};
use crate::ids::{DeviceId, RoomId};
use crate::limits::BUNDLE_PIECE_LEN_MAX;
use crate::wire::Claim;

/// What every section begins with, in every version.
pub const MAGIC: [u8; 16] = *b"tailchat bundle\n";
/// The version that is written and read.
const VERSION: u8 = 1;
/// Bytes of a head: magic, version, nonce, device, tag, and a checksum over these, so that who cannot recognise the
/// tag can still tell a damaged head from another room's.
const HEAD_LEN: usize = 16 + 1 + 32 + 16 + 16 + SUM_LEN;
const SUM_LEN: usize = 4;
/// Bytes before a piece's body: its length, big endian, and its code.
const PIECE_HEAD_LEN: usize = 4 + 16;

/// What stands before a section's pieces: who made it, and for which room, told to the room's members alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    nonce: [u8; 32],
    device: DeviceId,
    tag: [u8; 16],
}

/// What a section carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// What the disk of whoever made the section held then.
    Vector(Vec<Claim>),
    /// Changes: a [`crate::block::Block`]'s bytes.
    Block(Vec<u8>),
}

/// A piece as it was found: nothing vouches for it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its number in its section, from 0.
    pub number: u64,
    /// What proves it.
    pub code: [u8; 16],
    /// Its bytes; none if it is the section's end.
    pub body: Vec<u8>,
}

impl Head {
    /// A section's head. `nonce` is random, new for each.
    #[must_use]
    pub fn new(room: RoomId, nonce: [u8; 32], device: DeviceId) -> Self {
        let mut head = Self {
            nonce,
            device,
            tag: [0; 16],
        };
        head.tag = head.tag_of(room);
        head
    }

    /// The data folder of whoever made the section. Only for members is it proved, by [`Head::is_for`].
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Whether the section is for this room.
    #[must_use]
    pub fn is_for(&self, room: RoomId) -> bool {
        self.tag == self.tag_of(room)
    }

    /// The head's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_LEN);
        for field in [&MAGIC[..], &[VERSION], &self.nonce, &self.device.0, &self.tag] {
            bytes.extend(field);
        }
        bytes.extend(sum(&bytes));
        bytes
    }

    /// Reads a head.
    ///
    /// # Errors
    /// [`BundleError`] if the bytes are none of a version that this one reads.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(BundleError::Foreign)?;
        let (&version, rest) = rest.split_first().ok_or(BundleError::Cut)?;
        if version != VERSION {
            return Err(BundleError::Version(version));
        }
        let (nonce, rest) = rest.split_first_chunk().ok_or(BundleError::Cut)?;
        let (device, rest) = rest.split_first_chunk().ok_or(BundleError::Cut)?;
        let (tag, rest) = rest.split_first_chunk().ok_or(BundleError::Cut)?;
        let summed = bytes.get(..HEAD_LEN - SUM_LEN).ok_or(BundleError::Cut)?;
        if rest != sum(summed) {
            return Err(BundleError::Head);
        }
        Ok(Self {
            nonce: *nonce,
            device: DeviceId(*device),
            tag: *tag,
        })
    }

    /// Reads a piece of this section, which is for this room.
    ///
    /// # Errors
    /// [`BundleError::Altered`] if it is not as it was written, or not for this room; [`BundleError::Unknown`] if it
    /// is, and this version cannot read it.
    pub fn open(&self, room: RoomId, sealed: &Sealed) -> Result<Option<Piece>, BundleError> {
        let number = sealed.number;
        if sealed.code != code(&self.key(room), number, &sealed.body) {
            return Err(BundleError::Altered(number));
        }
        if sealed.body.is_empty() {
            return Ok(None);
        }
        match postcard::take_from_bytes(&sealed.body) {
            Ok((piece, [])) => Ok(Some(piece)),
            _ => Err(BundleError::Unknown(number)),
        }
    }

    fn tag_of(&self, room: RoomId) -> [u8; 16] {
        let mut tag = [0; 16];
        let hasher = self.keyed("tailchat 2026 bundle tag v1", room);
        hasher.finalize_xof().fill(&mut tag);
        tag
    }

    fn key(&self, room: RoomId) -> [u8; 32] {
        *self
            .keyed("tailchat 2026 bundle pieces v1", room)
            .finalize()
            .as_bytes()
    }

    fn keyed(&self, purpose: &str, room: RoomId) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_keyed(&blake3::derive_key(purpose, &room.0));
        hasher
            .update(&[VERSION])
            .update(&self.nonce)
            .update(&self.device.0);
        hasher
    }
}

fn sum(bytes: &[u8]) -> [u8; SUM_LEN] {
    let mut sum = [0; SUM_LEN];
    let mut hasher = blake3::Hasher::new();
    hasher.update(bytes).finalize_xof().fill(&mut sum);
    sum
}

fn code(key: &[u8; 32], number: u64, body: &[u8]) -> [u8; 16] {
    let mut code = [0; 16];
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&number.to_le_bytes()).update(body);
    hasher.finalize_xof().fill(&mut code);
    code
}

/// Writes a section, piece by piece.
#[derive(Clone)]
pub struct Binder {
    key: [u8; 32],
    next: u64,
}

impl Binder {
    /// Begins a section behind its head.
    #[must_use]
    pub fn new(head: &Head, room: RoomId) -> Self {
        Self {
            key: head.key(room),
            next: 0,
        }
    }

    /// The bytes of the next piece.
    #[must_use]
    pub fn piece(&mut self, piece: &Piece) -> Vec<u8> {
        self.seal(&postcard::to_allocvec(piece).expect("writing to memory cannot fail"))
    }

    /// The bytes of the end.
    #[must_use]
    pub fn end(mut self) -> Vec<u8> {
        self.seal(&[])
    }

    fn seal(&mut self, body: &[u8]) -> Vec<u8> {
        // What does not fit a length does not fit the limit by far, and is refused by whoever reads it.
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(PIECE_HEAD_LEN + body.len());
        bytes.extend(len.to_be_bytes());
        bytes.extend(code(&self.key, self.next, body));
        bytes.extend(body);
        self.next += 1;
        bytes
    }
}

impl std::fmt::Debug for Binder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Binder(piece {})", self.next)
    }
}

/// Strikes out of what a bundle is to have what a block with these spans brings to whoever has all before it; gives how
/// many changes that are. What stands in a block before what it follows is brought by a later one.
pub fn strike(wanted: &mut Vec<SeqRange>, spans: &[Span]) -> u64 {
    let mut struck = 0;
    for span in spans {
        let of_span = SeqRange {
            actor: span.actor,
            from: span.first_seq,
            to: span.last_seq,
        };
        let mut ranges = wanted.iter_mut();
        if let Some(range) = ranges.find(|range| of_span.holds(range.actor, range.from)) {
            struck += span.last_seq + 1 - range.from;
            range.from = span.last_seq + 1;
        }
    }
    wanted.retain(|range| range.from <= range.to);
    struck
}

/// A part of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A section begins.
    Head(Head),
    /// Its next piece, or its end.
    Piece(Sealed),
}

/// Cuts a bundle's bytes, as they come, into its parts. It holds what was pushed and not cut off yet: one piece of
/// [`BUNDLE_PIECE_LEN_MAX`] at most, beside what the caller pushes at once.
#[derive(Debug, Default)]
pub struct Cutter {
    held: Vec<u8>,
    /// How much of it was cut off.
    cut: usize,
    /// The number of the next piece, within a section.
    piece: Option<u64>,
    /// Whether a section began.
    begun: bool,
}

impl Cutter {
    /// Takes further bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.cut);
        self.cut = 0;
        self.held.extend_from_slice(bytes);
    }

    /// Cuts the next part off; none if more bytes are needed for it.
    ///
    /// # Errors
    /// [`BundleError`] if no part of a bundle begins here. Nothing that follows can be read then.
    pub fn cut(&mut self) -> Result<Option<Part>, BundleError> {
        let rest = self.held.get(self.cut..).unwrap_or_default();
        let Some(number) = self.piece else {
            let there = rest.get(..MAGIC.len()).unwrap_or(rest);
            if !MAGIC.starts_with(there) {
                return Err(BundleError::Foreign);
            }
            if let Some(&version) = rest.get(MAGIC.len()).filter(|version| **version != VERSION) {
                return Err(BundleError::Version(version));
            }
            let Some(head) = rest.get(..HEAD_LEN) else {
                return Ok(None);
            };
            let head = Head::decode(head)?;
            (self.cut, self.piece, self.begun) = (self.cut + HEAD_LEN, Some(0), true);
            return Ok(Some(Part::Head(head)));
        };
        let Some((len, behind)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        let len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX);
        if len > BUNDLE_PIECE_LEN_MAX {
            return Err(BundleError::Altered(number));
        }
        let Some((code, behind)) = behind.split_first_chunk() else {
            return Ok(None);
        };
        let Some(body) = behind.get(..len) else {
            return Ok(None);
        };
        let sealed = Sealed {
            number,
            code: *code,
            body: body.to_vec(),
        };
        self.cut += PIECE_HEAD_LEN + len;
        self.piece = (len > 0).then_some(number + 1);
        Ok(Some(Part::Piece(sealed)))
    }

    /// Says that there are no further bytes.
    ///
    /// # Errors
    /// [`BundleError::Cut`] if a section has no end, [`BundleError::Empty`] if there is none at all.
    pub fn finish(&self) -> Result<(), BundleError> {
        let whole = self.piece.is_none() && self.cut == self.held.len();
        match (whole, self.begun) {
            (true, true) => Ok(()),
            (true, false) => Err(BundleError::Empty),
            (false, _) => Err(BundleError::Cut),
        }
    }
}

/// Why bytes are no bundle, or not the one that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// They begin otherwise.
    #[error("these bytes are no bundle")]
    Foreign,
    /// There are none.
    #[error("there are no bytes, so this is no bundle")]
    Empty,
    /// Written by a version of the program that this one does not know.
    #[error("the bundle has version {0}, this program reads version {VERSION}; update tailchat")]
    Version(u8),
    /// They end before the bundle does.
    #[error("the bundle is cut short")]
    Cut,
    /// A section's head is not as it was written.
    #[error("the bundle was altered: it does not begin as it was written")]
    Head,
    /// A piece is not as it was written, or stands where another should.
    #[error("the bundle was altered: its piece {0} is not as it was written")]
    Altered(u64),
    /// A piece is as it was written, but this version cannot read it.
    #[error("piece {0} of the bundle is of a kind that this program does not know; update tailchat")]
    Unknown(u64),
}
