//! Every condition and field that a policy accepts decides something through `Guard::assess`.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use qosguard::arrow::array::{Array, AsArray};
use qosguard::arrow::datatypes::Float64Type;
use qosguard::detect::BoostedTreesConfig;
use qosguard::guard::Notice;
use qosguard::qos::{
    Action, Actions, Bands, Decision, Policy, PolicyConfig, Recommender, Rule, Subject, When,
};
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{Schema, Table};
use qosguard::verdict::Severity;
use qosguard::{Assessment, Guard};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

static FLOWS: LazyLock<Table> = LazyLock::new(|| {
    let config = FlowSimulatorConfig { rows: 3_000, attack_share: 0.3, seed: 3, ..Default::default() };
    simulate::table(&config).unwrap()
});

/// It gives attack classes, and p-values of every severity.
static GUARD: LazyLock<Guard> = LazyLock::new(|| {
    let trees = BoostedTreesConfig { trees: 30, ..Default::default() };
    let policy = json!({ "version": 1, "bands": bands() }).to_string();
    Guard::builder().detector(trees).policy(Policy::from_json(&policy).unwrap()).fit(&FLOWS).unwrap()
});

/// Bands that part the p-values of a guard with 840 calibration rows.
fn bands() -> Value {
    json!({ "medium": 8e-3, "high": 5e-3, "critical": 2e-3 })
}

/// The fields that serde reads for a type, so that a new one without a test fails.
fn fields_of<T: DeserializeOwned>() -> Vec<String> {
    let error = serde_json::from_value::<T>(json!({ "?": null })).map(|_| ()).unwrap_err().to_string();
    let (_, names) = error.split_once(", expected ").expect(&error);
    names.split('`').skip(1).step_by(2).map(Into::into).collect()
}

fn assess(policy: &Value) -> Assessment {
    let policy = Policy::from_json(&policy.to_string()).unwrap();
    GUARD.with_policy(policy).unwrap().assess(&FLOWS).unwrap()
}

/// A policy of one rule.
fn with_rule(rule: Value) -> Value {
    json!({ "version": 1, "dry_run": false, "allow": [], "bands": bands(), "rules": [rule] })
}

/// Rows that the rule `tested` decides, for this condition.
fn decided(when: Value) -> BTreeSet<usize> {
    let rule = json!({ "name": "tested", "when": when, "then": { "action": "isolate", "ttl_s": 77 } });
    let assessment = assess(&with_rule(rule));
    let rows = assessment.decisions().filter(|d| d.rule == "tested").map(|d| {
        assert_eq!(d.action, Action::Isolate { ttl_s: 77 }, "{d}");
        d.row as usize
    });
    rows.collect()
}

fn rows_where(is: impl Fn(&Decision) -> bool) -> BTreeSet<usize> {
    let decisions = GUARD.assess(&FLOWS).unwrap();
    decisions.decisions().filter(|d| d.verdict.is_anomaly && is(d)).map(|d| d.row as usize).collect()
}

fn texts(column: &str) -> Vec<String> {
    let cells = FLOWS.batches().iter().flat_map(|b| {
        let column = b.column_by_name(column).unwrap();
        let texts = column.as_string::<i32>();
        (0..texts.len()).map(|row| texts.value(row).to_owned()).collect::<Vec<_>>()
    });
    cells.collect()
}

fn numbers(column: &str) -> Vec<f64> {
    let cells = FLOWS
        .batches()
        .iter()
        .flat_map(|b| b.column_by_name(column).unwrap().as_primitive::<Float64Type>().values().to_vec());
    cells.collect()
}

/// The condition on the value that the most anomalies have decides those rows and no others; another value, none.
fn decides_its_rows(name: &str, values: &[String], condition: impl Fn(&str) -> Value, absent: Value) {
    let anomalies = rows_where(|_| true);
    let of =
        |value: &str| anomalies.iter().copied().filter(|&row| values[row] == value).collect::<BTreeSet<_>>();
    let known: BTreeSet<&String> = anomalies.iter().map(|&row| &values[row]).collect();
    let value = known.into_iter().max_by_key(|value| of(value).len()).unwrap();
    assert_eq!(decided(json!({ name: condition(value) })), of(value), "{name} = {value}");
    assert!(!of(value).is_empty());
    assert_eq!(decided(json!({ name: absent })), BTreeSet::new(), "{name}");
}

