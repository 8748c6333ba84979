//! What was measured and how long each may take. Knows no networks.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};

/// Times by what was measured.
#[derive(Debug, Default)]
pub(super) struct Figures {
    all: BTreeMap<(u8, &'static str), Times>,
}

#[derive(Debug)]
struct Times {
    most: Duration,
    taken: Vec<Duration>,
}

impl Figures {
    /// Takes in what one run took. `place` is where it stands in the list.
    pub(super) fn add(&mut self, place: u8, what: &'static str, most: Duration, took: Duration) {
        let times = self.all.entry((place, what)).or_insert_with(|| Times {
            most,
            taken: Vec::new(),
        });
        times.taken.push(took);
    }

    /// Prints one line for each, and fails if any took too long.
    pub(super) fn print(&mut self) -> Result<()> {
        let mut missed = Vec::new();
        for ((_, what), times) in &mut self.all {
            times.taken.sort_unstable();
            let (Some(median), Some(max)) = (times.taken.get(times.taken.len() / 2), times.taken.last())
            else {
                continue;
            };
            println!(
                "lan: {what}: median {:.2} s, at most {:.2} s of {} (may be {:.0} s)",
                median.as_secs_f64(),
                max.as_secs_f64(),
                times.taken.len(),
                times.most.as_secs_f64()
            );
            if *max > times.most {
                missed.push(*what);
            }
        }
        ensure!(missed.is_empty(), "took too long: {}", missed.join("; "));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_that_is_too_long_is_enough_to_fail() {
        let second = Duration::from_secs(1);
        let mut figures = Figures::default();
        figures.add(0, "meeting", 2 * second, second);
        assert!(figures.print().is_ok());
        figures.add(0, "meeting", 2 * second, 3 * second);
        assert!(figures.print().is_err());
    }
}
