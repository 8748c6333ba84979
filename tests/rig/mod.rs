//! A person's machine for tests: a data folder, an environment of its own, and the real binary, bounded in time.
//! Knows nothing of what is tested.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than any command of these tests takes, also on a busy machine.
const COMMAND_MAX: Duration = Duration::from_secs(60);

/// What a command said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// What it printed, if it succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self.out
    }

    /// What it complained about, if it ended with this code and printed nothing.
    #[track_caller]
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        self.err
    }

    /// The lines it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Vec<Value> {
        let out = self.out;
        out.lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }
}

/// One person's machine.
pub(crate) struct Machine {
    pub(crate) folder: TempDir,
    name: &'static str,
}

impl Machine {
    pub(crate) fn new(name: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, name }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary, knowing nothing of the machine that the test runs on.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tailchat"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("TAILCHAT_DATA", self.path("data"))
            .env("TAILCHAT_LISTEN", "127.0.0.1:0")
            .env("USER", self.name)
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The binary as a node of its own, on this machine alone.
    pub(crate) fn online(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        command.env("TAILCHAT_LISTEN", "127.0.0.1:0");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        finish(self.command(args).spawn().expect("the binary starts"))
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_vec();
        // Who refuses what it reads may be gone before it has read all.
        let writer = thread::spawn(move || stdin.write_all(&input).unwrap_or_default());
        let ran = finish(child);
        writer.join().expect("the writer ends");
        ran
    }
}

/// Waits for a command's end, and ends it if it takes too long.
#[track_caller]
pub(crate) fn finish(mut child: Child) -> Ran {
    let out = child.stdout.take().map(drain);
    let err = child.stderr.take().map(drain);
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            break Some(status);
        }
        if began.elapsed() > COMMAND_MAX {
            child.kill().expect("the child can be killed");
            child.wait().expect("the child can be waited for");
            break None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let text = |reader: Option<thread::JoinHandle<String>>| {
        reader.map_or_else(String::new, |reader| reader.join().expect("the reader ends"))
    };
    let (out, err) = (text(out), text(err));
    assert!(
        status.is_some(),
        "still running after {COMMAND_MAX:?}:\n{out}\n{err}"
    );
    let code = status.and_then(|status| status.code()).unwrap_or(-1);
    Ran { code, out, err }
}

fn drain(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("the pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
