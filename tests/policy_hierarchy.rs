//! Scopes, tenants, lists, floors and conditions of rules, and the order of actions under all of them.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::IpAddr;

use proptest::prelude::*;
use qosguard::Error;
use qosguard::qos::{
    Action, Inspection, Policy, PolicyConfig, Protocol, Recommender, Rule, RuleRef, Scope, ScopeActions,
    ScopeBands, ScopeDirection, ServiceClass, Subject, Tenant, When, read_time,
};
use qosguard::verdict::Severity;

const ANOMALIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

fn recommender(text: &str) -> Recommender {
    Recommender::new(Policy::from_toml(&format!("version = 1\n{text}")).unwrap())
}

fn flow(src: &str, dst: &str) -> Subject<'static> {
    Subject { src_ip: src.parse().ok(), dst_ip: dst.parse().ok(), ..Subject::default() }
}

/// The action, and the rule that chose it.
fn answer(recommender: &Recommender, severity: Severity, subject: &Subject<'_>) -> (String, String) {
    let answer = recommender.recommend_for(severity, subject);
    (answer.action.as_str().to_owned(), recommender.rule_name(answer.rule).to_owned())
}

const HIERARCHY: &str = r#"
    allow = []
    tenants.acme.prefixes = ["10.1.0.0/16", "2001:db8:a::/48"]
    tenants.lab.prefixes = "10.1.128.0/17"

    [[scopes]]
    name = "acme"
    tenant = "acme"
    dry_run = false
    actions.critical = { action = "isolate", ttl_s = 60 }
    floors = { min_severity = "medium", min_bytes_per_second = 500_000 }

    [[scopes]]
    name = "racks"
    prefix = "10.1.2.0/24"
    actions.high = { action = "drop", ttl_s = 60 }

    [[scopes]]
    name = "racks-in"
    prefix = "10.1.2.0/24"
    direction = "inbound"
    actions.high = { action = "inspect", inspection = "queue", ttl_s = 60 }
    actions.critical = { action = "inspect", inspection = "queue", ttl_s = 60 }

    [[scopes]]
    name = "database"
    prefix = "10.1.2.3"
    dry_run = true
    floors.min_severity = "low"
"#;

#[test]
fn the_narrowest_scope_decides_each_setting() {
    use Severity::{Critical, High, Low, Medium};

    let policy = recommender(HIERARCHY);
    let cases = [
        ("192.0.2.1", "192.0.2.2", Critical, "drop", "band critical", true),
        ("10.1.9.9", "192.0.2.2", Critical, "isolate", "scope acme", false),
        ("192.0.2.2", "10.1.9.9", Critical, "isolate", "scope acme", false),
        ("10.1.9.9", "192.0.2.2", Low, "allow", "floor min_severity", false),
        ("2001:db8:a::1", "2001:db8::1", Critical, "isolate", "scope acme", false),
        ("::ffff:10.1.9.9", "192.0.2.2", Critical, "isolate", "scope acme", false),
        ("10.1.2.9", "192.0.2.2", High, "drop", "scope racks", false),
        ("10.1.2.9", "192.0.2.2", Critical, "isolate", "scope acme", false),
        ("192.0.2.2", "10.1.2.9", High, "inspect", "scope racks-in", false),
        ("192.0.2.2", "10.1.2.9", Critical, "inspect", "scope racks-in", false),
        // The host gives no action of its own, but a floor and a dry run.
        ("10.1.2.3", "192.0.2.2", High, "drop", "scope racks", true),
        ("10.1.2.3", "192.0.2.2", Low, "deprioritize", "band low", true),
        ("10.1.2.3", "192.0.2.2", Medium, "rate_limit", "band medium", true),
    ];
    for (src, dst, severity, action, rule, dry_run) in cases {
        let subject = flow(src, dst);
        let given = policy.recommend_for(severity, &subject);
        assert_eq!(
            answer(&policy, severity, &subject),
            (action.into(), rule.into()),
            "{src} {dst} {severity}"
        );
        assert_eq!(given.dry_run, dry_run, "{src} {dst} {severity}");
    }
    // The floor of the tenant raises the limit of the policy.
    let limit = policy.recommend_for(Medium, &flow("10.1.9.9", "192.0.2.2")).action;
    assert!(matches!(limit, Action::RateLimit { bytes_per_second: 500_000, .. }), "{limit}");
}

