//! `cargo xtask sim`: runs simulations, one for each seed, until one finds something. Knows nothing of what they
//! check.

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

/// Runs the seeds in order and stops at the first that fails.
pub(crate) fn run_seeds(args: &Args) -> Result<()> {
    let began = Instant::now();
    let mut total = Counts::default();
    for seed in args.from..args.from.saturating_add(args.seeds) {
        let plan = Plan {
            seed,
            steps: args.steps,
            plant: args.plant,
            trace: args.trace,
        };
        match run(&plan) {
            Ok(outcome) => {
                outcome.trace.iter().for_each(|line| println!("{line}"));
                total += outcome.counts;
            }
            Err(failure) => return failed(args, &failure),
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "sim: {} seeds held in {seconds:.1} s, {:.1} a second",
        args.seeds,
        args.seeds as f64 / seconds
    );
    println!("sim: {total}");
    match args.plant {
        Some(plant) => bail!("the planted fault {plant} was not found in {} seeds", args.seeds),
        None => Ok(()),
    }
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
