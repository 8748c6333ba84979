//! `cargo xtask tidy`: what the compiler cannot check. Reads the tree once and hands text to the checks; no
//! check in the files below touches the disk.

mod docs;
mod keys;
mod ladder;
mod layout;
mod links;
mod rust_text;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace;

/// Options of `cargo xtask tidy`.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Write the present hash of the sources into the documents that are tied to them
    #[arg(long)]
    bless: bool,
}

/// One broken rule: where, what, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    what: String,
    remedy: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}\n    to do: {}",
            self.path, self.line, self.what, self.remedy
        )
    }
}

/// The files git tracks or would add, as paths from the root with `/` between their parts.
struct Tree {
    tracked: Vec<String>,
    paths: BTreeSet<String>,
    /// Those of `paths` that are UTF-8.
    texts: BTreeMap<String, String>,
}

/// Runs every check, prints all findings, and fails when there is one.
pub(crate) fn run(args: &Args) -> Result<()> {
    let root = workspace::root()?;
    let mut tree = read_tree(&root)?;
    if args.bless {
        bless(&root, &mut tree)?;
    }

    let mut findings = ladder::check(&metadata()?, &tree.texts)?;
    for (path, text) in tree.texts.iter().filter(|(path, _)| path.ends_with(".rs")) {
        findings.extend(sources::check(path, text));
        if let Some(warning) = sources::long_file_warning(path, text) {
            println!("tidy: warning: {warning}");
        }
    }
    findings.extend(docs::check(&tree.texts));
    findings.extend(keys::check(&tree.texts));
    findings.extend(layout::top_level(&tree.tracked));
    let own_place = root.to_string_lossy();
    for (path, text) in &tree.texts {
        findings.extend(layout::machine_paths(path, text, &own_place));
        if path == "README.md" || path.starts_with("docs/") && path.ends_with(".md") {
            findings.extend(links::check(path, text, &tree.paths));
        }
    }

    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files in order", tree.paths.len());
            Ok(())
        }
        1 => bail!("tidy has 1 finding"),
        count => bail!("tidy has {count} findings"),
    }
}

fn bless(root: &Path, tree: &mut Tree) -> Result<()> {
    for (path, blessed) in docs::bless(&tree.texts) {
        fs::write(root.join(&path), &blessed).with_context(|| format!("{path} cannot be written"))?;
        println!("tidy: {path}: now carries the hash of the present sources");
        tree.texts.insert(path, blessed);
    }
    if let Some((path, blessed)) = keys::bless(&tree.texts) {
        fs::write(root.join(&path), &blessed).with_context(|| format!("{path} cannot be written"))?;
        println!("tidy: {path}: now has the program's keys");
        tree.texts.insert(path, blessed);
    }
    Ok(())
}

fn metadata() -> Result<serde_json::Value> {
    let output = workspace::cargo()?
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .output()
        .context("cargo could not be started; is it on the PATH?")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("cargo metadata did not print JSON")
}

fn read_tree(root: &Path) -> Result<Tree> {
    let mut tree = Tree {
        tracked: git_files(root, &["--cached"])?,
        paths: BTreeSet::new(),
        texts: BTreeMap::new(),
    };
    for path in git_files(root, &["--cached", "--others", "--exclude-standard"])? {
        let place = root.join(&path);
        // Deleted but not yet committed: not part of the tree a person would commit now.
        if !place.is_file() {
            continue;
        }
        let bytes = fs::read(&place).with_context(|| format!("{path} cannot be read"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            tree.texts.insert(path.clone(), text);
        }
        tree.paths.insert(path);
    }
    Ok(tree)
}

fn git_files(root: &Path, which: &[&str]) -> Result<Vec<String>> {
    let output = Command::new("git")
        .current_dir(root)
        // A container's checkout often belongs to another user; listing files in it is all we do.
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .args(which)
        .output()
        .context("git could not be started; tidy asks it which files belong to the project")?;
    ensure!(
        output.status.success(),
        "git ls-files failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let names = String::from_utf8(output.stdout).context("a tracked file's name is not UTF-8; rename it")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}
