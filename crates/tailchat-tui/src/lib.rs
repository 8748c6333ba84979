//! A person reads and writes: the terminal UI over a node's client. Knows no Automerge, no file and no socket.
//!
//! Model, update, view: `event.rs` names everything that can happen, `update.rs` says what it comes to, `command.rs`
//! names everything that is to be done then, `view.rs` draws the model, and the loop in `run.rs` carries out.
//! `terminal.rs` alone touches the terminal.

mod command;
pub mod complete;
pub mod composer;
mod dress;
mod event;
pub mod finding;
pub mod keys;
mod layout;
pub mod markup;
mod model;
mod nearest;
pub mod notice;
mod panes;
pub mod preferences;
mod run;
mod settings;
pub mod slash;
#[cfg(test)]
mod stage;
mod terminal;
pub mod theme;
pub mod time;
mod update;
mod view;
mod window;
mod wrap;

pub use run::{TuiError, run};
pub use settings::{Attach, Edit, Settings};
