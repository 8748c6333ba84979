//! `service`: `serve` as a user service of this machine. Knows systemd's units and launchd's agents, nothing of what runs.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Output as Ended};

use anyhow::{Context as _, Result};
use fs_err as fs;
use serde_json::json;
use tailchat_node::control::{Code, Failure};

use super::hooks::Hooks;
use super::new_file::NewFile;
use crate::args::{Everywhere, ServeArgs, ServiceCommand};
use crate::print::{Output, Told};
use crate::reach::{Online, config};

mod written;

/// What systemd calls it.
const UNIT: &str = "tailchat.service";
/// What launchd calls it.
const AGENT: &str = "org.tailchat.serve";
/// Stands in what we wrote: nothing else is replaced or removed.
const OURS: &str = "written by `tailchat service install`";

/// Who runs services here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Systemd,
    Launchd,
}

/// What is to run.
struct Service {
    program: PathBuf,
    args: Vec<OsString>,
    /// Variables without which it would look elsewhere.
    variables: Vec<(&'static str, OsString)>,
}

/// `tailchat service`.
pub(crate) fn service(command: &ServiceCommand, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let manager = match cfg!(target_os = "macos") {
        true => Manager::Launchd,
        false => Manager::Systemd,
    };
    let path = manager.path()?;
    match command {
        ServiceCommand::Install(args) => install(manager, &path, &Service::of(everywhere, args)?, out),
        ServiceCommand::Remove => remove(manager, &path, out),
        ServiceCommand::Status => status(manager, &path, out),
    }
}

fn install(manager: Manager, path: &Path, service: &Service, out: &mut Output) -> Result<()> {
    let text = manager.text(service)?;
    foreign(path)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = NewFile::beside(path)?;
    file.write(text.as_bytes())?;
    file.take_its_place()?;
    manager.start(path).map_err(|why| {
        let why = format!(
            "{} is written, but it does not run: {why}; mend that and install again, or run `tailchat serve` yourself",
            path.display()
        );
        Failure::new(Code::Failed, why)
    })?;
    out.line(&path.display().to_string())?;
    out.note("It runs now, and from each login on. `tailchat service status` says how it is.");
    if manager == Manager::Systemd {
        out.note("For it to run while nobody is logged in, too: loginctl enable-linger");
    }
    Ok(())
}

fn remove(manager: Manager, path: &Path, out: &mut Output) -> Result<()> {
    if fs::symlink_metadata(path).is_err() {
        out.note("No service is installed; there is nothing to remove.");
        return Ok(());
    }
    foreign(path)?;
    // What does not run cannot be stopped; the file goes all the same, and with it what would start it.
    let stopped = manager.stop(path);
    fs::remove_file(path)?;
    let told = stopped.and_then(|()| manager.forget());
    if let Err(why) = told {
        out.note(&format!(
            "It was not stopped: {why}; the next login does not start it."
        ));
    }
    out.note("Removed. Your rooms and messages stay where they are.");
    Ok(())
}

fn status(manager: Manager, path: &Path, out: &mut Output) -> Result<()> {
    let installed = path.exists();
    let state = if installed {
        manager.state()
    } else {
        "not installed".to_owned()
    };
    let runs = installed && matches!(state.as_str(), "active" | "running");
    if out.is_json() {
        let path = path.display().to_string();
        out.object(&json!({ "installed": installed, "runs": runs, "state": state, "path": path }))?;
    } else {
        out.line(&match installed {
            true => format!("{state}  {}", path.display()),
            false => "not installed; `tailchat service install` does it".to_owned(),
        })?;
    }
    match (installed, runs) {
        (true, true) => Ok(()),
        (true, false) => Err(Told(Code::Failed).into()),
        (false, _) => Err(Told(Code::NotFound).into()),
    }
}

/// Fails if somebody else wrote what stands there.
fn foreign(path: &Path) -> Result<(), Failure> {
    let why = match fs::read(path) {
        Ok(bytes) if String::from_utf8_lossy(&bytes).contains(OURS) => return Ok(()),
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(_) => format!("{} was not written by tailchat", path.display()),
        Err(err) => format!("it cannot be seen who wrote what is there: {err}"),
    };
    Err(Failure::new(
        Code::Failed,
        format!("{why}; move it away and try again"),
    ))
}

impl Service {
    fn of(everywhere: &Everywhere, serve: &ServeArgs) -> Result<Self> {
        let config = config(everywhere, Online::Yes)?;
        // What `serve` refuses it would refuse at each start, and nobody would hear of it.
        config.check()?;
        Hooks::read()?;
        let mut args = vec!["serve".into(), "--data".into(), absolute(config.data)?.into()];
        if let Some(listen) = config.listen {
            args.extend(["--listen".into(), listen.into()]);
        }
        if everywhere.no_discovery {
            args.push("--no-discovery".into());
        }
        if let Some(log) = &serve.log {
            args.extend(["--log".into(), absolute(log)?.into()]);
        }
        let variable = |name| Some((name, env::var_os(name).filter(|value| !value.is_empty())?));
        Ok(Self {
            program: env::current_exe().context("where this program is cannot be found out")?,
            args,
            variables: ["XDG_CONFIG_HOME", "TZ"]
                .into_iter()
                .filter_map(variable)
                .collect(),
        })
    }
}

impl Manager {
    /// Where the service is written down.
    fn path(self) -> Result<PathBuf> {
        let home =
            etcetera::home_dir().context("no home folder is known, where services are kept; set HOME")?;
        Ok(match self {
            Self::Systemd => {
                let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
                let config = config.filter(|path| path.is_absolute());
                let config = config.unwrap_or_else(|| home.join(".config"));
                config.join("systemd/user").join(UNIT)
            }
            Self::Launchd => home.join(format!("Library/LaunchAgents/{AGENT}.plist")),
        })
    }

