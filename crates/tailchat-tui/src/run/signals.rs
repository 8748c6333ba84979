//! The signals that concern a program with a screen. Knows their numbers, not what is done about them.

use std::io;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
pub(super) enum Heard {
    /// To end; the signal's number.
    End(u8),
    /// To stop, until it is continued.
    Stop,
    /// It was stopped and goes on.
    Continue,
}

/// The signals, watched.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    stop: Signal,
    go_on: Signal,
}

impl Signals {
    pub(super) fn watch() -> io::Result<Self> {
        let watch = |number: Number| signal(SignalKind::from_raw(number.as_raw()));
        Ok(Self {
            interrupt: watch(Number::INT)?,
            terminate: watch(Number::TERM)?,
            hang_up: watch(Number::HUP)?,
            stop: watch(Number::TSTP)?,
            go_on: watch(Number::CONT)?,
        })
    }

    /// The next one. Cancel-safe.
    pub(super) async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.interrupt.recv() => Heard::End(2),
            _ = self.terminate.recv() => Heard::End(15),
            _ = self.hang_up.recv() => Heard::End(1),
            _ = self.stop.recv() => Heard::Stop,
            _ = self.go_on.recv() => Heard::Continue,
        }
    }
}
