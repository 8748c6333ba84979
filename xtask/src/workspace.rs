//! Where the workspace stands and how its cargo is called. Knows nothing of what a chore checks.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

/// The folder of the root `Cargo.toml`.
///
/// Asked at run time: a path compiled in would outlive a moved checkout.
pub(crate) fn root() -> Result<PathBuf> {
    let xtask = env::var_os("CARGO_MANIFEST_DIR")
        .context("CARGO_MANIFEST_DIR is not set; start chores with `cargo xtask <chore>`")?;
    let mut root = PathBuf::from(xtask);
    root.pop();
    Ok(root)
}

/// The cargo that started us, at the workspace's root.
pub(crate) fn cargo() -> Result<Command> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()?);
    Ok(cargo)
}