#[test]
fn dry_run_that_is_switched_on_holds_in_every_scope() {
    let policy = Policy::from_toml(&format!("version = 1\n{HIERARCHY}")).unwrap();
    let recommender = Recommender::new(policy.with_dry_run(true));
    for source in ["10.1.9.9", "10.1.2.3", "192.0.2.1"] {
        assert!(recommender.recommend(1e-9, true, &flow(source, "192.0.2.9")).dry_run, "{source}");
    }
}

#[test]
fn the_lists_win_over_rules_and_scopes() {
    let policy = recommender(
        r#"
        allow = "192.0.2.1"
        never_act = ["10.1.0.0/16", "2001:db8:9::/48"]
        never_alert = "10.2.0.0/16"
        [[scopes]]
        name = "all"
        prefix = "0.0.0.0/0"
        actions.low = { action = "drop", ttl_s = 60 }
        actions.medium = { action = "drop", ttl_s = 60 }
        actions.high = { action = "drop", ttl_s = 60 }
        [[rules]]
        name = "isolate-everything"
        when = { entity = ["0.0.0.0/0", "::/0"] }
        then = { action = "isolate", ttl_s = 60 }
        "#,
    );
    for (src, dst, rule) in [
        ("192.0.2.1", "198.51.100.1", "allow-list"),
        ("198.51.100.1", "10.1.2.3", "list never_act"),
        ("::ffff:10.1.2.3", "198.51.100.1", "list never_act"),
        ("64:ff9b::10.1.2.3", "198.51.100.1", "list never_act"),
        ("2001:db8:9::1", "2001:db8::1", "list never_act"),
        ("10.2.0.1", "10.1.2.3", "list never_alert"),
    ] {
        for severity in ANOMALIES {
            assert_eq!(answer(&policy, severity, &flow(src, dst)), ("allow".into(), rule.into()), "{src}");
        }
    }
    assert_eq!(policy.recommend(1e-9, true, &flow("10.2.0.1", "192.0.2.9")).severity, Severity::None);
    assert_eq!(policy.recommend(1e-9, true, &flow("10.1.0.1", "192.0.2.9")).severity, Severity::Critical);
    let other = answer(&policy, Severity::Low, &flow("198.51.100.1", "198.51.100.2"));
    assert_eq!(other, ("isolate".into(), "isolate-everything".into()));
    // A flow without an address could belong to a host of the lists.
    assert_eq!(policy.recommend_for(Severity::High, &Subject::default()).rule, RuleRef::NoAddress);
}

