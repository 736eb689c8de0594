//! What a recommender promises, over policies and flows at random.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use qosguard::arrow::array::AsArray;
use qosguard::qos::{
    Action, Bands, Decision, Inspection, Policy, PolicyConfig, PortRange, Prefix, Priority, Protocol,
    Recommender, Rule, RuleRef, ServiceClass, Subject, When,
};
use qosguard::telemetry::{Column, Field, Kind, Role, Schema, Table};
use qosguard::verdict::{Severity, Verdict};

/// Whether `a` is at most as harsh as `b`, written out rung by rung and setting by setting.
fn no_harsher(a: Action, b: Action) -> bool {
    use Action::{Allow, Deprioritize, Drop, Inspect, Isolate, Prioritize, RateLimit};
    let ladder = |action| match action {
        Allow | Prioritize { .. } => 0,
        Deprioritize { .. } => 1,
        RateLimit { .. } => 2,
        Inspect { .. } => 3,
        Drop { .. } => 4,
        Isolate { .. } => 5,
    };
    match (a, b) {
        (
            RateLimit { bytes_per_second: ra, burst: ba, ttl_s: ta },
            RateLimit { bytes_per_second: rb, burst: bb, ttl_s: tb },
        ) => ra >= rb && ba >= bb && ta <= tb,
        (Inspect { inspection: ha, ttl_s: ta }, Inspect { inspection: hb, ttl_s: tb }) => {
            ha as u8 <= hb as u8 && ta <= tb
        }
        (Deprioritize { ttl_s: ta }, Deprioritize { ttl_s: tb })
        | (Drop { ttl_s: ta }, Drop { ttl_s: tb })
        | (Isolate { ttl_s: ta }, Isolate { ttl_s: tb }) => ta <= tb,
        _ => ladder(a) <= ladder(b),
    }
}

/// Few distinct values, so that ties and near-ties are common.
fn action() -> impl Strategy<Value = Action> {
    let ttl = 1_u32..4;
    let how = prop::sample::select(vec![Inspection::Mirror, Inspection::Queue, Inspection::Redirect]);
    prop_oneof![
        Just(Action::Allow),
        ttl.clone().prop_map(|ttl_s| Action::Prioritize { service_class: ServiceClass::Telephony, ttl_s }),
        ttl.clone().prop_map(|ttl_s| Action::Deprioritize { ttl_s }),
        (1_u64..4, 1_u64..4, ttl.clone()).prop_map(|(bytes_per_second, burst, ttl_s)| Action::RateLimit {
            bytes_per_second,
            burst,
            ttl_s
        }),
        (how, ttl.clone()).prop_map(|(inspection, ttl_s)| Action::Inspect { inspection, ttl_s }),
        ttl.clone().prop_map(|ttl_s| Action::Drop { ttl_s }),
        ttl.prop_map(|ttl_s| Action::Isolate { ttl_s }),
    ]
}

