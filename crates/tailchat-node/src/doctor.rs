//! What a node finds wrong with itself, its rooms and its peers, and the command that mends it. Reads memory alone: files,
//! firewalls and other programs are looked at by whoever asks.

use tailchat_core::engine::Fares;
use tailchat_core::ids::DeviceId;
use tailchat_net::{DEFAULT_PORT, Source, Standing};

use crate::answers::View;
use crate::control::{Area, FindingItem, Item, StatusItem};
use crate::finding;
use crate::node::Node;
use crate::session::Pending;

/// Addresses that are not reached and are told one by one; of more there is the number.
const UNREACHED_MAX: usize = 8;
/// How far a peer's clock may be from ours before it is told: messages are then shown at odd times.
const CLOCK_OFF_MAX_MS: i64 = 60_000;

/// What is known of a connected peer's program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Program {
    name: String,
    addr: String,
    /// Its version; none if it has not said.
    version: Option<String>,
    /// Its clock minus ours; none if that is not known.
    clock_off_ms: Option<i64>,
}

impl Node {
    /// Everything that can be said without leaving the process. A source of discovery has its own part here.
    pub(crate) fn doctor(&self) -> Pending {
        let parts = [
            self.listens(),
            self.in_rooms(),
            self.sought(),
            self.with_peers(),
            self.copied(),
        ];
        Pending::items(parts.into_iter().flatten().map(Item::Finding))
    }

    fn listens(&self) -> Vec<FindingItem> {
        let Some(port) = self.listening.first().map(|addr| addr.port()) else {
            return Vec::new();
        };
        let at: Vec<_> = self.listening.iter().map(ToString::to_string).collect();
        let at = at.join(", ");
        let mut findings = Vec::new();
        if self.listening.iter().all(|addr| addr.ip().is_loopback()) {
            let what = format!("listens at {at}, which no other machine reaches");
            findings
                .push(FindingItem::note(Area::Listening, what).mended_by("tailchat serve --listen :24242"));
        } else {
            let reached = tailchat_net::reachable(&self.listening);
            let reached: Vec<_> = reached.iter().map(ToString::to_string).collect();
            let what = match reached.is_empty() {
                true => format!("listens at {at}"),
                false => format!("listens at {at}; others dial {}", reached.join(", ")),
            };
            findings.push(FindingItem::fine(Area::Listening, what));
        }
        if port != DEFAULT_PORT {
            let what = format!("the port is {port} instead of {DEFAULT_PORT}");
            let why = format!(
                "another program had port {DEFAULT_PORT}, or --listen said so; a bare host name does not lead here, an \
                 invite does"
            );
            let mend = format!("tailchat serve --listen :{DEFAULT_PORT}");
            findings.push(
                FindingItem::note(Area::Listening, what)
                    .since(why)
                    .mended_by(mend),
            );
        }
        findings.push(match &self.dialled_by {
            Some(host) => {
                let what = format!("{host} has dialled in, so the port is open to it");
                FindingItem::fine(Area::Listening, what)
            }
            None => {
                let what = "nobody has dialled in from elsewhere since this tailchat runs";
                let why = "which proves nothing: perhaps nobody tried; who dials out needs no open port";
                FindingItem::note(Area::Listening, what).since(why)
            }
        });
        findings
    }

    fn in_rooms(&self) -> Vec<FindingItem> {
        let closed = self.closed.values().map(|why| {
            let what = "a room could not be opened";
            FindingItem::wrong(Area::Rooms, what)
                .since(why)
                .mended_by("tailchat check --repair")
        });
        let mut findings: Vec<_> = closed.collect();
        let warnings = self.warnings.iter();
        findings.extend(warnings.map(|warning| FindingItem::note(Area::Folder, warning)));
        if !self.moving.is_empty() {
            let what = format!("{} rooms are being read, closed or removed", self.moving.len());
            findings.push(
                FindingItem::note(Area::Rooms, what).since("they are not judged here; ask again in a moment"),
            );
        }
        let views = self.rooms.keys().filter_map(|room| self.view(*room));
        let statuses = views.filter_map(|view| View::status(&view));
        let before = findings.len();
        statuses.for_each(|status| findings.extend(of_room(&status)));
        if findings.len() == before && !self.rooms.is_empty() {
            let what = match self.rooms.len() {
                1 => "the room is open and nothing was found wrong with it".to_owned(),
                rooms => format!("{rooms} rooms are open and nothing was found wrong with them"),
            };
            findings.push(FindingItem::fine(Area::Rooms, what));
        }
        findings
    }

