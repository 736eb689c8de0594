//! Plans: what is merged, what is left out, and what holds for every input.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use qosguard::qos::{
    Action, Inspection, Plan, PlanConfig, PlanKey, Policy, PolicyConfig, Prefix, Proposal, Proposals,
    ServiceClass, Unplanned,
};
use qosguard::verdict::Severity;

const NOW: f64 = 1_700_000_000.0;

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn propose(id: u64, source: &str, action: Action) -> Proposal {
    Proposal { id, source: Some(prefix(source)), action, time: Some(NOW), ..Proposal::default() }
}

fn plan(proposals: &[Proposal]) -> Plan {
    Plan::new(proposals, NOW, &Policy::default(), &PlanConfig::default()).unwrap()
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn every_reason_not_to_act_is_reported() {
    use Unplanned::{Allow, AllowListed, Expired, NoAddress, NotUnicast, TooWide, UnreadAddress};

    let drop = Action::Drop { ttl_s: 60 };
    let mut all = vec![
        propose(1, "203.0.113.1", Action::Allow),
        propose(2, "127.0.0.1", drop),
        Proposal { source: None, ..propose(3, "203.0.113.1", drop) },
        Proposal { unread_address: true, ..propose(4, "203.0.113.1", drop) },
        propose(5, "0.0.0.0", drop),
        propose(6, "255.255.255.255", drop),
        propose(7, "ff05::2", drop),
        Proposal { time: Some(NOW - 60.0), ..propose(8, "203.0.113.1", drop) },
        propose(9, "203.0.112.0/23", drop),
        propose(10, "2001:db8::/47", drop),
        Proposal { destination: "127.0.0.1".parse().ok(), ..propose(11, "203.0.113.1", drop) },
        Proposal { time: Some(f64::NAN), ..propose(12, "203.0.113.1", drop) },
    ];
    let reasons: Vec<Unplanned> = plan(&all).skipped().iter().map(|skipped| skipped.reason).collect();
    let expected = [
        Allow,
        AllowListed,
        NoAddress,
        UnreadAddress,
        NotUnicast,
        NotUnicast,
        NotUnicast,
        Expired,
        TooWide,
        TooWide,
        AllowListed,
        Expired,
    ];
    assert_eq!(reasons, expected);
    assert!(plan(&all).entries().is_empty() && plan(&all).next_expiry_s().is_none());

    // Over the budget, the strictest and most serious stay.
    all = vec![
        propose(1, "203.0.113.1", Action::Deprioritize { ttl_s: 600 }),
        propose(2, "203.0.113.2", drop),
        Proposal { severity: Severity::Critical, ..propose(3, "203.0.113.3", drop) },
        propose(4, "203.0.114.0/24", drop),
    ];
    let config = PlanConfig { max_hosts: 1, ..PlanConfig::default() };
    let small = Plan::new(&all, NOW, &Policy::default(), &config).unwrap();
    assert_eq!(lines(&small), ["203.0.113.3/32: drop for 60 s (qg:0000000000000003)"]);
    assert_eq!(small.skip_counts(), [(Unplanned::OverBudget, 3)]);
}

#[test]
fn one_key_has_the_strictest_action_and_the_longest_rest() {
    let limit = |bytes_per_second, burst| Action::RateLimit { bytes_per_second, burst, ttl_s: 60 };
    let inspect = |inspection| Action::Inspect { inspection, ttl_s: 60 };
    let early = |service_class| Action::Prioritize { service_class, ttl_s: 60 };
    for (one, other, expected) in [
        (Action::Drop { ttl_s: 60 }, Action::Deprioritize { ttl_s: 300 }, Action::Drop { ttl_s: 300 }),
        (
            limit(100, 9_000),
            limit(200, 3_000),
            Action::RateLimit { bytes_per_second: 100, burst: 3_000, ttl_s: 60 },
        ),
        (inspect(Inspection::Mirror), inspect(Inspection::Queue), inspect(Inspection::Queue)),
        (
            early(ServiceClass::Telephony),
            early(ServiceClass::LowLatencyData),
            early(ServiceClass::LowLatencyData),
        ),
        (early(ServiceClass::Telephony), limit(5, 5), limit(5, 5)),
    ] {
        for pair in [[one, other], [other, one]] {
            let both = [propose(1, "203.0.113.1", pair[0]), propose(2, "::ffff:203.0.113.1", pair[1])];
            let plan = plan(&both);
            assert_eq!(plan.entries().len(), 1, "a mapped address is the IPv4 address");
            assert_eq!(plan.entries()[0].action, expected);
            assert_eq!((&plan.entries()[0].ids[..], plan.entries()[0].merged), (&[1, 2][..], 2));
        }
    }
}

#[test]
fn an_entry_inside_another_is_merged_only_if_nothing_is_lost() {
    let wide = propose(1, "203.0.113.0/24", Action::Drop { ttl_s: 600 });
    for (inner, is_merged) in [
        (Action::Drop { ttl_s: 60 }, true),
        (Action::Deprioritize { ttl_s: 600 }, true),
        (Action::Drop { ttl_s: 601 }, false),
        (Action::Isolate { ttl_s: 60 }, false),
    ] {
        let both = [propose(2, "203.0.113.7", inner), wide];
        let plan = plan(&both);
        assert_eq!(plan.entries().len(), if is_merged { 1 } else { 2 }, "{inner}");
        assert_eq!(plan.entries()[0].ids.contains(&2), is_merged);
    }
    // A later host of the same prefix, after one that is not merged.
    let three = [
        wide,
        propose(2, "203.0.113.7", Action::Isolate { ttl_s: 60 }),
        propose(3, "203.0.113.9", Action::Drop { ttl_s: 60 }),
    ];
    assert_eq!(plan(&three).entries().len(), 2);
}

#[test]
fn the_allow_list_protects_hosts_in_every_form() {
    let allow = vec![prefix("192.0.2.53")];
    let policy = Policy::try_from(PolicyConfig { allow, rules: vec![], ..PolicyConfig::default() }).unwrap();
    let config =
        PlanConfig { min_length_v6: 16, never_act: vec![prefix("2001:db8::53")], ..PlanConfig::default() };
    for (source, is_planned) in [
        ("192.0.2.53", false),
        ("192.0.2.0/24", false),
        ("::ffff:192.0.2.53", false),
        ("64:ff9b::192.0.2.0/120", false),
        ("64:ff9b::/32", false),
        ("2002:c000:235::1", false),
        ("::/16", false),
        ("2001:db8::/64", false),
        ("192.0.2.52", true),
        ("2001:db8:0:1::/64", true),
        ("64:ff9b::192.0.3.0/120", true),
        ("2002:c000:236::/48", true),
    ] {
        let proposals = [propose(1, source, Action::Drop { ttl_s: 60 })];
        let plan = Plan::new(&proposals, NOW, &policy, &config).unwrap();
        assert_eq!(plan.entries().len(), usize::from(is_planned), "{source}");
        assert!(is_planned || plan.skipped()[0].reason == Unplanned::AllowListed, "{source}");
    }
}

#[test]
fn a_clock_does_not_extend_an_action() {
    let at = |time| Proposal { time, ..propose(1, "203.0.113.1", Action::Drop { ttl_s: 60 }) };
    assert_eq!(at(Some(NOW + 1e9)).rest_s(NOW), Some(60));
    assert_eq!(at(Some(NOW - 59.5)).rest_s(NOW), Some(1));
    assert_eq!(at(Some(NOW - 60.0)).rest_s(NOW), None);
    assert_eq!(at(None).rest_s(NOW), Some(60));
    let error = Plan::new(&[], f64::INFINITY, &Policy::default(), &PlanConfig::default()).unwrap_err();
    assert!(error.to_string().contains("`now` must be a finite time"), "{error}");
    let error = Plan::new(
        &[propose(1, "::1", Action::Drop { ttl_s: 0 })],
        NOW,
        &Policy::default(),
        &PlanConfig::default(),
    );
    assert!(error.unwrap_err().to_string().starts_with("`proposals[0].action.ttl_s` must be"));
}

#[test]
fn services_have_entries_of_their_own() {
    let config = PlanConfig { per_service: true, ..PlanConfig::default() };
    let service = |id, protocol, dst_port| Proposal {
        protocol,
        dst_port,
        ..propose(id, "203.0.113.1", Action::Drop { ttl_s: 60 })
    };
    let all = [service(1, Some(6), Some(443)), service(2, Some(1), Some(8)), service(3, Some(17), Some(53))];
    let of = |all: &[Proposal]| lines(&Plan::new(all, NOW, &Policy::default(), &config).unwrap());
    assert_eq!(
        of(&all),
        [
            "203.0.113.1/32 protocol 1: drop for 60 s (qg:0000000000000002)",
            "203.0.113.1/32 tcp 443: drop for 60 s (qg:0000000000000001)",
            "203.0.113.1/32 udp 53: drop for 60 s (qg:0000000000000003)",
        ]
    );
    // All traffic of a source contains its services.
    let with_all = [&all[..], &[service(4, None, None)]].concat();
    assert_eq!(of(&with_all), ["203.0.113.1/32: drop for 60 s (qg:0000000000000001 and 3 more)"]);
}

#[test]
fn json_of_findings_and_incidents_becomes_proposals() {
    let mut proposals = Proposals::new();
    let opened = r#"{"event":"opened","id":"00000000000000b1","attackers":{"hosts":["203.0.113.7"],"count":1},"victims":{"hosts":["10.0.0.7"],"count":1},"severity":"high","updated":"2023-11-14T22:13:20Z","action":"rate_limit","bytes_per_second":1000,"burst":2000,"ttl_s":60,"dry_run":true}"#;
    let updated = r#"{"event":"updated","id":"00000000000000b1","attackers":{"hosts":["203.0.113.7","2001:db8::7"],"count":2},"victims":{"hosts":[],"count":0},"severity":"critical","updated":"2023-11-14T22:13:21Z","action":"inspect","how":"mirror","ttl_s":60,"dry_run":true}"#;
    let finding = r#"{"id":"00000000000000a1","src_ip":"nowhere","dst_port":443,"protocol":"tcp","time":1700000000.5,"action":"drop","ttl_s":60}"#;
    proposals.add_json("x", &format!("{opened}\n\n{updated}\n{finding}\n")).unwrap();
    let all = proposals.finish();
    assert_eq!(all.len(), 3);
    assert!(all[0].unread_address && (all[0].protocol, all[0].dst_port) == (Some(6), Some(443)));
    assert_eq!((all[0].time, all[1].time), (Some(NOW + 0.5), Some(NOW + 1.0)));
    assert_eq!(all[1].action, Action::Inspect { inspection: Inspection::Mirror, ttl_s: 60 });
    assert_eq!((all[2].source, all[2].severity), (Some(prefix("2001:db8::7")), Severity::Critical));

    for (text, message) in [
        ("{", "x, line 1: \"{\" is not a JSON object"),
        ("7", "x, line 1: \"7\" is not a JSON object of a finding"),
        (r#"{"action":"drop"}"#, "column `id`: \"null\" is not 16 hexadecimal digits"),
        (r#"{"id":"a1","action":"drop"}"#, "column `id`: \"a1\" is not 16"),
        (
            r#"{"id":"00000000000000a1","action":"drop"}"#,
            "column `action`: \"drop\" is not an action with its settings",
        ),
        (
            r#"{"id":"00000000000000a1","action":"drop","ttl_s":0}"#,
            "column `ttl_s`: \"0\" is not a whole number of seconds",
        ),
        (
            r#"{"id":"00000000000000a1","action":"drop","ttl_s":-1}"#,
            "column `ttl_s`: \"-1\" is not a whole number",
        ),
        (
            r#"{"id":"00000000000000a1","action":"drop","ttl_s":1,"time":"noon"}"#,
            "column `time`: \"noon\" is not a time",
        ),
        (
            r#"{"id":"00000000000000a1","action":"drop","ttl_s":1,"attackers":{"hosts":["x"]}}"#,
            "column `attackers.hosts`: \"x\" is not an address",
        ),
    ] {
        let error = Proposals::new().add_json("x", text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

fn actions() -> impl Strategy<Value = Action> {
    let ttl_s = 1_u32..200;
    prop_oneof![
        Just(Action::Allow),
        ttl_s.clone().prop_map(|ttl_s| Action::Prioritize { service_class: ServiceClass::Telephony, ttl_s }),
        ttl_s.clone().prop_map(|ttl_s| Action::Deprioritize { ttl_s }),
        (ttl_s.clone(), 1_u64..4).prop_map(|(ttl_s, rate)| Action::RateLimit {
            bytes_per_second: rate,
            burst: 9,
            ttl_s
        }),
        ttl_s.clone().prop_map(|ttl_s| Action::Inspect { inspection: Inspection::Queue, ttl_s }),
        ttl_s.clone().prop_map(|ttl_s| Action::Drop { ttl_s }),
        ttl_s.prop_map(|ttl_s| Action::Isolate { ttl_s }),
    ]
}

/// Few addresses, so that many proposals meet.
fn sources() -> impl Strategy<Value = Option<Prefix>> {
    let v4 = (0_u32..16, 22_u8..=32).prop_map(|(low, length)| {
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        Prefix::from(IpAddr::V4(Ipv4Addr::from_bits(0xcb00_7100 + low)))
            .address()
            .to_string()
            .parse::<Ipv4Addr>()
            .map(|address| prefix(&format!("{}/{length}", Ipv4Addr::from_bits(address.to_bits() & mask))))
            .unwrap()
    });
    let v6 =
        (0_u128..16).prop_map(|low| Prefix::from(IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | low))));
    prop_oneof![1 => Just(None), 6 => v4.prop_map(Some), 2 => v6.prop_map(Some)]
}

prop_compose! {
    fn proposals()(all in prop::collection::vec((sources(), actions(), -100_i32..100, 0_u64..1_000), 0..60)) -> Vec<Proposal> {
        all.into_iter().enumerate().map(|(at, (source, action, age, id))| Proposal {
            id: id * 100 + at as u64, source, action, time: Some(NOW + f64::from(age)), ..Proposal::default()
        }).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn plans_hold_what_they_promise(all in proposals(), seed in any::<u64>(), max_hosts in 1_u64..400, listed in 0_u32..16) {
        let allow = vec![Prefix::from(IpAddr::V4(Ipv4Addr::from_bits(0xcb00_7100 + listed)))];
        let policy = Policy::try_from(PolicyConfig { allow: allow.clone(), rules: vec![], ..PolicyConfig::default() }).unwrap();
        let config = PlanConfig { max_hosts, ..PlanConfig::default() };
        let of = |all: &[Proposal]| Plan::new(all, NOW, &policy, &config).unwrap();
        let plan = of(&all);

        // The order of the input does not matter.
        let mut shuffled = all.clone();
        shuffled.sort_by_key(|proposal| proposal.id.wrapping_mul(seed | 1));
        prop_assert_eq!(&of(&shuffled), &plan);

        // Every decision has exactly one outcome.
        let mut outcomes: BTreeMap<u64, u32> = BTreeMap::new();
        let planned = plan.entries().iter().flat_map(|entry| entry.ids.iter().copied());
        for id in planned.chain(plan.skipped().iter().map(|skipped| skipped.id)) {
            *outcomes.entry(id).or_default() += 1;
        }
        prop_assert_eq!(outcomes.len(), all.len());
        prop_assert!(outcomes.values().all(|count| *count == 1));

        // The budget is never exceeded, and the allow-list is never touched.
        prop_assert!(plan.hosts() <= max_hosts);
        for entry in plan.entries() {
            prop_assert!(!entry.key.source.contains(allow[0].address()));
            prop_assert!(entry.action.ttl_s() == Some(entry.rest_s) && (1..=86_400).contains(&entry.rest_s));
            // Merged is the strictest and the longest.
            let merged: Vec<&Proposal> = all.iter().filter(|proposal| entry.ids.contains(&proposal.id)).collect();
            let rest = merged.iter().filter_map(|proposal| proposal.rest_s(NOW)).max();
            prop_assert_eq!(rest, Some(entry.rest_s));
            prop_assert_eq!(merged.iter().map(|proposal| proposal.action.rung()).max(), Some(entry.action.rung()));
            for proposal in &merged {
                prop_assert!(entry.key.contains(&PlanKey::from(proposal.source.unwrap())));
                prop_assert!(entry.action.rung() == 0 || with_ttl(proposal.action, 1).no_harsher_than(with_ttl(entry.action, 1)));
            }
        }
        prop_assert!(plan.entries().is_sorted_by(|a, b| a.key < b.key));
    }

    #[test]
    fn without_a_decision_the_plan_is_as_if_it_had_not_been(all in proposals(), removed in 0_usize..60) {
        let config = PlanConfig { max_hosts: 1 << 32, ..PlanConfig::default() };
        let of = |all: &[Proposal]| Plan::new(all, NOW, &Policy::default(), &config).unwrap();
        let mut rest = all.clone();
        let Some(gone) = (removed < all.len()).then(|| rest.remove(removed)) else { return Ok(()) };
        let (with, without) = (of(&all), of(&rest));
        prop_assert!(without.entries().iter().all(|entry| !entry.ids.contains(&gone.id)));
        // Only entries that contain its traffic, or that it contains, differ.
        let meets = |key: &PlanKey| gone.source.is_some_and(|source| {
            source.contains_prefix(&key.source) || key.source.contains_prefix(&source)
        });
        let far = |plan: &Plan| plan.entries().iter().filter(|entry| !meets(&entry.key)).cloned().collect::<Vec<_>>();
        prop_assert_eq!(far(&with), far(&without));
    }
}

fn with_ttl(action: Action, ttl_s: u32) -> Action {
    match action {
        Action::Allow => action,
        Action::Prioritize { service_class, .. } => Action::Prioritize { service_class, ttl_s },
        Action::Deprioritize { .. } => Action::Deprioritize { ttl_s },
        Action::RateLimit { bytes_per_second, burst, .. } => {
            Action::RateLimit { bytes_per_second, burst, ttl_s }
        }
        Action::Inspect { inspection, .. } => Action::Inspect { inspection, ttl_s },
        Action::Drop { .. } => Action::Drop { ttl_s },
        Action::Isolate { .. } => Action::Isolate { ttl_s },
    }
}

#[test]
fn a_million_decisions_become_a_plan_in_bounded_time() {
    let all: Vec<Proposal> = (0..1_000_000_u64)
        .map(|id| {
            let host = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 200_000;
            let source = Prefix::from(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + host as u32)));
            Proposal { source: Some(source), ..propose(id, "203.0.113.1", Action::Drop { ttl_s: 60 }) }
        })
        .collect();
    let config = PlanConfig { max_hosts: 1 << 32, ..PlanConfig::default() };
    let started = std::time::Instant::now();
    let plan = Plan::new(&all, NOW, &Policy::default(), &config).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("1,000,000 decisions in {seconds:.3} s");
    assert_eq!(plan.entries().iter().map(|entry| entry.merged).sum::<u64>(), 1_000_000);
    // A build without optimizations, next to other work.
    assert!(seconds < 20.0, "{seconds} s");
}
