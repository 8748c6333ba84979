//! The dependency ladder: which crate may know which. Reads `cargo metadata` only; knows no source.
//!
//! One table says it all. To let a crate know another, change its row here and the ladder of ARCHITECTURE
//! in the same commit.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Finding;

struct Rung {
    name: &'static str,
    /// The rule of ARCHITECTURE that a dependency outside `may_know` breaks.
    rule: &'static str,
    may_know: MayKnow,
}

enum MayKnow {
    Only(&'static [&'static str]),
    Anything,
}

/// The crate nothing may depend on, in any way.
const CHORES: &str = "xtask";

/// A row for a crate that is not there yet waits for it.
const LADDER: &[Rung] = &[
    Rung {
        name: "tailchat-core",
        rule: "core decides: it knows nothing of tokio, files, sockets, clocks or terminals",
        may_know: MayKnow::Only(&[
            "automerge",
            "bech32",
            "bip39",
            "blake3",
            "flate2",
            "postcard",
            "rand_core",
            "serde",
            "thiserror",
            "unicode-width",
        ]),
    },
    Rung {
        name: "tailchat-store",
        rule: "store remembers: it knows core's ids and frames and the disk, nothing of Automerge, tokio or peers",
        may_know: MayKnow::Only(&[
            "blake3",
            "fs-err",
            "postcard",
            "serde",
            "tailchat-core",
            "thiserror",
        ]),
    },
    Rung {
        name: "tailchat-index",
        rule: "index finds: it knows core's entries and SQLite, nothing of sockets or screens",
        may_know: MayKnow::Only(&[
            "blake3",
            "fs-err",
            "postcard",
            "rusqlite",
            "serde",
            "tailchat-core",
            "thiserror",
        ]),
    },
    Rung {
        name: "tailchat-net",
        rule: "net carries and finds: it knows core's wire types, sockets and where addresses come from, nothing of \
               documents or files",
        may_know: MayKnow::Only(&[
            "futures-util",
            "if-addrs",
            "mdns-sd",
            "postcard",
            "rand_core",
            "serde",
            "serde_json",
            "tailchat-core",
            "thiserror",
            "tokio",
            "tokio-util",
            "tracing",
        ]),
    },
    Rung {
        name: "tailchat-node",
        rule: "node wires: it joins core, store, index and net, and knows nothing of screens, of command lines or \
               of what is inside a document",
        may_know: MayKnow::Only(&[
            "blake3",
            "fs-err",
            "futures-util",
            "postcard",
            "rand_core",
            "rustix",
            "serde",
            "serde_json",
            "tailchat-core",
            "tailchat-index",
            "tailchat-net",
            "tailchat-store",
            "thiserror",
            "tokio",
            "tokio-util",
            "tracing",
        ]),
    },
    Rung {
        name: "tailchat-tui",
        rule: "tui shows: it knows node's client types, core's plain types and the terminal, nothing of Automerge, files or sockets",
        may_know: MayKnow::Only(&[
            "crossterm",
            "emojis",
            "futures-util",
            "jiff",
            "linkify",
            "pulldown-cmark",
            "ratatui",
            "rustix",
            "serde",
            "tailchat-core",
            "tailchat-node",
            "thiserror",
            "tokio",
            "toml",
            "unicode-segmentation",
            "unicode-width",
        ]),
    },
    Rung {
        name: "tailchat-import",
        rule: "import reads what other programs wrote: it knows lines, dates and core's limits, no file and no room",
        may_know: MayKnow::Only(&["jiff", "serde", "serde_json", "tailchat-core", "thiserror"]),
    },
    Rung {
        name: "tailchat-sim",
        rule: "the simulation runs core and store from a seed: it knows no tokio, no real clock and no chance",
        may_know: MayKnow::Only(&["rand_chacha", "rand_core", "tailchat-core", "tailchat-store"]),
    },
    Rung {
        name: "tailchat-fuzz",
        rule: "fuzz gives any bytes to what takes bytes in: it knows what reads them and no fuzzer but behind a feature",
        may_know: MayKnow::Only(&[
            "blake3",
            "flate2",
            "fs-err",
            "libfuzzer-sys",
            "postcard",
            "rand_chacha",
            "rand_core",
            "serde",
            "tailchat-core",
            "tailchat-import",
            "tailchat-node",
            "tailchat-store",
            "tailchat-tui",
            "unicode-segmentation",
            "unicode-width",
        ]),
    },
    Rung {
        name: "tailchat",
        rule: "the binary parses: it knows node, tui and core's plain types, no rule of a protocol or a format",
        may_know: MayKnow::Only(&[
            "anyhow",
            "clap",
            "clap_complete",
            "clap_mangen",
            "etcetera",
            "fs-err",
            "jiff",
            "linkify",
            "qrcode",
            "rustix",
            "serde",
            "serde_json",
            "tailchat-core",
            "tailchat-import",
            "tailchat-node",
            "tailchat-tui",
            "tokio",
            "toml",
            "tracing",
            "tracing-appender",
            "tracing-subscriber",
        ]),
    },
    Rung {
        name: CHORES,
        rule: "chores may know anything",
        may_know: MayKnow::Anything,
    },
];