    fn with_peers(&self) -> Vec<FindingItem> {
        let programs = self.programs();
        let mut findings: Vec<_> = programs.iter().flat_map(of_program).collect();
        let unreached: Vec<_> = self
            .engine
            .addresses()
            .into_iter()
            .filter(|address| {
                !matches!(
                    address.fares,
                    Fares::Connected | Fares::Reached | Fares::Ourselves | Fares::Full
                )
            })
            .filter(|address| programs.iter().all(|peer| peer.addr != address.addr))
            .collect();
        for address in unreached.iter().take(UNREACHED_MAX) {
            let what = format!("{} is not connected", address.addr);
            let mut finding = FindingItem::note(Area::Peers, what);
            finding.why = finding::problem(address.fares.clone());
            findings.push(finding);
        }
        if let Some(more @ 1..) = unreached.len().checked_sub(UNREACHED_MAX) {
            let what = format!("{more} more addresses are not connected");
            findings.push(FindingItem::note(Area::Peers, what).mended_by("tailchat peers"));
        }
        if findings.is_empty() && self.serving {
            let what = "no peer is connected and no address of one is known";
            findings.push(FindingItem::note(Area::Peers, what).mended_by("tailchat peers add HOST"));
        }
        findings
    }

    /// How peers are looked for. What is not there on this machine is no finding.
    fn sought(&self) -> Vec<FindingItem> {
        if self.serving && self.sources.is_empty() {
            let what = "peers are looked for at known addresses alone";
            let why = "it was started with --no-discovery";
            return vec![FindingItem::note(Area::Discovery, what).since(why)];
        }
        let findings = self.sources.iter().filter_map(|(source, (addresses, standing))| {
            let area = match source {
                Source::Tailscale | Source::WireGuard => Area::Vpn,
                Source::Mdns | Source::Hosts => Area::Discovery,
            };
            let what = match addresses {
                1 => format!("{source} gives 1 address"),
                many => format!("{source} gives {many} addresses"),
            };
            match standing {
                Standing::Absent(_) => None,
                Standing::Working => Some(FindingItem::fine(area, what)),
                Standing::Failing(why) => Some(FindingItem::note(area, what).since(why)),
            }
        });
        findings.collect()
    }

    /// The programs that are connected, each once.
    fn programs(&self) -> Vec<Program> {
        let statuses = self
            .rooms
            .keys()
            .filter_map(|room| self.engine.room_status(*room));
        let mut programs: Vec<(Option<DeviceId>, Program)> = Vec::new();
        for peer in statuses.flat_map(|status| status.peers) {
            if programs
                .iter()
                .all(|(device, known)| *device != peer.device || known.addr != peer.addr)
            {
                let program = Program {
                    name: peer.name,
                    addr: peer.addr,
                    version: Some(peer.program).filter(|version| !version.is_empty()),
                    clock_off_ms: peer.clock_ahead_ms,
                };
                programs.push((peer.device, program));
            }
        }
        programs.into_iter().map(|(_, program)| program).collect()
    }

    fn copied(&self) -> Vec<FindingItem> {
        let copy = |addr: String| {
            let what = format!("a copy of this data folder is in use at {addr}");
            let why = "both are one device to everybody, so neither counts for the other; give one of the two a fresh \
                       folder, and a code that `tailchat link` prints on the other";
            let mend = "tailchat --data FRESH-FOLDER link CODE";
            FindingItem::wrong(Area::Folder, what).since(why).mended_by(mend)
        };
        self.engine.copies().into_iter().map(copy).collect()
    }

    /// Takes note of who dialled us: no better proof of an open port is to be had from here.
    pub(crate) fn note_dialled(&mut self) {
        let own = tailchat_net::reachable(&self.listening);
        let elsewhere = |host: &&str| {
            let here = own.iter().any(|addr| crate::node::host(addr.ip()) == **host);
            let loopback = host.starts_with("127.") || **host == *"[::1]";
            !here && !loopback
        };
        let dialled = self.engine.dialled_by().find(elsewhere).map(ToOwned::to_owned);
        self.dialled_by = dialled.or(self.dialled_by.take());
    }
}

