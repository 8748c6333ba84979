//! What Windows tells a command that it asks to end. Knows not what it does.

use anyhow::{Context as _, Result};
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

use super::Stopped;

/// What asks a program to end.
pub(crate) struct Stops {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
}

impl Stops {
    pub(crate) fn watch() -> Result<Self> {
        let why = "what ends a program cannot be watched";
        Ok(Self {
            interrupt: ctrl_c().context(why)?,
            stop: ctrl_break().context(why)?,
            close: ctrl_close().context(why)?,
        })
    }

    /// With the number of the signal that asks so elsewhere.
    pub(crate) async fn next(&mut self) -> Stopped {
        let number = tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.stop.recv() => 15,
            _ = self.close.recv() => 1,
        };
        Stopped::by(number)
    }
}
