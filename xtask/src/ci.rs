//! `cargo xtask ci`: one table of steps, run in order. Knows no check itself; every step can be repeated by hand.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::{tidy, workspace};

/// The line of README.md, inside a fence opened by ```` ```sh ````, that tells a person how to run the tests.
const README_TEST: &str = "cargo test";

/// Installs exactly what tests/automerge-js/package-lock.json names, and runs nothing of it.
const NPM: &[&str] = &[
    "ci",
    "--prefix",
    "tests/automerge-js",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
];

struct Step {
    name: &'static str,
    work: Work,
}

enum Work {
    /// A cargo command line, and the environment it needs.
    Cargo {
        env: &'static [(&'static str, &'static str)],
        args: &'static [&'static str],
    },
    /// A tool that judges and is not built here: where it is not installed it is left out.
    Installed {
        program: &'static str,
        args: &'static [&'static str],
    },
    /// `cargo xtask tidy`, in this process.
    Tidy,
    /// The JavaScript Automerge for the test that opens an exported document with it. Without Node there is no such
    /// test; with Node it must not be left out for want of the package.
    AutomergeJs,
    /// The command README.md gives for the tests, after checking that it gives it.
    ReadmeTest,
}

/// Cheap checks first; one release build serves all from the simulation on.
const STEPS: &[Step] = &[
    Step {
        name: "format",
        work: Work::Cargo {
            env: &[],
            args: &["fmt", "--all", "--check"],
        },
    },
    Step {
        name: "lints",
        work: Work::Cargo {
            env: &[],
            args: &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
        },
    },
    Step {
        name: "tidy",
        work: Work::Tidy,
    },
    Step {
        name: "spelling",
        work: Work::Installed {
            program: "typos",
            args: &[],
        },
    },
    Step {
        name: "licences and sources",
        work: Work::Installed {
            program: "cargo-deny",
            args: &["--all-features", "check", "bans", "licenses", "sources"],
        },
    },
    Step {
        name: "javascript automerge",
        work: Work::AutomergeJs,
    },
    Step {
        name: "tests",
        work: Work::ReadmeTest,
    },
    Step {
        name: "documentation",
        work: Work::Cargo {
            env: &[("RUSTDOCFLAGS", "-D warnings")],
            args: &["doc", "--workspace", "--no-deps", "--locked"],
        },
    },
    Step {
        name: "simulation",
        work: Work::Cargo {
            env: &[],
            args: &[
                "run",
                "--release",
                "-q",
                "-p",
                "xtask",
                "--",
                "sim",
                "--seeds",
                "200",
            ],
        },
    },
    Step {
        name: "swarm",
        work: Work::Cargo {
            env: &[],
            args: &[
                "run",
                "--release",
                "-q",
                "-p",
                "xtask",
                "--",
                "swarm",
                "--peers",
                "300",
                "--messages",
                "20",
            ],
        },
    },
    Step {
        name: "any bytes",
        work: Work::Cargo {
            env: &[],
            args: &["xtask", "fuzz", "--inputs", "20000"],
        },
    },
    Step {
        name: "damage",
        work: Work::Cargo {
            env: &[],
            args: &["xtask", "damage", "--every", "61"],
        },
    },
    Step {
        name: "demo",
        work: Work::Cargo {
            env: &[],
            args: &["run", "--release", "--", "demo"],
        },
    },
    Step {
        name: "convergence",
        work: Work::Cargo {
            env: &[],
            args: &["xtask", "converge", "--peers", "3", "--kill"],
        },
    },
    Step {
        name: "kills",
        work: Work::Cargo {
            env: &[],
            args: &["xtask", "kills", "--rounds", "10"],
        },
    },
    Step {
        name: "attack",
        work: Work::Cargo {
            env: &[],
            args: &[
                "xtask",
                "attack",
                "--seconds",
                "1",
                "--only",
                "half-open",
                "--only",
                "drip",
                "--only",
                "connections",
                "--only",
                "frames",
                "--only",
                "replays",
                "--only",
                "long-frames",
                "--only",
                "bombs",
                "--only",
                "impostor",
                "--only",
                "forks",
                "--only",
                "gaps",
                "--only",
                "clocks",
                "--only",
                "signs",
                "--only",
                "addresses",
                "--only",
                "deaf",
            ],
        },
    },
    Step {
        name: "soak",
        work: Work::Cargo {
            env: &[],
            args: &["xtask", "soak", "--minutes", "0.4"],
        },
    },
    Step {
        name: "power cuts",
        work: Work::Cargo {
            env: &[],
            args: &["xtask", "cuts", "--rounds", "5"],
        },
    },
    Step {
        name: "file calls that fail",
        work: Work::Cargo {
            env: &[],
            args: &["xtask", "faults", "--every", "15"],
        },
    },
    Step {
        name: "networks",
        work: Work::Cargo {
            env: &[],
            args: &["xtask", "lan"],
        },
    },
    Step {
        name: "many programs",
        work: Work::Cargo {
            env: &[],
            args: &["xtask", "hands", "--seconds", "3", "--lenient"],
        },
    },
    Step {
        name: "packages",
        work: Work::Cargo {
            env: &[],
            args: &["xtask", "dist", "--check"],
        },
    },
    Step {
        name: "pictures",
        work: Work::Cargo {
            env: &[],
            args: &["xtask", "screenshots", "--check"],
        },
    },
];

