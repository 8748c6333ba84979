//! What the tools print, as they print it on the systems that have them.

use super::*;
use tailchat_node::control::Level;

fn out(text: &str) -> Said {
    Said {
        out: text.to_owned(),
        err: String::new(),
    }
}

fn err(text: &str) -> Said {
    Said {
        out: String::new(),
        err: text.to_owned(),
    }
}

#[test]
fn a_port_is_found_alone_in_a_range_and_in_a_list() {
    for word in [
        "24242",
        "24242/tcp",
        "24000:25000/tcp",
        "1025-65535/tcp",
        "22,24242/tcp",
        "1,24240:24250",
    ] {
        assert!(has_port(word, 24242), "{word}");
    }
    for word in [
        "24242/udp",
        "2424",
        "24243:25000/tcp",
        "22",
        "Anywhere",
        "",
        "x-y/tcp",
    ] {
        assert!(!has_port(word, 24242), "{word}");
    }
}

#[test]
fn ufw_is_read() {
    const ACTIVE: &str = "\
Status: active
Logging: on (low)
Default: deny (incoming), allow (outgoing), disabled (routed)
New profiles: skip

To                         Action      From
--                         ------      ----
22/tcp (OpenSSH)           ALLOW IN    Anywhere
22/tcp (OpenSSH (v6))      ALLOW IN    Anywhere (v6)
";
    let with = |rule: &str| out(&format!("{ACTIVE}{rule}\n"));
    assert_eq!(ufw(&out("Status: inactive\n"), 24242), Verdict::Off);
    assert_eq!(ufw(&out(ACTIVE), 24242), Verdict::Closed);
    assert_eq!(ufw(&out(ACTIVE), 22), Verdict::Open);
    for rule in [
        "24242/tcp                  ALLOW IN    Anywhere",
        "24242                      ALLOW IN    192.168.1.0/24",
        "24242/tcp on tailscale0    ALLOW IN    Anywhere",
        "Anywhere on tailscale0     ALLOW IN    Anywhere",
        "24000:25000/tcp            LIMIT IN    Anywhere",
    ] {
        assert_eq!(ufw(&with(rule), 24242), Verdict::Open, "{rule}");
    }
    for rule in [
        "24242/tcp                  DENY IN     Anywhere",
        "24242/udp                  ALLOW IN    Anywhere",
        "24242/tcp                  ALLOW OUT   Anywhere",
    ] {
        assert_eq!(ufw(&with(rule), 24242), Verdict::Closed, "{rule}");
    }
    let all = ACTIVE.replace("deny (incoming)", "allow (incoming)");
    assert_eq!(ufw(&out(&all), 24242), Verdict::Open);
    let refused = err("ERROR: You need to be root to run this script\n");
    assert_eq!(ufw(&refused, 24242), Verdict::NotPermitted);
}

#[test]
fn firewalld_is_read() {
    const ZONES: &str = "\
drop
  target: DROP
  ports: 24242/tcp
  rich rules: 

public (active)
  target: default
  icmp-block-inversion: no
  interfaces: eth0 wlan0
  sources: 
  services: dhcpv6-client ssh
  ports: 
  protocols: 
  forward: yes
  rich rules: 

trusted
  target: ACCEPT
  ports: 
";
    assert_eq!(firewalld(&err("FirewallD is not running\n"), 24242), Verdict::Off);
    assert_eq!(
        firewalld(&out(ZONES), 24242),
        Verdict::Closed,
        "other zones do not count"
    );
    let public = |ports: &str| {
        let services = "  services: dhcpv6-client ssh\n  ports: ";
        out(&ZONES.replacen(services, &format!("{services}{ports}"), 1))
    };
    assert_eq!(firewalld(&public("24242/tcp"), 24242), Verdict::Open);
    assert_eq!(
        firewalld(&public("1025-65535/udp 1025-65535/tcp"), 24242),
        Verdict::Open
    );
    assert_eq!(firewalld(&public("24242/udp"), 24242), Verdict::Closed);
    let trusted = ZONES.replace("trusted\n", "trusted (active)\n");
    assert_eq!(firewalld(&out(&trusted), 24242), Verdict::Open);
    let default = ZONES.replace("public (active)", "public (default, active)");
    assert_eq!(firewalld(&out(&default), 24242), Verdict::Closed);
    let rich = "  forward: yes\n  rich rules: \n";
    let rule =
        "\trule family=\"ipv4\" source address=\"10.0.0.0/8\" port port=\"24242\" protocol=\"tcp\" accept\n";
    let ruled = ZONES.replace(rich, &format!("{rich}{rule}"));
    assert_eq!(firewalld(&out(&ruled), 24242), Verdict::Open);
    let refused = err(
        "Authorization failed.\n    Make sure polkit agent is running or run the application as superuser.\n",
    );
    assert_eq!(firewalld(&refused, 24242), Verdict::NotPermitted);
}

