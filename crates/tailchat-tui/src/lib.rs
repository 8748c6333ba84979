//! A person reads and writes: the terminal UI over a node's client. Knows no Automerge, no file and no socket.

pub mod complete;
pub mod composer;
pub mod keys;
pub mod markup;
mod nearest;
pub mod notice;
pub mod preferences;
pub mod slash;
pub mod theme;
mod wrap;
