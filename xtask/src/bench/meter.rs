//! A proxy between two peers: counts what goes over the wire from outside, can make the way longer, and knows
//! nothing of what passes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Passes connections on to a peer.
pub(super) struct Meter {
    pub(super) address: String,
    port: Arc<AtomicU16>,
    passed: Receiver<Passed>,
    traffic: Option<Traffic>,
}

/// What went through since the last look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traffic {
    /// When the first connection was made.
    pub(super) since: Instant,
    /// When the last bytes were handed over.
    pub(super) until: Instant,
    /// Both ways.
    pub(super) bytes: u64,
}

/// A connection was made, or bytes were handed over.
struct Passed {
    at: Instant,
    len: usize,
}

impl Meter {
    /// Listens on loopback for as long as the process lives. Every byte arrives `delay` after it was sent.
    pub(super) fn to(peer: &str, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let port = Arc::new(AtomicU16::new(port(peer)?));
        let (sender, passed) = mpsc::channel();
        let target = Arc::clone(&port);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if let Ok(far) = TcpStream::connect(("127.0.0.1", target.load(Ordering::Relaxed))) {
                    let _ = sender.send(Passed {
                        at: Instant::now(),
                        len: 0,
                    });
                    let _ = join(near, far, delay, &sender);
                }
            }
        });
        Ok(Self {
            address,
            port,
            passed,
            traffic: None,
        })
    }

    /// Passes connections on to another place from now on, and begins to count anew.
    pub(super) fn turn_to(&mut self, peer: &str) -> Result<()> {
        self.traffic();
        self.traffic = None;
        self.port.store(port(peer)?, Ordering::Relaxed);
        Ok(())
    }

    /// What has gone through until now, if anybody connected.
    pub(super) fn traffic(&mut self) -> Option<Traffic> {
        while let Ok(passed) = self.passed.try_recv() {
            self.take(&passed);
        }
        self.traffic
    }

    /// What has gone through once somebody connected and nothing moved for so long.
    pub(super) fn quiet(&mut self, gap: Duration, within: Duration) -> Result<Traffic> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            match self.passed.recv_timeout(gap) {
                Ok(passed) => self.take(&passed),
                Err(RecvTimeoutError::Timeout) if self.traffic.is_some_and(|traffic| traffic.bytes > 0) => {
                    break;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.traffic.context("nobody connects")
    }

    fn take(&mut self, passed: &Passed) {
        let traffic = self.traffic.get_or_insert(Traffic {
            since: passed.at,
            until: passed.at,
            bytes: 0,
        });
        traffic.bytes += passed.len as u64;
        traffic.until = passed.at;
    }
}

fn port(peer: &str) -> Result<u16> {
    let (_, port) = peer.rsplit_once(':').context("the peer has no port")?;
    Ok(port.parse()?)
}

fn join(near: TcpStream, far: TcpStream, delay: Duration, passed: &Sender<Passed>) -> Result<()> {
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    for (from, to) in [(near.try_clone()?, far.try_clone()?), (far, near)] {
        let passed = passed.clone();
        std::thread::spawn(move || match delay.is_zero() {
            true => pass_on(from, to, &passed),
            false => pass_on_late(from, to, delay, passed),
        });
    }
    Ok(())
}

/// Until one end closes; then the other end is told.
fn pass_on(mut from: TcpStream, mut to: TcpStream, passed: &Sender<Passed>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        if hand_over(&mut to, buffer.get(..len).unwrap_or_default(), passed).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

fn pass_on_late(mut from: TcpStream, mut to: TcpStream, delay: Duration, passed: Sender<Passed>) {
    let (sender, late) = mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        for (due, bytes) in late {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if hand_over(&mut to, &bytes, &passed).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        let bytes = buffer.get(..len).unwrap_or_default().to_vec();
        if sender.send((Instant::now() + delay, bytes)).is_err() {
            break;
        }
    }
}

fn hand_over(to: &mut TcpStream, bytes: &[u8], passed: &Sender<Passed>) -> std::io::Result<()> {
    to.write_all(bytes)?;
    let _ = passed.send(Passed {
        at: Instant::now(),
        len: bytes.len(),
    });
    Ok(())
}
