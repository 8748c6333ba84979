//! `cargo xtask fuzz`: any bytes, by each way by which bytes come from elsewhere. Knows no target and no input.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tailchat_fuzz::{Finding, TARGETS, Target};

use crate::workspace;

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these targets
    targets: Vec<String>,
    /// How many inputs each is given
    #[arg(long, default_value_t = 100_000)]
    inputs: u64,
    /// All inputs follow from it
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Runs the targets one after the other, each on all processors, and stops at the first finding.
pub(crate) fn run(args: &Args) -> Result<()> {
    let unknown = args
        .targets
        .iter()
        .find(|name| TARGETS.iter().all(|target| target.name != **name));
    if let Some(unknown) = unknown {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        bail!("there is no target \"{unknown}\"; there are {}", names.join(", "));
    }
    let named =
        |target: &Target| args.targets.is_empty() || args.targets.iter().any(|name| name == target.name);
    TARGETS
        .iter()
        .filter(|target| named(target))
        .try_for_each(|target| one(target, args))
}

fn one(target: &Target, args: &Args) -> Result<()> {
    let began = Instant::now();
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let each = args.inputs.div_ceil(threads);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || target.try_out(args.seed.wrapping_add(thread << 32), each)))
            .collect();
        started.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let (mut inputs, mut longest, mut memory) = (0, std::time::Duration::ZERO, 0);
    for outcome in outcomes {
        let Ok(outcome) = outcome else {
            bail!("{}: a thread ended", target.name)
        };
        let figures = outcome.or_else(|finding| keep(target, &finding))?;
        inputs += figures.inputs;
        longest = longest.max(figures.longest);
        memory = memory.max(figures.memory);
    }
    println!(
        "fuzz: {}: {inputs} inputs held in {:.1} s, the longest took {:.1} ms, at most {} MiB more",
        target.name,
        began.elapsed().as_secs_f64(),
        longest.as_secs_f64() * 1000.0,
        memory >> 20
    );
    Ok(())
}

/// Keeps the input, so that a test repeats it from now on.
fn keep(target: &Target, finding: &Finding) -> Result<tailchat_fuzz::Figures> {
    let folder = workspace::root()?
        .join("crates/tailchat-fuzz/found")
        .join(target.name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut sum = DefaultHasher::new();
    finding.input.hash(&mut sum);
    let file = folder.join(format!("{:016x}", sum.finish()));
    std::fs::write(&file, &finding.input).with_context(|| format!("cannot write {}", file.display()))?;
    bail!(
        "{}: {}\n    the input is {}; `cargo test -p tailchat-fuzz` repeats it",
        target.name,
        finding.what,
        file.display()
    )
}