#[test]
fn every_condition_decides_the_rows_that_meet_it() {
    let word = |value: &str| json!(value.to_uppercase());
    for condition in fields_of::<When>() {
        match condition.as_str() {
            name @ ("service" | "protocol") => decides_its_rows(name, &texts(name), word, json!("none-such")),
            "src" => decides_its_rows(
                "src",
                &texts("src_ip"),
                |ip| json!([ip, "203.0.113.0/24"]),
                json!("203.0.113.0/24"),
            ),
            "dst" => decides_its_rows("dst", &texts("dst_ip"), |ip| json!(ip), json!("203.0.113.0/24")),
            name @ ("src_port" | "dst_port") => {
                let ports: Vec<String> = numbers(name).iter().map(ToString::to_string).collect();
                decides_its_rows(name, &ports, |port| json!(format!("{port}-{port}")), json!(1));
            }
            "family" => {
                let families: Vec<Option<String>> =
                    GUARD.assess(&FLOWS).unwrap().decisions().map(|d| d.verdict.family).collect();
                let families: Vec<String> = families.into_iter().map(Option::unwrap_or_default).collect();
                decides_its_rows("family", &families, word, json!("none-such"));
            }
            "severity" => {
                for severity in [Severity::Low, Severity::Medium, Severity::High, Severity::Critical] {
                    let from = decided(json!({ "dst_port": "0-65535", "severity": severity }));
                    assert_eq!(from, rows_where(|d| d.verdict.severity >= severity), "{severity}");
                }
                let critical = rows_where(|d| d.verdict.severity == Severity::Critical);
                assert!(!critical.is_empty() && critical != rows_where(|_| true));
            }
            "entity" => {
                let (src, dst, anomalies) = (texts("src_ip"), texts("dst_ip"), rows_where(|_| true));
                let host = &src[*anomalies.first().unwrap()];
                let of_host = |row: &usize| src[*row] == *host || dst[*row] == *host;
                let expected: BTreeSet<usize> = anomalies.into_iter().filter(of_host).collect();
                assert_eq!(decided(json!({ "entity": host })), expected);
                assert_eq!(decided(json!({ "entity": "203.0.113.0/24" })), BTreeSet::new());
            }
            "tenant" => {
                let of = |prefix: &str| {
                    let when = json!({ "tenant": "lab" });
                    let rule = json!({ "name": "tested", "when": when, "then": { "action": "isolate", "ttl_s": 77 } });
                    let mut policy = with_rule(rule);
                    policy["tenants"] = json!({ "lab": { "prefixes": prefix } });
                    assess(&policy).decisions().filter(|d| d.rule == "tested").count()
                };
                assert_eq!(of("0.0.0.0/0"), rows_where(|_| true).len());
                assert_eq!(of("203.0.113.0/24"), 0);
            }
            "service_class" => {
                let classes = ["standard", "low_latency_data", "telephony", "high_throughput_data", "oam"];
                let of = classes.map(|class| decided(json!({ "service_class": class })));
                assert!(of.iter().filter(|rows| !rows.is_empty()).count() >= 2, "{of:?}");
                let all: BTreeSet<usize> = of.iter().flatten().copied().collect();
                assert_eq!(all.len(), of.iter().map(BTreeSet::len).sum::<usize>(), "a flow has one class");
            }
            "time" => {
                let times = numbers("time");
                let early = decided(json!({ "time": { "from": "00:00", "to": "00:08" } }));
                let is_early = |row: &usize| times[*row] % 86_400.0 < 480.0;
                assert_eq!(early, rows_where(|_| true).into_iter().filter(is_early).collect());
                assert!(!early.is_empty() && early != rows_where(|_| true));
            }
            "congestion" => {
                // Records do not have it; callers of the recommender give it.
                assert_eq!(decided(json!({ "congestion": 80 })), BTreeSet::new());
                let then = json!({ "action": "isolate", "ttl_s": 77 });
                let rule = json!({ "name": "tested", "when": { "congestion": 80 }, "then": then });
                let policy = Policy::from_json(&with_rule(rule).to_string()).unwrap();
                let recommender = Recommender::new(policy);
                let at = |congestion| {
                    let subject = Subject { congestion: Some(congestion), ..Subject::default() };
                    recommender.recommend(1e-9, true, &subject).action == Action::Isolate { ttl_s: 77 }
                };
                assert_eq!([79, 80, 100].map(at), [false, true, true]);
            }
            other => panic!("no test shows that the condition `{other}` decides anything"),
        }
    }
}

