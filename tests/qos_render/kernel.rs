//! nftables and tc: a real kernel in a namespace of its own.

use std::fs;
use std::path::Path;

use qosguard::qos::{Action, NftablesConfig, Plan, Proposal, RenderConfig, Renderer, TcConfig};
use tempfile::TempDir;

use super::tools::{Namespace, find, stderr};
use super::{every_kind, plan, propose};

/// Loads each part in a transaction of its own.
fn load(namespace: &Namespace, nft: &Path, parts: &[String]) {
    let folder = TempDir::new().unwrap();
    for (number, part) in parts.iter().enumerate() {
        let file = folder.path().join(format!("{number}.nft"));
        fs::write(&file, part).unwrap();
        let output = namespace.run(nft, &["-f", file.to_str().unwrap()]);
        assert!(output.status.success(), "part {number}: {}", stderr(&output));
    }
}

fn ruleset(namespace: &Namespace, nft: &Path) -> String {
    let output = namespace.run(nft, &["list", "ruleset"]);
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap().replace(" counter packets 0 bytes 0", "")
}

/// Removes what time changes.
fn without_times(ruleset: &str) -> String {
    let words = ruleset.split(' ').collect::<Vec<_>>();
    let is_time = |at: usize| at > 0 && words[at - 1] == "expires";
    let kept = words.iter().enumerate().filter(|(at, word)| **word != "expires" && !is_time(*at));
    kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

fn tools() -> Option<(Namespace, std::path::PathBuf)> {
    let nft = find("nft")?;
    Some((Namespace::new()?, nft))
}

const FOREIGN: &str = "table inet other {\n set s { type ipv4_addr; elements = { 192.0.2.1 } }\n chain c { type filter hook input priority 0; ip saddr @s drop\n }\n}\n";

#[test]
fn nftables_applies_a_plan_and_a_rollback_restores_the_rules() {
    let Some((namespace, nft)) = tools() else { return };
    load(&namespace, &nft, &[FOREIGN.to_owned()]);
    let before = ruleset(&namespace, &nft);
    let (plan, config) = (every_kind(), RenderConfig::default());
    let rendered = plan.render(Renderer::Nftables, &config).unwrap();
    assert_eq!(rendered.entries as usize + rendered.skipped.len(), plan.entries().len());
    load(&namespace, &nft, &rendered.documents);
    let applied = ruleset(&namespace, &nft);
    for expected in [
        "203.0.113.5 timeout 10m",
        "comment \"qg:0000000000000005\"",
        "limit rate over 125000 bytes/second burst 250 kbytes } drop",
        "ip saddr @mark_ef_4 ip dscp set ef",
        "ip6 saddr @mark_lephb_6 ip6 dscp set lephb",
        "ip daddr @isolate4 drop",
        "203.0.113.77 . tcp . 443",
    ] {
        assert!(applied.contains(expected), "{expected}: {applied}");
    }
    // A plan can be loaded again, and has the same result.
    load(&namespace, &nft, &rendered.documents);
    assert_eq!(without_times(&ruleset(&namespace, &nft)), without_times(&applied));
    load(&namespace, &nft, &plan.rollback(Renderer::Nftables, &config).unwrap().documents);
    assert_eq!(ruleset(&namespace, &nft), before);
    // A rollback of nothing succeeds.
    load(&namespace, &nft, &plan.rollback(Renderer::Nftables, &config).unwrap().documents);
    assert_eq!(ruleset(&namespace, &nft), before);
}

#[test]
fn a_rollback_that_keeps_the_table_removes_the_elements() {
    let Some((namespace, nft)) = tools() else { return };
    let config = RenderConfig {
        nftables: NftablesConfig {
            keep_table: true,
            elements_per_transaction: 3,
            ..NftablesConfig::default()
        },
        ..RenderConfig::default()
    };
    let plan = every_kind();
    load(&namespace, &nft, &plan.render(Renderer::Nftables, &config).unwrap().documents);
    let table = ruleset(&namespace, &nft);
    assert!(table.contains("elements"));
    // One element is gone already, as if it had expired.
    let delete = ["delete", "element", "inet", "qosguard", "drop4", "{", "203.0.113.5", "}"];
    assert!(namespace.run(&nft, &delete).status.success());
    load(&namespace, &nft, &plan.rollback(Renderer::Nftables, &config).unwrap().documents);
    let after = ruleset(&namespace, &nft);
    assert!(!after.contains("elements"), "{after}");
    assert!(after.contains("chain incoming"));
}

#[test]
fn a_prefix_around_others_is_cut_so_that_a_set_accepts_it() {
    let Some((namespace, nft)) = tools() else { return };
    let drop = |ttl_s| Action::Drop { ttl_s };
    let plan = plan(&[
        propose(1, "198.51.100.0/24", drop(60)),
        propose(2, "198.51.100.0/25", drop(120)),
        propose(3, "198.51.100.64/26", drop(300)),
        propose(4, "198.51.100.255", drop(300)),
        propose(5, "2001:db8::/48", drop(60)),
        propose(6, "2001:db8:0:ff00::/56", drop(90)),
    ]);
    assert_eq!(plan.entries().len(), 6);
    let rendered = plan.render(Renderer::Nftables, &RenderConfig::default()).unwrap();
    load(&namespace, &nft, &rendered.documents);
    let applied = ruleset(&namespace, &nft);
    for expected in [
        "198.51.100.0/26 timeout 2m",
        "198.51.100.64/26 timeout 5m",
        "198.51.100.128/25 timeout 1m",
        "2001:db8:0:ff00::/56 timeout 1m30s",
        "2001:db8::/49 timeout 1m",
    ] {
        assert!(applied.contains(expected), "{expected}: {applied}");
    }
}

/// A plan of many hosts of both families.
fn many(hosts: u32) -> Plan {
    let address = |host: u32| {
        if host.is_multiple_of(4) {
            format!("2001:db8:{:x}:{:x}::1", host >> 16, host & 0xffff)
        } else {
            std::net::Ipv4Addr::from_bits(0x0a00_0000 + host).to_string()
        }
    };
    let actions = [
        Action::Drop { ttl_s: 600 },
        Action::RateLimit { bytes_per_second: 125_000, burst: 256_000, ttl_s: 600 },
        Action::Deprioritize { ttl_s: 600 },
    ];
    let all: Vec<Proposal> =
        (0..hosts).map(|host| propose(host.into(), &address(host), actions[host as usize / 7 % 3])).collect();
    plan(&all)
}

#[test]
fn a_hundred_thousand_entries_are_applied_in_parts_and_removed() {
    let Some((namespace, nft)) = tools() else { return };
    let (plan, config) = (many(100_000), RenderConfig::default());
    assert_eq!(plan.entries().len(), 100_000);
    let rendered = plan.render(Renderer::Nftables, &config).unwrap();
    assert_eq!((rendered.entries, rendered.skipped.len(), rendered.documents.len()), (100_000, 0, 50));
    let started = std::time::Instant::now();
    load(&namespace, &nft, &rendered.documents);
    eprintln!("100,000 elements in {:.2} s", started.elapsed().as_secs_f64());
    let applied = ruleset(&namespace, &nft);
    assert_eq!(applied.matches("comment \"qg:").count(), 100_000);
    load(&namespace, &nft, &plan.rollback(Renderer::Nftables, &config).unwrap().documents);
    assert_eq!(ruleset(&namespace, &nft), "");
}

#[test]
fn tc_accepts_the_syntax_and_a_rollback_restores_the_device() {
    let (Some(tc), Some(ip)) = (find("tc"), find("ip")) else { return };
    let Some(namespace) = Namespace::new() else { return };
    let made = namespace.run(&ip, &["link", "add", "qg0", "type", "veth", "peer", "name", "qg1"]);
    assert!(made.status.success(), "{}", stderr(&made));
    let listed = || String::from_utf8(namespace.run(&tc, &["qdisc", "show", "dev", "qg0"]).stdout).unwrap();
    let before = listed();
    let config = RenderConfig {
        tc: TcConfig { device: "qg0".into(), cake: true, ..TcConfig::default() },
        ..RenderConfig::default()
    };
    let plan = every_kind();
    let rendered = plan.render(Renderer::Tc, &config).unwrap();
    assert_eq!(rendered.skip_counts(), [("tc has no queue to an inspector", 4)]);
    for line in rendered.text().lines() {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = namespace.run(&tc, &arguments);
        // 1 is a syntax error; 2 is a kernel without the module, such as CAKE or actions.
        let needs_module = line.contains("cake") || line.contains("action drop");
        let code = output.status.code().unwrap();
        assert!(code == 0 || (code == 2 && needs_module), "{line}: {code} {}", stderr(&output));
    }
    let filters = namespace.run(&tc, &["filter", "show", "dev", "qg0", "parent", "1:"]);
    assert!(String::from_utf8(filters.stdout).unwrap().contains("flowid 1:10"));
    for line in plan.rollback(Renderer::Tc, &config).unwrap().text().lines() {
        let output = namespace.run(&tc, &line.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{line}: {}", stderr(&output));
    }
    assert_eq!(listed(), before);
}