/// Runs every step and stops at the first that fails, naming the command that repeats it.
pub(crate) fn run() -> Result<()> {
    let began = Instant::now();
    for step in STEPS {
        let command = step.work.command_line();
        println!("ci: {}: {command}", step.name);
        let began = Instant::now();
        step.work
            .run()
            .with_context(|| format!("ci stopped at `{}`; repeat it with: {command}", step.name))?;
        println!(
            "ci: {}: passed in {:.1} s",
            step.name,
            began.elapsed().as_secs_f64()
        );
    }
    println!(
        "ci: all {} steps passed in {:.1} s",
        STEPS.len(),
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

impl Work {
    fn run(&self) -> Result<()> {
        match self {
            Work::Cargo { env, args } => cargo(env, args),
            Work::Installed { program, args } => installed(program, args),
            Work::Tidy => tidy::run(&tidy::Args::default()),
            Work::AutomergeJs => automerge_js(),
            Work::ReadmeTest => {
                let readme = fs::read_to_string(workspace::root()?.join("README.md"))
                    .context("README.md cannot be read, and it says how to run the tests")?;
                ensure!(
                    gives_test_command(&readme),
                    "README.md must say how to run the tests: a line `{README_TEST}` inside a ```sh fence"
                );
                cargo(&[], &["test"])
            }
        }
    }

    /// What a person types to repeat this step.
    fn command_line(&self) -> String {
        match self {
            Work::Cargo { env, args } => {
                let mut words: Vec<String> = env
                    .iter()
                    .map(|(name, value)| format!("{name}='{value}'"))
                    .collect();
                words.push("cargo".to_owned());
                words.extend(args.iter().map(|arg| (*arg).to_owned()));
                words.join(" ")
            }
            Work::Installed { program, args } => [&[*program], *args].concat().join(" "),
            Work::Tidy => "cargo xtask tidy".to_owned(),
            Work::AutomergeJs => format!("npm {}", NPM.join(" ")),
            Work::ReadmeTest => README_TEST.to_owned(),
        }
    }
}

fn cargo(env: &[(&str, &str)], args: &[&str]) -> Result<()> {
    let status = workspace::cargo()?
        .args(args)
        .envs(env.iter().copied())
        .status()
        .context("cargo could not be started; is it on the PATH?")?;
    if !status.success() {
        bail!("cargo {} ended with {status}", args.first().unwrap_or(&""));
    }
    Ok(())
}

fn is_installed(program: &str) -> bool {
    let asked = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

fn installed(program: &str, args: &[&str]) -> Result<()> {
    if !is_installed(program) {
        println!("ci: {program}: left out, since it is not installed here");
        return Ok(());
    }
    let status = Command::new(program)
        .args(args)
        .current_dir(workspace::root()?)
        .status()
        .with_context(|| format!("{program} could not be started"))?;
    ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}

fn automerge_js() -> Result<()> {
    if !is_installed("node") {
        println!("ci: javascript automerge: left out, since there is no Node here");
        return Ok(());
    }
    let status = Command::new("npm")
        .args(NPM)
        .current_dir(workspace::root()?)
        .status()
        .context("npm could not be started, though there is Node; is npm installed?")?;
    ensure!(status.success(), "npm ended with {status}");
    Ok(())
}

fn gives_test_command(readme: &str) -> bool {
    let mut fence = None;
    for line in readme.lines() {
        if let Some(opened) = line.strip_prefix("```") {
            fence = if fence.is_some() {
                None
            } else {
                Some(opened.trim())
            };
        } else if fence == Some("sh") && line == README_TEST {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_command_counts_only_as_a_line_of_its_own_in_a_sh_fence() {
        assert!(gives_test_command(
            "# t\n\n## Test\n\n```sh\ngit status\ncargo test\n```\n"
        ));
        assert!(
            !gives_test_command("Run cargo test\n\ncargo test\n"),
            "outside a fence"
        );
        assert!(
            !gives_test_command("```sh\ncargo test --workspace\n```\n"),
            "another command"
        );
        assert!(!gives_test_command("```text\ncargo test\n```\n"), "another fence");
        assert!(
            !gives_test_command("```sh\nls\n```\ncargo test\n```text\n```\n"),
            "between fences"
        );
    }

    #[test]
    fn a_failing_step_names_the_command_that_repeats_it() {
        let lines: Vec<String> = STEPS.iter().map(|step| step.work.command_line()).collect();
        assert_eq!(
            lines,
            [
                "cargo fmt --all --check",
                "cargo clippy --workspace --all-targets --locked -- -D warnings",
                "cargo xtask tidy",
                "typos",
                "cargo-deny --all-features check bans licenses sources",
                "npm ci --prefix tests/automerge-js --ignore-scripts --no-audit --no-fund",
                "cargo test",
                "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked",
                "cargo run --release -q -p xtask -- sim --seeds 200",
                "cargo run --release -q -p xtask -- swarm --peers 300 --messages 20",
                "cargo xtask fuzz --inputs 20000",
                "cargo xtask damage --every 61",
                "cargo run --release -- demo",
                "cargo xtask converge --peers 3 --kill",
                "cargo xtask kills --rounds 10",
                "cargo xtask attack --seconds 1 --only half-open --only drip --only connections --only frames --only replays --only long-frames --only bombs --only impostor --only forks --only gaps --only clocks --only signs --only addresses --only deaf",
                "cargo xtask soak --minutes 0.4",
                "cargo xtask cuts --rounds 5",
                "cargo xtask faults --every 15",
                "cargo xtask lan",
                "cargo xtask hands --seconds 3 --lenient",
                "cargo xtask dist --check",
                "cargo xtask screenshots --check",
            ]
        );
    }
}