fn prefix() -> impl Strategy<Value = Prefix> {
    prop::sample::select(vec!["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "2001:db8::/32", "::/0"])
        .prop_map(|text| text.parse().unwrap())
}

/// Mostly no condition, so that many rules match a flow.
fn few<S>(values: S) -> impl Strategy<Value = Vec<S::Value>>
where
    S: Strategy,
    S::Value: Clone,
{
    prop_oneof![4 => Just(vec![]), 1 => prop::collection::vec(values, 1..4)]
}

fn when() -> impl Strategy<Value = When> {
    let words = |values: &'static [&'static str]| few(prop::sample::select(values).prop_map(str::to_owned));
    let ports = || few((0_u16..4, 0_u16..4).prop_filter_map("order", |(a, b)| PortRange::new(a, b)));
    let severity = prop::sample::select(vec![
        None,
        Some(Severity::None),
        Some(Severity::Low),
        Some(Severity::Medium),
        Some(Severity::High),
        Some(Severity::Critical),
    ]);
    (
        words(&["dns", "http"]),
        words(&["tcp", "UDP", "17"]),
        few(prefix()),
        few(prefix()),
        ports(),
        ports(),
        words(&["dos", "scan"]),
        severity,
    )
        .prop_map(|(service, protocol, src, dst, src_port, dst_port, family, severity)| When {
            service,
            protocol,
            src,
            dst,
            src_port,
            dst_port,
            family,
            severity,
            ..When::default()
        })
}

fn rule() -> impl Strategy<Value = Rule> {
    (when(), action(), 0..3).prop_map(|(when, action, kind)| {
        let priority =
            Priority { service_class: ServiceClass::Signaling, ttl_s: action.ttl_s().unwrap_or(1) };
        Rule {
            name: String::new(),
            when,
            then: (kind == 0).then_some(action),
            cap: (kind == 1).then_some(action),
            prioritize: (kind == 2).then_some(priority),
        }
    })
}

/// A random valid policy: random actions that form a ladder, and the random rules that are accepted.
fn policy() -> impl Strategy<Value = Policy> {
    let bands = (1e-6..0.9_f64, 0.1..0.9_f64, 0.1..0.9_f64).prop_map(|(medium, b, c)| Bands {
        medium,
        high: medium * b,
        critical: medium * b * c,
    });
    let actions = [action(), action(), action(), action()];
    (
        bands,
        actions,
        prop::collection::vec(prefix(), 0..3),
        prop::collection::vec(rule(), 0..8),
        any::<bool>(),
    )
        .prop_filter_map("a ladder", |(bands, mut actions, allow, rules, dry_run)| {
            actions.sort_by_key(|a| (a.rung(), a.ttl_s()));
            let actions = qosguard::qos::Actions {
                low: actions[0],
                medium: actions[1],
                high: actions[2],
                critical: actions[3],
            };
            let mut config =
                PolicyConfig { bands, actions, dry_run, allow, rules: vec![], ..PolicyConfig::default() };
            let mut policy = Policy::try_from(config.clone()).ok()?;
            for (index, rule) in rules.into_iter().enumerate() {
                config.rules.push(Rule { name: format!("r{index}"), ..rule });
                match Policy::try_from(config.clone()) {
                    Ok(larger) => policy = larger,
                    Err(_) => drop(config.rules.pop()),
                }
            }
            Some(policy)
        })
}

fn subject() -> impl Strategy<Value = Subject<'static>> {
    let address = || {
        prop::option::of(prop::sample::select(vec![
            "10.1.2.3".parse::<IpAddr>().unwrap(),
            "::ffff:10.1.2.3".parse().unwrap(),
            "10.9.9.9".parse().unwrap(),
            "198.51.100.1".parse().unwrap(),
            "2001:db8::1".parse().unwrap(),
        ]))
    };
    let word = |values: &'static [&'static str]| prop::option::of(prop::sample::select(values));
    let protocol = prop::option::of(prop_oneof![
        prop::sample::select(vec!["tcp", "udp", "6", "Sctp"]).prop_map(Protocol::Name),
        prop::sample::select(vec![6_u8, 17]).prop_map(Protocol::Number),
    ]);
    (
        address(),
        address(),
        prop::option::of(0_u16..4),
        prop::option::of(0_u16..4),
        protocol,
        word(&["dns", "HTTP", "-"]),
        word(&["dos", "Scan"]),
    )
        .prop_map(|(src_ip, dst_ip, src_port, dst_port, protocol, service, family)| Subject {
            src_ip,
            dst_ip,
            src_port,
            dst_port,
            protocol,
            service,
            family,
            unread_address: false,
            icmp_type: None,
            icmp_code: None,
            ..Subject::default()
        })
}

