//! The always-on peer: as a service of this machine, through restarts, with a log, and what shells and `man` are told.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;
#[path = "rig/running.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod running;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rig::{Machine, Ran, finish};
use running::{Running, joined, serve};

/// Takes notes of how it is called, and answers as a manager would whose unit runs.
const MANAGER: &str =
    "#!/bin/sh\necho \"$*\" >> \"$HOME/called\"\n[ \"$2\" = is-active ] && echo active\nexit 0\n";
/// A manager that nobody started.
const NO_MANAGER: &str = "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n";

/// A machine whose `systemctl` is this script.
fn managed(script: &str) -> Machine {
    let machine = Machine::new("ann");
    let program = machine.path("bin/systemctl");
    fs::create_dir_all(machine.path("bin")).expect("it can be done");
    fs::write(&program, script).expect("it can be done");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be done");
    machine
}

fn service(machine: &Machine, args: &[&str]) -> Ran {
    let path = format!("{}:/usr/bin:/bin", machine.path("bin").display());
    let mut command = machine.command(&[&["service"], args].concat());
    command.env("PATH", path).env_remove("TAILCHAT_LISTEN");
    finish(command.spawn().expect("the binary starts"))
}

fn unit(machine: &Machine) -> PathBuf {
    machine.path(".config/systemd/user/tailchat.service")
}

#[test]
fn a_service_is_installed_told_of_and_removed() {
    let ann = managed(MANAGER);
    assert_eq!(service(&ann, &["status"]).code, 3);
    let data = ann.path("my data/of $HOME 50%");
    let data = data.to_str().unwrap();
    let log = ann.path("a log");
    let args = [
        "install",
        "--data",
        data,
        "--listen",
        ":0",
        "--no-discovery",
        "--log",
    ];
    let installed = service(&ann, &[&args[..], &[log.to_str().unwrap()]].concat()).ok();
    assert_eq!(installed.trim_end(), unit(&ann).to_str().unwrap());

    let text = fs::read_to_string(unit(&ann)).unwrap();
    let runs = text.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    let doubled = data.replace('$', "$$").replace('%', "%%");
    let wanted = format!(
        "\"serve\" \"--data\" \"{doubled}\" \"--listen\" \":0\" \"--no-discovery\" \"--log\" \"{}\"",
        log.display()
    );
    assert!(runs.ends_with(&wanted), "{runs}\n{wanted}");
    verified(&ann);
    let called = fs::read_to_string(ann.path("called")).unwrap();
    let wanted = [
        "is-active",
        "--user daemon-reload",
        "--user enable tailchat.service",
        "--user restart tailchat.service",
    ];
    assert!(wanted[1..].iter().all(|call| called.contains(call)), "{called}");

    let status = service(&ann, &["status", "--json"]);
    assert_eq!(status.code, 0);
    assert_eq!(status.json()[0]["runs"], true);
    // Again is the same.
    service(&ann, &["install"]).ok();
    service(&ann, &["remove"]).ok();
    assert!(!unit(&ann).exists());
    assert!(
        fs::read_to_string(ann.path("called"))
            .unwrap()
            .contains("disable --now")
    );
    service(&ann, &["remove"]).ok();
}

/// Where systemd is, it says what it thinks of the unit.
fn verified(machine: &Machine) {
    let verify = Command::new("systemd-analyze")
        .args(["--user", "verify"])
        .arg(unit(machine))
        .output();
    let Ok(verify) = verify else { return };
    let said = String::from_utf8_lossy(&verify.stderr).into_owned();
    let ours = |line: &&str| line.contains("tailchat.service:") && !line.contains("Command /");
    assert_eq!(said.lines().filter(ours).collect::<Vec<_>>(), [""; 0], "{said}");
}

#[test]
fn without_a_manager_or_where_another_file_stands_it_says_what_to_do() {
    let ann = managed(NO_MANAGER);
    let why = service(&ann, &["install"]).refused(1);
    assert!(
        why.contains("Failed to connect to bus") && why.contains("tailchat serve"),
        "{why}"
    );
    assert_eq!(service(&ann, &["status"]).code, 1);
    let removed = service(&ann, &["remove"]);
    assert!(
        removed.code == 0 && removed.err.contains("was not stopped"),
        "{}",
        removed.err
    );

    fs::write(unit(&ann), "[Service]\nExecStart=/bin/true\n").unwrap();
    for command in ["install", "remove"] {
        assert!(
            service(&ann, &[command])
                .refused(1)
                .contains("not written by tailchat")
        );
    }
}

