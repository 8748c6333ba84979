//! Real peers for chores to use: processes of the release binary with folders of their own, on loopback. Ends
//! only what it started.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tailchat_node::client::{Client, Config};
use tailchat_node::control::{LogRequest, Request, Wait};

use crate::workspace;

/// How long a peer may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);

/// Builds the program as people run it.
pub(crate) fn build() -> Result<PathBuf> {
    build_for(None)
}

/// The same, for another machine perhaps.
pub(crate) fn build_for(target: Option<&str>) -> Result<PathBuf> {
    let built = workspace::cargo()?
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            // By this and not by its package, since `cargo run` chooses so, too, and other features are another build.
            "--bin",
            "tailchat",
            "--message-format=json-render-diagnostics",
        ])
        .args(target.iter().flat_map(|target| ["--target", target]))
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
    /// A peer that does not serve yet.
    pub(crate) fn new(program: &Path, data: PathBuf) -> Self {
        Self {
            program: program.to_owned(),
            data,
            serving: None,
            listening: String::new(),
        }
    }

    /// A peer that serves a new folder.
    pub(crate) fn start(program: &Path, data: PathBuf) -> Result<Self> {
        let mut peer = Self::new(program, data);
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
        let command = self.command(&[
            "serve",
            "--json",
            "--listen",
            &listen,
            "--no-discovery",
            "--quiet",
        ]);
        self.serve_by(command)
    }

    /// Starts serving by this command, which is `serve --json` in the end.
    pub(crate) fn serve_by(&mut self, mut command: Command) -> Result<()> {
        let mut child = command
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

    /// Starts serving at another port, where nobody looks for it.
    pub(crate) fn serve_elsewhere(&mut self) -> Result<()> {
        self.listening.clear();
        self.serve()
    }

    /// Ends the process in order.
    pub(crate) fn stop(&mut self) -> Result<()> {
        if let Some(mut child) = self.serving.take() {
            let told = Command::new("kill")
                .args(["-TERM", &child.id().to_string()])
                .status()?;
            ensure!(told.success(), "the peer cannot be told to stop");
            let ended: ExitStatus = child.wait()?;
            ensure!(ended.success(), "the peer ended with {ended}");
        }
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

    /// The process, for somebody else to end, while the peer is used on.
    pub(crate) fn take_process(&mut self) -> Result<Child> {
        self.serving.take().context("the peer does not run")
    }

    /// The process's number, while it serves.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.serving.as_ref().map(Child::id)
    }

    /// The program for this peer's folder, to be run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
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

    /// Posts many messages by one command.
    pub(crate) fn send_lines(&self, room: &str, texts: &[String]) -> Result<()> {
        let mut sends = self
            .command(&["send", room, "--lines", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut input = sends.stdin.take().context("the command takes nothing")?;
        input.write_all((texts.join("\n") + "\n").as_bytes())?;
        drop(input);
        let status = sends.wait()?;
        ensure!(status.success(), "`tailchat send --lines` ended with {status}");
        Ok(())
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

    /// The process, while it serves.
    pub(crate) fn process(&self) -> Result<Process> {
        self.pid().map(Process).context("the peer does not run")
    }

    /// What the process holds in memory.
    pub(crate) fn memory(&self) -> Result<Memory> {
        self.process()?.memory()
    }

    /// How long the process has computed until now.
    pub(crate) fn cpu(&self) -> Result<Cpu> {
        self.process()?.cpu()
    }
}

/// A process that runs, by its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// What it holds in memory.
    pub(crate) fn memory(self) -> Result<Memory> {
        let status = self.proc("status")?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
            kib.map(|kib| kib * 1024)
                .with_context(|| format!("the system does not tell {name}"))
        };
        Ok(Memory {
            resident: bytes("VmRSS:")?,
            peak: bytes("VmHWM:")?,
        })
    }

    /// How long it has computed until now.
    pub(crate) fn cpu(self) -> Result<Cpu> {
        let stat = self.proc("stat")?;
        // The name, which may hold anything, stands in parentheses; utime and stime are the 12th and 13th after it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{}/task", self.0))? {
            let thread = thread?;
            // It may have ended since.
            let told = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let nanos = told
                .split_whitespace()
                .next()
                .and_then(|first| first.parse().ok());
            threads.insert(
                thread.file_name().to_string_lossy().into_owned(),
                nanos.unwrap_or(0),
            );
        }
        Ok(Cpu { ticks, threads })
    }

    /// What its open descriptors lead to.
    pub(crate) fn descriptors(self) -> Result<Vec<PathBuf>> {
        let open = fs::read_dir(format!("/proc/{}/fd", self.0))?;
        let mut lead_to = Vec::new();
        for one in open {
            // It may have been closed since.
            lead_to.extend(fs::read_link(one?.path()));
        }
        lead_to.sort_unstable();
        Ok(lead_to)
    }

    pub(crate) fn threads(self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/task", self.0))?.count())
    }

    fn proc(self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(format!("/proc/{}/{file}", self.0))?)
    }
}

/// Resident memory, in bytes.
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// The most since the process started.
    pub(crate) peak: u64,
}

/// Time that a process has computed, in two units: exact for the threads that live, and coarse for all.
pub(crate) struct Cpu {
    ticks: u64,
    threads: BTreeMap<String, u64>,
}

/// The system's tick, the same on every Linux that has `/proc/PID/stat`.
const TICK: Duration = Duration::from_millis(10);

impl Cpu {
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let threads = self.threads.iter();
        let nanos = threads.map(|(id, now)| now.saturating_sub(before.threads.get(id).copied().unwrap_or(0)));
        let exact = Duration::from_nanos(nanos.sum());
        let ticks = u32::try_from(self.ticks.saturating_sub(before.ticks)).unwrap_or(u32::MAX);
        // What a thread that ended meanwhile computed stands in the ticks alone.
        exact.max(TICK.saturating_mul(ticks.saturating_sub(1)))
    }
}

/// A connection to a peer's running node.
pub(crate) async fn client(peer: &Peer) -> Result<Client> {
    let config = Config {
        data: peer.data.clone(),
        listen: None,
        name: None,
        default_name: "chore".into(),
        online: false,
        discovery: false,
    };
    let client = Client::open(config).await?;
    ensure!(client.is_remote(), "the peer does not answer on its socket");
    Ok(client)
}

/// Sends one message, which is on disk then.
pub(crate) async fn send(client: &mut Client, room: &str, text: String) -> Result<()> {
    let request = Request::Send {
        room: room.to_owned(),
        texts: vec![text],
        action: false,
        reply_to: None,
        on: 0,
        wait: Wait::No,
    };
    client.ask(request).await?;
    Ok(())
}

/// Asks for whatever is shown in a room from now on.
pub(crate) async fn follow(client: &mut Client, room: &str) -> Result<()> {
    let request = Request::Log(LogRequest {
        room: room.to_owned(),
        last: Some(0),
        follow: true,
        ..LogRequest::default()
    });
    Ok(client.request(request).await?)
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The folder goes next; there is nobody to tell.
        let _ = self.kill();
    }
}
