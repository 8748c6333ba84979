//! What Windows tells a program with a screen: that it is to end. Knows not what is done about it.

use std::future::pending;
use std::io;

use tokio::signal::windows::{CtrlBreak, CtrlClose, ctrl_break, ctrl_close};

/// What is asked for.
pub(super) enum Heard {
    /// To end; the number of the signal that asks so elsewhere.
    End(u8),
    /// To stop, until it is continued: never, here.
    #[expect(dead_code, reason = "there is no such signal on Windows")]
    Stop,
    /// It was stopped and goes on: never, here.
    #[expect(dead_code, reason = "there is no such signal on Windows")]
    Continue,
}

/// What ends a program, watched.
pub(super) struct Signals {
    stop: CtrlBreak,
    close: CtrlClose,
}

impl Signals {
    pub(super) fn watch() -> io::Result<Self> {
        Ok(Self {
            stop: ctrl_break()?,
            close: ctrl_close()?,
        })
    }

    /// There are none that keys send.
    pub(super) fn forget_keys(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The next one. Cancel-safe.
    pub(super) async fn next(&mut self) -> Heard {
        let (stopped, closed) = (self.stop.recv(), self.close.recv());
        tokio::select! {
            Some(()) = stopped => Heard::End(15),
            Some(()) = closed => Heard::End(1),
            else => pending().await,
        }
    }
}