/// p-values of every size, and the edges of the bands.
fn p_values(bands: Bands) -> Vec<f64> {
    let edges = [bands.medium, bands.high, bands.critical];
    let mut values = vec![f64::MIN_POSITIVE, 1e-300, 1e-7, 1e-4, 1e-2, 0.5, 1.0];
    values.extend(edges.iter().flat_map(|&p| [p.next_down(), p, p.next_up()]));
    values.sort_by(f64::total_cmp);
    values
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        max_global_rejects: 100_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_higher_p_value_never_gets_a_harsher_action(policy in policy(), subject in subject()) {
        let bands = policy.config().bands;
        let recommender = Recommender::new(policy);
        // From the least suspicious record to the most: clean ones first, by falling p-value, then anomalies.
        // A record is suspicious by its p-value *and* by the threshold, so both orders must hold.
        for anomalies in [[false, false], [false, true], [true, true]] {
            let values = p_values(bands);
            for (i, &rarer) in values.iter().enumerate() {
                for &commoner in &values[i..] {
                    let mild = recommender.recommend(commoner, anomalies[0], &subject);
                    let harsh = recommender.recommend(rarer, anomalies[1], &subject);
                    prop_assert!(mild.severity <= harsh.severity);
                    prop_assert!(
                        no_harsher(mild.action, harsh.action),
                        "{mild:?} at {commoner}, {harsh:?} at {rarer}"
                    );
                    prop_assert!(mild.action.no_harsher_than(harsh.action));
                }
            }
        }
    }

    #[test]
    fn every_recommendation_is_safe(
        policy in policy(),
        subject in subject(),
        is_anomaly in any::<bool>(),
        p in 0.0..1.0_f64,
    ) {
        let config = policy.config().clone();
        let recommender = Recommender::new(policy);
        let answer = recommender.recommend(p, is_anomaly, &subject);
        prop_assert_eq!(answer.dry_run, config.dry_run);
        prop_assert_eq!(answer.severity == Severity::None, !is_anomaly);
        match answer.action {
            Action::Allow => {}
            Action::Prioritize { .. } => prop_assert!(!is_anomaly),
            _ => prop_assert!(is_anomaly),
        }
        prop_assert!(answer.action.ttl_s().is_none_or(|t| (1..=86_400).contains(&t)));
        prop_assert_eq!(answer.action.ttl_s().is_none(), answer.action == Action::Allow);

        // The allow-list wins, and only for those in it.
        let ends = [subject.src_ip, subject.dst_ip];
        let listed = ends.into_iter().flatten().any(|a| config.allow.iter().any(|p| p.contains(a)));
        prop_assert_eq!(answer.rule == RuleRef::AllowList, listed);
        prop_assert!(!listed || answer.action == Action::Allow);

        // A cap that is the first answer to match holds.
        let first = config.rules.iter().find(|r| r.prioritize.is_none() && matches(&r.when, &subject));
        if let Some(cap) = first.and_then(|r| r.cap) {
            prop_assert!(no_harsher(answer.action, cap), "{answer:?} beyond {cap:?}");
            let usual = match answer.severity {
                Severity::None => answer.action,
                Severity::Low => config.actions.low,
                Severity::Medium => config.actions.medium,
                Severity::High => config.actions.high,
                Severity::Critical => config.actions.critical,
            };
            prop_assert!(no_harsher(answer.action, usual), "{answer:?} beyond {usual:?}");
        }
        // And so does an action, from its severity on.
        let severe = |r: &&Rule| r.when.severity.is_none_or(|s| s <= answer.severity);
        let unknown = !config.allow.is_empty() && subject.src_ip.is_none() && subject.dst_ip.is_none();
        prop_assert!(!unknown || answer.action == Action::Allow);
        prop_assert!(unknown || answer.rule != RuleRef::NoAddress);
        if let (Some(then), true, false) = (first.filter(severe).and_then(|r| r.then), is_anomaly, listed) {
            prop_assert_eq!(answer.action, if unknown { Action::Allow } else { then });
        }
        prop_assert!(!recommender.rule_name(answer.rule).is_empty());
    }

    #[test]
    fn policies_survive_every_format(policy in policy()) {
        prop_assert_eq!(&Policy::from_toml(&policy.to_toml().unwrap()).unwrap(), &policy);
        #[cfg(feature = "yaml")]
        prop_assert_eq!(&Policy::from_yaml(&policy.to_yaml().unwrap()).unwrap(), &policy);
        prop_assert_eq!(&Policy::from_json(&policy.to_json().unwrap()).unwrap(), &policy);
    }

    #[test]
    fn no_text_panics(text in "[\\PC\n]{0,120}", cut in 0_usize..3_000) {
        let _ = (Policy::from_toml(&text), Policy::from_yaml(&text), Policy::from_json(&text));
        let whole = Policy::default().to_yaml().or_else(|_| Policy::default().to_toml()).unwrap();
        let cut: String = whole.chars().take(cut).collect();
        let _ = (Policy::from_yaml(&cut), Policy::from_toml(&cut), Policy::from_json(&cut));
    }
}

