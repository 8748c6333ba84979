//! One running peer: the loop that feeds the engine and carries out its effects, and the control protocol by
//! which programs use it. Knows no screen and no command line.

mod amending;
mod answering;
mod answers;
pub mod audit;
mod bundling;
mod chains;
mod checking;
pub mod client;
pub mod control;
mod facts;
mod folder;
mod identity;
mod indexer;
mod indexing;
pub mod invite;
pub mod journal;
mod keeping;
mod linking;
mod membership;
pub mod merge;
mod node;
mod opening;
mod paging;
mod posting;
mod preview;
mod reading;
pub mod replay;
mod requests;
mod resolving;
mod room;
mod searching;
mod session;
mod since;
mod socket;
mod unread;
mod watching;
