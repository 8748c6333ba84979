//! `cargo xtask swarm`: very many peers in one room, simulated. Knows nothing of what is measured and must hold.

use std::time::Instant;

use anyhow::{Result, anyhow};
use tailchat_sim::{SwarmPlan, swarm};

/// Options of `cargo xtask swarm`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many peers
    #[arg(long, default_value_t = 1000)]
    peers: usize,
    /// How many messages are measured
    #[arg(long, default_value_t = 100)]
    messages: usize,
    /// How many seeds to run, one after the other
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
}

/// Runs the seeds, prints what each came to, and stops at the first in which something does not hold.
pub(crate) fn run(args: &Args) -> Result<()> {
    for seed in args.from..args.from.saturating_add(args.seeds) {
        let began = Instant::now();
        let plan = SwarmPlan {
            seed,
            peers: args.peers,
            messages: args.messages,
        };
        let swarmed = swarm(&plan).map_err(|what| {
            let peers = args.peers;
            anyhow!(
                "seed {seed}: {what}\n    repeat it with: cargo xtask swarm --peers {peers} --from {seed}"
            )
        })?;
        for line in swarmed.to_string().lines() {
            println!("swarm: {line}");
        }
        println!(
            "swarm: seed {seed} held in {:.1} s",
            began.elapsed().as_secs_f64()
        );
    }
    Ok(())
}
