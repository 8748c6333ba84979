//! Alters inputs at random, from a seed. Knows nothing of what they mean.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// Bytes in an input at most.
const INPUT_LEN_MAX: usize = 1 << 16;
/// Alterations of one input at most.
const ALTERATIONS_MAX: usize = 8;
/// Numbers at which things end, by their bytes as they are written in one format or another.
const ENDS: [&[u8]; 12] = [
    &[0],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0xff],
    &[0x00, 0x80],
    &[0x80, 0x80, 0x01],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0, 0, 0, 0, 0, 0, 0, 0x80],
];

/// Inputs, one after the other.
pub(crate) struct Inputs {
    rng: ChaCha8Rng,
    seeds: Vec<Vec<u8>>,
}

impl Inputs {
    pub(crate) fn new(seed: u64, seeds: Vec<Vec<u8>>) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { rng, seeds }
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.rng.next_u64())
            .unwrap_or(0)
            .checked_rem(end)
            .unwrap_or(0)
    }

    fn seed(&mut self) -> Vec<u8> {
        let drawn = self.below(self.seeds.len());
        self.seeds.get(drawn).cloned().unwrap_or_default()
    }

    /// The next one.
    pub(crate) fn draw(&mut self) -> Vec<u8> {
        let mut input = self.seed();
        for _ in 0..=self.below(ALTERATIONS_MAX) {
            self.alter(&mut input);
        }
        input.truncate(INPUT_LEN_MAX);
        input
    }

    fn alter(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let to = (at + 1 + self.below(16)).min(input.len());
        match self.below(8) {
            0 => {
                let bit = 1 << self.below(8);
                input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bit);
            }
            1 => {
                let drawn = self.below(256);
                let byte = u8::try_from(drawn).unwrap_or(0);
                input.iter_mut().skip(at).take(1).for_each(|old| *old = byte);
            }
            2 => {
                let end = ENDS.get(self.below(ENDS.len())).copied().unwrap_or_default();
                let until = (at + end.len()).min(input.len());
                input.splice(at..until, end.iter().copied());
            }
            3 => {
                let end = ENDS.get(self.below(ENDS.len())).copied().unwrap_or_default();
                input.splice(at..at, end.iter().copied());
            }
            4 => drop(input.drain(at..to.max(at))),
            5 => {
                let copy: Vec<u8> = input.get(at..to).unwrap_or_default().to_vec();
                let times = 1 + self.below(4);
                input.splice(at..at, copy.repeat(times));
            }
            6 => {
                let other = self.seed();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend(other.into_iter().skip(from));
            }
            _ => input.truncate(at),
        }
    }
}
