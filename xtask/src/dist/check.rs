//! The package as people get it: installed by dpkg where nothing else is, used by two peers, and removed without a trace.
//! Knows commands and files; how the package was made is not asked.
//!
//! Instead of a whole system there is a folder with the libraries that the program loads, and dpkg is told that they are
//! installed. All of it runs among processes of its own: when the first of them ends, all others do.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::peers::Peer;

/// How long all of it may take, in seconds.
const TIME_LIMIT_S: &str = "180";
/// Mounts and processes of our own.
const UNSHARE: [&str; 5] = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
/// Folders of the root in which something may be left: what dpkg and the peers keep for themselves.
const KEPT: [&str; 3] = ["var", "data", "tmp"];
const MESSAGES: [&str; 2] = ["from one who installed it", "from the other"];

/// Tries the package, where that can be done.
pub(super) fn run(package: &Path) -> Result<()> {
    if let Some(why) = cannot(package) {
        println!("dist: the package is not checked, since {why}");
        return Ok(());
    }
    let root = tempfile::tempdir()?;
    let mut inside = Command::new("timeout");
    inside
        .args(["--kill-after=5", TIME_LIMIT_S, "unshare"])
        .args(UNSHARE);
    inside.arg(std::env::current_exe()?).args(["dist", "--inside"]);
    let status = inside.arg(package).arg(root.path()).status();
    let status = status.context("timeout cannot be run")?;
    ensure!(status.success(), "the check of the package ended with {status}");
    Ok(())
}

/// Why the package cannot be tried here.
fn cannot(package: &Path) -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("this is not Linux".to_owned());
    }
    if fs::metadata("/proc/self").map_or(1, |own| own.uid()) != 0 {
        return Some("only root may install".to_owned());
    }
    let Ok(here) = ran(Command::new("dpkg").arg("--print-architecture")) else {
        return Some("there is no dpkg".to_owned());
    };
    if !package
        .to_string_lossy()
        .ends_with(&format!("_{}.deb", here.trim()))
    {
        return Some(format!("this machine is {}", here.trim()));
    }
    let unshared = ran(Command::new("unshare").args(UNSHARE).arg("true"));
    unshared
        .err()
        .map(|why| format!("processes cannot be set apart here: {why:#}"))
}

/// Tries the package in an empty folder.
pub(super) fn inside(package: &Path, root: &Path) -> Result<()> {
    let system = System {
        root: root.to_owned(),
    };
    system.found(package)?;
    let before = system.places()?;
    system.dpkg(&["--install", shown(package)?])?;
    let installed = system.installed()?;
    let program = system.wrapper()?;
    meet(&program).context("two peers of the installed program")?;
    system.dpkg(&["--purge", "tailchat"])?;
    let after = system.places()?;
    let left: Vec<_> = after.symmetric_difference(&before).collect();
    ensure!(
        left.is_empty(),
        "the package did not leave the system as it was: {left:?}"
    );
    let admin = fs::read_dir(root.join("var/lib/dpkg/info"))?.flatten();
    let known = admin.filter(|file| file.file_name().to_string_lossy().starts_with("tailchat"));
    ensure!(known.count() == 0, "dpkg still knows the package");
    println!(
        "dist: the package installed {installed} files, two peers of it met and hold the same, and nothing of it is left"
    );
    Ok(())
}

/// A folder that is the root of all that dpkg and the program see.
struct System {
    root: PathBuf,
}