/// Checks every workspace crate of `cargo metadata --no-deps` against the ladder; `texts` gives the line.
pub(super) fn check(metadata: &Value, texts: &BTreeMap<String, String>) -> Result<Vec<Finding>> {
    let root = text_of(metadata, "workspace_root")?;
    let mut findings = Vec::new();
    for package in array_of(metadata, "packages")? {
        let name = text_of(package, "name")?;
        let manifest = text_of(package, "manifest_path")?;
        let manifest = manifest
            .strip_prefix(root)
            .unwrap_or(manifest)
            .trim_start_matches('/');
        let lines = texts.get(manifest).map_or("", String::as_str);
        let Some(rung) = LADDER.iter().find(|rung| rung.name == name) else {
            findings.push(Finding::new(
                manifest,
                1,
                format!("the crate {name} has no row in the ladder"),
                "write its row in xtask/src/tidy/ladder.rs and its place in docs/ARCHITECTURE.md",
            ));
            continue;
        };
        for dependency in array_of(package, "dependencies")? {
            let known = text_of(dependency, "name")?;
            // Cargo writes a normal dependency's kind as null, others as "dev" or "build".
            let normal = dependency.get("kind").is_none_or(Value::is_null);
            findings.extend(judge(rung, known, normal, manifest, lines));
        }
    }
    Ok(findings)
}

fn judge(rung: &Rung, known: &str, normal: bool, manifest: &str, lines: &str) -> Option<Finding> {
    let line = line_naming(lines, known);
    if known == CHORES {
        return Some(Finding::new(
            manifest,
            line,
            format!(
                "{} depends on {CHORES}; ARCHITECTURE: nothing depends on the chores",
                rung.name
            ),
            "move what both need into a crate of its own",
        ));
    }
    let MayKnow::Only(may_know) = rung.may_know else {
        return None;
    };
    if !normal || may_know.contains(&known) {
        return None;
    }
    Some(Finding::new(
        manifest,
        line,
        format!("{} may not know {known}; ARCHITECTURE: {}", rung.name, rung.rule),
        format!(
            "move the code that needs {known} into the crate whose work it is; if the rule itself is wrong, change \
             it in docs/ARCHITECTURE.md and xtask/src/tidy/ladder.rs together"
        ),
    ))
}

/// The line of a manifest that gives a dependency, from 1; 1 when it is written in an unusual way.
fn line_naming(manifest: &str, dependency: &str) -> usize {
    let names = |line: &str| {
        line.trim_start()
            .strip_prefix(dependency)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    manifest.lines().position(names).map_or(1, |at| at + 1)
}

fn text_of<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value
        .get(field)
        .and_then(Value::as_str)
        .with_context(|| format!("cargo metadata gave no text `{field}`"))
}

fn array_of<'a>(value: &'a Value, field: &str) -> Result<&'a Vec<Value>> {
    value
        .get(field)
        .and_then(Value::as_array)
        .with_context(|| format!("cargo metadata gave no list `{field}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn findings(name: &str, dependency: &str, kind: Option<&str>) -> Vec<Finding> {
        let metadata = json!({
            "workspace_root": "/somewhere",
            "packages": [{
                "name": name,
                "manifest_path": "/somewhere/crates/it/Cargo.toml",
                "dependencies": [{ "name": dependency, "kind": kind }],
            }],
        });
        let manifest = format!("[package]\n\n[dependencies]\n{dependency}.workspace = true\n");
        check(
            &metadata,
            &BTreeMap::from([("crates/it/Cargo.toml".to_owned(), manifest)]),
        )
        .unwrap()
    }

    #[test]
    fn a_crate_below_does_not_know_what_is_above_or_beside_it() {
        for (name, dependency) in [
            ("tailchat-core", "tokio"),
            ("tailchat-core", "fs-err"),
            ("tailchat-store", "tokio"),
            ("tailchat-store", "automerge"),
            ("tailchat-index", "tokio"),
            ("tailchat-net", "tailchat-store"),
            ("tailchat-net", "automerge"),
            ("tailchat-net", "fs-err"),
            ("tailchat-node", "ratatui"),
            ("tailchat-node", "clap"),
            ("tailchat-node", "automerge"),
            ("tailchat-tui", "automerge"),
            ("tailchat-tui", "fs-err"),
            ("tailchat-import", "fs-err"),
            ("tailchat-import", "tailchat-node"),
            ("tailchat-sim", "tokio"),
            ("tailchat", "automerge"),
            ("tailchat", "tailchat-store"),
            ("tailchat", "tailchat-net"),
        ] {
            assert_eq!(
                findings(name, dependency, None).len(),
                1,
                "{name} -> {dependency}"
            );
        }
    }

    #[test]
    fn the_message_gives_the_line_and_the_rule() {
        let found = findings("tailchat-core", "tokio", None);
        let shown = found.first().unwrap().to_string();
        assert!(
            shown.starts_with(
                "crates/it/Cargo.toml:4: tailchat-core may not know tokio; ARCHITECTURE: core decides"
            ),
            "{shown}"
        );
    }

    #[test]
    fn what_the_row_allows_and_what_only_tests_use_passes() {
        assert_eq!(findings("tailchat-core", "automerge", None), []);
        assert_eq!(findings("tailchat-core", "proptest", Some("dev")), []);
        assert_eq!(findings("xtask", "tailchat-sim", None), []);
    }

    #[test]
    fn nothing_depends_on_the_chores_not_even_in_tests() {
        assert_eq!(findings("tailchat", "xtask", Some("dev")).len(), 1);
        assert_eq!(findings("tailchat-core", "xtask", None).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_fails() {
        assert_eq!(findings("tailchat-new", "serde", None).len(), 1);
    }
}
