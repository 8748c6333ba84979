//! `cargo xtask damage`: each bit of a room flipped, each of its files cut at each length, and healed by a peer. Knows
//! nothing of what is checked.

use std::thread;
use std::time::Instant;

use anyhow::{Result, bail};
use tailchat_sim::{Damages, Healed};

/// Options of `cargo xtask damage`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only each so many-th bit and length; an odd number comes by all bits of a byte
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
}

/// What a share of the work came to.
#[derive(Default)]
struct Tried {
    flips: u64,
    cuts: u64,
    unnoticed: u64,
}

/// Tries all on all processors, and stops at the first that does not heal.
pub(crate) fn run(args: &Args) -> Result<()> {
    let began = Instant::now();
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let shares: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|share| scope.spawn(move || tried(args.every, share, threads)))
            .collect();
        started.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut all = Tried::default();
    for share in shares {
        match share {
            Ok(Ok(share)) => {
                all.flips += share.flips;
                all.cuts += share.cuts;
                all.unnoticed += share.unnoticed;
            }
            Ok(Err(what)) => bail!("{what}"),
            Err(_) => bail!("a thread ended; its message stands above"),
        }
    }
    println!(
        "damage: {} flips, {} cuts, all found but {} cuts between two records, all healed, in {:.1} s",
        all.flips,
        all.cuts,
        all.unnoticed,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// One share of the work: each thread writes the same room.
fn tried(every: u64, share: u64, shares: u64) -> Result<Tried, String> {
    let damages = Damages::new()?;
    let mut tried = Tried::default();
    for nth in (0..damages.flips().div_ceil(every)).filter(|nth| nth % shares == share) {
        if damages.flip(nth * every)? != Healed::Named {
            return Err(format!("bit {}: a flipped bit is not noticed", nth * every));
        }
        tried.flips += 1;
    }
    for nth in (0..damages.cuts().div_ceil(every)).filter(|nth| nth % shares == share) {
        if damages.cut(nth * every)? == Healed::Unnoticed {
            tried.unnoticed += 1;
        }
        tried.cuts += 1;
    }
    Ok(tried)
}
