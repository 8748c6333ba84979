//! Networks of this machine's kernel: hosts as namespaces, a switch between them, cables that are cut, lose packets or
//! are thin. Knows `ip`, `nft` and `tc`; nothing of peers. Who makes one is in a namespace of its own already, so there is nothing to remove.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The only interface of a host.
const INTERFACE: &str = "eth0";
/// How long a fresh IPv6 address may be checked for being somebody else's already.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// How a host is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Its interface goes down, which it sees.
    Interface,
    /// The cable behind the switch's port is out: no interface of any host changes.
    Port,
    /// It is heard by all and hears nobody.
    Deaf,
}

/// The longest packet on a thin cable, in bytes with some to spare: the kernel cuts longer ones.
const BURST_LEN: u32 = 4096;
/// How long a packet waits before a thin cable until there is no more place, as at a cheap router.
const QUEUE: &str = "500ms";

/// Some hosts on one switch, and nobody else.
#[derive(Debug)]
pub(super) struct Lan {
    switch: String,
}

/// A machine on a LAN.
#[derive(Clone, Debug)]
pub(super) struct Host {
    switch: String,
    pub(super) namespace: String,
    port: String,
}

impl Lan {
    pub(super) fn new() -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let switch = format!("switch{}", MADE.fetch_add(1, Ordering::Relaxed));
        ip(&format!("netns add {switch}"))?;
        ip(&format!("-n {switch} link add name switch type bridge"))?;
        ip(&format!("-n {switch} link set dev switch up"))?;
        Ok(Self { switch })
    }

    /// Another host, with these addresses.
    pub(super) fn host(&self, name: &str, addrs: &[&str]) -> Result<Host> {
        let Self { switch } = self;
        let host = Host {
            switch: switch.clone(),
            namespace: format!("{switch}{name}"),
            port: format!("port-{name}"),
        };
        let Host { namespace, port, .. } = &host;
        ip(&format!("netns add {namespace}"))?;
        ip(&format!(
            "-n {switch} link add name {port} type veth peer name {INTERFACE} netns {namespace}"
        ))?;
        ip(&format!("-n {switch} link set dev {port} master switch up"))?;
        ip(&format!("-n {namespace} link set dev lo up"))?;
        ip(&format!("-n {namespace} link set dev {INTERFACE} up"))?;
        for addr in addrs {
            host.give(addr)?;
        }
        host.settle()?;
        Ok(host)
    }
}

impl Host {
    /// One more address, `IP/BITS`.
    pub(super) fn give(&self, addr: &str) -> Result<()> {
        ip(&format!("-n {} addr add {addr} dev {INTERFACE}", self.namespace))
    }

    pub(super) fn take(&self, addr: &str) -> Result<()> {
        ip(&format!("-n {} addr del {addr} dev {INTERFACE}", self.namespace))
    }

    /// Waits until all its addresses can be used.
    fn settle(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let tentative = format!("-n {} addr show dev {INTERFACE} tentative", self.namespace);
            if said(&tentative)?.is_empty() {
                return Ok(());
            }
            ensure!(
                began.elapsed() < SETTLES_WITHIN,
                "{} gets no address",
                self.namespace
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub(super) fn cut(&self, cut: Cut) -> Result<()> {
        let Self {
            switch,
            namespace,
            port,
        } = self;
        match cut {
            Cut::Interface => ip(&format!("-n {namespace} link set dev {INTERFACE} down")),
            Cut::Port => ip(&format!("-n {switch} link set dev {port} nomaster")),
            Cut::Deaf => self.hears(false),
        }
    }

    pub(super) fn heal(&self, cut: Cut) -> Result<()> {
        let Self {
            switch,
            namespace,
            port,
        } = self;
        match cut {
            Cut::Interface => ip(&format!("-n {namespace} link set dev {INTERFACE} up")),
            Cut::Port => ip(&format!("-n {switch} link set dev {port} master switch")),
            Cut::Deaf => self.hears(true),
        }
    }

    /// A switch sends nothing to a port of which it neither learns who is behind it nor thinks that anybody may be.
    fn hears(&self, hears: bool) -> Result<()> {
        let word = if hears { "on" } else { "off" };
        ip(&format!(
            "-n {} link set dev {} type bridge_slave flood {word} learning {word} mcast_flood {word} \
             bcast_flood {word} fdb_flush",
            self.switch, self.port
        ))
    }

    /// Of what this host sends so many of a hundred packets are lost from now on, whatever they are.
    pub(super) fn lose(&self, percent: u8) -> Result<()> {
        let Self { switch, port, .. } = self;
        let nft = format!("netns exec {switch} nft add");
        let chain = format!("netdev {port} cable");
        ip(&format!("{nft} table netdev {port}"))?;
        // By the name of the port: that stays, whatever its cable is plugged into.
        ip(&format!(
            "{nft} chain {chain} {{ type filter hook ingress device \"{port}\" priority 0 ; }}"
        ))?;
        ip(&format!(
            "{nft} rule {chain} numgen random mod 100 < {percent} counter drop"
        ))
    }

    /// How many packets were lost.
    pub(super) fn lost(&self) -> Result<u64> {
        let Self { switch, port, .. } = self;
        let rules = said(&format!("netns exec {switch} nft list table netdev {port}"))?;
        let counted = rules.split_once("counter packets ").map(|(_, rest)| rest);
        let counted = counted.and_then(|rest| rest.split(' ').next());
        counted
            .and_then(|packets| packets.parse().ok())
            .with_context(|| format!("nft does not count: {rules}"))
    }

    /// So many kilobits a second is what its cable takes from now on, in each direction.
    pub(super) fn thin(&self, kbit: u32) -> Result<()> {
        let shape = format!("tbf rate {kbit}kbit burst {BURST_LEN} latency {QUEUE}");
        self.at_both_ends("add", &shape)
    }

    /// As much as anybody may want. What waits is not lost by that.
    pub(super) fn thick(&self) -> Result<()> {
        self.at_both_ends("change", &format!("tbf rate 1gbit burst 1mb latency {QUEUE}"))
    }

    /// What leaves the host, and what leaves the switch towards it.
    fn at_both_ends(&self, what: &str, shape: &str) -> Result<()> {
        for (namespace, device) in [(&self.namespace, INTERFACE), (&self.switch, self.port.as_str())] {
            ip(&format!(
                "netns exec {namespace} tc qdisc {what} dev {device} root {shape}"
            ))?;
        }
        Ok(())
    }

    /// A program on this host.
    pub(super) fn run(&self, program: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside
            .args(["netns", "exec", &self.namespace])
            .arg(Path::new(program.get_program()))
            .args(program.get_args());
        inside
    }
}

fn ip(line: &str) -> Result<()> {
    said(line).map(|_| ())
}

fn said(line: &str) -> Result<String> {
    let ran = Command::new("ip")
        .args(line.split(' '))
        .output()
        .context("ip cannot be run")?;
    if !ran.status.success() {
        bail!("`ip {line}`: {}", String::from_utf8_lossy(&ran.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}
