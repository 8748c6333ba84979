//! Any question about the past of rooms, answered at once whatever the history: lines by place, messages by
//! their ID, words. Derived from the logs and worth nothing beside them: an index that is missing, damaged or of another
//! version is thrown away and built again. Knows SQLite and core's entries; no peers, no logs, no screens.

mod amended;
mod answers;
mod checkpoint;
mod error;
mod fold;
mod index;
mod letters;
mod lines;
mod matching;
mod page;
mod past;
mod schema;
mod search;
mod unread;
mod words;

pub use amended::Version;
pub use answers::Changed;
pub use checkpoint::{Checkpoint, Position};
pub use error::IndexError;
pub use fold::Folded;
pub use index::{Index, Opening};
pub use lines::{Asked, From};
pub use page::{Page, Spot};
pub use search::{Hit, Hits, Rest, Search, Term};
pub use unread::Reader;