#[test]
fn nftables_is_read() {
    const RULES: &str = "\
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif \"lo\" accept
		tcp dport 22 accept
		ip protocol icmp accept
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
";
    let with = |rule: &str| out(&RULES.replace("tcp dport 22 accept", rule));
    assert_eq!(nft(&out(RULES), 24242), Verdict::Closed);
    for rule in [
        "tcp dport 24242 accept",
        "tcp dport { 22, 24242 } accept",
        "tcp dport { 22, 24000-25000 } counter packets 0 bytes 0 accept",
        "ip saddr 192.168.1.0/24 tcp dport 24242 ct state new accept",
    ] {
        assert_eq!(nft(&with(rule), 24242), Verdict::Open, "{rule}");
    }
    for rule in [
        "udp dport 24242 accept",
        "tcp dport 24242 drop",
        "tcp dport 2424 accept",
    ] {
        assert_eq!(nft(&with(rule), 24242), Verdict::Closed, "{rule}");
    }
    let accepts = RULES.replacen("policy drop", "policy accept", 1);
    assert_eq!(nft(&out(&accepts), 24242), Verdict::Off);
    let rejects = accepts.replace(
        "ip protocol icmp accept",
        "reject with icmpx type admin-prohibited",
    );
    assert_eq!(nft(&out(&rejects), 24242), Verdict::Closed);
    let jumps = accepts.replace("ip protocol icmp accept", "jump custom");
    assert_eq!(nft(&out(&jumps), 24242), Verdict::Unclear);
    assert_eq!(nft(&out(""), 24242), Verdict::Off);
    let refused = err(
        "Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed: Operation not permitted\n",
    );
    assert_eq!(nft(&refused, 24242), Verdict::NotPermitted);
}

#[test]
fn iptables_is_read() {
    const RULES: &str = "\
-P INPUT DROP
-P FORWARD DROP
-P OUTPUT ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
";
    let with = |rule: &str| out(&format!("{RULES}{rule}\n"));
    assert_eq!(iptables(&out(RULES), 24242), Verdict::Closed);
    for rule in [
        "-A INPUT -p tcp -m tcp --dport 24242 -j ACCEPT",
        "-A INPUT -p tcp -m multiport --dports 80,24242 -j ACCEPT",
        "-A ufw-user-input -p tcp -m tcp --dport 24000:25000 -j ACCEPT",
    ] {
        assert_eq!(iptables(&with(rule), 24242), Verdict::Open, "{rule}");
    }
    for rule in [
        "-A INPUT -p udp -m udp --dport 24242 -j ACCEPT",
        "-A INPUT -p tcp -m tcp --dport 24242 -j DROP",
    ] {
        assert_eq!(iptables(&with(rule), 24242), Verdict::Closed, "{rule}");
    }
    let free = RULES.replacen("-P INPUT DROP", "-P INPUT ACCEPT", 1);
    assert_eq!(iptables(&out(&free), 24242), Verdict::Off);
    let rejects = format!("{free}-A INPUT -j REJECT --reject-with icmp-host-prohibited\n");
    assert_eq!(iptables(&out(&rejects), 24242), Verdict::Closed);
    assert_eq!(
        iptables(&out(&format!("{free}-A INPUT -j ts-input\n")), 24242),
        Verdict::Unclear
    );
    let refused = err(
        "iptables v1.8.10 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n",
    );
    assert_eq!(iptables(&refused, 24242), Verdict::NotPermitted);
}

#[test]
fn a_closed_port_is_wrong_unless_somebody_came_in_all_the_same() {
    let [ufw, ..] = TOOLS;
    let level = |verdict, dialled| finding(&ufw, verdict, 24242, dialled).map(|finding| finding.level);
    assert_eq!(level(Verdict::Closed, false), Some(Level::Wrong));
    assert_eq!(level(Verdict::Closed, true), Some(Level::Note));
    assert_eq!(level(Verdict::Open, false), Some(Level::Fine));
    assert_eq!(level(Verdict::NotPermitted, false), Some(Level::Note));
    assert_eq!(level(Verdict::NotPermitted, true), None);
    assert_eq!(level(Verdict::Off, false), None);
    let closed = finding(&ufw, Verdict::Closed, 7, false).and_then(|finding| finding.mend);
    assert_eq!(closed.as_deref(), Some("sudo ufw allow 7/tcp"));
}
