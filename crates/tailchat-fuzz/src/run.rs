//! Runs a target on very many inputs and sees to it that none takes it down, long, or much memory.

use std::panic;
use std::time::{Duration, Instant};

use crate::Target;
use crate::alter::Inputs;

/// Longer than this no input may take.
pub const TIME_MAX: Duration = Duration::from_secs(1);
/// So much more memory than at the start the process may have had, in bytes.
pub const MEMORY_MAX: u64 = 64 << 20;
/// The memory is looked at after so many inputs.
const LOOK_EACH: u64 = 64;

/// An input with which something does not hold.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The input.
    pub input: Vec<u8>,
    /// What does not hold.
    pub what: String,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Inputs that were tried.
    pub inputs: u64,
    /// The longest that one took.
    pub longest: Duration,
    /// How much more memory than at the start the process ever had, in bytes.
    pub memory: u64,
}

impl Target {
    /// Tries so many inputs, which follow from a seed.
    ///
    /// # Errors
    /// The first input with which something does not hold. If it is memory that is missed, it is one of the last 64.
    pub fn try_out(&self, seed: u64, inputs: u64) -> Result<Figures, Finding> {
        let mut drawn = Inputs::new(seed, (self.seeds)());
        let before = peak_memory();
        let mut figures = Figures::default();
        for input in (self.seeds)() {
            self.try_one(input, &mut figures)?;
        }
        while figures.inputs < inputs {
            let input = drawn.draw();
            if figures.inputs % LOOK_EACH == 0 {
                figures.memory = peak_memory().saturating_sub(before);
                if figures.memory > MEMORY_MAX {
                    let what = format!("{} MiB of memory", figures.memory >> 20);
                    return Err(Finding { input, what });
                }
            }
            self.try_one(input, &mut figures)?;
        }
        figures.memory = peak_memory().saturating_sub(before);
        Ok(figures)
    }

    fn try_one(&self, input: Vec<u8>, figures: &mut Figures) -> Result<(), Finding> {
        let began = Instant::now();
        let outcome = panic::catch_unwind(|| (self.run)(&input));
        let took = began.elapsed();
        figures.inputs += 1;
        figures.longest = figures.longest.max(took);
        let what = match outcome {
            Err(panicked) => said(panicked.as_ref()),
            Ok(()) if took > TIME_MAX => format!("it took {took:?}"),
            Ok(()) => return Ok(()),
        };
        Err(Finding { input, what })
    }
}

fn said(panicked: &(dyn std::any::Any + Send)) -> String {
    let words = panicked.downcast_ref::<String>().cloned();
    let words = words.or_else(|| panicked.downcast_ref::<&str>().map(ToString::to_string));
    words.unwrap_or_else(|| "it panicked".to_owned())
}

/// The most memory that this process ever had, in bytes, where the system tells.
fn peak_memory() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map_or(0, |kib| kib << 10)
}
