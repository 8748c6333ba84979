//! What the machine itself needs, taken turn by turn with what is measured, since these machines are shared.
//! Knows no tailchat.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::report::millis;

/// Copied at a time: beyond what a processor keeps near.
const COPY_LEN: usize = 64 << 20;
const COPIES: usize = 8;

/// Times of the same thing.
#[derive(Clone, Default)]
pub(super) struct Times(Vec<Duration>);

impl Times {
    pub(super) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn total(&self) -> Duration {
        self.0.iter().sum()
    }

    /// The time that so many of a hundred do not exceed; nothing if there are no times.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.0.clone();
        times.sort_unstable();
        let at = times.len() * percent / 100;
        times
            .get(at.min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn middle(&self) -> Duration {
        self.percentile(50)
    }
}

/// What the machine needs for a message.
pub(super) struct Probe {
    file: File,
    near: TcpStream,
    syncs: Times,
    trips: Times,
}

impl Probe {
    pub(super) fn new(scratch: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(scratch.join("probe"))?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        let (mut far, _) = listener.accept()?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        std::thread::spawn(move || {
            let mut buffer = [0; 200];
            while far.read_exact(&mut buffer).is_ok() && far.write_all(&buffer).is_ok() {}
        });
        Ok(Self {
            file,
            near,
            syncs: Times::default(),
            trips: Times::default(),
        })
    }

    /// One append of 200 bytes, made durable.
    pub(super) fn sync(&mut self) -> Result<Duration> {
        let began = Instant::now();
        self.file.write_all(&[7; 200])?;
        self.file.sync_data()?;
        let took = began.elapsed();
        self.syncs.push(took);
        Ok(took)
    }

    /// 200 bytes there and back over loopback.
    pub(super) fn round_trip(&mut self) -> Result<Duration> {
        let mut buffer = [7; 200];
        let began = Instant::now();
        self.near.write_all(&buffer)?;
        self.near.read_exact(&mut buffer)?;
        let took = began.elapsed();
        self.trips.push(took);
        Ok(took)
    }

    /// What was seen in the whole run, in words.
    pub(super) fn told(&self) -> Result<String> {
        let (mut probe_sync, mut probe_trip) = (self.syncs.clone(), self.trips.clone());
        if probe_sync.len() == 0 {
            // No part was asked for that takes its own.
            let mut fresh = Self {
                file: self.file.try_clone()?,
                near: self.near.try_clone()?,
                syncs: Times::default(),
                trips: Times::default(),
            };
            for _ in 0..100 {
                fresh.sync()?;
                fresh.round_trip()?;
            }
            (probe_sync, probe_trip) = (fresh.syncs, fresh.trips);
        }
        let told = |times: &Times| {
            let (p50, p99) = (times.percentile(50), times.percentile(99));
            format!("{} (p99 {})", millis(p50), millis(p99))
        };
        Ok(format!(
            "an fsync {}, a round trip {}, memcpy {:.1} GB/s",
            told(&probe_sync),
            told(&probe_trip),
            memcpy() / 1e9
        ))
    }
}

/// Bytes that are copied in memory in a second.
pub(super) fn memcpy() -> f64 {
    let (from, mut to) = (vec![7_u8; COPY_LEN], vec![0_u8; COPY_LEN]);
    let mut times = Times::default();
    for _ in 0..COPIES {
        let began = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&to);
        times.push(began.elapsed());
    }
    COPY_LEN as f64 / times.middle().as_secs_f64()
}
