//! Other programs, asked what they know: without a shell, for a short time, and no more than fits. Knows none of them.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

/// How long a program may take; one that takes longer is ended and counts as absent.
const TIME_MAX: Duration = Duration::from_secs(2);
/// Bytes of each of its outputs that are read; the rest is let go.
const OUTPUT_MAX: u64 = 256 * 1024;

/// What a program said.
pub(super) struct Said {
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs a program; nothing if there is none of that name, or it took too long.
pub(super) async fn ask(program: &str, args: &[&str]) -> Option<Said> {
    let mut child = Command::new(find(program)?)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let (out, err) = (child.stdout.take()?, child.stderr.take()?);
    let said = async { tokio::join!(gather(out), gather(err)) };
    let (out, err) = tokio::time::timeout(TIME_MAX, said).await.ok()?;
    Some(Said { out, err })
}

async fn gather(pipe: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    // What was read before a fault is what was said.
    let _ = pipe.take(OUTPUT_MAX).read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where a program is: administrators' tools are often not in a person's `PATH`.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}
