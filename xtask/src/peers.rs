//! Real peers for chores to use: processes of the release binary with folders of their own, on loopback. Ends
//! only what it started.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::workspace;

/// How long a peer may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);

/// Builds the program as people run it.
pub(crate) fn build() -> Result<PathBuf> {
    let root = workspace::root()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--package",
            "tailchat",
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be run")?;
    ensure!(built.status.success(), "the program does not build");
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    let artifacts = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = artifacts
        .filter(|message| message["target"]["name"] == "tailchat")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.context("cargo does not say where it put the program")
}

/// A peer: a data folder, and the process that serves it, if one runs.
pub(crate) struct Peer {
    program: PathBuf,
    pub(crate) data: PathBuf,
    serving: Option<Child>,
    pub(crate) listening: String,
}

impl Peer {
    /// A peer that serves a new folder.
    pub(crate) fn start(program: &Path, data: PathBuf) -> Result<Self> {
        let mut peer = Self {
            program: program.to_owned(),
            data,
            serving: None,
            listening: String::new(),
        };
        peer.serve()?;
        Ok(peer)
    }

    /// Starts serving; again at the same address, where the others look for it.
    pub(crate) fn serve(&mut self) -> Result<()> {
        let anywhere = self.listening.is_empty();
        let listen = if anywhere {
            "127.0.0.1:0".to_owned()
        } else {
            self.listening.clone()
        };
        let mut child = self
            .command(&[
                "serve",
                "--json",
                "--listen",
                &listen,
                "--no-discovery",
                "--quiet",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be run", self.program.display()))?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the peer has no output")?;
        let started = Instant::now();
        self.serving = Some(child);
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(
            started.elapsed() < LISTENS_WITHIN,
            "the peer took too long to listen"
        );
        let said: Value = serde_json::from_str(&line).with_context(|| format!("the peer says \"{line}\""))?;
        self.listening = said["listening"]
            .as_str()
            .context("the peer does not listen")?
            .to_owned();
        Ok(())
    }

    /// Ends the process as a power cut would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.serving.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// The process's number, while it serves.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.serving.as_ref().map(Child::id)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--data")
            .arg(&self.data)
            .args(args)
            .env_remove("TAILCHAT_LISTEN")
            .env_remove("TAILCHAT_DATA");
        command
    }

    /// Runs a command beside the peer and gives what it wrote; fails if it fails.
    pub(crate) fn run(&self, args: &[&str]) -> Result<Vec<u8>> {
        let done = self.command(args).stdin(Stdio::null()).output()?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            bail!("`tailchat {}` ended with {}: {said}", args.join(" "), done.status);
        }
        Ok(done.stdout)
    }

    /// Starts a command beside the peer.
    pub(crate) fn spawn(&self, args: &[&str]) -> Result<Child> {
        Ok(self
            .command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?)
    }

    /// Runs a command with `--json` and gives the objects that it wrote.
    pub(crate) fn json(&self, args: &[&str]) -> Result<Vec<Value>> {
        let out = self.run(&[args, &["--json"]].concat())?;
        let lines = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| Ok(serde_json::from_slice(line)?)).collect()
    }

    /// How the peer's only room stands, whatever the exit code.
    pub(crate) fn status(&self) -> Result<Value> {
        let done = self
            .command(&["status", "--json"])
            .stdin(Stdio::null())
            .output()?;
        let line = String::from_utf8_lossy(&done.stdout).into_owned();
        serde_json::from_str(&line).with_context(|| format!("status says \"{line}\""))
    }

    /// Resident memory of the process at its greatest, in bytes, where the system tells.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim()
            .trim_end_matches(" kB")
            .trim()
            .parse::<u64>()
            .ok()
            .map(|kib| kib * 1024)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The folder goes next; there is nobody to tell.
        let _ = self.kill();
    }
}

/// Passes connections on to a peer and counts what goes through, so that the wire is measured from outside.
pub(crate) struct Meter {
    pub(crate) address: String,
    bytes: Arc<AtomicU64>,
}

impl Meter {
    /// Listens on loopback for as long as the process lives.
    pub(crate) fn to(peer: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let bytes = Arc::new(AtomicU64::new(0));
        let (peer, count) = (peer.to_owned(), Arc::clone(&bytes));
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if let Ok(far) = TcpStream::connect(&peer) {
                    let ends = (near.try_clone(), far.try_clone());
                    if let (Ok(near_too), Ok(far_too)) = ends {
                        let (count_out, count_in) = (Arc::clone(&count), Arc::clone(&count));
                        std::thread::spawn(move || pass_on(near, far, &count_out));
                        std::thread::spawn(move || pass_on(far_too, near_too, &count_in));
                    }
                }
            }
        });
        Ok(Self { address, bytes })
    }

    /// Bytes so far, both ways.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    let _ = (from.set_nodelay(true), to.set_nodelay(true));
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        count.fetch_add(len as u64, Ordering::Relaxed);
        if to.write_all(buffer.get(..len).unwrap_or_default()).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
