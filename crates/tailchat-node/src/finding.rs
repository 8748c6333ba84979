//! Where peers may be: what the sources of addresses give, what is kept of it over a restart, and how it is told.
//! Dials nothing; whom to dial the engine decides.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tailchat_core::engine::{AddressStatus, Event, Fares, Remembered, Source};
use tailchat_net::{Discovery, NetEvent, Standing};

use crate::answers::room_name;
use crate::control::{AddressItem, Code, Failure, Item, SourceItem, SourceStanding};
use crate::node::Node;
use crate::session::Pending;

/// The file in the data folder in which people write where peers may be.
const HOSTS: &str = "hosts";

/// What the sources give now: how many addresses, and how each fares.
pub(crate) type Sources = BTreeMap<tailchat_net::Source, (u64, Standing)>;

/// An address as it is kept. Before addresses knew whence they come, each was a text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Address {
        addr: String,
        by_hand: bool,
        worked_ms: Option<i64>,
    },
    Text(String),
}

/// The bytes of a list of addresses.
pub(crate) fn encode(addrs: &[Remembered]) -> Vec<u8> {
    let kept = addrs.iter().map(|kept| Kept::Address {
        addr: kept.addr.clone(),
        by_hand: kept.by_hand,
        worked_ms: kept.worked_ms,
    });
    serde_json::to_vec(&kept.collect::<Vec<_>>()).unwrap_or_default()
}

/// The addresses in these bytes; none if they are no list.
pub(crate) fn decode(bytes: &[u8]) -> Vec<Remembered> {
    let kept: Vec<Kept> = serde_json::from_slice(bytes).unwrap_or_default();
    let remembered = kept.into_iter().map(|kept| match kept {
        Kept::Address {
            addr,
            by_hand,
            worked_ms,
        } => Remembered {
            addr,
            by_hand,
            worked_ms,
        },
        Kept::Text(addr) => Remembered {
            addr,
            by_hand: true,
            worked_ms: None,
        },
    });
    remembered.collect()
}

/// The ways in which this node looks for peers.
pub(crate) fn discovery(data: &Path, listening: &[SocketAddr]) -> Discovery {
    let hosts = Some(data.join(HOSTS));
    match is_private(listening) {
        true => Discovery {
            mdns: None,
            tailscale: None,
            wireguard: false,
            hosts,
        },
        false => Discovery {
            hosts,
            ..Discovery::default()
        },
    }
}

/// Whether nobody beyond this machine can reach us, so that looking for others elsewhere would only disturb them.
fn is_private(listening: &[SocketAddr]) -> bool {
    listening.iter().all(|addr| addr.ip().is_loopback())
}

impl Node {
    /// What net tells of where peers may be.
    pub(crate) fn found_addresses(&mut self, event: NetEvent) {
        match event {
            NetEvent::Found {
                source,
                addrs,
                standing,
            } => {
                if let Standing::Failing(why) = &standing {
                    tracing::info!("{source}: {why}");
                }
                let given = addrs.len() as u64;
                self.sources.insert(source, (given, standing));
                let source = source_of(source);
                self.feed(Event::AddressesFound { source, addrs });
            }
            NetEvent::NetworkChanged => self.feed(Event::NetworkChanged),
            _ => {}
        }
    }

    /// The ways in which addresses are found, the addresses that are known, and the peers that are connected.
    pub(crate) fn peers(&self) -> Pending {
        let sources = self.sources.iter().map(|(source, (addresses, standing))| {
            let (standing, why) = match standing {
                Standing::Absent(why) => (SourceStanding::Absent, Some(why.clone())),
                Standing::Working => (SourceStanding::Working, None),
                Standing::Failing(why) => (SourceStanding::Failing, Some(why.clone())),
            };
            Item::Source(SourceItem {
                source: source.to_string(),
                addresses: *addresses,
                standing,
                why,
            })
        });
        let addresses = self.addresses().into_iter().map(Item::Address);
        Pending::items(sources.chain(addresses).collect::<Vec<_>>())
    }

