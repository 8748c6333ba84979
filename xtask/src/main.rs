//! The project's own chores. This file only parses; each chore is a file of its own beside it.
#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value indexed by a name that it does not have is null"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore speaks to the person who started it"
)]

mod attack;
mod bench;
mod ci;
mod converge;
mod corpus;
mod cuts;
mod damage;
mod dist;
mod faults;
mod fuzz;
mod hands;
mod kills;
mod lan;
mod peers;
mod pty;
mod room;
mod screenshots;
mod sim;
mod soak;
mod swarm;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "The project's own chores")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every check a change must pass, in order, and stop at the first that fails
    Ci,
    /// Check what the compiler cannot: the crates' ladder, the core's purity, documents tied to code
    Tidy(tidy::Args),
    /// Simulate peers in trouble, one run for each seed, and stop at the first that breaks a promise
    Sim(sim::Args),
    /// Simulate very many peers in one room, and measure how messages travel
    Swarm(swarm::Args),
    /// Import thirds of a corpus into one room while its peers are apart, connect them, and compare
    Converge(converge::Args),
    /// Give any bytes to whatever takes bytes in from elsewhere, and see that nothing breaks
    Fuzz(fuzz::Args),
    /// Have many programs at one node, and say what that takes
    Hands(hands::Args),
    /// Attack a real peer over real sockets while others write through it, and see that they notice nothing
    Attack(attack::Args),
    /// Put real peers on networks of their own, cut these and heal them, and measure how soon peers meet
    Lan(lan::Args),
    /// Kill real peers while they write to each other, and see that nothing acknowledged is lost
    Kills(kills::Args),
    /// Let real peers write for a long time while some come and go, and see that the others' memory stays as it is
    Soak(soak::Args),
    /// Cut the power of real file systems while a real peer writes, and see that nothing acknowledged is lost
    Cuts(cuts::Args),
    /// Let each file call of a real peer fail in turn, and see that it refuses, loses nothing and goes on
    Faults(faults::Args),
    /// Flip each bit of a room and cut its files at each length, and see that a peer heals it
    Damage(damage::Args),
    /// Measure what the documents claim, and write docs/BENCHMARKS.md
    Bench(bench::Args),
    /// Build what is given away: an archive, and a Debian package that is tried on demand
    Dist(dist::Args),
    /// Draw the README's pictures from the real program, or check that they still hold
    Screenshots(screenshots::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Ci => ci::run(),
        Chore::Tidy(args) => tidy::run(&args),
        Chore::Sim(args) => sim::run_seeds(&args),
        Chore::Swarm(args) => swarm::run(&args),
        Chore::Converge(args) => converge::run(&args),
        Chore::Fuzz(args) => fuzz::run(&args),
        Chore::Hands(args) => hands::run(&args),
        Chore::Attack(args) => attack::run(&args),
        Chore::Lan(args) => lan::run(&args),
        Chore::Kills(args) => kills::run(&args),
        Chore::Soak(args) => soak::run(&args),
        Chore::Cuts(args) => cuts::run(&args),
        Chore::Faults(args) => faults::run(&args),
        Chore::Damage(args) => damage::run(&args),
        Chore::Bench(args) => bench::run(&args),
        Chore::Dist(args) => dist::run(&args),
        Chore::Screenshots(args) => screenshots::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