#[test]
fn what_serve_would_refuse_at_each_start_is_not_installed() {
    let ann = managed(MANAGER);
    let odd = "garbage host";
    assert!(
        service(&ann, &["install", "--listen", odd])
            .refused(2)
            .contains(odd)
    );
    let hooks = ann.path(".config/tailchat/hooks.toml");
    fs::create_dir_all(hooks.parent().unwrap()).unwrap();
    fs::write(&hooks, "[[hook]]\nevery = 1\n").unwrap();
    assert!(service(&ann, &["install"]).refused(2).contains("hooks.toml"));
    assert!(!unit(&ann).exists() && !ann.path("called").exists());
}

#[test]
fn a_unit_that_leads_nowhere_is_removed() {
    let ann = managed(MANAGER);
    fs::create_dir_all(unit(&ann).parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(ann.path("gone"), unit(&ann)).unwrap();
    service(&ann, &["remove"]).ok();
    assert!(fs::symlink_metadata(unit(&ann)).is_err());
}

#[test]
fn a_restart_loses_no_message_and_fails_no_command() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    let sent = thread::scope(|scope| {
        let ann = &ann;
        let writers: Vec<_> = (0..3)
            .map(|who| {
                scope.spawn(move || {
                    let texts = (0..12).map(|n| format!("{who} {n}"));
                    let sends =
                        texts.inspect(|text| drop(ann.run(&["send", "kitchen", text, "--quiet"]).ok()));
                    sends.collect::<Vec<_>>()
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            let node = Running::start(&mut ann.online(&["serve", "--json"]));
            // It may not have the folder while commands do.
            if node.lines.recv_timeout(Duration::from_secs(10)).is_ok() {
                thread::sleep(Duration::from_millis(60));
                assert_eq!(node.stop("TERM"), 0);
            }
        }
        let sent = writers
            .into_iter()
            .flat_map(|writer| writer.join().expect("all are sent"));
        sent.collect::<BTreeSet<_>>()
    });
    let log = ann.run(&["log", "kitchen", "--json"]).json();
    let texts: Vec<_> = log
        .iter()
        .map(|message| message["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(texts.len(), sent.len(), "{texts:?}");
    assert_eq!(texts.into_iter().collect::<BTreeSet<_>>(), sent);
}

#[test]
fn a_log_file_says_when_it_was_online() {
    let ann = Machine::new("ann");
    let path = ann.path("a log");
    let node = Running::start(&mut ann.online(&["serve", "--json", "--log", path.to_str().unwrap()]));
    node.line();
    assert_eq!(node.stop("TERM"), 0);
    let log = fs::read_to_string(&path).unwrap();
    assert!(log.contains("online as") && log.contains("stopped"), "{log}");
    let nowhere = ann.run(&["serve", "--log", "/nowhere/at/all"]);
    assert!(nowhere.refused(1).contains("--log"));
}

#[test]
fn completions_know_rooms_and_what_is_unread() {
    let (ann, _anns, bob) = joined();
    ann.run(&["new", "two; reboot"]).ok();
    let complete = |machine: &Machine, unread: &str| {
        let mut command = machine.command(&["--", "tailchat", "log", ""]);
        command.env("TAILCHAT_COMPLETE", "fish");
        let ran = finish(command.spawn().unwrap()).ok();
        assert!(ran.contains(&format!("kitchen\t{unread}\n")), "{ran}");
        assert!(!ran.contains("\ntwo;"), "{ran}");
        ran
    };
    // By the folder alone, and by the node that has it.
    complete(&bob, "nothing unread");
    assert!(complete(&ann, "nothing unread").contains("\ttwo; reboot: nothing unread"));
    let (_bobs, _) = serve(&bob);
    let text = [
        "send",
        "kitchen",
        "hi, @ann",
        "--wait",
        "1",
        "--timeout",
        "20",
        "--quiet",
    ];
    bob.run(&text).ok();
    complete(&ann, "1 message unread, 1 name you");
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            ann.run(&["completions", shell])
                .ok()
                .contains("TAILCHAT_COMPLETE")
        );
    }
    // Whoever only types makes no folder.
    let nobody = Machine::new("nobody");
    let mut command = nobody.command(&["--", "tailchat", "log", ""]);
    command.env("TAILCHAT_COMPLETE", "fish");
    finish(command.spawn().unwrap()).ok();
    assert!(!nobody.path("data").exists());
}

#[test]
fn there_is_a_page_for_each_command() {
    let ann = Machine::new("ann");
    let folder = ann.path("man 1");
    ann.run(&["man", folder.to_str().unwrap()]).ok();
    let help = ann.run(&["--help"]).ok();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = commands.map_while(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: Vec<_> = names.filter(|name| !name.is_empty() && *name != "help").collect();
    assert!(names.len() > 30, "{help}");
    for name in names {
        let page = fs::read_to_string(folder.join(format!("tailchat-{name}.1"))).expect(name);
        assert!(page.contains("Example"), "{name}");
    }
    assert!(ann.run(&["man"]).ok().contains(".TH tailchat 1"));
}
