//! Blocks that announce, or hold, much more than they are long. Alone in its process, since it looks at the process's
//! memory.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::time::{Duration, Instant};

use tailchat_core::block::Block;
use tailchat_fuzz::by_hand::{bombs, modest};

/// The most memory that this process ever had, where the system tells.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.map_or(0, |kib| kib.trim().parse::<u64>().unwrap() * 1024)
}

#[test]
fn a_bomb_is_refused_in_no_time_and_in_little_memory() {
    // A modest block of the same making opens, so it is the size that is refused.
    let (front, span) = modest();
    assert!(Block::spans_of(&front).unwrap() == [span]);
    let bombs = bombs();
    let before = peak_memory();
    for (what, bytes) in bombs {
        assert!(bytes.len() < 64 * 1024, "{what}: {}", bytes.len());
        let took = [(); 3].map(|()| {
            let began = Instant::now();
            assert!(Block::decode(&bytes).is_err(), "{what}");
            began.elapsed()
        });
        // The machine may have had something else to do meanwhile.
        assert!(
            took.iter().min() < Some(&Duration::from_millis(10)),
            "{what}: {took:?}"
        );
        assert!(peak_memory() - before < 4_000_000, "{what}");
    }
}