/// Whether a condition is not given, or one of its values holds.
fn holds<P, V: Copy>(values: &[P], value: Option<V>, same: impl Fn(&P, V) -> bool) -> bool {
    values.is_empty() || value.is_some_and(|v| values.iter().any(|p| same(p, v)))
}

/// The conditions of a rule, word for word from their documentation.
fn matches(when: &When, subject: &Subject<'_>) -> bool {
    let number = |text: &str| match text.to_lowercase().as_str() {
        "tcp" => 6,
        "udp" => 17,
        "sctp" => 132,
        other => other.parse::<u8>().unwrap(),
    };
    let protocol = subject.protocol.map(|p| match p {
        Protocol::Name(name) => number(name),
        Protocol::Number(n) => n,
    });
    holds(&when.service, subject.service, |a, b| a.to_lowercase() == b.to_lowercase())
        && holds(&when.family, subject.family, |a, b| a.to_lowercase() == b.to_lowercase())
        && holds(&when.protocol, protocol, |a, b| number(a) == b)
        && holds(&when.src, subject.src_ip, Prefix::contains)
        && holds(&when.dst, subject.dst_ip, Prefix::contains)
        && holds(&when.src_port, subject.src_port, PortRange::contains)
        && holds(&when.dst_port, subject.dst_port, PortRange::contains)
}

#[test]
fn severity_takes_the_threshold_first_and_the_bands_then() {
    let recommender = Recommender::new(Policy::default());
    let cases = [
        (1e-9, Severity::Critical),
        (1e-5, Severity::Critical),
        (1e-5_f64.next_up(), Severity::High),
        (1e-4, Severity::High),
        (1e-3, Severity::Medium),
        (1e-3_f64.next_up(), Severity::Low),
        (1.0, Severity::Low),
        (f64::NAN, Severity::Low),
    ];
    for (p, severity) in cases {
        assert_eq!(recommender.severity(p, true), severity, "{p}");
        assert_eq!(recommender.severity(p, false), Severity::None, "{p}");
    }
}

#[test]
fn the_default_policy_is_cautious() {
    let recommender = Recommender::new(Policy::default());
    let at = |p, is_anomaly, subject: Subject<'_>| {
        let answer = recommender.recommend(p, is_anomaly, &subject);
        assert!(answer.dry_run);
        (answer.action.to_string(), recommender.rule_name(answer.rule).to_owned())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    // The default allow-list withholds every action from a flow without addresses.
    assert_eq!(at(5e-6, true, Subject::default()), pair("allow", "no-address"));
    assert_eq!(at(0.5, false, Subject::default()), pair("allow", "clean"));
    let any = Subject { src_ip: "198.51.100.7".parse().ok(), ..Subject::default() };
    assert_eq!(at(0.5, false, any), pair("allow", "clean"));
    assert_eq!(at(5e-3, true, any), pair("deprioritize for 300 s", "band low"));
    assert_eq!(
        at(5e-4, true, any),
        pair("rate-limit to 125000 B/s, burst 256000 B, for 60 s", "band medium")
    );
    assert_eq!(at(5e-5, true, any), pair("inspect by mirror for 300 s", "band high"));
    assert_eq!(at(5e-6, true, any), pair("drop for 600 s", "band critical"));

    let limit = "rate-limit to 125000 B/s, burst 256000 B, for 60 s";
    let dns = Subject { service: Some("DNS"), ..any };
    assert_eq!(at(1e-9, true, dns), pair(limit, "control-services"));
    assert_eq!(at(5e-3, true, dns), pair("deprioritize for 300 s", "band low"));
    assert_eq!(at(0.5, false, dns), pair("prioritize as low_latency_data for 300 s", "lookups"));
    for port in [53, 67, 68, 123, 546, 547] {
        for protocol in [Protocol::Name("UDP"), Protocol::Name("17"), Protocol::Number(17)] {
            let subject = Subject { dst_port: Some(port), protocol: Some(protocol), ..any };
            assert_eq!(at(1e-9, true, subject), pair(limit, "control-ports"));
        }
        let tcp = Subject { dst_port: Some(port), protocol: Some(Protocol::Number(6)), ..any };
        assert_eq!(at(1e-9, true, tcp), pair("drop for 600 s", "band critical"));
    }
    let voip = Subject { service: Some("voip"), ..any };
    assert_eq!(at(0.5, false, voip), pair("prioritize as telephony for 300 s", "calls"));
    assert_eq!(at(1e-9, true, voip), pair("drop for 600 s", "band critical"));
}

