//! A file in which a person names peers, followed while it changes. Knows its lines and the one file of this
//! crate; refuses to write it, and to stop at a line that it cannot read.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio::time::sleep;

use super::command::clipped;
use super::{SourceTask, Standing};
use crate::dial::parse;
use crate::limits::{HOSTS_EVERY, HOSTS_LEN_MAX, HOSTS_LINES_MAX, HOSTS_SETTLED};

/// By what a changed file is known.
type Stamp = (Option<SystemTime>, u64);

/// Reads the file whenever it is another one than before.
pub(super) async fn follow(mut task: SourceTask, path: PathBuf) {
    let mut seen = None;
    loop {
        let (file, last) = (path.clone(), seen);
        // A disk may take its time, and the loop has only one thread.
        let looked = tokio::task::spawn_blocking(move || look(&file, last)).await;
        if let Ok(Some((addrs, standing, stamp))) = looked {
            seen = stamp;
            task.tell(addrs, standing).await;
        }
        sleep(HOSTS_EVERY).await;
    }
}

/// What the file says, and its stamp if that would tell of the next change; nothing if it is unchanged.
fn look(path: &Path, last: Option<Stamp>) -> Option<(BTreeSet<String>, Standing, Option<Stamp>)> {
    let none = |standing| Some((BTreeSet::new(), standing, None));
    let name = path.display();
    let trouble = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => none(Standing::Absent(format!("there is no file {name}"))),
        _ => none(Standing::Failing(format!(
            "{name} cannot be read: {e}; mend that or remove it"
        ))),
    };
    let about = match path.metadata() {
        Ok(about) => about,
        Err(e) => return trouble(e),
    };
    // Opening a pipe would wait for whoever writes to it.
    if !about.is_file() {
        return none(Standing::Failing(format!("{name} is not a file; remove it")));
    }
    let stamp = (about.modified().ok(), about.len());
    if last == Some(stamp) {
        return None;
    }
    let mut bytes = Vec::new();
    let len_max = u64::try_from(HOSTS_LEN_MAX + 1).unwrap_or(u64::MAX);
    if let Err(e) = File::open(path).and_then(|file| file.take(len_max).read_to_end(&mut bytes)) {
        return trouble(e);
    }
    let (addrs, standing) = read(&bytes, &name.to_string());
    Some((addrs, standing, is_settled(stamp).then_some(stamp)))
}

/// Whether a further change would give the file another time: clocks of file systems are coarse.
fn is_settled((modified, _): Stamp) -> bool {
    modified
        .and_then(|at| SystemTime::now().duration_since(at).ok())
        .is_some_and(|age| age >= HOSTS_SETTLED)
}

/// A `HOST` or `HOST:PORT` a line, as `HOST:PORT`. Of what is wrong the first is told.
fn read(bytes: &[u8], name: &str) -> (BTreeSet<String>, Standing) {
    let mut addrs = BTreeSet::new();
    let mut wrong = None;
    let kept = bytes.get(..HOSTS_LEN_MAX).unwrap_or(bytes);
    if kept.len() < bytes.len() {
        wrong = Some(format!(
            "it has more than {HOSTS_LEN_MAX} bytes, the rest is not read; shorten it"
        ));
    }
    let text = String::from_utf8_lossy(kept);
    let mut lines = text.lines();
    for (at, line) in lines.by_ref().take(HOSTS_LINES_MAX).enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        match address(line) {
            Ok(addr) => _ = addrs.insert(addr),
            Err(why) => {
                wrong.get_or_insert_with(|| format!("line {}: {}", at + 1, clipped(&why)));
            }
        }
    }
    if lines.next().is_some() {
        wrong.get_or_insert_with(|| {
            format!("it has more than {HOSTS_LINES_MAX} lines, the rest is not read; shorten it")
        });
    }
    let standing = match wrong {
        None => Standing::Working,
        Some(why) => Standing::Failing(format!("{name}: {why}")),
    };
    (addrs, standing)
}

fn address(line: &str) -> Result<String, String> {
    let (host, port) = parse(line)?;
    if host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "{line:?} is more than one address; give each a line of its own"
        ));
    }
    Ok(if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> (Vec<String>, Standing) {
        let (addrs, standing) = read(text.as_bytes(), "hosts");
        (addrs.into_iter().collect(), standing)
    }

    #[test]
    fn hosts_and_ports_stand_one_a_line_and_comments_anywhere() {
        let text = "# ours\n\nana.local\n bob:5000 # at home\r\n10.0.0.7\n[fe80::1%eth0]:80\nfd7a::1\n";
        let (addrs, standing) = lines(text);
        assert_eq!(
            addrs,
            [
                "10.0.0.7:24242",
                "[fd7a::1]:24242",
                "[fe80::1%eth0]:80",
                "ana.local:24242",
                "bob:5000"
            ]
        );
        assert_eq!(standing, Standing::Working);
    }

    #[test]
    fn a_bad_line_is_told_by_its_number_and_the_good_ones_are_used() {
        for (bad, what) in [
            ("ana:x", "line 2"),
            ("ana bob", "line 2: \"ana bob\" is more than one"),
        ] {
            let (addrs, standing) = lines(&format!("ana\n{bad}\nbob\n"));
            assert_eq!(addrs, ["ana:24242", "bob:24242"]);
            let Standing::Failing(text) = standing else {
                unreachable!("{bad} is bad")
            };
            assert!(text.starts_with("hosts: ") && text.contains(what), "{text}");
        }
    }

    #[test]
    fn rubbish_and_too_much_are_told_and_the_rest_is_used() {
        let many: String = (0..HOSTS_LINES_MAX + 1).map(|n| format!("h{n}\n")).collect();
        let (addrs, standing) = lines(&many);
        assert_eq!(addrs.len(), HOSTS_LINES_MAX);
        assert!(matches!(standing, Standing::Failing(text) if text.contains("lines")));

        let long = format!("ana\n#{}", "x".repeat(HOSTS_LEN_MAX));
        let (addrs, standing) = lines(&long);
        assert_eq!(addrs, ["ana:24242"]);
        assert!(matches!(standing, Standing::Failing(text) if text.contains("bytes")));

        let (addrs, standing) = read(&[0xff, 0xfe, 0, b'\n'], "hosts");
        assert!(addrs.is_empty() && matches!(standing, Standing::Failing(_)));
    }

    #[test]
    fn what_is_no_file_is_told_and_not_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = look(&folder.path().join("hosts"), None).expect("it is told");
        assert!(matches!(missing.1, Standing::Absent(_)));
        let no_file = look(folder.path(), None).expect("it is told");
        assert!(matches!(no_file.1, Standing::Failing(_)));
    }

    #[test]
    fn a_file_is_read_again_only_if_it_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hosts");
        std::fs::write(&path, "ana\n").expect("a file");
        let (_, _, stamp) = look(&path, None).expect("it is new");
        assert_eq!(
            stamp, None,
            "it was changed just now, and may be again at the same time"
        );

        let old = SystemTime::now() - 2 * HOSTS_SETTLED;
        let file = File::options().write(true).open(&path).expect("the file");
        file.set_modified(old).expect("another time");
        let (_, _, stamp) = look(&path, None).expect("it is new");
        assert!(stamp.is_some());
        assert!(look(&path, stamp).is_none());
        std::fs::write(&path, "bob\n").expect("a file");
        assert!(look(&path, stamp).is_some());
    }
}
