//! Firewalls, by what their own tools say: whether any of them keeps TCP at our port out. Reads words, changes nothing;
//! what it cannot read it says.

use std::net::SocketAddr;

use tailchat_node::control::{Area, FindingItem, NodeItem};

use super::tools::{Said, ask};

/// What a tool's words come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is not in use.
    Off,
    /// It lets the port in.
    Open,
    /// Nothing that it says lets the port in.
    Closed,
    /// It may not be asked by us.
    NotPermitted,
    /// Its rules are more than are understood here.
    Unclear,
}

/// A firewall's tool: how it is asked, how its words are read, and what opens the port.
struct Tool {
    name: &'static str,
    args: &'static [&'static str],
    read: fn(&Said, u16) -> Verdict,
    mend: fn(u16) -> String,
}

/// Those that write the rules of others come first: what they say holds.
const TOOLS: [Tool; 4] = [
    Tool {
        name: "ufw",
        args: &["status", "verbose"],
        read: ufw,
        mend: |port| format!("sudo ufw allow {port}/tcp"),
    },
    Tool {
        name: "firewall-cmd",
        args: &["--list-all-zones"],
        read: firewalld,
        mend: |port| {
            format!("sudo firewall-cmd --add-port={port}/tcp --permanent && sudo firewall-cmd --reload")
        },
    },
    Tool {
        name: "nft",
        args: &["list", "ruleset"],
        read: nft,
        // The table and the chain by the names that distributions give them.
        mend: |port| format!("sudo nft insert rule inet filter input tcp dport {port} accept"),
    },
    Tool {
        name: "iptables",
        args: &["-S"],
        read: iptables,
        mend: |port| format!("sudo iptables -I INPUT -p tcp --dport {port} -j ACCEPT"),
    },
];

/// Asks the firewalls that are here, until one of them has something to say of the port.
pub(super) async fn look(node: &NodeItem) -> Vec<FindingItem> {
    let listening = node
        .listening
        .iter()
        .filter_map(|addr| addr.parse::<SocketAddr>().ok());
    let Some(addr) = listening.into_iter().find(|addr| !addr.ip().is_loopback()) else {
        return Vec::new();
    };
    for tool in TOOLS {
        let Some(said) = ask(tool.name, tool.args).await else {
            continue;
        };
        let verdict = (tool.read)(&said, addr.port());
        if verdict != Verdict::Off {
            return finding(&tool, verdict, addr.port(), node.dialled_by.is_some())
                .into_iter()
                .collect();
        }
    }
    Vec::new()
}

fn finding(tool: &Tool, verdict: Verdict, port: u16, dialled: bool) -> Option<FindingItem> {
    let name = tool.name;
    let open = (tool.mend)(port);
    match verdict {
        Verdict::Off => None,
        Verdict::Open => Some(FindingItem::fine(
            Area::Firewall,
            format!("{name} lets TCP port {port} in"),
        )),
        // Whoever dialled in is proof enough that some may.
        Verdict::Closed if dialled => Some(FindingItem::note(
            Area::Firewall,
            format!("{name} names no rule for TCP port {port}, and yet somebody has dialled in"),
        )),
        Verdict::Closed => Some(
            FindingItem::wrong(
                Area::Firewall,
                format!("{name} is on and lets nobody in at TCP port {port}"),
            )
            .since("others cannot dial this machine; whom this machine dials is reached all the same")
            .mended_by(open),
        ),
        Verdict::NotPermitted | Verdict::Unclear if dialled => None,
        Verdict::NotPermitted => Some(
            FindingItem::note(
                Area::Firewall,
                format!("what {name} lets in cannot be read without root"),
            )
            .since(format!(
                "if others do not reach you, see whether it names TCP port {port}"
            ))
            .mended_by(format!("sudo {name} {}", tool.args.join(" "))),
        ),
        Verdict::Unclear => Some(
            FindingItem::note(
                Area::Firewall,
                format!(
                    "{name} has rules that name no TCP port {port}; whether it is let in is not told by them"
                ),
            )
            .mended_by(open),
        ),
    }
}

/// Whether a tool's words say that only root may ask.
fn not_permitted(said: &Said) -> bool {
    let err = said.err.to_lowercase();
    let out = said.out.to_lowercase();
    [
        "root",
        "permission denied",
        "not permitted",
        "authoriz",
        "access denied",
    ]
    .iter()
    .any(|word| err.contains(word) || (out.starts_with("error") && out.contains(word)))
}

/// Whether a word such as `24242/tcp`, `24000:25000/tcp` or `80,24242` has the port.
fn has_port(word: &str, port: u16) -> bool {
    let (ports, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    protocol == "tcp"
        && ports.split(',').any(|part| match part.split_once([':', '-']) {
            Some((from, to)) => {
                let within = |from: u16, to: u16| (from..=to).contains(&port);
                from.parse()
                    .is_ok_and(|from| to.parse().is_ok_and(|to| within(from, to)))
            }
            None => part.parse() == Ok(port),
        })
}

/// `ufw status verbose`: a word for the state, one for what is not named, then a table of rules.
fn ufw(said: &Said, port: u16) -> Verdict {
    if said.out.contains("Status: inactive") {
        return Verdict::Off;
    }
    if !said.out.contains("Status: active") {
        return if not_permitted(said) {
            Verdict::NotPermitted
        } else {
            Verdict::Off
        };
    }
    // The first rule that fits holds.
    let rule = said.out.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let (to, _) = words.split_first()?;
        let action = words
            .iter()
            .find(|word| matches!(**word, "ALLOW" | "LIMIT" | "DENY" | "REJECT"))?;
        let out = words.contains(&"OUT") || words.contains(&"FWD");
        let fits = *to == "Anywhere" || has_port(to, port);
        (fits && !out).then_some(matches!(*action, "ALLOW" | "LIMIT"))
    });
    let default = said.out.lines().find(|line| line.starts_with("Default:"));
    let lets_all_in = default.is_some_and(|line| line.contains("allow (incoming)"));
    match rule.unwrap_or(lets_all_in) {
        true => Verdict::Open,
        false => Verdict::Closed,
    }
}

