//! What may stand at the top level, and what may stand in no file: paths of one machine and registries' hosts.
//! Knows names and text only.

use std::collections::BTreeSet;

use super::Finding;

const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "crates",
    "docs",
    "examples",
    "tests",
    "xtask",
];

/// Written in halves, so that this file passes its own check.
const OF_ONE_MACHINE: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
];

/// Names at the top level that are neither agreed nor dotfiles.
pub(super) fn top_level(tracked: &[String]) -> Vec<Finding> {
    let mut strangers: BTreeSet<&str> = BTreeSet::new();
    let mut findings = Vec::new();
    for path in tracked {
        let top = path.split('/').next().unwrap_or(path);
        if !top.starts_with('.') && !TOP_LEVEL.contains(&top) && strangers.insert(top) {
            findings.push(Finding::new(
                path,
                1,
                format!("`{top}` has no place at the top level"),
                format!("move it below one of: {}", TOP_LEVEL.join(" ")),
            ));
        }
    }
    findings
}

/// Lines that name a place of one machine, among them `own_place`, where this checkout stands.
pub(super) fn machine_paths(path: &str, text: &str, own_place: &str) -> Vec<Finding> {
    // A checkout directly below `/` has too ordinary a name to look for.
    let own_place = Some(own_place).filter(|place| place.matches('/').count() > 1);
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for named in OF_ONE_MACHINE
            .iter()
            .copied()
            .chain(own_place)
            .filter(|named| line.contains(named))
        {
            findings.push(Finding::new(
                path,
                at + 1,
                format!("`{named}` belongs to one machine or its settings"),
                "write `~`, a relative path or a made-up name",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_at_the_top_level_is_named_once() {
        let tracked = [
            "Cargo.toml",
            ".ci/run",
            "docs/a.md",
            "scripts/a.sh",
            "scripts/b.sh",
            "NOTES.md",
        ];
        let findings = top_level(&tracked.map(str::to_owned));
        let named: Vec<&str> = findings.iter().map(|finding| finding.path.as_str()).collect();
        assert_eq!(named, ["scripts/a.sh", "NOTES.md"]);
    }

    #[test]
    fn paths_of_a_machine_and_registry_hosts_fail_with_their_line() {
        for named in OF_ONE_MACHINE.iter().chain(&["/srv/build/tailchat"]) {
            let findings = machine_paths(
                "docs/a.md",
                &format!("fine\nsee {named}x\n"),
                "/srv/build/tailchat",
            );
            assert_eq!(
                findings.iter().map(|finding| finding.line).collect::<Vec<_>>(),
                [2],
                "{named}"
            );
        }
    }

    #[test]
    fn the_lock_files_ordinary_source_passes() {
        let lock = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        assert_eq!(machine_paths("Cargo.lock", lock, "/src"), []);
        assert_eq!(
            machine_paths("a.md", "crates/it/src/lib.rs\n", "/src"),
            [],
            "too ordinary a place"
        );
    }
}
