//! Where the program's own log goes: to standard error, or to a file that never becomes large. Knows not what is logged.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use fs_err as fs;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use tailchat_node::control::{Code, Failure};

use crate::args::Everywhere;
use crate::private;

/// Bytes of a log file; then it takes the place of the one before, and a fresh one begins.
const LOG_LEN_MAX: u64 = 8 * 1024 * 1024;

/// Begins to log. To standard error nothing is logged unless somebody wants it: what a person needs to know is said in
/// words.
///
/// # Errors
/// If the file cannot be opened, or `TAILCHAT_LOG` is no list of levels and of targets with their levels.
pub(crate) fn begin(everywhere: &Everywhere, file: Option<&Path>) -> Result<()> {
    let wanted = match (std::env::var("TAILCHAT_LOG"), everywhere.verbose, file) {
        (Ok(wanted), ..) => targets(&wanted)?,
        (Err(_), 0, None) => return Ok(()),
        (Err(_), 0 | 1, _) => Targets::new().with_default(LevelFilter::INFO),
        (Err(_), ..) => Targets::new().with_default(LevelFilter::DEBUG),
    };
    let log = registry().with(wanted);
    match file {
        None => log.with(layer().with_writer(io::stderr)).init(),
        Some(path) => {
            let file =
                LogFile::open(path, LOG_LEN_MAX).context("no log can be written; give another --log")?;
            log.with(layer().with_ansi(false).with_writer(Mutex::new(file)))
                .init();
        }
    }
    Ok(())
}

fn targets(wanted: &str) -> Result<Targets, Failure> {
    wanted.parse().map_err(|err| {
        let why = format!(
            "TAILCHAT_LOG is not understood ({err}); it is a level (error, warn, info, debug, trace) or a list such as \
             info,tailchat_net=debug"
        );
        Failure::new(Code::Usage, why)
    })
}

/// A file, and how long it is.
struct LogFile {
    path: PathBuf,
    file: fs::File,
    len: u64,
    len_max: u64,
}

impl LogFile {
    fn open(path: &Path, len_max: u64) -> io::Result<Self> {
        let file = append(path)?;
        Ok(Self {
            path: path.to_owned(),
            len: file.metadata()?.len(),
            file,
            len_max,
        })
    }

    /// Goes on in a fresh file; where that cannot be, in this one without what was in it.
    fn turn(&mut self) {
        let mut before = self.path.clone().into_os_string();
        before.push(".1");
        let moved = match fs::rename(&self.path, before) {
            // Somebody removed it: what is written since is seen by nobody.
            Err(err) => err.kind() == io::ErrorKind::NotFound,
            Ok(()) => true,
        };
        match append(&self.path) {
            Ok(file) if moved => (self.file, self.len) = (file, 0),
            _ if self.file.set_len(0).is_ok() => self.len = 0,
            _ => {}
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.len > 0 && self.len + line.len() as u64 > self.len_max {
            self.turn();
        }
        let written = self.file.write(line)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// For the owner alone: it has addresses of others.
fn append(path: &Path) -> io::Result<fs::File> {
    let file = private::file().create(true).append(true).open(path);
    let named = |err: io::Error| io::Error::new(err.kind(), format!("{}: {err}", path.display()));
    Ok(fs::File::from_parts(file.map_err(named)?, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_never_longer_than_twice_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a log");
        let mut log = LogFile::open(&path, 100).unwrap();
        for n in 0..50 {
            log.write_all(format!("line {n:05}\n").as_bytes()).unwrap();
        }
        drop(log);
        let mut log = LogFile::open(&path, 100).unwrap();
        log.write_all(b"the last\n").unwrap();
        let now = fs::read_to_string(&path).unwrap();
        let before = fs::read_to_string(folder.path().join("a log.1")).unwrap();
        assert!(now.len() <= 100 && before.len() <= 100);
        assert!(now.ends_with("line 00049\nthe last\n") && before.starts_with("line "));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_logged_is_a_level_or_one_for_each_part() {
        let net = targets("info,tailchat_net=debug").unwrap();
        let is_logged = |target| net.would_enable(target, &tracing::Level::DEBUG);
        assert!(is_logged("tailchat_net::accept") && !is_logged("tailchat_node"));
        assert!(
            targets("tailchat_net=loud")
                .unwrap_err()
                .why
                .contains("TAILCHAT_LOG")
        );
    }

    #[test]
    fn a_log_that_was_removed_or_cannot_be_moved_stays_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a log");
        let mut log = LogFile::open(&path, 100).unwrap();
        let mut lines = |from: usize| {
            for n in from..from + 20 {
                log.write_all(format!("line {n:05}\n").as_bytes()).unwrap();
            }
            log.file.metadata().unwrap().len()
        };
        lines(0);
        fs::remove_file(&path).unwrap();
        assert!(lines(20) <= 100);
        assert!(fs::read_to_string(&path).unwrap().ends_with("line 00039\n"));
        fs::remove_file(folder.path().join("a log.1")).unwrap();
        fs::create_dir(folder.path().join("a log.1")).unwrap();
        assert!(lines(40) <= 100);
        assert!(fs::read_to_string(&path).unwrap().ends_with("line 00059\n"));
    }
}
