//! `cargo xtask sim`: runs simulations, one for each seed, until one finds something. Knows nothing of what they
//! check.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Result, bail};
use tailchat_sim::{Counts, Failure, Plan, Plant, STEPS, run};

/// Options of `cargo xtask sim`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds to run
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many steps of trouble each seed has
    #[arg(long, default_value_t = STEPS)]
    steps: u64,
    /// Plant a fault; the run then succeeds if a seed finds it
    #[arg(long)]
    plant: Option<Plant>,
    /// Print all that happens; for one seed
    #[arg(long)]
    trace: bool,
}

/// What the threads share: the next seed, what the runs amount to, and the failure of the least seed.
struct Runs {
    next: u64,
    total: Counts,
    failure: Option<Box<Failure>>,
}

/// Runs the seeds on all processors, and stops at the first that fails.
pub(crate) fn run_seeds(args: &Args) -> Result<()> {
    let began = Instant::now();
    let threads = if args.trace {
        1
    } else {
        thread::available_parallelism().map_or(1, usize::from)
    };
    let runs = Mutex::new(Runs {
        next: args.from,
        total: Counts::default(),
        failure: None,
    });
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| while run_next(args, &runs) {});
        }
    });
    let runs = runs.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = runs.failure {
        return failed(args, &failure);
    }
    let (seeds, seconds) = (args.seeds, began.elapsed().as_secs_f64());
    println!("sim: {seeds} seeds held in {seconds:.1} s on {threads} processors");
    println!("sim: {}", runs.total);
    match args.plant {
        Some(plant) => bail!("the planted fault {plant} was not found in {seeds} seeds"),
        None => Ok(()),
    }
}

/// Runs one seed, if there is one left and none before it failed.
fn run_next(args: &Args, runs: &Mutex<Runs>) -> bool {
    let lock = || runs.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = {
        let mut runs = lock();
        let done = runs.next >= args.from.saturating_add(args.seeds) || runs.failure.is_some();
        if done {
            return false;
        }
        runs.next += 1;
        runs.next - 1
    };
    let done = run(&Plan {
        seed,
        steps: args.steps,
        plant: args.plant,
        trace: args.trace,
    });
    let mut runs = lock();
    match done {
        Ok(outcome) => {
            outcome.trace.iter().for_each(|line| println!("{line}"));
            runs.total += outcome.counts;
        }
        Err(failure) if runs.failure.as_ref().is_none_or(|other| other.seed > seed) => {
            runs.failure = Some(failure);
        }
        Err(_) => {}
    }
    true
}

fn failed(args: &Args, failure: &Failure) -> Result<()> {
    failure.trace.iter().for_each(|line| println!("{line}"));
    if let Some(plant) = args.plant {
        let seeds = failure.seed - args.from + 1;
        println!(
            "sim: the planted fault {plant} was found by seed {seeds} of {}: {failure}",
            args.seeds
        );
        return Ok(());
    }
    let steps = args.steps;
    bail!(
        "{failure}\n    repeat it with: cargo xtask sim --seeds 1 --from {} --steps {steps} --trace",
        failure.seed
    )
}
