//! Rules over the text of one Rust file: the core's purity, who names Automerge, how a file begins, its length,
//! its attributes. Knows paths and text, not the compiler.

use super::Finding;
use super::rust_text;

/// Files above this fail.
const FILE_LINES_MAX: usize = 600;
/// Files above this are mentioned.
const FILE_LINES_WARN: usize = 400;

/// What the code below one folder must not name outside its test modules.
struct Purity {
    below: &'static str,
    rule: &'static str,
    words: &'static [&'static str],
    /// Modules of `std`, alone or inside `std::{...}`.
    std_modules: &'static [&'static str],
    /// Files below it for which it does not hold.
    except: &'static [&'static str],
    remedy: &'static str,
}

const PURITY: &[Purity] = &[
    Purity {
        below: "crates/tailchat-core/src/",
        rule: "core is pure: no waiting, files, sockets, clocks, locks, chance or printing",
        words: &[
            "async",
            ".await",
            "tokio",
            "SystemTime",
            "Instant",
            "Mutex",
            "RwLock",
            "thread_local",
            "static mut",
            "rand::",
            "OsRng",
            "print!",
            "println!",
            "eprint!",
            "eprintln!",
        ],
        std_modules: &["fs", "net", "thread", "env", "process"],
        except: &[],
        remedy: "take it as an argument or an event, ask for it by an effect, or move it to the crate whose work it is",
    },
    Purity {
        below: "crates/tailchat-core/src/",
        rule: "core gives every peer the same order: std's hashed collections are randomly seeded",
        words: &["HashMap", "HashSet", "RandomState", "hash_map", "hash_set"],
        std_modules: &[],
        except: &[],
        remedy: "use BTreeMap or BTreeSet",
    },
    Purity {
        below: "crates/tailchat-core/src/",
        rule: "files named tests are free of core's rules, so none of them is compiled into the library",
        words: &["mod tests"],
        std_modules: &[],
        except: &[],
        remedy: "write `#[cfg(test)]` above it, or give the module another name",
    },
    Purity {
        below: "crates/tailchat-net/src/",
        rule: "net knows no files but the hosts file",
        words: &["tokio::fs"],
        std_modules: &["fs"],
        except: &["crates/tailchat-net/src/discover/hosts.rs"],
        remedy: "let node read or write it, and hand it over as bytes",
    },
    Purity {
        below: "crates/tailchat-tui/src/",
        rule: "tui knows no files and no sockets",
        words: &["tokio::net", "tokio::fs"],
        std_modules: &["fs", "net"],
        except: &[],
        remedy: "ask node's client for it",
    },
];

/// The only files that name Automerge, beside tests and chores.
const AUTOMERGE_FILES: &[&str] = &[
    "crates/tailchat-core/src/change.rs",
    "crates/tailchat-core/src/document.rs",
];

/// The only files that build a room's whole document, beside tests and chores: nothing in daily use does.
const DOCUMENT_FILES: &[&str] = &[
    "crates/tailchat-core/src/document.rs",
    "crates/tailchat-fuzz/src/chain.rs",
    "crates/tailchat-node/src/audit.rs",
];

/// All findings of one Rust file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(opening(path, text));
    findings.extend(length(path, text));
    findings.extend(attributes(path, text));
    findings.extend(purity(path, text));
    findings.extend(automerge(path, text));
    findings.extend(document(path, text));
    findings
}

/// A line for a person when the file is long but not yet too long.
pub(super) fn long_file_warning(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (FILE_LINES_WARN < lines && lines <= FILE_LINES_MAX)
        .then(|| format!("{path} has {lines} lines; above {FILE_LINES_MAX} tidy fails"))
}

fn opening(path: &str, text: &str) -> Option<Finding> {
    (!text.starts_with("//!")).then(|| {
        Finding::new(
            path,
            1,
            "the file does not start with a `//!` line",
            "say in its first line what the file is and what it refuses to know",
        )
    })
}

fn length(path: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    (lines > FILE_LINES_MAX).then(|| {
        Finding::new(
            path,
            FILE_LINES_MAX + 1,
            format!("the file has {lines} lines, more than {FILE_LINES_MAX}"),
            "find the second responsibility in it and give that a file of its own",
        )
    })
}