#[test]
fn rules_compare_tenant_entity_class_time_and_congestion() {
    let policy = recommender(
        r#"
        allow = []
        tenants.acme.prefixes = "10.1.0.0/16"
        [[classes]]
        when = { dst_port = 443, dst = "10.1.0.5" }
        service_class = "multimedia_conferencing"
        [[rules]]
        name = "tenant-at-night"
        when = { tenant = "acme", time = { from = "22:00", to = "06:00", zone = "Europe/Berlin" } }
        then = { action = "isolate", ttl_s = 60 }
        [[rules]]
        name = "bulk-when-congested"
        when = { service_class = "high_throughput_data", congestion = 80 }
        then = { action = "rate_limit", bytes_per_second = 1000, burst = 1000, ttl_s = 60 }
        [[rules]]
        name = "server"
        when = { entity = "10.9.0.1" }
        cap = { action = "deprioritize", ttl_s = 60 }
        [[rules]]
        name = "video-calls"
        when = { service_class = ["multimedia_conferencing", "telephony"] }
        prioritize = { service_class = "multimedia_conferencing", ttl_s = 60 }
        "#,
    );
    let at = |time: &str, subject| Subject { time_s: read_time(time).map(|t| t as i64), ..subject };
    let own = flow("192.0.2.1", "10.1.0.9");
    let name = |severity, subject: &Subject<'_>| answer(&policy, severity, subject).1;
    assert_eq!(name(Severity::Low, &at("2026-01-10T21:30:00Z", own)), "tenant-at-night");
    assert_eq!(name(Severity::Low, &at("2026-01-10T20:30:00Z", own)), "band low");
    // Summer time: 22:00 in Berlin is 20:00 UTC.
    assert_eq!(name(Severity::Low, &at("2026-07-10T20:30:00Z", own)), "tenant-at-night");
    assert_eq!(name(Severity::Low, &own), "band low", "no time meets no condition");

    let bulk = Subject {
        dst_port: Some(873),
        protocol: Some(Protocol::Name("tcp")),
        ..flow("192.0.2.1", "192.0.2.2")
    };
    assert_eq!(name(Severity::Low, &Subject { congestion: Some(90), ..bulk }), "bulk-when-congested");
    assert_eq!(name(Severity::Low, &Subject { congestion: Some(79), ..bulk }), "band low");
    assert_eq!(name(Severity::Low, &bulk), "band low");

    for subject in
        [flow("10.9.0.1", "192.0.2.2"), flow("192.0.2.2", "10.9.0.1"), flow("192.0.2.2", "::ffff:10.9.0.1")]
    {
        assert_eq!(name(Severity::Critical, &subject), "server");
    }
    let call = Subject { dst_port: Some(443), ..flow("192.0.2.2", "10.1.0.5") };
    assert_eq!(name(Severity::None, &call), "video-calls");
    assert_eq!(policy.service_class(&call).class, ServiceClass::MultimediaConferencing);
    assert_eq!(
        name(Severity::None, &Subject { dst_port: Some(443), ..flow("192.0.2.2", "10.1.0.6") }),
        "clean"
    );
}

#[test]
fn policies_without_new_keys_keep_their_bytes() {
    // The digest of the default policy before scopes, lists and floors were added.
    let json: serde_json::Value = serde_json::from_str(&Policy::default().to_json().unwrap()).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut known = ["version", "dry_run", "allow", "bands", "actions", "rules"];
    known.sort_unstable();
    let mut keys = keys;
    keys.sort_unstable();
    assert_eq!(keys, known);
    let hierarchy = Policy::from_toml(&format!("version = 1\n{HIERARCHY}")).unwrap();
    assert_eq!(Policy::from_toml(&hierarchy.to_toml().unwrap()).unwrap(), hierarchy);
    assert_eq!(Policy::from_json(&hierarchy.to_json().unwrap()).unwrap().digest(), hierarchy.digest());
}

