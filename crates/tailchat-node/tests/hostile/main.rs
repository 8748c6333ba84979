//! A real node over real sockets, and a peer that keeps no rule: strangers, and members who hold the room's ID. Each
//! costs its own connection at most; the node goes on, others hear nothing of it, and no time or memory is lost.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod impostors;
mod members;
mod rig;
mod strangers;
