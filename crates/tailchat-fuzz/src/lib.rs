//! What must hold of any bytes that come from elsewhere: a function for each way by which they come, and inputs to begin
//! with. Knows no fuzzer: `cargo xtask fuzz` alters inputs at random, libFuzzer by what they reach.
#![expect(
    clippy::panic,
    reason = "a target says by a panic that something does not hold"
)]

mod alter;
pub mod by_hand;
mod chain;
mod composer;
mod disk;
mod import;
mod peer;
mod run;
mod text;

pub use run::{Figures, Finding, MEMORY_MAX, TIME_MAX};

/// A way by which bytes come in.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Takes any bytes in. Panics if something does not hold.
    pub run: fn(&[u8]),
    /// Inputs that get far.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 11] = [
    Target {
        name: "frame",
        run: peer::frame,
        seeds: peer::frame_seeds,
    },
    Target {
        name: "handshake",
        run: peer::handshake,
        seeds: peer::handshake_seeds,
    },
    Target {
        name: "member",
        run: peer::member,
        seeds: peer::member_seeds,
    },
    Target {
        name: "gate",
        run: chain::gate,
        seeds: chain::gate_seeds,
    },
    Target {
        name: "block",
        run: chain::block,
        seeds: chain::block_seeds,
    },
    Target {
        name: "bundle",
        run: chain::bundle,
        seeds: chain::bundle_seeds,
    },
    Target {
        name: "record",
        run: disk::record,
        seeds: disk::record_seeds,
    },
    Target {
        name: "invite",
        run: text::invite,
        seeds: text::invite_seeds,
    },
    Target {
        name: "text",
        run: text::shown,
        seeds: text::shown_seeds,
    },
    Target {
        name: "import",
        run: import::import,
        seeds: import::import_seeds,
    },
    Target {
        name: "composer",
        run: composer::composer,
        seeds: composer::composer_seeds,
    },
];