#[test]
fn every_effect_of_a_rule_is_seen() {
    let everything = json!({ "dst_port": "0-65535" });
    for field in fields_of::<Rule>() {
        match field.as_str() {
            "name" | "when" => {} // The test of the conditions reads both.
            "then" => assert_eq!(decided(everything.clone()), rows_where(|_| true)),
            "cap" => {
                let cap = json!({ "name": "capped", "when": everything, "cap": { "action": "deprioritize", "ttl_s": 9 } });
                let capped = assess(&with_rule(cap));
                let worst = capped.decisions().filter(|d| d.verdict.severity >= Severity::Medium);
                let worst: Vec<Decision> = worst.collect();
                assert!(!worst.is_empty());
                for d in worst {
                    assert_eq!(
                        (d.rule.as_str(), d.action),
                        ("capped", Action::Deprioritize { ttl_s: 9 }),
                        "{d}"
                    );
                }
            }
            "prioritize" => {
                let rule = json!({ "name": "early", "when": everything,
                                   "prioritize": { "service_class": "telephony", "ttl_s": 9 } });
                let early = assess(&with_rule(rule));
                assert!(early.decisions().all(|d| (d.rule == "early") != d.verdict.is_anomaly));
            }
            other => panic!("no test shows that the field `{other}` of a rule decides anything"),
        }
    }
}

/// Classes of the policy override the class of a flow.
fn classes_decide_what_rules_see() {
    let rule = json!({ "name": "calls", "when": { "service_class": "telephony" },
                       "then": { "action": "isolate", "ttl_s": 77 } });
    let calls = |classes: Value| {
        let mut policy = with_rule(rule.clone());
        policy["classes"] = classes;
        assess(&policy).decisions().filter(|d| d.rule == "calls").count()
    };
    let all = json!([{ "when": { "dst_port": "0-65535" }, "service_class": "telephony" }]);
    assert_eq!(calls(all), rows_where(|_| true).len());
    assert!(calls(json!([])) < rows_where(|_| true).len());
}

