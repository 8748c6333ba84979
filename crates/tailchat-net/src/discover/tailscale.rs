//! The Tailscale daemon of this machine, asked who else is in the tailnet. Knows its socket and its command;
//! refuses to trust either: each question has a time, a length, and nothing else to lose.
//!
//! The daemon is asked as its own command does it: one request of HTTP to its local socket. HTTP/1.0, so that
//! the answer ends where the connection does and needs no client of more than a page. The command is asked
//! where there is no such socket: Tailscale's application for macOS has none, and Windows has a pipe.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::command::{self, Unanswered};
use super::{Answer, Standing, tailnet};
use crate::limits::{ASK_WITHIN, TAILSCALE_EVERY, TAILSCALE_LEN_MAX, TAILSCALE_RETRY};

/// How the Tailscale daemon is asked. The default is where its packages put things.
#[derive(Debug, Clone)]
pub struct Tailscale {
    /// The daemon's Unix socket.
    pub socket: PathBuf,
    /// Its command, by path or by name; the first that is there is asked if the socket is not.
    pub programs: Vec<PathBuf>,
}

impl Default for Tailscale {
    fn default() -> Self {
        let socket = if cfg!(target_os = "macos") {
            "/var/run/tailscaled.socket"
        } else {
            "/var/run/tailscale/tailscaled.sock"
        };
        let mut programs = vec![PathBuf::from("tailscale")];
        if cfg!(target_os = "macos") {
            programs.push("/Applications/Tailscale.app/Contents/MacOS/Tailscale".into());
        }
        Self {
            socket: socket.into(),
            programs,
        }
    }
}

/// Why there is no status.
enum NoStatus {
    /// Nothing is there that could answer.
    Absent(String),
    /// Something is there and does not answer as it should.
    Failing(String),
}

/// Asks once. Takes no longer than twice [`ASK_WITHIN`].
pub(super) async fn ask(how: Tailscale) -> Answer {
    let asked = match by_socket(&how).await {
        Err(NoStatus::Absent(_)) => by_program(&how).await,
        other => other,
    };
    let standing = match asked {
        // Megabytes of it take a while to read, and the loop has only one thread.
        Ok(json) => match tokio::task::spawn_blocking(move || tailnet::read(&json)).await {
            Ok(Ok((addrs, standing))) => {
                return Answer {
                    addrs,
                    standing,
                    again: TAILSCALE_EVERY,
                };
            }
            Ok(Err(why)) => Standing::Failing(format!(
                "tailscale's status cannot be read ({why}); see `tailscale status --json`, and give \
                 addresses by hand until then"
            )),
            Err(e) => Standing::Failing(format!("tailscale's status cannot be read: {e}")),
        },
        Err(NoStatus::Absent(why)) => Standing::Absent(why),
        Err(NoStatus::Failing(why)) => {
            Standing::Failing(format!("tailscale is here, but {why}; see `tailscale status`"))
        }
    };
    Answer {
        addrs: BTreeSet::new(),
        standing,
        again: TAILSCALE_RETRY,
    }
}

async fn by_program(how: &Tailscale) -> Result<Vec<u8>, NoStatus> {
    for program in &how.programs {
        let args = ["status", "--json"];
        match command::run(program, &args, ASK_WITHIN, TAILSCALE_LEN_MAX).await {
            Ok(json) => return Ok(json),
            Err(Unanswered::NotThere) => (),
            // It is installed, and the daemon is not running: that is how one switches it off.
            Err(Unanswered::Failed(why)) => return Err(NoStatus::Absent(why)),
            Err(Unanswered::CutOff(why)) => return Err(NoStatus::Failing(why)),
        }
    }
    Err(NoStatus::Absent("tailscale is not installed here".into()))
}

#[cfg(not(unix))]
async fn by_socket(_: &Tailscale) -> Result<Vec<u8>, NoStatus> {
    Err(NoStatus::Absent("no Unix sockets on this system".into()))
}

#[cfg(unix)]
use unix::by_socket;

#[cfg(unix)]
mod unix {
    use std::io;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tokio::time::timeout;

    use super::*;
    use crate::discover::command::clipped;

    /// The daemon answers to this name alone, so that no web page can make a browser ask it.
    const REQUEST: &[u8] = b"GET /localapi/v0/status HTTP/1.0\r\nHost: local-tailscaled.sock\r\n\r\n";

    pub(super) async fn by_socket(how: &Tailscale) -> Result<Vec<u8>, NoStatus> {
        let answer = timeout(ASK_WITHIN, exchange(how)).await;
        let answer = answer.unwrap_or_else(|_| {
            let text = format!("its daemon gave no whole answer in {ASK_WITHIN:?}");
            Err(NoStatus::Failing(text))
        })?;
        body(answer)
    }

    async fn exchange(how: &Tailscale) -> Result<Vec<u8>, NoStatus> {
        let socket = how.socket.display();
        let mut stream = UnixStream::connect(&how.socket).await.map_err(|e| {
            let text = format!("{socket}: {e}");
            match e.kind() {
                // Its queue of connections is full.
                io::ErrorKind::WouldBlock => NoStatus::Failing(text),
                _ => NoStatus::Absent(text),
            }
        })?;
        let broken = |e| NoStatus::Failing(format!("its daemon broke off at {socket}: {e}"));
        stream.write_all(REQUEST).await.map_err(broken)?;
        let mut answer = Vec::new();
        let len_max = u64::try_from(TAILSCALE_LEN_MAX + 1).unwrap_or(u64::MAX);
        let mut answering = stream.take(len_max);
        answering.read_to_end(&mut answer).await.map_err(broken)?;
        if answer.len() > TAILSCALE_LEN_MAX {
            let text = format!("its daemon answers with more than {TAILSCALE_LEN_MAX} bytes");
            return Err(NoStatus::Failing(text));
        }
        Ok(answer)
    }

    /// What stands behind the head of an answer, if that says that all is well.
    fn body(mut answer: Vec<u8>) -> Result<Vec<u8>, NoStatus> {
        const END_OF_HEAD: &[u8] = b"\r\n\r\n";
        let wrong = |text: &str| NoStatus::Failing(format!("its daemon answers {:?}", clipped(text)));
        let line = answer.split(|&byte| byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        let mut words = line.split(' ');
        let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
        if !is_http || words.next() != Some("200") {
            return Err(wrong(&line));
        }
        let end = answer
            .windows(END_OF_HEAD.len())
            .position(|window| window == END_OF_HEAD)
            .ok_or_else(|| wrong("the beginning of a head alone"))?;
        Ok(answer.split_off(end + END_OF_HEAD.len()))
    }
}