fn of_room(status: &StatusItem) -> Vec<FindingItem> {
    let name = &status.name;
    let damaged = status.findings.iter().map(|finding| {
        let what = format!("\"{name}\": something was found wrong when it was opened");
        let mend = format!("tailchat check {} --repair", status.room);
        FindingItem::wrong(Area::Rooms, what)
            .since(finding)
            .mended_by(mend)
    });
    let failing = status.failing.iter().map(|why| {
        let what = format!("\"{name}\": nothing can be written");
        FindingItem::wrong(Area::Disk, what).since(why).mended_by("df -h")
    });
    let forks = status.forks.iter().map(|fork| {
        let what = format!("\"{name}\": one device wrote two histories");
        FindingItem::note(Area::Rooms, what).since(fork)
    });
    let waiting = status.waiting.iter().map(|waiting| {
        let what = format!("\"{name}\": still waiting for somebody who has the room");
        let why = match waiting.answered {
            0 => "no tailchat peer answered yet".to_owned(),
            1 => "1 tailchat peer answered and does not have it: is the ID right?".to_owned(),
            answered => {
                format!("{answered} tailchat peers answered and none of them has it: is the ID right?")
            }
        };
        FindingItem::note(Area::Rooms, what)
            .since(why)
            .mended_by("tailchat peers add HOST")
    });
    damaged.chain(failing).chain(forks).chain(waiting).collect()
}

/// What is to be said of a connected peer's program.
fn of_program(program: &Program) -> Vec<FindingItem> {
    let Program { name, addr, .. } = program;
    let version = program.version.as_ref();
    let said = version.map_or_else(String::new, |version| format!(", version {version}"));
    let mut findings = vec![FindingItem::fine(
        Area::Peers,
        format!("{name} is connected ({addr}){said}"),
    )];
    let ours = env!("CARGO_PKG_VERSION");
    if let Some(theirs) = version.filter(|theirs| **theirs != ours) {
        let what = format!("{name} runs version {theirs}, this is {ours}");
        findings
            .push(FindingItem::note(Area::Peers, what).since("the older one lacks what the newer one can"));
    }
    if let Some(off) = program.clock_off_ms.filter(|off| off.abs() > CLOCK_OFF_MAX_MS) {
        let (seconds, way) = (off.abs() / 1000, if off > 0 { "ahead of" } else { "behind" });
        let what = format!("{name}'s clock is {seconds} s {way} ours");
        let why = "one of the two is wrong; messages keep their order and show odd times";
        findings.push(
            FindingItem::wrong(Area::Clock, what)
                .since(why)
                .mended_by("sudo timedatectl set-ntp true"),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use tailchat_core::ids::RoomId;

    use super::*;
    use crate::control::Level;

    #[test]
    fn a_peer_is_judged_by_its_version_and_its_clock_where_they_are_known() {
        let levels = |version: Option<&str>, clock_off_ms| {
            let program = Program {
                name: "bob".into(),
                addr: "10.0.0.2:24242".into(),
                version: version.map(ToOwned::to_owned),
                clock_off_ms,
            };
            let found = of_program(&program);
            found
                .iter()
                .map(|finding| (finding.area, finding.level))
                .collect::<Vec<_>>()
        };
        let connected = (Area::Peers, Level::Fine);
        assert_eq!(levels(None, None), [connected]);
        assert_eq!(levels(Some(env!("CARGO_PKG_VERSION")), Some(900)), [connected]);
        assert_eq!(
            levels(Some("9.9.9"), None),
            [connected, (Area::Peers, Level::Note)]
        );
        for off in [-3_600_000, 61_000] {
            assert_eq!(levels(None, Some(off)), [connected, (Area::Clock, Level::Wrong)]);
        }
    }

    #[test]
    fn what_is_wrong_with_a_room_has_a_command_that_mends_it() {
        let status = StatusItem {
            room: RoomId([7; 16]).to_string(),
            name: "kitchen".into(),
            messages: 0,
            changes: 0,
            heads: Vec::new(),
            disk_bytes: 0,
            failing: Some("disk full".into()),
            forks: vec!["actor 7".into()],
            findings: vec!["a record is damaged".into()],
            peers: Vec::new(),
            fingerprint: String::new(),
            waiting: None,
        };
        let found = of_room(&status);
        assert_eq!(found.len(), 3);
        let wrong = found.iter().filter(|finding| finding.level == Level::Wrong);
        assert!(wrong.clone().all(|finding| finding.mend.is_some()));
        assert_eq!(wrong.count(), 2);
    }
}
