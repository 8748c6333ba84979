//! Where peers are looked for and where an address comes from, in words: the same on the screen and on the command
//! line. Knows no network.

use tailchat_core::text;
use tailchat_node::control::{AddressItem, SourceItem, SourceStanding};

use crate::time;

/// How a way of finding addresses fares: `mdns: 2 addresses`. None if it is not there on this machine.
#[must_use]
pub fn fares(source: &SourceItem) -> Option<String> {
    let name = text::name(&source.source);
    let gives = match source.addresses {
        1 => "1 address".to_owned(),
        many => format!("{many} addresses"),
    };
    let why = source.why.as_deref().map(text::visible);
    match (source.standing, why) {
        (SourceStanding::Absent, _) => None,
        (SourceStanding::Working, _) | (SourceStanding::Failing, None) => Some(format!("{name}: {gives}")),
        (SourceStanding::Failing, Some(why)) if source.addresses == 0 => Some(format!("{name}: {why}")),
        (SourceStanding::Failing, Some(why)) => Some(format!("{name}: {gives}; {why}")),
    }
}

/// Where an address comes from: `by hand, mdns`.
#[must_use]
pub fn origin(address: &AddressItem) -> String {
    let dialled_us = address.connected && address.sources.is_empty();
    let words = address.sources.iter().map(|source| match source.as_str() {
        "hand" => "by hand".to_owned(),
        "hosts" => "hosts file".to_owned(),
        "told" => "told by others".to_owned(),
        "before" => "met before".to_owned(),
        other => text::name(other),
    });
    let dialled_us = dialled_us.then(|| "dialled us".to_owned());
    words.chain(dialled_us).collect::<Vec<_>>().join(", ")
}

/// What went wrong last, without the address, beside which it stands.
#[must_use]
pub fn problem(address: &AddressItem) -> Option<String> {
    let problem = address.problem.as_deref()?;
    let after = problem.strip_prefix(address.addr.as_str());
    let why = after.and_then(|after| after.strip_prefix(": "));
    Some(text::visible(why.unwrap_or(problem)).into_owned())
}

/// When a peer was met last at an address: `last met 3 h ago`.
#[must_use]
pub fn met(worked_ms: i64, now_ms: i64) -> String {
    format!("last met {}", time::ago(worked_ms, now_ms))
}

/// Puts whoever is connected first, then those whose name is known, then those met latest; an address that led nowhere
/// comes last.
pub fn sort(addresses: &mut [AddressItem]) {
    addresses.sort_by_key(|address| {
        let met = std::cmp::Reverse(address.worked_ms);
        (!address.connected, address.peer.is_none(), met)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(standing: SourceStanding, addresses: u64, why: Option<&str>) -> SourceItem {
        SourceItem {
            source: "tailscale".into(),
            addresses,
            standing,
            why: why.map(ToOwned::to_owned),
        }
    }

    fn address(sources: &[&str], connected: bool, worked_ms: Option<i64>) -> AddressItem {
        AddressItem {
            addr: format!("{sources:?}"),
            connected,
            sources: sources.iter().map(|source| (*source).to_owned()).collect(),
            worked_ms,
            ..AddressItem::default()
        }
    }

    #[test]
    fn a_way_of_finding_says_what_it_gives_or_what_to_do() {
        use SourceStanding::{Absent, Failing, Working};
        let said = |standing, addresses, why| fares(&source(standing, addresses, why));
        assert_eq!(said(Absent, 0, Some("no tailscale")), None);
        assert_eq!(said(Working, 1, None).unwrap(), "tailscale: 1 address");
        assert_eq!(said(Working, 0, None).unwrap(), "tailscale: 0 addresses");
        let stopped = said(Failing, 0, Some("stopped; run `tailscale up`")).unwrap();
        assert_eq!(stopped, "tailscale: stopped; run `tailscale up`");
        let some = said(Failing, 9, Some("\u{1b}[2Jtoo many")).unwrap();
        assert!(
            some.starts_with("tailscale: 9 addresses; ") && !some.contains('\u{1b}'),
            "{some}"
        );
    }

    #[test]
    fn an_address_says_where_it_comes_from_and_when_it_was_of_use() {
        let found = address(&["hand", "mdns", "told"], false, Some(0));
        assert_eq!(origin(&found), "by hand, mdns, told by others");
        assert_eq!(met(0, 3 * 3_600_000), "last met 3 h ago");
        let inbound = address(&[], true, Some(0));
        assert_eq!(origin(&inbound), "dialled us");
        assert_eq!(origin(&address(&[], false, None)), "");
        let failed = |why: &str| AddressItem {
            addr: "10.0.0.7:1".into(),
            problem: Some(why.into()),
            ..AddressItem::default()
        };
        assert_eq!(problem(&failed("10.0.0.7:1: refused")).unwrap(), "refused");
        assert_eq!(
            problem(&failed("it is\u{7} full")).unwrap(),
            text::visible("it is\u{7} full")
        );
        assert_eq!(problem(&found), None);
    }

    #[test]
    fn who_is_there_comes_first_and_who_was_met_lately_before_who_never_was() {
        let mut all = [
            address(&["mdns"], false, None),
            address(&["before"], false, Some(1)),
            address(&["told"], false, Some(2)),
            address(&["hosts"], true, None),
        ];
        sort(&mut all);
        let order: Vec<_> = all.iter().map(|address| address.addr.as_str()).collect();
        assert_eq!(order, ["[\"hosts\"]", "[\"told\"]", "[\"before\"]", "[\"mdns\"]"]);
    }
}