    fn addresses(&self) -> Vec<AddressItem> {
        let views: Vec<_> = self.rooms.keys().filter_map(|id| self.view(*id)).collect();
        let known = self.engine.addresses().into_iter().map(|address| {
            let device = address.device;
            let owner = device.and_then(|device| views.iter().find_map(|view| view.owner(device)));
            AddressItem {
                peer: owner,
                ..address_item(address)
            }
        });
        let mut items: BTreeMap<String, AddressItem> = known.map(|item| (item.addr.clone(), item)).collect();
        for (id, room) in &self.rooms {
            for peer in self
                .engine
                .room_status(*id)
                .iter()
                .flat_map(|status| &status.peers)
            {
                let unknown = || AddressItem {
                    addr: peer.addr.clone(),
                    ..AddressItem::default()
                };
                let item = items.entry(peer.addr.clone()).or_insert_with(unknown);
                item.connected = true;
                item.problem = None;
                item.peer = Some(peer.name.clone());
                item.rooms.push(room_name(*id, room));
            }
        }
        items.into_values().collect()
    }

    pub(crate) fn forget_peer(&mut self, addr: &str) -> Result<Pending, Failure> {
        let known = self.engine.addresses().into_iter().map(|address| address.addr);
        let on_host =
            |known: &String| known == addr || known.rsplit_once(':').is_some_and(|(host, _)| host == addr);
        let found: BTreeSet<_> = known.filter(on_host).collect();
        if found.is_empty() {
            let why = format!("no address \"{addr}\" is known; `tailchat peers` lists them");
            return Err(Failure::new(Code::NotFound, why));
        }
        found
            .into_iter()
            .for_each(|addr| self.feed(Event::AddressForgotten { addr }));
        Ok(Pending::items([]))
    }
}

/// An address as programs are told of it.
fn address_item(address: AddressStatus) -> AddressItem {
    let connected = matches!(address.fares, Fares::Connected | Fares::Reached);
    AddressItem {
        addr: address.addr,
        connected,
        peer: None,
        rooms: Vec::new(),
        problem: problem(address.fares),
        sources: address
            .sources
            .into_iter()
            .map(spelt)
            .map(ToOwned::to_owned)
            .collect(),
        worked_ms: address.worked_ms,
    }
}

/// What keeps an address from being of use, in words.
pub(crate) fn problem(fares: Fares) -> Option<String> {
    match fares {
        Fares::Untried | Fares::Connected | Fares::Reached => None,
        Fares::Failed(why) => Some(why),
        Fares::NoSharedRoom => Some("a tailchat answers there that has none of your rooms".into()),
        Fares::Ourselves => Some("that is this tailchat itself".into()),
        Fares::Full => Some("the peer there has links enough; others pass on what it has".into()),
    }
}

fn source_of(source: tailchat_net::Source) -> Source {
    match source {
        tailchat_net::Source::Mdns => Source::Mdns,
        tailchat_net::Source::Tailscale => Source::Tailscale,
        tailchat_net::Source::WireGuard => Source::WireGuard,
        tailchat_net::Source::Hosts => Source::Hosts,
    }
}

fn spelt(source: Source) -> &'static str {
    match source {
        Source::Hand => "hand",
        Source::Hosts => "hosts",
        Source::Mdns => "mdns",
        Source::Tailscale => "tailscale",
        Source::WireGuard => "wireguard",
        Source::Told => "told",
        Source::Before => "before",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_were_kept_by_this_version_or_one_before() {
        let kept = [("ann:24242", true, None), ("10.0.0.7:1", false, Some(7))];
        let kept = kept.map(|(addr, by_hand, worked_ms)| Remembered {
            addr: addr.into(),
            by_hand,
            worked_ms,
        });
        assert_eq!(decode(&encode(&kept)), kept);
        let old = decode(br#"["ann:24242"]"#);
        assert_eq!(old, kept[..1]);
        assert_eq!(decode(b"rubbish"), []);
    }
}