fn attributes(path: &str, text: &str) -> Vec<Finding> {
    let code = rust_text::code(text);
    let calls = |attribute: &str, word: &str| {
        rust_text::find_words(attribute, word).any(|at| {
            attribute
                .get(at + word.len()..)
                .is_some_and(|rest| rest.starts_with('('))
        })
    };
    let mut findings = Vec::new();
    for (at, _) in code.match_indices("#[").chain(code.match_indices("#![")) {
        let rest = code.get(at..).unwrap_or_default();
        let attribute = rest
            .get(..rust_text::bracketed(rest, '[', ']'))
            .unwrap_or_default();
        let what = if calls(attribute, "allow") {
            "an `allow` stays when its cause is gone"
        } else if calls(attribute, "expect") && rust_text::find_words(attribute, "reason").next().is_none() {
            "an `expect` without a reason"
        } else {
            continue;
        };
        let remedy = "mend the cause, or write `#[expect(lint, reason = \"...\")]`";
        findings.push(Finding::new(path, rust_text::line_of(&code, at), what, remedy));
    }
    findings
}

fn purity(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if is_test_file(path) {
        return findings;
    }
    let holds = |purity: &&Purity| path.starts_with(purity.below) && !purity.except.contains(&path);
    for purity in PURITY.iter().filter(holds) {
        let code = production_code(text);
        let mut named: Vec<(usize, String)> = Vec::new();
        for &word in purity.words {
            named.extend(rust_text::find_words(&code, word).map(|at| (at, word.to_owned())));
        }
        for &module in purity.std_modules {
            named.extend(
                std_module(&code, module)
                    .into_iter()
                    .map(|at| (at, format!("std::{module}"))),
            );
        }
        named.sort();
        findings.extend(named.into_iter().map(|(at, name)| {
            let what = format!("`{name}`; ARCHITECTURE: {}", purity.rule);
            Finding::new(path, rust_text::line_of(&code, at), what, purity.remedy)
        }));
    }
    findings
}

fn automerge(path: &str, text: &str) -> Vec<Finding> {
    named_elsewhere(
        path,
        text,
        "automerge",
        AUTOMERGE_FILES,
        "`automerge`; ARCHITECTURE: only core's change.rs and document.rs name Automerge",
        "give core's change or document the function you need, in core's own types",
    )
}

fn document(path: &str, text: &str) -> Vec<Finding> {
    named_elsewhere(
        path,
        text,
        "Document",
        DOCUMENT_FILES,
        "`Document`; ARCHITECTURE: only export, check and fuzz build a room's document",
        "ask the index, or read the stretch of the log that is needed",
    )
}

/// A word in other files than these, tests and chores.
fn named_elsewhere(
    path: &str,
    text: &str,
    word: &str,
    files: &[&str],
    what: &str,
    remedy: &str,
) -> Vec<Finding> {
    if is_test_file(path) || path.starts_with("xtask/") || files.contains(&path) {
        return Vec::new();
    }
    let code = production_code(text);
    rust_text::find_words(&code, word)
        .map(|at| Finding::new(path, rust_text::line_of(&code, at), what, remedy))
        .collect()
}

/// Offsets of `std::module`, written alone or inside `std::{...}`.
fn std_module(code: &str, module: &str) -> Vec<usize> {
    let mut found: Vec<usize> = rust_text::find_words(code, &format!("std::{module}")).collect();
    for at in rust_text::find_words(code, "std::{") {
        let rest = code.get(at..).unwrap_or_default();
        let group = rest
            .get(..rust_text::bracketed(rest, '{', '}'))
            .unwrap_or_default();
        found.extend(rust_text::find_words(group, module).map(|inside| at + inside));
    }
    found
}

fn production_code(text: &str) -> String {
    rust_text::code(&rust_text::without_tests(text))
}

