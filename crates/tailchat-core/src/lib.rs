//! What a room is and what to do next. The only crate that knows Automerge; it knows no clock, no
//! randomness, no files, no sockets, no tasks: time and entropy are arguments, and what it needs from
//! the past it asks by an effect.

pub mod amend;
pub mod block;
pub mod bundle;
pub mod change;
pub mod devices;
pub mod document;
pub mod engine;
pub mod entry;
pub mod fingerprint;
pub mod handshake;
pub mod ids;
pub mod limits;
pub mod mention;
pub mod order;
pub mod read;
pub mod roster;
pub mod state;
pub mod text;
pub mod timeline;
pub mod wire;
