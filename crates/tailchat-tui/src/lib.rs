//! A person reads and writes: the terminal UI over a node's client. Knows no Automerge, no file and no socket.
//!
//! Model, update, view: an [`event`](event) changes the model and gives commands, the view draws the model, and the
//! loop in `run.rs` does the rest.

mod command;
pub mod composer;
mod dress;
mod event;
pub mod keys;
mod layout;
pub mod markup;
mod model;
mod nearest;
pub mod notice;
mod panes;
mod run;
mod settings;
#[cfg(test)]
mod stage;
mod terminal;
pub mod theme;
mod time;
mod update;
mod view;
mod window;
mod wrap;

pub use run::{TuiError, run};
pub use settings::{Choices, Edit, Settings};
