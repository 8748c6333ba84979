//! Processes that run until they are told to stop, and two people's machines that have met. Knows nothing of what is
//! tested.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::rig::{Machine, finish};

/// A process that runs until it is told to stop; killed when the test ends.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) lines: mpsc::Receiver<String>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let lines = lines_of(child.stdout.take().expect("a pipe"));
        Self { child, lines }
    }

    #[track_caller]
    pub(crate) fn line(&self) -> Value {
        let line = self
            .lines
            .recv_timeout(Duration::from_secs(30))
            .expect("a line within 30 s");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Asks it to stop, and gives the exit code.
    #[track_caller]
    pub(crate) fn stop(mut self, signal: &str) -> i32 {
        send_signal(&self.child, signal);
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                return status.code().unwrap_or(-1);
            }
            assert!(began.elapsed() < Duration::from_secs(20), "does not stop");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// As a power cut would, as far as the process can tell.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn send_signal(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), child.id().to_string()])
        .status()
        .expect("kill starts");
    assert!(sent.success());
}

pub(crate) fn lines_of(out: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(out).lines() {
            // The test may be over.
            if line.is_err() || line.is_ok_and(|line| sender.send(line).is_err()) {
                return;
            }
        }
    });
    lines
}

pub(crate) fn serve(machine: &Machine) -> (Running, String) {
    let running = Running::start(&mut machine.online(&["serve", "--json"]));
    let listening = running.line()["listening"]
        .as_str()
        .expect("an address")
        .to_owned();
    (running, listening)
}

#[track_caller]
pub(crate) fn equal(machine: &Machine) -> Value {
    let ran = machine.run(&["status", "--wait", "30", "--json"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    ran.json().remove(0)
}

/// ann serves the room, bob has joined it and is not online.
pub(crate) fn joined() -> (Machine, Running, Machine) {
    let (ann, bob) = (Machine::new("ann"), Machine::new("bob"));
    let room = ann.run(&["new", "kitchen", "--json"]).json()[0]["room"].clone();
    let room = room.as_str().expect("an ID");
    let (anns, address) = serve(&ann);
    let mut join = bob.online(&["join", room, "--peer", &address, "--wait", "30", "--json"]);
    let ran = finish(join.spawn().expect("the binary starts"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.json()[0]["name"], "kitchen");
    (ann, anns, bob)
}
