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
    /// Of a hundred, so many have to keep to it.
    share: usize,
    taken: Vec<Duration>,
}

impl Figures {
    /// Takes in what one run took. `place` is where it stands in the list.
    pub(super) fn add(&mut self, place: u8, what: &'static str, most: Duration, took: Duration) {
        self.add_share(place, what, most, 100, took);
    }

    /// The same, where 95 of 100 runs keep to `most`: chance has a part in it.
    pub(super) fn add_by_chance(&mut self, place: u8, what: &'static str, most: Duration, took: Duration) {
        self.add_share(place, what, most, 95, took);
    }

    fn add_share(&mut self, place: u8, what: &'static str, most: Duration, share: usize, took: Duration) {
        let times = self.all.entry((place, what)).or_insert_with(|| Times {
            most,
            share,
            taken: Vec::new(),
        });
        times.taken.push(took);
    }

    /// Takes in what was measured beside.
    pub(super) fn join(&mut self, others: Self) {
        self.all.extend(others.all);
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
            let count = (times.taken.len() * times.share).div_ceil(100);
            let bound = times.taken.get(count.saturating_sub(1)).unwrap_or(max);
            let within = if times.share == 100 {
                String::new()
            } else {
                format!(", {:.2} s at {} of 100", bound.as_secs_f64(), times.share)
            };
            println!(
                "lan: {what}: median {:.2} s{within}, at most {:.2} s of {} (may be {:.0} s)",
                median.as_secs_f64(),
                max.as_secs_f64(),
                times.taken.len(),
                times.most.as_secs_f64()
            );
            if *bound > times.most {
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

    #[test]
    fn by_chance_five_of_a_hundred_may_be_too_long_and_not_six() {
        let second = Duration::from_secs(1);
        let mut figures = Figures::default();
        for n in 0..100 {
            let took = if n < 5 { 9 * second } else { second };
            figures.add_by_chance(0, "by chance", 2 * second, took);
        }
        assert!(figures.print().is_ok());
        figures.add_by_chance(0, "by chance", 2 * second, 9 * second);
        assert!(figures.print().is_err());
    }
}
