//! A room survives a power cut. Knows files, records and checksums; refuses to know Automerge, tokio, peers,
//! clocks and randomness: changes, block sections and local facts are opaque bytes, time and seeds are
//! arguments.
//!
//! The entry points are [`folder::Folder`] (one process owns one data folder) and [`log::Log`] (one room's
//! append-only log). Every byte that they write is described in docs/STORAGE.md. What a caller may rely on:
//!
//! - when [`log::Log::append`] returns `Ok`, the changes survive a power cut at any later moment;
//! - when it returns an error, they are not in the log and will not come back, unless the error is
//!   [`error::StoreError::Poisoned`]: then nothing more is written until the log is opened anew;
//! - what is read was verified: it was written by us, to this file, at this place.

pub mod block;
pub mod change;
pub mod disk;
pub mod error;
pub mod facts;
mod fields;
pub mod folder;
pub mod head;
pub mod limits;
pub mod log;
pub mod marker;
pub mod record;
pub mod sim_disk;
mod slots;
mod tail;