#[test]
fn every_field_of_a_policy_is_seen() {
    let plain = || json!({ "version": 1, "dry_run": false, "allow": [], "bands": bands(), "rules": [] });
    let usual: Vec<Decision> = assess(&plain()).decisions().collect();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut policy = plain();
        change(&mut policy);
        let changed: Vec<Decision> = assess(&policy).decisions().collect();
        assert!(
            usual.iter().zip(&changed).all(|(a, b)| a.id == b.id && a.policy != b.policy),
            "ids stay, the policy's changes"
        );
        usual
            .iter()
            .zip(&changed)
            .filter(|(a, b)| (a.action, a.dry_run, &a.rule) != (b.action, b.dry_run, &b.rule))
            .count()
    };
    for field in fields_of::<PolicyConfig>() {
        match field.as_str() {
            "version" => assert!(Policy::from_json(r#"{"version": 2}"#).is_err()),
            "dry_run" => assert_eq!(changed(&|p| p["dry_run"] = true.into()), usual.len()),
            "allow" => {
                let all = json!(["0.0.0.0/0", "::/0"]);
                assert_eq!(changed(&|p| p["allow"] = all.clone()), usual.len());
            }
            "rules" => {} // The tests above.
            "bands" => {
                for band in fields_of::<Bands>() {
                    let narrow = |p: &mut Value| {
                        p["bands"][&band] = json!(match band.as_str() {
                            "medium" => 5.1e-3,
                            "high" => 2.1e-3,
                            "critical" => 1e-3,
                            other => panic!("no test of the band `{other}`"),
                        });
                    };
                    assert!(changed(&narrow) > 0, "{band}");
                }
            }
            "actions" => {
                for severity in fields_of::<Actions>() {
                    let longer = |p: &mut Value| {
                        p["actions"] = json!({
                            "low": { "action": "drop", "ttl_s": 600 }, "medium": { "action": "drop", "ttl_s": 600 },
                            "high": { "action": "drop", "ttl_s": 600 }, "critical": { "action": "drop", "ttl_s": 600 },
                        });
                        let at = ["low", "medium", "high", "critical"]
                            .iter()
                            .position(|s| *s == severity)
                            .unwrap();
                        for name in &["low", "medium", "high", "critical"][at..] {
                            p["actions"][name]["ttl_s"] = 700.into();
                        }
                    };
                    let mut policy = plain();
                    longer(&mut policy);
                    let first: Severity = serde_json::from_value(json!(severity)).unwrap();
                    for d in assess(&policy).decisions().filter(|d| d.verdict.is_anomaly) {
                        let ttl_s = if d.verdict.severity >= first { 700 } else { 600 };
                        assert_eq!(d.action, Action::Drop { ttl_s }, "{severity}: {d}");
                    }
                }
            }
            "never_act" => {
                let all = json!(["0.0.0.0/0", "::/0"]);
                assert_eq!(changed(&|p| p["never_act"] = all.clone()), usual.len());
            }
            "never_alert" => {
                let all = json!(["0.0.0.0/0", "::/0"]);
                let anomalies = usual.iter().filter(|d| d.verdict.is_anomaly).count();
                assert!(changed(&|p| p["never_alert"] = all.clone()) >= anomalies);
            }
            "floors" => {
                let milder =
                    usual.iter().filter(|d| d.verdict.is_anomaly && d.verdict.severity < Severity::Critical);
                assert_eq!(changed(&|p| p["floors"] = json!({ "min_severity": "critical" })), milder.count());
            }
            "tenants" | "scopes" => {
                let scoped = |prefix: &str| {
                    changed(&|p| {
                        p["tenants"] = json!({ "lab": { "prefixes": prefix } });
                        p["scopes"] = json!([{ "name": "lab", "tenant": "lab",
                                               "actions": { "critical": { "action": "isolate", "ttl_s": 5 } } }]);
                    })
                };
                let critical = usual.iter().filter(|d| d.verdict.severity == Severity::Critical).count();
                assert_eq!((scoped("0.0.0.0/0"), scoped("203.0.113.0/24")), (critical, 0));
            }
            "classes" => classes_decide_what_rules_see(),
            other => panic!("no test shows that the field `{other}` of a policy changes anything"),
        }
    }
}

#[test]
fn every_rule_of_the_sample_decides_rows_of_a_guard() {
    let sample = Policy::load(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/policy.toml")).unwrap();
    let guard = GUARD.with_policy(sample.clone()).unwrap();
    let rules: BTreeSet<String> = guard.assess(&FLOWS).unwrap().decisions().map(|d| d.rule).collect();
    assert!(rules.contains("slow-scanners") && rules.contains("calls"), "{rules:?}");
    let scans = guard.assess(&FLOWS).unwrap();
    for d in scans.decisions().filter(|d| d.rule == "slow-scanners") {
        assert_eq!(d.verdict.family.as_deref(), Some("port_scan"));
    }
    // The sample has no rule that this guard cannot apply; a rule for another classifier's classes is named.
    let unused = |guard: &Guard| {
        guard.notices().into_iter().filter(|n| matches!(n, Notice::UnusedRule { .. })).collect::<Vec<_>>()
    };
    assert_eq!(unused(&guard), []);
    let policy =
        with_rule(json!({ "name": "worms", "when": { "family": "worm" }, "then": { "action": "allow" } }));
    let guard = GUARD.with_policy(Policy::from_json(&policy.to_string()).unwrap()).unwrap();
    let [notice] = &unused(&guard)[..] else { panic!("{:?}", guard.notices()) };
    assert!(notice.is_warning());
    assert!(
        notice.to_string().starts_with("rule `worms` never applies: the attack classes of this guard are "),
        "{notice}"
    );
}

/// A guard, and what it decides for one record with this source or destination address.
fn rules_for(addresses: &[&str]) -> Vec<(String, u64)> {
    let policy = r#"{ "version": 1, "dry_run": false, "allow": ["10.0.0.0/8", "2001:db8::/32", "fe80::/10"],
        "actions": { "low": { "action": "drop", "ttl_s": 9 }, "medium": { "action": "drop", "ttl_s": 9 },
                     "high": { "action": "drop", "ttl_s": 9 }, "critical": { "action": "drop", "ttl_s": 9 } },
        "rules": [{ "name": "early", "when": { "dst_port": 443 }, "prioritize": { "service_class": "telephony", "ttl_s": 9 } }] }"#;
    let schema = Schema::preset("flow").unwrap();
    let record = |address: &Value, end: &str, n: u32| json!({ end: address, "dst_port": 443, "protocol": "tcp", "packet_count": n, "byte_count": n, "duration": n });
    let train: Vec<Value> = (0..200).map(|n| record(&"192.0.2.1".into(), "src_ip", n)).collect();
    let train = Table::from_json(&schema, &Value::from(train).to_string()).unwrap();
    let guard = Guard::builder()
        .policy(Policy::from_json(policy).unwrap())
        .false_positive_rate(0.5)
        .fit(&train)
        .unwrap();
    let mut rules = Vec::new();
    for address in addresses {
        let mut of = |end: &str, n| {
            let table = Table::from_json(&schema, &record(&json!(address), end, n).to_string()).unwrap();
            let assessment = guard.assess(&table).unwrap();
            let decision = assessment.decision(0).unwrap();
            rules.push((decision.rule.clone(), assessment.unread_addresses()));
            assert!(!decision.rule.contains('-') || decision.action == Action::Allow, "{decision}");
        };
        of("src_ip", 1_000_000);
        of("dst_ip", 1_000_000);
    }
    rules
}

#[test]
fn no_spelling_of_an_address_falls_outside_the_allow_list() {
    let allowed = [
        "10.1.2.3",
        " 10.1.2.3 ",
        "10.1.2.3.",
        "10.1.2.3/32",
        "10.1.2.3:443",
        "::ffff:10.1.2.3",
        "::FFFF:0a01:0203",
        "[::ffff:10.1.2.3]:443",
        "10.001.002.003",
        "2001:db8::1",
        "2001:DB8:0:0::1",
        "[2001:db8::1]",
        "[2001:db8::1]:443",
        "2001:db8::1/128",
        "2001:0db8:0000:0000:0000:0000:0000:0001",
        "fe80::1%eth0",
        "FE80::1%3",
        "[fe80::1%eth0]",
        "64:ff9b::10.1.2.3",
        "64:ff9b::0a01:0203",
        "2002:0a01:0203::1",
        "[2002:a01:203::1]:443",
    ];
    for (address, (rule, unread)) in allowed.iter().flat_map(|a| [a, a]).zip(rules_for(&allowed)) {
        assert_eq!((rule.as_str(), unread), ("allow-list", 0), "{address:?}");
    }
    let unread = [
        "010.001.002.003",
        "10.1.2.3/24",
        "10.0.0.0/8",
        "167838211",
        "0x0a010203",
        "host-7",
        "-",
        "10.1.2.3,10.1.2.4",
        "[2001:db8::1",
        "10.1.2",
        "10.1.2.3:http",
    ];
    for (address, (rule, unread)) in unread.iter().flat_map(|a| [a, a]).zip(rules_for(&unread)) {
        assert_eq!((rule.as_str(), unread), ("unread-address", 1), "{address:?}");
    }
    let outside = ["11.1.1.1", "198.51.100.7:443", "[2001:db9::1]", "64:ff9b::11.1.2.3", "2002:0b01:0203::1"];
    for (address, (rule, unread)) in outside.iter().flat_map(|a| [a, a]).zip(rules_for(&outside)) {
        assert!(rule.starts_with("band ") && unread == 0, "{address:?}: {rule}");
    }
    for (rule, unread) in rules_for(&["  ", ""]) {
        assert_eq!((rule.as_str(), unread), ("no-address", 0));
    }
}

/// A guard of records without addresses, ports and services, and such records.
fn without_addresses(policy: &Value) -> (Guard, Table) {
    let schema = Schema::builder("rtt").feature("rtt_ms").feature("loss").build().unwrap();
    let records: Vec<Value> =
        (0..400).map(|n| json!({ "rtt_ms": n * 7919 % 97, "loss": n * 31 % 11 })).collect();
    let table = Table::from_json(&schema, &Value::from(records).to_string()).unwrap();
    let builder =
        Guard::builder().policy(Policy::from_json(&policy.to_string()).unwrap()).false_positive_rate(0.2);
    (builder.fit(&table).unwrap(), table)
}

#[test]
fn records_without_addresses_get_no_action_that_the_allow_list_could_forbid() {
    let drop = json!({ "action": "drop", "ttl_s": 9 });
    let mut policy = json!({
        "version": 1, "dry_run": false, "allow": ["10.0.0.0/8"],
        "actions": { "low": drop, "medium": drop, "high": drop, "critical": drop },
        "rules": [
            { "name": "web", "when": { "dst_port": 443 }, "then": drop },
            { "name": "mail", "when": { "dst_port": 25 }, "then": drop },
            { "name": "calls", "when": { "service": "sip" }, "prioritize": { "service_class": "signaling", "ttl_s": 9 } },
        ],
    });
    let (guard, table) = without_addresses(&policy);
    let assessment = guard.assess(&table).unwrap();
    let anomalies = assessment.decisions().filter(|d| d.verdict.is_anomaly).count() as u64;
    assert!(anomalies > 0);
    assert!(assessment.decisions().all(|d| d.action == Action::Allow));
    let rule = |d: &Decision| if d.verdict.is_anomaly { "no-address" } else { "clean" };
    assert!(assessment.decisions().all(|d| d.rule == rule(&d)));
    assert_eq!(assessment.missing_addresses(), anomalies);
    let columns = [
        "every action is `allow`: the records have no column of addresses to compare with the allow-list",
        "rules `web`, `mail` never apply: the records have no column of dst_port",
        "rule `calls` never applies: the records have no column of service",
    ];
    let found = |notices: Vec<Notice>| -> Vec<String> {
        notices.iter().filter(|notice| notice.is_warning()).map(ToString::to_string).collect()
    };
    let of_guard = found(guard.notices());
    assert!(columns.iter().all(|text| of_guard.contains(&(*text).to_owned())), "{of_guard:#?}");
    let of_table = found(assessment.notices());
    let counted = format!(
        "{anomalies} records allowed because they have no address, which could be in the allow-list (rule `no-address`)"
    );
    assert_eq!(of_table[..3], columns);
    assert_eq!(of_table[3..], [counted]);
    let copy = Assessment::from_bytes(&assessment.to_bytes()).unwrap();
    assert_eq!(copy.notices(), assessment.notices());

    // Without an allow-list nothing can be forbidden, so the policy's actions hold.
    policy["allow"] = json!([]);
    let (guard, table) = without_addresses(&policy);
    let assessment = guard.assess(&table).unwrap();
    assert!(
        assessment
            .decisions()
            .filter(|d| d.verdict.is_anomaly)
            .all(|d| d.action == Action::Drop { ttl_s: 9 })
    );
    assert_eq!((assessment.missing_addresses(), assessment.notices().len()), (0, 2));
}

#[test]
fn a_table_that_lacks_the_guards_columns_has_notices_of_its_own() {
    assert!(GUARD.notices().iter().all(|n| !matches!(n, Notice::NoAddressColumn)));
    let flows = simulate::table(&FlowSimulatorConfig { rows: 500, ..Default::default() }).unwrap();
    assert_eq!(GUARD.assess(&flows).unwrap().notices(), []);
    let names: Vec<&str> = flows.schema().columns().iter().map(|column| column.name.as_str()).collect();
    let kept: Vec<&str> = names.into_iter().filter(|name| !["src_ip", "dst_ip"].contains(name)).collect();
    let columns =
        kept.iter().map(|name| flows.schema().columns()[flows.schema().index_of(name).unwrap()].clone());
    let schema = Schema::new("bare", columns.collect(), vec![]).unwrap();
    let batches: Vec<_> = flows
        .batches()
        .iter()
        .map(|batch| {
            let indices: Vec<usize> =
                kept.iter().map(|name| batch.schema_ref().index_of(name).unwrap()).collect();
            batch.project(&indices).unwrap()
        })
        .collect();
    let bare = Table::from_arrow(&schema, &batches).unwrap();
    let assessment = GUARD.assess(&bare).unwrap();
    assert!(matches!(assessment.notices()[0], Notice::NoAddressColumn), "{:?}", assessment.notices());
    assert!(assessment.decisions().all(|decision| decision.action == Action::Allow));
}

#[test]
fn decision_ids_stay_when_the_policy_changes() {
    let live = GUARD.with_policy(Policy::default().with_dry_run(false)).unwrap();
    assert_ne!(live.digest(), GUARD.digest());
    assert_eq!(live.model_digest(), GUARD.model_digest());
    let again = Guard::from_bytes(&live.to_bytes()).unwrap();
    assert_eq!(again.model_digest(), GUARD.model_digest());
    let of = |guard: &Guard| {
        guard.assess(&FLOWS).unwrap().decisions().map(|d| (d.id, d.policy)).collect::<Vec<_>>()
    };
    let (usual, other) = (of(&GUARD), of(&live));
    assert!(usual.iter().zip(&other).all(|(a, b)| a.0 == b.0 && a.1 != b.1));
    let policy = format!("{:016x}", other[0].1);
    assert!(live.policy().digest().starts_with(&policy));
    assert_eq!(json!(live.assess(&FLOWS).unwrap().decision(0).unwrap())["policy"], policy);
    // Another model has other ids.
    let other = Guard::builder().seed(1).fit(&FLOWS).unwrap();
    assert_ne!(of(&other)[0].0, usual[0].0);
}

#[test]
fn rates_that_are_missed_and_small_calibrations_give_warnings() {
    let flows = |rows, attack_share, seed| {
        simulate::table(&FlowSimulatorConfig { rows, attack_share, seed, ..Default::default() }).unwrap()
    };
    // 144 calibration rows.
    let guard = Guard::builder().fit(&flows(360, 0.0, 1)).unwrap();
    assert_eq!(guard.training().calibrated, 144);
    let few = guard.notices().into_iter().find(|n| matches!(n, Notice::FewCalibrationRows { .. })).unwrap();
    assert!(few.is_warning());
    assert_eq!(
        few.to_string(),
        "only 144 calibration rows for a false-positive rate of 0.01; 1000 or more are needed"
    );

    // Of many guards some miss by chance; what they state must be what the notice contains.
    let mut missed = 0;
    for seed in 0..24 {
        let guard =
            Guard::builder().seed(seed).false_positive_rate(0.05).fit(&flows(900, 0.1, seed)).unwrap();
        let realised = guard.threshold().realised.unwrap();
        let interval = realised.false_positive_interval;
        let excluded = 0.05 < interval.low || 0.05 > interval.high;
        let notice = guard.notices().into_iter().find(|n| matches!(n, Notice::RateMissed { .. }));
        assert_eq!(notice.is_some(), excluded, "{interval:?}");
        missed += usize::from(excluded);
        if let Some(notice) = notice {
            assert!(notice.is_warning());
            assert!(
                notice.to_string().starts_with("asked for a false-positive rate of 0.05, realised "),
                "{notice}"
            );
        }
        // What the method cannot find is a note, with the recall where labels tell it.
        let notes: Vec<Notice> = guard.notices().into_iter().filter(|n| !n.is_warning()).collect();
        assert_eq!(notes, [Notice::SingleRecords { recall: realised.true_positive_rate }]);
        assert!(
            notes[0].to_string().contains("floods and scans")
                && notes[0].to_string().contains("% of the held-out attack rows")
        );
        let again = Guard::from_bytes(&guard.to_bytes()).unwrap();
        assert_eq!(again.notices(), guard.notices());
    }
    assert!((1..24).contains(&missed), "{missed}");
    // Enough rows, labels to learn from: nothing to say.
    let guard = Guard::builder()
        .detector(BoostedTreesConfig { trees: 30, ..Default::default() })
        .false_positive_rate(0.05);
    let notices: Vec<Vec<Notice>> = (0..3)
        .map(|seed| guard.clone().seed(seed).fit(&flows(3_000, 0.3, seed)).unwrap().notices())
        .collect();
    assert!(notices.iter().any(Vec::is_empty), "{notices:?}");
    assert!(notices.iter().flatten().all(|n| matches!(n, Notice::RateMissed { .. })), "{notices:?}");
}