#[test]
fn mistakes_of_the_hierarchy_name_their_field() {
    let scope = "[[scopes]]\nname = 'a'\n";
    let cases = [
        (format!("{scope}colour = 1\nprefix = '10.0.0.0/8'"), "scopes[0].colour"),
        (scope.to_owned(), "scopes[0]"),
        (format!("{scope}tenant = 'x'"), "scopes[0].tenant"),
        (format!("{scope}prefix = '10.0.0.1/8'"), "scopes[0].prefix"),
        (format!("{scope}prefix = '10.0.0.0/8'\ndirection = 'up'"), "scopes[0].direction"),
        (format!("{scope}prefix = '10.0.0.0/8'\n{scope}prefix = '10.1.0.0/16'"), "scopes[1].name"),
        (format!("{scope}prefix = '10.0.0.0/8'\n[[scopes]]\nname = 'b'\nprefix = '10.0.0.0/8'"), "scopes[1]"),
        (format!("{scope}prefix = '10.0.0.0/8'\nbands.high = 0.5"), "scopes[0].bands.high"),
        (
            format!("{scope}prefix = '10.0.0.0/8'\nactions.high = {{action = 'allow'}}"),
            "scopes[0].actions.high",
        ),
        (
            format!(
                "{scope}prefix = '10.0.0.0/8'\nactions.critical = {{action = 'isolate', ttl_s = 9}}\n[[scopes]]\nname = 'b'\nprefix = '10.1.0.0/16'\nactions.high = {{action = 'isolate', ttl_s = 10}}"
            ),
            "scopes[1].actions.critical",
        ),
        (
            format!("{scope}prefix = '10.0.0.0/8'\nfloors.min_severity = 'none'"),
            "scopes[0].floors.min_severity",
        ),
        ("floors.min_bytes_per_second = 0".into(), "floors.min_bytes_per_second"),
        ("floors.least = 0".into(), "floors.least"),
        ("tenants.a.prefixes = []".into(), "tenants.a.prefixes"),
        ("tenants.'a b'.prefixes = '10.0.0.0/8'".into(), "tenants"),
        ("never_act = '10.0.0.1/8'".into(), "never_act"),
        ("[[rules]]\nname='a'\nwhen={tenant='x'}\nthen={action='allow'}".into(), "rules[0].when.tenant[0]"),
        (
            "[[rules]]\nname='a'\nwhen={congestion=101}\nthen={action='allow'}".into(),
            "rules[0].when.congestion",
        ),
        (
            "[[rules]]\nname='a'\nwhen={time={from='8:00', to='09:00'}}\nthen={action='allow'}".into(),
            "rules[0].when.time.from",
        ),
        (
            "[[rules]]\nname='a'\nwhen={time={from='09:00', to='09:00'}}\nthen={action='allow'}".into(),
            "rules[0].when.time.to",
        ),
        (
            "[[rules]]\nname='a'\nwhen={time={from='08:00', to='09:00', zone='Mars'}}\nthen={action='allow'}"
                .into(),
            "rules[0].when.time.zone",
        ),
        (
            "[[rules]]\nname='a'\nwhen={service='a'}\nprioritize={service_class='standard', ttl_s=9}".into(),
            "rules[0].prioritize.service_class",
        ),
        ("[[classes]]\nwhen={family='a'}\nservice_class='oam'".into(), "classes[0].when.family"),
    ];
    for (text, field) in cases {
        match Policy::from_toml(&format!("version = 1\n{text}")) {
            Err(Error::Policy { path, .. }) => assert_eq!(path, field, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// Few distinct values, so that ties are common.
fn action() -> impl Strategy<Value = Action> {
    let ttl = 1_u32..4;
    let how = prop::sample::select(vec![Inspection::Mirror, Inspection::Queue, Inspection::Redirect]);
    prop_oneof![
        Just(Action::Allow),
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

fn scope() -> impl Strategy<Value = Scope> {
    let some = |strategy: BoxedStrategy<Action>| prop::option::weighted(0.4, strategy);
    let place = prop::sample::select(vec![
        "acme",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.3",
        "0.0.0.0/0",
        "::/0",
        "2001:db8::/32",
    ]);
    let direction =
        prop::sample::select(vec![None, Some(ScopeDirection::Inbound), Some(ScopeDirection::Outbound)]);
    let p = || prop::option::weighted(0.3, prop::sample::select(vec![0.2, 0.1, 0.05, 0.01, 1e-4]));
    let floor = prop::option::weighted(0.2, prop::sample::select(ANOMALIES.to_vec()));
    let actions =
        (some(action().boxed()), some(action().boxed()), some(action().boxed()), some(action().boxed()));
    (place, direction, actions, (p(), p(), p()), floor, prop::option::weighted(0.2, 1_u64..4)).prop_map(
        |(place, direction, (low, medium, high, critical), (m, h, c), min_severity, rate)| Scope {
            tenant: (place == "acme").then(|| "acme".to_owned()),
            prefix: place.parse().ok(),
            direction,
            bands: ScopeBands { medium: m, high: h, critical: c },
            actions: ScopeActions { low, medium, high, critical },
            floors: qosguard::qos::Floors { min_severity, min_bytes_per_second: rate },
            ..Scope::default()
        },
    )
}

fn rule() -> impl Strategy<Value = Rule> {
    let entity = prop::sample::select(vec!["10.1.0.0/16", "0.0.0.0/0", "2001:db8::/32"]);
    let severity = prop::sample::select(vec![None, Some(Severity::High), Some(Severity::Critical)]);
    (entity, action(), any::<bool>(), severity).prop_map(|(entity, action, is_cap, severity)| Rule {
        name: String::new(),
        when: When {
            entity: vec![entity.parse().unwrap()],
            severity: severity.filter(|_| !is_cap),
            ..When::default()
        },
        then: (!is_cap).then_some(action),
        cap: is_cap.then_some(action),
        prioritize: None,
    })
}

/// The scopes and rules that a valid policy can have, one after the other.
fn policy(scopes: Vec<Scope>, rules: Vec<Rule>) -> Policy {
    let acme = Tenant { prefixes: vec!["10.1.0.0/16".parse().unwrap(), "2001:db8:a::/48".parse().unwrap()] };
    let mut config = PolicyConfig {
        rules: Vec::new(),
        tenants: [("acme".to_owned(), acme)].into_iter().collect(),
        ..PolicyConfig::default()
    };
    for (index, scope) in scopes.into_iter().enumerate() {
        config.scopes.push(Scope { name: format!("s{index}"), ..scope });
        if Policy::try_from(config.clone()).is_err() {
            config.scopes.pop();
        }
    }
    for (index, rule) in rules.into_iter().enumerate() {
        config.rules.push(Rule { name: format!("r{index}"), ..rule });
        if Policy::try_from(config.clone()).is_err() {
            config.rules.pop();
        }
    }
    Policy::try_from(config).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_higher_p_value_never_gets_a_harsher_action(
        scopes in prop::collection::vec(scope(), 0..8),
        rules in prop::collection::vec(rule(), 0..4),
        p_values in prop::collection::vec(0.0_f64..0.3, 2..8),
    ) {
        let policy = policy(scopes, rules);
        let recommender = Recommender::new(policy);
        let mut p_values = p_values;
        p_values.extend([1e-9, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.2, 1.0]);
        p_values.sort_by(|a, b| b.total_cmp(a));
        let hosts = ["10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "2001:db8::1", "2001:db8:a::1", "::ffff:10.1.2.3"];
        for (src, dst) in hosts.iter().flat_map(|src| hosts.map(|dst| (*src, dst))) {
            let subject = flow(src, dst);
            let mut before = recommender.recommend(1.0, false, &subject).action;
            for p in &p_values {
                let action = recommender.recommend(*p, true, &subject).action;
                prop_assert!(before.no_harsher_than(action), "{src} {dst} {p}: {before} then {action}");
                before = action;
            }
        }
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address(
        scopes in prop::collection::vec(scope(), 0..8),
        rules in prop::collection::vec(rule(), 0..4),
        address in prop::sample::select(vec!["10.1.2.3", "10.1.9.9", "10.2.0.1", "192.0.2.1"]),
        p_value in 0.0_f64..0.3,
    ) {
        let recommender = Recommender::new(policy(scopes, rules));
        let plain: IpAddr = address.parse().unwrap();
        let mapped: IpAddr = format!("::ffff:{address}").parse().unwrap();
        let ask = |ip| recommender.recommend(p_value, true, &Subject { src_ip: Some(ip), ..Subject::default() });
        prop_assert_eq!(ask(plain), ask(mapped));
    }
}