impl System {
    /// Makes what a Debian system has before: libraries, and dpkg's own files.
    fn found(&self, package: &Path) -> Result<()> {
        for folder in [
            "var/lib/dpkg/info",
            "var/lib/dpkg/updates",
            "var/log",
            "data",
            "tmp",
        ] {
            fs::create_dir_all(self.root.join(folder))?;
        }
        // A library is found by loading the program from where the package can be taken apart without being installed.
        let apart = self.root.join("tmp/apart");
        ran(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&apart))?;
        let program = apart.join("usr/bin/tailchat");
        for library in libraries(&program)? {
            let place = self.root.join(library.strip_prefix("/")?);
            fs::create_dir_all(place.parent().context("a library is in a folder")?)?;
            fs::copy(&library, &place).with_context(|| format!("{} cannot be copied", library.display()))?;
        }
        fs::remove_dir_all(apart)?;
        fs::write(self.root.join("var/lib/dpkg/status"), status()?)?;
        Ok(())
    }

    fn dpkg(&self, args: &[&str]) -> Result<String> {
        let mut dpkg = Command::new("dpkg");
        // It looks for tools of the administrator's, which not everybody's PATH has.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        ran(dpkg.arg("--root").arg(&self.root).args(args).env("PATH", path))
    }

    /// Sees that all is there as it was packed; gives how many files.
    fn installed(&self) -> Result<usize> {
        let wrong = self.dpkg(&["--verify", "tailchat"])?;
        ensure!(
            wrong.is_empty(),
            "dpkg finds files that are not as packed: {wrong}"
        );
        let listed = self.dpkg(&["--listfiles", "tailchat"])?;
        let mut files = 0;
        for place in listed.lines().map(|line| line.trim_start_matches('/')) {
            let there = self.root.join(place);
            ensure!(there.exists(), "{place} is listed and not there");
            files += usize::from(there.is_file());
        }
        for wanted in [
            "/usr/bin/tailchat",
            "/usr/share/bash-completion/completions/tailchat",
            "/usr/share/zsh/vendor-completions/_tailchat",
            "/usr/share/fish/vendor_completions.d/tailchat.fish",
            "/usr/share/man/man1/tailchat.1.gz",
            "/usr/share/doc/tailchat/copyright",
        ] {
            ensure!(
                listed.lines().any(|line| line == wanted),
                "{wanted} is not in the package"
            );
        }
        Ok(files)
    }

    /// A command that runs the installed program where it is installed, and as if nobody had set anything.
    fn wrapper(&self) -> Result<PathBuf> {
        let script = format!(
            "#!/bin/sh\nexec env -i PATH=\"$PATH:/usr/sbin:/sbin\" HOME=/tmp USER=somebody TZ=UTC \
             chroot '{}' /usr/bin/tailchat \"$@\"\n",
            shown(&self.root)?
        );
        let path = self.root.join("tmp/tailchat");
        fs::write(&path, script)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }

    /// Everything in the root but what is kept.
    fn places(&self) -> Result<BTreeSet<PathBuf>> {
        let mut places = BTreeSet::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for place in fs::read_dir(folder)? {
                let place = place?;
                let within = place.path().strip_prefix(&self.root)?.to_owned();
                if KEPT.iter().any(|kept| within == Path::new(kept)) {
                    continue;
                }
                if place.file_type()?.is_dir() {
                    folders.push(place.path());
                }
                places.insert(within);
            }
        }
        Ok(places)
    }
}

/// One makes a room, the other joins it, both write, and both have both.
fn meet(program: &Path) -> Result<()> {
    let [one_says, other_says] = MESSAGES;
    let mut one = Peer::start(program, "/data/one".into())?;
    let mut other = Peer::start(program, "/data/other".into())?;
    let made = one.json(&["new", "kitchen"])?;
    let room = made.first().and_then(|room| room["room"].as_str());
    let room = room.context("no room was made")?;
    other.run(&["join", room, "--peer", &one.listening, "--wait", "20"])?;
    one.run(&["send", room, one_says])?;
    other.run(&["send", room, other_says])?;
    for peer in [&one, &other] {
        peer.run(&["status", "--wait", "20"])?;
        let log = peer.json(&["log", room])?;
        let texts: BTreeSet<_> = log
            .iter()
            .filter_map(|message| message["text"].as_str())
            .collect();
        ensure!(texts == BTreeSet::from(MESSAGES), "one of them has {texts:?}");
    }
    one.stop()?;
    other.stop()
}

/// What dpkg is told of what is there: the libraries, by their packages and this system's version of them.
fn status() -> Result<String> {
    let told = ran(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let version = told
        .trim()
        .strip_prefix("glibc ")
        .context("the C library has no version")?;
    let here = ran(Command::new("dpkg").arg("--print-architecture"))?;
    let package = |name: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nMaintainer: nobody <nobody@localhost>\nArchitecture: {}\n\
             Version: {version}\nDescription: a stand-in\n\n",
            here.trim()
        )
    };
    Ok(["libc6", "libgcc-s1"].map(package).concat())
}

/// The files that the system loads to run a program.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let Ok(told) = ran(Command::new("ldd").arg(program)) else {
        // Of what is linked whole, ldd says so by failing.
        return Ok(Vec::new());
    };
    let path = |line: &str| {
        let words = line.split_whitespace();
        words
            .into_iter()
            .find(|word| word.starts_with('/'))
            .map(PathBuf::from)
    };
    Ok(told.lines().filter_map(path).collect())
}

fn shown(path: &Path) -> Result<&str> {
    path.to_str().context("a folder has a readable name")
}

/// Runs a command and gives what it printed; fails if it fails.
fn ran(command: &mut Command) -> Result<String> {
    let ran = command.stdin(Stdio::null()).output();
    let ran = ran.with_context(|| format!("{:?} cannot be run", command.get_program()))?;
    let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    ensure!(
        ran.status.success(),
        "{command:?} ended with {}: {said}",
        ran.status
    );
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}
