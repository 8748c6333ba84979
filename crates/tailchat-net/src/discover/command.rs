//! One short question to another program. Knows how to ask without a shell, how long to wait and how much to
//! read; refuses to know what the answer means.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::limits::{FOREIGN_TEXT_CHARS_MAX, STDERR_LEN_MAX};

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// There is no such program.
    NotThere,
    /// It gave up, and said this.
    Failed(String),
    /// It had to be ended: it took too long or said too much.
    CutOff(String),
}

/// Runs a program without input and gives what it prints. It is killed if that takes longer than `within` or
/// has more than `len_max` bytes, and when the future is dropped.
pub(super) async fn run(
    program: &Path,
    args: &[&str],
    within: Duration,
    len_max: usize,
) -> Result<Vec<u8>, Unanswered> {
    let name = program.display();
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Unanswered::NotThere,
            _ => Unanswered::Failed(format!("{name} cannot be run: {e}")),
        })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let answered = timeout(within, async {
        let printed = async {
            let printed = read(stdout, len_max + 1).await;
            if printed.len() > len_max {
                let text = format!("{name} printed more than {len_max} bytes");
                return Err(Unanswered::CutOff(text));
            }
            Ok(printed)
        };
        let said = async { Ok(read(stderr, STDERR_LEN_MAX).await) };
        let (printed, said) = tokio::try_join!(printed, said)?;
        match child.wait().await {
            Ok(status) if status.success() => Ok(printed),
            Ok(status) if said.is_empty() => Err(Unanswered::Failed(format!("{name} ended with {status}"))),
            Ok(_) => Err(Unanswered::Failed(first_line(&said))),
            Err(e) => Err(Unanswered::Failed(format!("{name}: {e}"))),
        }
    });
    answered.await.unwrap_or_else(|_| {
        let text = format!("{name} gave no answer in {within:?}");
        Err(Unanswered::CutOff(text))
    })
}

/// All that a pipe gives, up to a length. One that breaks has given all.
async fn read(pipe: Option<impl AsyncRead + Unpin>, len_max: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let len_max = u64::try_from(len_max).unwrap_or(u64::MAX);
        let _ = pipe.take(len_max).read_to_end(&mut bytes).await;
    }
    bytes
}

fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    clipped(text.trim().lines().next().unwrap_or_default())
}

/// What another program or a file said, short and without anything that drives a terminal.
pub(super) fn clipped(text: &str) -> String {
    let harmless = |c: char| if c.is_control() { ' ' } else { c };
    let mut chars = text.chars().map(harmless).skip_while(|c| c.is_whitespace());
    let mut short: String = chars.by_ref().take(FOREIGN_TEXT_CHARS_MAX).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const SOON: Duration = Duration::from_millis(300);

    async fn ask(program: &str, args: &[&str]) -> Result<Vec<u8>, Unanswered> {
        let begun = Instant::now();
        let answer = run(Path::new(program), args, SOON, 1000).await;
        assert!(begun.elapsed() < 5 * SOON, "it costs no more than its time-out");
        answer
    }

    #[tokio::test]
    async fn what_a_program_prints_is_the_answer() {
        assert_eq!(ask("echo", &["a  b"]).await, Ok(b"a  b\n".to_vec()));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_told_apart() {
        assert_eq!(ask("/nowhere/at/all", &[]).await, Err(Unanswered::NotThere));
    }

    #[tokio::test]
    async fn what_a_program_complains_about_is_kept_short_and_harmless() {
        let script = "printf '\\033[2Jno permission\\nmore\\n' >&2; exit 3";
        let said = ask("sh", &["-c", script]).await;
        assert_eq!(said, Err(Unanswered::Failed("[2Jno permission".into())));
        let long = ask("sh", &["-c", "head -c 3000 /dev/zero | tr '\\0' x >&2; exit 1"]).await;
        let Err(Unanswered::Failed(text)) = long else {
            unreachable!("it failed")
        };
        assert_eq!(text.chars().count(), FOREIGN_TEXT_CHARS_MAX + 1);
    }

    #[tokio::test]
    async fn a_program_that_never_ends_or_never_stops_talking_is_ended() {
        assert!(matches!(ask("sleep", &["60"]).await, Err(Unanswered::CutOff(_))));
        assert!(matches!(ask("yes", &[]).await, Err(Unanswered::CutOff(_))));
        let loud = ask("sh", &["-c", "yes >&2"]).await;
        assert!(loud.is_err(), "{loud:?}");
    }
}