/// `tests.rs` and all below a `tests` folder; `mod tests` without `#[cfg(test)]` is a finding of its own.
fn is_test_file(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_CORE: &str = "crates/tailchat-core/src/room.rs";

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn every_impure_word_in_core_is_found() {
        for impure in [
            "async fn f() {}",
            "fn f() { g().await; }",
            "use std::fs;",
            "use std::{fmt, fs};",
            "fn f(a: std::net::IpAddr) {}",
            "use std::{\n    io,\n    net::{self, IpAddr},\n};",
            "fn f() { std::thread::yield_now(); }",
            "use std::time::SystemTime;",
            "use std::time::{Duration, Instant};",
            "use std::sync::Mutex;",
            "use std::sync::RwLock;",
            "fn f() { println!(); }",
            "fn f() { rand::random() }",
            "use tokio as t;",
            "thread_local! {}",
            "static mut A: u8 = 0;",
            "fn f() { std::env::var(a); }",
            "fn f() { std::process::exit(1); }",
            "use std::collections::HashMap;",
            "use std::collections::HashSet;",
            "mod tests;",
        ] {
            let text = format!("//! A file.\n\n{impure}\n");
            let findings = check(IN_CORE, &text);
            assert_eq!(findings.len(), 1, "{impure}: {findings:?}");
            assert_eq!(
                check("crates/tailchat-node/src/room.rs", &text),
                [],
                "{impure} is core's rule only"
            );
        }
    }

    #[test]
    fn prose_literals_and_tests_in_core_may_name_what_code_may_not() {
        let text = "//! Knows no tokio, no std::fs.\nfn f() { g(\"println! HashMap\") } // async\n\
                    #[cfg(test)]\nmod tests {\n    use std::collections::HashMap;\n    use automerge::Change;\n}\n";
        assert_eq!(check(IN_CORE, text), []);
        assert_eq!(
            check("crates/tailchat-core/src/room/tests.rs", "//! T.\nuse std::fs;\n"),
            []
        );
    }

    #[test]
    fn a_finding_after_a_test_module_keeps_its_line() {
        let text = "//! A.\n#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n\nuse std::fs;\n";
        assert_eq!(lines(&check(IN_CORE, text)), [7]);
    }

    #[test]
    fn net_but_for_the_hosts_file_and_tui_stay_off_the_disk_and_tui_off_the_net() {
        assert_eq!(
            lines(&check("crates/tailchat-net/src/a.rs", "//! A.\nuse std::fs;\n")),
            [2]
        );
        assert_eq!(
            check(
                "crates/tailchat-net/src/discover/hosts.rs",
                "//! A.\nuse std::fs;\n"
            ),
            []
        );
        assert_eq!(
            lines(&check(
                "crates/tailchat-tui/src/a.rs",
                "//! A.\nuse tokio::net::TcpStream;\n"
            )),
            [2]
        );
    }

    #[test]
    fn only_export_and_check_build_a_document() {
        let text = "//! A.\nuse tailchat_core::document::Document;\n";
        let daily = [
            "crates/tailchat-node/src/journal.rs",
            "crates/tailchat-index/src/a.rs",
            "crates/tailchat/main.rs",
        ];
        for path in daily {
            assert_eq!(lines(&check(path, text)), [2], "{path}");
        }
        assert_eq!(check("crates/tailchat-node/src/audit.rs", text), []);
        assert_eq!(check("crates/tailchat-core/tests/oracle.rs", text), []);
    }

    #[test]
    fn automerge_is_named_in_two_files_tests_and_chores_only() {
        let text = "//! A.\nuse automerge::Change;\n";
        for path in [
            IN_CORE,
            "crates/tailchat-node/src/a.rs",
            "crates/tailchat/main.rs",
            "examples/bot.rs",
        ] {
            assert_eq!(lines(&check(path, text)), [2], "{path}");
        }
        for path in [
            "crates/tailchat-core/src/change.rs",
            "crates/tailchat-core/tests/a.rs",
            "xtask/src/a.rs",
        ] {
            assert_eq!(check(path, text), [], "{path}");
        }
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_fails() {
        assert_eq!(lines(&check("examples/a.rs", "fn main() {}\n")), [1]);
        assert_eq!(lines(&check("examples/a.rs", "\n//! Late.\n")), [1]);
    }

    #[test]
    fn long_files_warn_then_fail() {
        let long = |lines: usize| format!("//! A.\n{}", "\n".repeat(lines - 1));
        assert_eq!(long_file_warning("a.rs", &long(FILE_LINES_WARN)), None);
        assert!(long_file_warning("a.rs", &long(FILE_LINES_WARN + 1)).is_some());
        assert_eq!(check("a.rs", &long(FILE_LINES_MAX)), []);
        assert_eq!(
            lines(&check("a.rs", &long(FILE_LINES_MAX + 1))),
            [FILE_LINES_MAX + 1]
        );
        assert_eq!(
            long_file_warning("a.rs", &long(FILE_LINES_MAX + 1)),
            None,
            "it fails instead"
        );
    }

    #[test]
    fn an_allow_and_an_expect_without_reason_fail() {
        let bad = [
            "#[allow(dead_code)]",
            "#![allow(dead_code)]",
            "#[allow(dead_code, reason = \"r\")]",
            "#[cfg_attr(test, allow(dead_code))]",
            "#[expect(dead_code)]",
        ];
        for attribute in bad {
            let text = format!("//! A.\n\n{attribute}\nfn f() {{}}\n");
            assert_eq!(
                lines(&check("crates/tailchat-node/src/a.rs", &text)),
                [3],
                "{attribute}"
            );
        }
        let good = "//! #[allow(x)]\n#![expect(a, reason = \"r\")]\n#[expect(\n    b,\n    reason = \"r\"\n)]\nfn allow() { x.expect(y) }\n";
        assert_eq!(check("crates/tailchat-node/src/a.rs", good), []);
    }
}
