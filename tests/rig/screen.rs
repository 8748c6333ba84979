//! The real program in a pseudo-terminal: keys in, the screen as a terminal shows it out, all of it bounded in time.
//! Knows nothing of what is tested.

use std::io::{Read as _, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Longer than anything of these tests takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal with a program in it.
pub(crate) struct Screen {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    shown: Arc<Mutex<Shown>>,
}

struct Shown {
    terminal: vt100::Parser,
    bytes: Vec<u8>,
}

impl Screen {
    /// Runs a command as it would be run, with the same arguments and environment.
    pub(crate) fn run(command: &Command, (columns, rows): (u16, u16)) -> Self {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut built = CommandBuilder::new(command.get_program());
        built.args(command.get_args());
        built.env_clear();
        built.env("TERM", "xterm-256color");
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                built.env(name, value);
            }
        }
        let child = pair.slave.spawn_command(built).expect("the program starts");
        drop(pair.slave);
        let shown = Arc::new(Mutex::new(Shown {
            terminal: vt100::Parser::new(rows, columns, 0),
            bytes: Vec::new(),
        }));
        let mut reader = pair.master.try_clone_reader().expect("its output");
        let into = Arc::clone(&shown);
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(len @ 1..) = reader.read(&mut piece) {
                let mut shown = into.lock().expect("the screen");
                let read = piece.get(..len).unwrap_or_default();
                shown.terminal.process(read);
                shown.bytes.extend_from_slice(read);
            }
        });
        let keys = pair.master.take_writer().expect("its input");
        Self {
            master: pair.master,
            child,
            keys,
            shown,
        }
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("typed");
        self.keys.flush().expect("typed");
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.shown
            .lock()
            .expect("the screen")
            .terminal
            .screen_mut()
            .set_size(rows, columns);
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master.resize(size).expect("resized");
    }

    /// Sends a signal to the program alone.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.process_id().expect("it runs").to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    pub(crate) fn text(&self) -> String {
        let shown = self.shown.lock().expect("the screen");
        let contents = shown.terminal.screen().contents();
        contents
            .lines()
            .map(|row| row.trim_end().to_owned() + "\n")
            .collect()
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, fits: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while !fits(&self.text()) {
            let late = began.elapsed() > PATIENCE;
            assert!(!late, "never saw {what}; the screen is:\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    pub(crate) fn until_text(&self, text: &str) {
        self.until(text, |screen| screen.contains(text));
    }

    /// Waits until a message of one's own stands there as written on this disk.
    #[track_caller]
    pub(crate) fn until_durable(&self, message: &str) {
        self.until(message, |screen| {
            screen
                .lines()
                .any(|row| row.contains(message) && row.ends_with(" here"))
        });
    }

    /// Waits for the program's end; gives its exit code.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> u32 {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                // What it wrote last is still on its way.
                thread::sleep(Duration::from_millis(100));
                return status.exit_code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the terminal is as a shell wants it: the first screen, lines and echo, a cursor, nothing reported.
    #[track_caller]
    pub(crate) fn is_restored(&self) {
        let shown = self.shown.lock().expect("the screen");
        let screen = shown.terminal.screen();
        assert!(!screen.alternate_screen(), "the other screen is left");
        assert!(!screen.bracketed_paste(), "pastes are as they were");
        assert!(!screen.hide_cursor(), "the cursor is shown");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        let last = |sequence: &str| find_last(&shown.bytes, sequence.as_bytes());
        assert!(last("\x1b[?1004l") > last("\x1b[?1004h"), "focus is not reported");
        drop(shown);
        let modes = self.modes();
        assert!(modes.contains(" icanon") && modes.contains(" echo "), "{modes}");
    }

    /// The terminal's modes as `stty` tells them.
    fn modes(&self) -> String {
        let path = self.master.tty_name().expect("its name");
        let told = Command::new("stty").arg("-a").arg("-F").arg(path).output();
        let told = told.expect("stty runs").stdout;
        format!(" {} ", String::from_utf8_lossy(&told).replace('\n', " "))
    }
}

fn find_last(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).rposition(|window| window == wanted)
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
