//! `cargo xtask dist`: the program as it is given away, as an archive and as a Debian package. Knows what goes where; the
//! program itself says how shells complete it and what its manual says.

mod archive;
mod check;
mod debian;
mod elf;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use flate2::{Compression, GzBuilder};
use serde_json::Value;

use crate::{peers, workspace};
use archive::Entry;
use elf::Needs;

/// The program may not be larger: it is to be tried over a slow line.
const PROGRAM_LEN_MAX: u64 = 20_000_000;

/// Options of `cargo xtask dist`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build for another machine than this one
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Install the package in a root of its own, let two peers of it meet, and remove it (Linux, root, dpkg)
    #[arg(long)]
    check: bool,
    /// We are where no process outlives us: check this package in this root
    #[arg(long, hide = true, num_args = 2, value_names = ["PACKAGE", "ROOT"])]
    inside: Vec<PathBuf>,
}

/// What is packed.
struct Product {
    version: String,
    description: String,
    target: String,
    program: Vec<u8>,
    needs: Needs,
    /// Completions by shell.
    completions: Vec<(&'static str, Vec<u8>)>,
    /// Pages of the manual by file name.
    pages: Vec<(String, Vec<u8>)>,
    readme: Vec<u8>,
    license: Vec<u8>,
}

/// The shells that the program can be completed in.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// Builds, packs, and says what there is; with `--check` also tries it.
pub(crate) fn run(args: &Args) -> Result<()> {
    if let [package, root] = args.inside.as_slice() {
        return check::inside(package, root);
    }
    let product = gather(args.target.as_deref())?;
    let folder = target_folder()?.join("dist");
    fs::create_dir_all(&folder)?;
    let mut written = vec![write(&folder, &product.archive_name(), &product.archive()?)?];
    let package = match debian::package(&product)? {
        Some((name, bytes)) => Some(write(&folder, &name, &bytes)?),
        None => None,
    };
    written.extend(package.clone());
    println!("dist: the program has {}", size(product.program.len() as u64));
    for path in &written {
        println!("dist: {} has {}", path.display(), size(fs::metadata(path)?.len()));
    }
    match (args.check, package) {
        (false, _) => Ok(()),
        (true, Some(package)) => check::run(&package),
        (true, None) => bail!("there is no package for {} to check", product.target),
    }
}

/// Builds the program and lets it say what it has to say.
fn gather(target: Option<&str>) -> Result<Product> {
    let host = host()?;
    let built = peers::build_for(target)?;
    let program = fs::read(&built)?;
    ensure!(
        program.len() as u64 <= PROGRAM_LEN_MAX,
        "the program has {}, more than {}",
        size(program.len() as u64),
        size(PROGRAM_LEN_MAX)
    );
    let (version, description) = about()?;
    let root = workspace::root()?;
    // What it says is the same on every machine, so where it does not run, one that does is asked.
    let speaks = match target {
        Some(target) if target != host && !runs(&built) => peers::build()?,
        _ => built,
    };
    Ok(Product {
        version,
        description,
        target: target.unwrap_or(&host).to_owned(),
        needs: elf::needs(&program),
        program,
        completions: completions(&speaks)?,
        pages: pages(&speaks)?,
        readme: fs::read(root.join("README.md"))?,
        license: fs::read(root.join("LICENSE"))?,
    })
}

impl Product {
    fn name(&self) -> String {
        format!("tailchat-{}-{}", self.version, self.target)
    }

    fn archive_name(&self) -> String {
        self.name() + ".tar.gz"
    }

    /// Everything below one folder, for those who have no packages.
    fn archive(&self) -> Result<Vec<u8>> {
        let top = self.name();
        let mut entries = vec![
            Entry::program(format!("{top}/bin/tailchat"), &self.program),
            Entry::file(format!("{top}/README.md"), &self.readme),
            Entry::file(format!("{top}/LICENSE"), &self.license),
        ];
        for (shell, script) in &self.completions {
            entries.push(Entry::file(format!("{top}/{}", completion_path(shell)), script));
        }
        for (page, text) in &self.pages {
            entries.push(Entry::file(format!("{top}/share/man/man1/{page}"), text));
        }
        gzip(&archive::tar(entries)?)
    }
}

/// Where a shell looks for completions, below the folder that programs are installed in.
fn completion_path(shell: &str) -> &'static str {
    match shell {
        "bash" => "share/bash-completion/completions/tailchat",
        "zsh" => "share/zsh/vendor-completions/_tailchat",
        _ => "share/fish/vendor_completions.d/tailchat.fish",
    }
}

fn host() -> Result<String> {
    let told = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("rustc cannot be run")?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it builds for")?.to_owned())
}

fn target_folder() -> Result<PathBuf> {
    let told = metadata()?;
    let folder = told["target_directory"].as_str();
    Ok(folder.context("cargo does not say where it builds")?.into())
}

/// The program's version, and what it is in one line.
fn about() -> Result<(String, String)> {
    let told = metadata()?;
    let packages = told["packages"].as_array().context("cargo knows no packages")?;
    let own = packages.iter().find(|package| package["name"] == "tailchat");
    let own = own.context("cargo does not know the program")?;
    let text = |name: &str| own[name].as_str().map(str::to_owned);
    let both = text("version").zip(text("description"));
    both.context("the program has no version or no description")
}

fn metadata() -> Result<Value> {
    let told = workspace::cargo()?
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .output()
        .context("cargo cannot be run")?;
    ensure!(
        told.status.success(),
        "cargo metadata failed:\n{}",
        String::from_utf8_lossy(&told.stderr)
    );
    Ok(serde_json::from_slice(&told.stdout)?)
}

fn runs(program: &Path) -> bool {
    said(program, &["--version"]).is_ok()
}

/// What the program prints.
fn said(program: &Path, args: &[&str]) -> Result<Vec<u8>> {
    let ran = Command::new(program).args(args).stdin(Stdio::null()).output();
    let ran = ran.with_context(|| format!("{} cannot be run", program.display()))?;
    let complaint = String::from_utf8_lossy(&ran.stderr).into_owned();
    ensure!(
        ran.status.success(),
        "`tailchat {}` ended with {}: {complaint}",
        args.join(" "),
        ran.status
    );
    Ok(ran.stdout)
}

fn completions(program: &Path) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let script = |shell| {
        let script = said(program, &["completions", shell])?;
        ensure!(!script.is_empty(), "the program has no completions for {shell}");
        Ok((shell, script))
    };
    SHELLS.into_iter().map(script).collect()
}

fn pages(program: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = tempfile::tempdir()?;
    let into = folder
        .path()
        .to_str()
        .context("a temporary folder has a readable name")?;
    said(program, &["man", into])?;
    let mut pages = Vec::new();
    for page in fs::read_dir(folder.path())? {
        let page = page?;
        let name = page.file_name().to_string_lossy().into_owned();
        ensure!(
            name.ends_with(".1"),
            "{name} is no page of the manual's first section"
        );
        pages.push((name, fs::read(page.path())?));
    }
    ensure!(
        pages.iter().any(|(name, _)| name == "tailchat.1"),
        "the manual has no page tailchat.1"
    );
    pages.sort_unstable();
    Ok(pages)
}

/// Without a time and a name, so that the same gives the same.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

/// In the unit that a person compares.
fn size(len: u64) -> String {
    format!("{:.1} MB", len as f64 / 1e6)
}
