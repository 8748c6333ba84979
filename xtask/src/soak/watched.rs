//! Processes that have to stay as they are: what they hold now and then, and whether that grows. Knows nothing of what
//! they do.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::peers::Process;

/// By how many bytes memory may grow in an hour.
const PER_HOUR: f64 = 1e6;
/// A run that is shorter says too little of an hour: what is used for the first time is all that there is, and a
/// multiple of it is no figure.
const SAYS_ENOUGH: Duration = Duration::from_secs(30 * 60);
/// By how many bytes memory may grow in such a run at all: less than what one connection may hold
const SHORT: f64 = 4e6;
/// At the start memory grows to what is needed. That is a quarter of the time, and not more than this.
const WARM_UP: Duration = Duration::from_secs(600);
/// How soon everything that served who came and went is given back. A thread that waits for work ends after 10 s.
const CALM_WITHIN: Duration = Duration::from_secs(20);

pub(super) struct Watched {
    what: &'static str,
    process: Process,
    first: Held,
    samples: Vec<Sample>,
}

/// What is open.
#[derive(Clone, Copy, Debug)]
struct Held {
    descriptors: usize,
    threads: usize,
}

struct Sample {
    at: Duration,
    resident: u64,
}

/// How memory changed between the middle of what follows the warm-up's first quarter and that of its last.
struct Growth {
    before: u64,
    after: u64,
    between: Duration,
}

impl Watched {
    /// A process that has opened all that it needs.
    pub(super) fn new(what: &'static str, process: Process) -> Result<Self> {
        Ok(Self {
            what,
            process,
            first: held(process)?,
            samples: Vec::new(),
        })
    }

    pub(super) fn sample(&mut self, at: Duration) -> Result<()> {
        let resident = self.process.memory()?.resident;
        self.samples.push(Sample { at, resident });
        Ok(())
    }

    /// What is held above what was held at first, if anything.
    fn more(&self) -> Result<Option<Held>> {
        let now = held(self.process)?;
        let more = now.descriptors > self.first.descriptors || now.threads > self.first.threads;
        Ok(more.then_some(now))
    }
}

fn held(process: Process) -> Result<Held> {
    Ok(Held {
        descriptors: process.descriptors()?.len(),
        threads: process.threads()?,
    })
}

/// What the last samples say.
pub(super) fn now(watched: &[Watched]) -> String {
    let each = watched.iter().filter_map(|one| {
        let last = one.samples.last()?;
        Some(format!("{} {:.2} MB", one.what, last.resident as f64 / 1e6))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Waits until nobody holds more than at first.
pub(super) fn calm(watched: &[Watched]) -> Result<()> {
    let began = Instant::now();
    for one in watched {
        while let Some(now) = one.more()? {
            if began.elapsed() > CALM_WITHIN {
                let open = one.process.descriptors()?;
                bail!(
                    "{} had {:?} at first, and has {now:?}: {open:?}",
                    one.what,
                    one.first
                );
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

/// Says how memory changed, and fails if any grew too much in a run of this length.
pub(super) fn judge(watched: &[Watched], length: Duration) -> Result<()> {
    let mut grew = Vec::new();
    for one in watched {
        let Some(growth) = growth(&one.samples) else {
            bail!("{}: too few samples", one.what)
        };
        let may = if length < SAYS_ENOUGH {
            format!("may grow by {:.0} KiB in so short a time", SHORT / 1024.0)
        } else {
            format!("may be {:.0}", PER_HOUR / 1024.0)
        };
        println!(
            "soak: {}: {:.2} MB, {:.2} MB {:.1} min later: {:.0} KiB an hour ({may}); {} descriptors, {} threads, as at first",
            one.what,
            growth.before as f64 / 1e6,
            growth.after as f64 / 1e6,
            growth.between.as_secs_f64() / 60.0,
            growth.per_hour() / 1024.0,
            one.first.descriptors,
            one.first.threads,
        );
        if !growth.is_allowed(length) {
            grew.push(one.what);
        }
    }
    ensure!(grew.is_empty(), "memory grew too much: {}", grew.join("; "));
    Ok(())
}

impl Growth {
    fn bytes(&self) -> f64 {
        self.after as f64 - self.before as f64
    }

    fn per_hour(&self) -> f64 {
        self.bytes() * 3600.0 / self.between.as_secs_f64()
    }

    fn is_allowed(&self, length: Duration) -> bool {
        if length < SAYS_ENOUGH {
            self.bytes() <= SHORT
        } else {
            self.per_hour() <= PER_HOUR
        }
    }
}

/// Compares the first quarter after the warm-up with the last one, by their medians: one sample may fall on anything.
fn growth(samples: &[Sample]) -> Option<Growth> {
    let length = samples.last()?.at;
    let warm = WARM_UP.min(length / 4);
    let quarter = (length - warm) / 4;
    let median = |from: Duration, to: Duration| {
        let within = samples.iter().filter(|one| one.at >= from && one.at <= to);
        let mut resident: Vec<u64> = within.map(|one| one.resident).collect();
        resident.sort_unstable();
        resident.get(resident.len() / 2).copied()
    };
    Some(Growth {
        before: median(warm, warm + quarter)?,
        after: median(length - quarter, length)?,
        between: quarter * 3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour's samples, one a second.
    fn hour(resident: impl Fn(u64) -> u64) -> Growth {
        let samples: Vec<_> = (0..=3600)
            .map(|second| Sample {
                at: Duration::from_secs(second),
                resident: resident(second),
            })
            .collect();
        growth(&samples).unwrap()
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn steady_growth_is_seen_as_what_it_is() {
        let growth = hour(|second| 17_000_000 + second * 500);
        assert!(
            (growth.per_hour() - 1_800_000.0).abs() < 2_000.0,
            "{}",
            growth.per_hour()
        );
        assert!(!growth.is_allowed(HOUR));
        assert!(hour(|second| 17_000_000 + second * 250).is_allowed(HOUR));
    }

    #[test]
    fn neither_the_warm_up_nor_a_peak_counts() {
        let growth = hour(|second| match second {
            0..500 => second * 30_000,
            1000 | 3500 => 90_000_000,
            _ => 15_000_000,
        });
        assert!(growth.per_hour().abs() < 1.0);
    }

    #[test]
    fn a_short_run_fails_by_what_it_grew_and_not_by_what_an_hour_would_bring() {
        let growth = |bytes: u64| Growth {
            before: 15_000_000,
            after: 15_000_000 + bytes,
            between: Duration::from_secs(10),
        };
        let short = Duration::from_secs(24);
        assert!(growth(1_000_000).is_allowed(short));
        assert!(!growth(5_000_000).is_allowed(short));
        assert!(!growth(1_000_000).is_allowed(HOUR));
    }
}