#[test]
fn the_allow_list_wins_however_an_address_is_written() {
    let policy = Policy::from_toml("version = 1\nallow = ['10.0.0.0/8', '2001:db8::/32']").unwrap();
    let recommender = Recommender::new(policy);
    for address in ["10.255.0.1", "::ffff:10.0.0.1", "::ffff:a00:1", "2001:db8:1::1"] {
        let address = address.parse().ok();
        for subject in [
            Subject { src_ip: address, ..Subject::default() },
            Subject { dst_ip: address, ..Subject::default() },
        ] {
            for (p, is_anomaly) in [(1e-12, true), (0.5, true), (0.5, false)] {
                let answer = recommender.recommend(p, is_anomaly, &subject);
                assert_eq!((answer.action, answer.rule), (Action::Allow, RuleRef::AllowList));
            }
        }
    }
    for address in ["11.0.0.1", "::10.0.0.1", "::ffff:11.0.0.1", "2001:db9::1"] {
        let subject = Subject { src_ip: address.parse().ok(), ..Subject::default() };
        assert_eq!(
            recommender.recommend(1e-12, true, &subject).action,
            Action::Drop { ttl_s: 600 },
            "{address}"
        );
    }
    // The default list.
    let recommender = Recommender::new(Policy::default());
    for address in ["127.0.0.1", "169.254.1.1", "224.0.0.5", "::1", "fe80::1", "ff02::1", "::ffff:127.0.0.1"]
    {
        let subject = Subject { dst_ip: address.parse().ok(), ..Subject::default() };
        assert_eq!(recommender.recommend(1e-12, true, &subject).rule, RuleRef::AllowList, "{address}");
    }
}

#[test]
fn of_each_kind_the_first_rule_that_matches_wins() {
    let policy = Policy::from_toml(
        "version = 1
        rules = [
            { name = 'early', when = { service = 'sip' }, prioritize = { service_class = 'signaling', ttl_s = 9 } },
            { name = 'one', when = { service = 'sip', src = '10.0.0.0/8' },
              then = { action = 'isolate', ttl_s = 9 } },
            { name = 'two', when = { service = 'sip' }, cap = { action = 'deprioritize', ttl_s = 9 } },
            { name = 'three', when = { dst_port = '5060-5061' }, then = { action = 'drop', ttl_s = 9 } },
        ]",
    )
    .unwrap();
    let recommender = Recommender::new(policy);
    let inside = Some(Ipv4Addr::new(10, 0, 0, 1).into());
    let outside = "198.51.100.7".parse().ok();
    let sip = Subject { src_ip: outside, service: Some("sip"), dst_port: Some(5060), ..Subject::default() };
    let name = |p, is_anomaly, subject: Subject<'_>| {
        recommender.rule_name(recommender.recommend(p, is_anomaly, &subject).rule).to_owned()
    };
    assert_eq!(name(1e-9, true, Subject { src_ip: inside, ..sip }), "one");
    assert_eq!(name(1e-9, true, sip), "two");
    assert_eq!(name(1e-9, true, Subject { service: None, ..sip }), "three");
    assert_eq!(name(1e-9, true, Subject { service: None, dst_port: Some(5062), ..sip }), "band critical");
    assert_eq!(name(0.5, false, Subject { src_ip: inside, ..sip }), "early");
    assert_eq!(name(0.5, false, Subject { service: None, ..sip }), "clean");
}