    fn text(self, service: &Service) -> Result<String> {
        match self {
            Self::Systemd => written::unit(service),
            Self::Launchd => written::plist(service),
        }
    }

    fn start(self, path: &Path) -> Result<(), String> {
        match self {
            Self::Systemd => {
                run("systemctl", &["--user", "daemon-reload"])?;
                run("systemctl", &["--user", "enable", UNIT])?;
                run("systemctl", &["--user", "restart", UNIT])
            }
            Self::Launchd => {
                let path = path.display().to_string();
                // It may be there from before.
                let _ = run("launchctl", &["unload", &path]);
                run("launchctl", &["load", "-w", &path])
            }
        }
    }

    fn stop(self, path: &Path) -> Result<(), String> {
        match self {
            Self::Systemd => run("systemctl", &["--user", "disable", "--now", UNIT]),
            Self::Launchd => run("launchctl", &["unload", "-w", &path.display().to_string()]),
        }
    }

    /// Has what was removed forgotten.
    fn forget(self) -> Result<(), String> {
        match self {
            Self::Systemd => run("systemctl", &["--user", "daemon-reload"]),
            Self::Launchd => Ok(()),
        }
    }

    /// `active` or `running` if it runs.
    fn state(self) -> String {
        match self {
            Self::Systemd => match ended("systemctl", &["--user", "is-active", UNIT]) {
                Ok(ended) => match String::from_utf8_lossy(&ended.stdout).trim() {
                    "" => String::from_utf8_lossy(&ended.stderr).trim().to_owned(),
                    state => state.to_owned(),
                },
                Err(why) => why,
            },
            Self::Launchd => match run("launchctl", &["list", AGENT]) {
                Ok(()) => "running".to_owned(),
                Err(why) => why,
            },
        }
    }
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let ended = ended(program, args)?;
    if ended.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Err(match why.is_empty() {
        true => format!("`{program} {}` ended with {}", args.join(" "), ended.status),
        false => format!("`{program} {}` says: {why}", args.join(" ")),
    })
}

fn ended(program: &str, args: &[&str]) -> Result<Ended, String> {
    let ended = Command::new(program).args(args).output();
    ended.map_err(|err| format!("`{program}` cannot be run: {err}"))
}
