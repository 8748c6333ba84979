//! The real program in a pseudo-terminal, as a person has it before them: keys in, the screen out, with the time at
//! which it came. Knows nothing of what is on the screen. Ends only what it started.

use std::io::{Read as _, Write};
use std::process::Command;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long a program may take to end once it was told to.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// A terminal with a program in it.
pub(crate) struct Pty {
    /// Closed, it takes the terminal from the program.
    _master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<(Instant, Vec<u8>)>,
    terminal: vt100::Parser,
}

impl Pty {
    /// Runs a command in a terminal of so many columns and rows.
    pub(crate) fn run(command: &Command, (columns, rows): (u16, u16)) -> Result<Self> {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size)?;
        let mut built = CommandBuilder::new(command.get_program());
        built.args(command.get_args());
        built.cwd(std::env::current_dir()?);
        built.env("TERM", "xterm-256color");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => built.env(name, value),
                None => built.env_remove(name),
            }
        }
        let child = pair.slave.spawn_command(built)?;
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader()?;
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut piece = [0; 65_536];
            while let Ok(len @ 1..) = reader.read(&mut piece) {
                let bytes = piece.get(..len).unwrap_or_default().to_vec();
                if sender.send((Instant::now(), bytes)).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            keys: pair.master.take_writer()?,
            _master: pair.master,
            child,
            output,
            terminal: vt100::Parser::new(rows, columns, 0),
        })
    }

    /// Presses keys, as the bytes that a terminal sends for them. When they were sent.
    pub(crate) fn press(&mut self, keys: &[u8]) -> Result<Instant> {
        self.keys.write_all(keys)?;
        self.keys.flush()?;
        Ok(Instant::now())
    }

    /// Waits until the screen is as it should be; when what made it so came.
    pub(crate) fn until(
        &mut self,
        within: Duration,
        mut fits: impl FnMut(&vt100::Screen) -> bool,
    ) -> Result<Instant> {
        let deadline = Instant::now() + within;
        loop {
            match self
                .output
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok((at, bytes)) => {
                    self.terminal.process(&bytes);
                    if fits(self.terminal.screen()) {
                        return Ok(at);
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("the screen stays another:\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => bail!("the program ended:\n{}", self.text()),
            }
        }
    }

    /// Waits until nothing more is drawn for so long.
    pub(crate) fn settle(&mut self, quiet: Duration) {
        while let Ok((_, bytes)) = self.output.recv_timeout(quiet) {
            self.terminal.process(&bytes);
        }
    }

    /// Takes what is drawn for so long.
    pub(crate) fn look(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while let Ok((_, bytes)) = self
            .output
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            self.terminal.process(&bytes);
        }
    }

    pub(crate) fn screen(&self) -> &vt100::Screen {
        self.terminal.screen()
    }

    pub(crate) fn text(&self) -> String {
        self.screen().contents()
    }

    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.process_id().context("the program has no number")
    }

    /// Presses the keys that end the program, and waits until it has.
    pub(crate) fn end(mut self, keys: &[u8]) -> Result<()> {
        self.press(keys)?;
        let deadline = Instant::now() + ENDS_WITHIN;
        while Instant::now() < deadline {
            // A program whose output nobody takes cannot end.
            self.settle(Duration::from_millis(10));
            if let Some(status) = self.child.try_wait()? {
                anyhow::ensure!(status.success(), "the program ended with {status}");
                return Ok(());
            }
        }
        bail!("the program does not end:\n{}", self.text())
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