/// `firewall-cmd --list-all-zones`: of the zones that are active, what each lets in.
fn firewalld(said: &Said, port: u16) -> Verdict {
    if said.err.contains("not running") || said.out.contains("not running") {
        return Verdict::Off;
    }
    if said.out.trim().is_empty() {
        return if not_permitted(said) {
            Verdict::NotPermitted
        } else {
            Verdict::Off
        };
    }
    let (mut active, mut any) = (false, false);
    for line in said.out.lines() {
        if !line.starts_with(char::is_whitespace) {
            active = line.contains("active)") || line.contains("active,") || line.contains(", active");
            any |= active;
            continue;
        }
        let line = line.trim();
        let opens = match line.split_once(':') {
            Some(("ports", ports)) => ports.split_whitespace().any(|word| has_port(word, port)),
            Some(("target", target)) => target.trim() == "ACCEPT",
            _ => {
                let named = line
                    .split("port=\"")
                    .skip(1)
                    .filter_map(|rest| rest.split('"').next());
                let mut named = named.map(|word| has_port(word, port));
                line.ends_with("accept") && line.contains("protocol=\"tcp\"") && named.any(|named| named)
            }
        };
        if active && opens {
            return Verdict::Open;
        }
    }
    if any { Verdict::Closed } else { Verdict::Off }
}

/// `nft list ruleset`: the chains that see what comes in, and any rule that names the port.
fn nft(said: &Said, port: u16) -> Verdict {
    if said.out.trim().is_empty() {
        return if not_permitted(said) {
            Verdict::NotPermitted
        } else {
            Verdict::Off
        };
    }
    let (mut input, mut closed, mut jumps) = (false, false, false);
    for line in said.out.lines().map(str::trim) {
        if line.starts_with("chain ") {
            input = false;
        } else if line.contains("hook input") {
            input = true;
            closed |= line.contains("policy drop");
        } else if line.contains("dport") && line.ends_with("accept") && nft_names(line, port) {
            return Verdict::Open;
        } else if input {
            closed |= line == "drop" || line == "reject" || line.starts_with("reject with");
            jumps |= line.contains("jump ") || line.contains("goto ");
        }
    }
    match (closed, jumps) {
        (true, _) => Verdict::Closed,
        (false, true) => Verdict::Unclear,
        (false, false) => Verdict::Off,
    }
}

/// Whether a rule's `tcp dport` has the port: one, a range, or a set of both.
fn nft_names(line: &str, port: u16) -> bool {
    let Some((before, behind)) = line.split_once("dport") else {
        return false;
    };
    let set = behind.split_once('{').and_then(|(_, set)| set.split_once('}'));
    let mut words = match set {
        Some((set, _)) => set.split([',', ' ']).collect::<Vec<_>>(),
        None => behind.split_whitespace().take(1).collect(),
    };
    words.retain(|word| !word.is_empty());
    !before.contains("udp") && words.iter().any(|word| has_port(word, port))
}

/// `iptables -S`: policies and rules, as they are typed.
fn iptables(said: &Said, port: u16) -> Verdict {
    if said.out.trim().is_empty() {
        return if not_permitted(said) {
            Verdict::NotPermitted
        } else {
            Verdict::Off
        };
    }
    let (mut closed, mut jumps) = (false, false);
    for line in said.out.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let behind = |flags: &[&str]| {
            let at = words.iter().position(|word| flags.contains(word))?;
            words.get(at + 1).copied()
        };
        let target = behind(&["-j", "-g"]);
        match words.as_slice() {
            ["-P", "INPUT", policy] => closed |= matches!(*policy, "DROP" | "REJECT"),
            ["-A", "INPUT", "-j", "DROP" | "REJECT", ..] => closed = true,
            ["-A", chain, ..] => {
                let named = behind(&["--dport", "--dports"]).is_some_and(|ports| has_port(ports, port));
                let tcp = behind(&["-p"]).is_none_or(|protocol| protocol == "tcp");
                if target == Some("ACCEPT") && named && tcp {
                    return Verdict::Open;
                }
                let known = matches!(
                    target,
                    None | Some("ACCEPT" | "DROP" | "REJECT" | "LOG" | "RETURN")
                );
                jumps |= *chain == "INPUT" && !known;
            }
            _ => {}
        }
    }
    match (closed, jumps) {
        (true, _) => Verdict::Closed,
        (false, true) => Verdict::Unclear,
        (false, false) => Verdict::Off,
    }
}

#[cfg(test)]
mod tests;
