//! Where peers may be, asked all the time and not once at the start: on the LAN, in mesh VPNs, in a file.
//! Knows sources and what each gives now; refuses to know who answers there, which of it is dialled, and
//! when.

mod command;
mod hosts;
mod interfaces;
mod mdns;
mod services;
mod tailnet;
mod tailscale;
mod wireguard;

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::event::NetEvent;
use crate::net::Wiring;
use interfaces::Interfaces;

pub use mdns::Mdns;
pub use tailscale::Tailscale;

/// Where addresses come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Multicast on the LAN.
    Mdns,
    /// The list of peers that the Tailscale daemon of this machine has.
    Tailscale,
    /// The peers of this machine's WireGuard interfaces.
    WireGuard,
    /// A file that a person wrote.
    Hosts,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mdns => "mdns",
            Self::Tailscale => "tailscale",
            Self::WireGuard => "wireguard",
            Self::Hosts => "hosts",
        })
    }
}

/// How a source fares, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is not there on this machine, and nobody needs to hear of it unless they ask. Why, in short.
    Absent(String),
    /// It gives what there is to give.
    Working,
    /// It should work and does not, or not fully: what, why, and what to do.
    Failing(String),
}

/// Which sources to ask. The default is what a peer in production asks.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// Announce us on the LAN, and find who announces themselves.
    pub mdns: Option<Mdns>,
    /// Ask the Tailscale daemon.
    pub tailscale: Option<Tailscale>,
    /// Ask `wg` for the peers of WireGuard interfaces.
    pub wireguard: bool,
    /// Read this file, a `HOST` or `HOST:PORT` a line; `#` begins a comment.
    pub hosts: Option<PathBuf>,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            mdns: Some(Mdns::default()),
            tailscale: Some(Tailscale::default()),
            wireguard: true,
            hosts: None,
        }
    }
}

/// Starts a task for each source, and one that watches the interfaces. They end with `Net`.
pub(crate) fn start(wiring: &Wiring, listening: &[SocketAddr], how: Discovery) {
    let (seen, network) = watch::channel(Interfaces::read());
    let task = |source| SourceTask {
        wiring: wiring.clone(),
        source,
        listening: listening.to_vec(),
        network: network.clone(),
        told: None,
    };
    spawn(wiring, interfaces::watch(wiring.clone(), seen));
    if let Some(how) = how.mdns {
        // Not cut off by a stop as the others are: it says goodbye.
        wiring.spawn(mdns::run(task(Source::Mdns), how));
    }
    if let Some(how) = how.tailscale {
        let ask = move || tailscale::ask(how.clone());
        spawn(wiring, ask_again_and_again(task(Source::Tailscale), ask));
    }
    if how.wireguard {
        spawn(
            wiring,
            ask_again_and_again(task(Source::WireGuard), wireguard::ask),
        );
    }
    if let Some(path) = how.hosts {
        spawn(wiring, hosts::follow(task(Source::Hosts), path));
    }
}

fn spawn(wiring: &Wiring, task: impl Future<Output = ()> + Send + 'static) {
    let stop = wiring.stop.clone();
    wiring.spawn(async move {
        stop.run_until_cancelled(task).await;
    });
}

/// What one question to a source brought.
struct Answer {
    addrs: BTreeSet<String>,
    standing: Standing,
    /// When to ask again, unless the network changes before.
    again: Duration,
}

/// Asks a source that tells nothing of itself.
async fn ask_again_and_again<F>(mut task: SourceTask, ask: impl Fn() -> F)
where
    F: Future<Output = Answer>,
{
    loop {
        task.network.mark_unchanged();
        let answer = ask().await;
        task.tell(answer.addrs, answer.standing).await;
        tokio::select! {
            () = sleep(answer.again) => (),
            changed = task.network.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

/// What the task of a source holds.
struct SourceTask {
    wiring: Wiring,
    source: Source,
    listening: Vec<SocketAddr>,
    /// The interfaces of this machine. A change wakes who waits for one.
    network: watch::Receiver<Interfaces>,
    /// What was told last.
    told: Option<(BTreeSet<String>, Standing)>,
}

impl SourceTask {
    /// Tells what the source gives now, without our own addresses, unless that was told already.
    async fn tell(&mut self, mut addrs: BTreeSet<String>, standing: Standing) {
        addrs.retain(|addr| !self.network.borrow().are_at(addr, &self.listening));
        let now = (addrs, standing);
        if self.told.as_ref() == Some(&now) {
            return;
        }
        let (addrs, standing) = now.clone();
        let source = self.source;
        self.wiring
            .tell(NetEvent::Found {
                source,
                addrs,
                standing,
            })
            .await;
        self.told = Some(now);
    }
}