#[test]
fn decisions_are_one_flat_object_and_one_line() {
    let recommender = Recommender::new(Policy::default().with_dry_run(false));
    let outside = Subject { src_ip: "198.51.100.7".parse().ok(), ..Subject::default() };
    let verdict = Verdict {
        score: 0.71,
        p_value: 3.1e-6,
        threshold: 0.6,
        is_anomaly: true,
        severity: Severity::Critical,
        family: Some("dos".into()),
        ..Default::default()
    };
    let decision = recommender.decide(0x9f2c_0000_0000_0001, 7, verdict.clone(), &outside);
    assert_eq!(
        decision.to_string(),
        "9f2c000000000001 critical dos p=3.1e-6 score=0.71 → drop for 600 s (rule: band critical)"
    );
    let json = serde_json::to_value(&decision).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "id": "9f2c000000000001", "row": 7, "community_id": null, "score": 0.71_f32, "p_value": 3.1e-6, "threshold": 0.6_f32,
            "is_anomaly": true, "severity": "critical", "probability": null, "family": "dos",
            "family_probability": null, "evidence": [], "action": "drop", "ttl_s": 600, "bytes_per_second": null,
            "burst": null, "service_class": null, "inspection": null, "rule": "band critical",
            "policy": recommender.policy().digest()[..16], "dry_run": false,
        })
    );
    let text = serde_json::to_string(&decision).unwrap();
    assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decision);
    for id in ["9f2c", "+f2c000000000001", "9f2c00000000000g", "9f2c0000000000011"] {
        let text = text.replace("9f2c000000000001", id);
        assert!(serde_json::from_str::<Decision>(&text).is_err(), "{id}");
    }

    // The severity is always the policy's.
    let lying = Verdict { severity: Severity::None, family: None, p_value: 0.004, ..verdict };
    let decision = recommender.decide(1, 0, lying, &outside);
    assert_eq!(
        decision.to_string(),
        "0000000000000001 low p=0.004 score=0.71 → deprioritize for 300 s (rule: band low)"
    );
}

#[test]
fn a_protocol_is_found_by_number_and_by_every_name_that_the_readers_give_it() {
    let mut protocol = Column::new("p", Role::Feature, Kind::Text);
    protocol.field = Some(Field::Protocol);
    let schema = Schema::builder("s")
        .column(Column::new("n", Role::Feature, Kind::Number))
        .column(protocol)
        .build()
        .unwrap();
    for number in 0..=u8::MAX {
        let record = format!(r#"{{"n": 1, "p": "{number}"}}"#);
        let table = Table::from_json(&schema, &record).unwrap();
        let read = table.batches()[0].column(1).as_string::<i32>().value(0).to_owned();
        for written in [number.to_string(), read.to_uppercase()] {
            let when = When { protocol: vec![written.clone()], ..When::default() };
            let config = PolicyConfig {
                rules: vec![Rule {
                    name: "one".into(),
                    when,
                    then: Some(Action::Isolate { ttl_s: 9 }),
                    cap: None,
                    prioritize: None,
                }],
                ..PolicyConfig::default()
            };
            let recommender = Recommender::new(Policy::try_from(config).unwrap());
            let rule = |protocol| {
                let src_ip = "198.51.100.7".parse().ok();
                let subject = Subject { src_ip, protocol: Some(protocol), ..Subject::default() };
                recommender.recommend(0.5, true, &subject).rule
            };
            for protocol in [Protocol::Name(&read), Protocol::Number(number)] {
                assert_eq!(rule(protocol), RuleRef::Rule(0), "rule on {written}, flow of {protocol:?}");
            }
            let other = Protocol::Number(number.wrapping_add(1));
            assert_eq!(rule(other), RuleRef::Band(Severity::Low), "rule on {written}");
        }
    }
}
