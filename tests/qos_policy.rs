//! Policy files: what is accepted, what is refused, and by which name.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use qosguard::Error;
use qosguard::qos::{Action, Policy, PolicyConfig, Recommender, Rule, Subject, When};
use qosguard::verdict::Severity;

/// A valid policy in JSON, changed by a closure.
fn json(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut value: serde_json::Value = serde_json::from_str(&Policy::default().to_json().unwrap()).unwrap();
    change(&mut value);
    value.to_string()
}

fn field_of(result: qosguard::Result<Policy>) -> String {
    match result {
        Err(Error::Policy { path, .. }) => path,
        other => panic!("expected a policy error, got {other:?}"),
    }
}

type Read = fn(&str) -> qosguard::Result<Policy>;

#[test]
fn the_sample_file_loads() {
    let policy = Policy::load(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/policy.toml")).unwrap();
    assert!(policy.dry_run());
    assert_eq!(policy.config().rules.len(), 4);
    let recommender = Recommender::new(policy);
    let camera = Subject { src_ip: "198.51.100.9".parse().ok(), ..Subject::default() };
    let answer = recommender.recommend(5e-5, true, &camera);
    assert_eq!(answer.action, Action::Isolate { ttl_s: 1800 });
    assert_eq!(recommender.rule_name(answer.rule), "isolate-cameras");
    // Below the rule's severity the policy's own action holds, and is named as the reason.
    let answer = recommender.recommend(5e-4, true, &camera);
    assert_eq!((answer.severity, answer.action.rung()), (Severity::Medium, 2));
    assert_eq!(recommender.rule_name(answer.rule), "band medium");
}

#[cfg(feature = "yaml")]
#[test]
fn one_policy_in_three_formats() {
    let sample =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/policy.toml")).unwrap();
    for policy in [Policy::default(), Policy::from_toml(&sample).unwrap()] {
        let toml = policy.to_toml().unwrap();
        let yaml = policy.to_yaml().unwrap();
        let json = policy.to_json().unwrap();
        assert_eq!(Policy::from_toml(&toml).unwrap(), policy, "{toml}");
        assert_eq!(Policy::from_yaml(&yaml).unwrap(), policy, "{yaml}");
        assert_eq!(Policy::from_json(&json).unwrap(), policy, "{json}");
        // JSON is YAML, too.
        assert_eq!(Policy::from_yaml(&json).unwrap(), policy);
    }
}

#[cfg(feature = "yaml")]
#[test]
fn load_takes_the_format_from_the_extension() {
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy::default().with_dry_run(false);
    let texts = [
        ("a.toml", policy.to_toml().unwrap()),
        ("a.yaml", policy.to_yaml().unwrap()),
        ("a.YML", format!("\u{feff}{}", policy.to_yaml().unwrap())),
        ("a.json", policy.to_json().unwrap()),
    ];
    for (name, text) in texts {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        assert_eq!(Policy::load(&path).unwrap(), policy, "{name}");
    }
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "version = 1").unwrap();
    assert_eq!(field_of(Policy::load(&path)), "file");
    assert!(matches!(Policy::load(folder.path().join("none.toml")), Err(Error::Io { .. })));

    let path = folder.path().join("bad.toml");
    std::fs::write(&path, "version = 1\ndry_run = 3").unwrap();
    let error = Policy::load(&path).unwrap_err().to_string();
    assert_eq!(error, format!("{}, line 2: `dry_run` must be true or false, got 3", path.display()));
    std::fs::write(&path, b"version = 1 # \xff").unwrap();
    assert_eq!(field_of(Policy::load(&path)), "file");
}

#[test]
fn left_out_sections_are_the_defaults() {
    for policy in [
        Policy::from_toml("version = 1"),
        #[cfg(feature = "yaml")]
        Policy::from_yaml("version: 1"),
        Policy::from_json(r#"{"version": 1}"#),
    ] {
        assert_eq!(policy.unwrap(), Policy::default());
    }
    let policy = Policy::from_toml("version = 1\nallow = []\nrules = []").unwrap();
    assert!(policy.config().allow.is_empty() && policy.config().rules.is_empty());
}

#[cfg(feature = "yaml")]
#[test]
fn one_value_reads_as_a_list_of_one() {
    let one = "version: 1\nrules:\n- {name: a, when: {service: dns, src: 10.0.0.0/8, dst_port: 53, \
               protocol: '17'}, then: {action: allow}}";
    let many = "version: 1\nrules:\n- {name: a, when: {service: [dns], src: [10.0.0.0/8], dst_port: ['53'], \
                protocol: ['17']}, then: {action: allow}}";
    assert_eq!(Policy::from_yaml(one).unwrap(), Policy::from_yaml(many).unwrap());
}

/// Every refusal names the field that is wrong.
#[test]
fn every_bad_value_names_its_field() {
    let rule = r#"version = 1
        [[rules]]
        name = "good"
        when = { service = "dns" }
        then = { action = "allow" }
        [[rules]]
        "#;
    let cases = [
        ("", "version"),
        ("version = 2", "version"),
        ("version = 'one'", "version"),
        ("version = 1\ncolour = 'red'", "colour"),
        ("version = 1\nversion = 1", "file"), // The TOML parser rejects it, with the line.
        ("version = 1\nallow = ['10.0.0.0/8', '10.0.0.1/8']", "allow[1]"),
        ("version = 1\nallow = ['10.0.0.0/33']", "allow[0]"),
        ("version = 1\nallow = [7]", "allow[0]"),
        ("version = 1\n[bands]\nmedium = 1e-3\nhigh = 1e-4", "bands.critical"),
        ("version = 1\n[bands]\nmedium = 1.0\nhigh = 1e-4\ncritical = 1e-5", "bands.medium"),
        ("version = 1\n[bands]\nmedium = nan\nhigh = 1e-4\ncritical = 1e-5", "bands.medium"),
        ("version = 1\n[bands]\nmedium = 1e-3\nhigh = 1e-3\ncritical = 1e-5", "bands.high"),
        ("version = 1\n[bands]\nmedium = 1e-3\nhigh = 1e-4\ncritical = 0.0", "bands.critical"),
        ("version = 1\n[bands]\nmedium = 1e-3\nhigh = 1e-4\ncritical = -1e-9", "bands.critical"),
    ];
    for (text, field) in cases {
        assert_eq!(field_of(Policy::from_toml(text)), field, "{text}");
    }
    let cases = [
        ("name = 'x'\nthen = {action='allow'}", "rules[1].when"),
        ("name = 'x'\nwhen = {}\nthen = {action='allow'}", "rules[1].when"),
        ("name = 'x'\nwhen = {severity='low'}\nthen = {action='allow'}", "rules[1].when"),
        ("name = 'x'\nwhen = {service=[]}\nthen = {action='allow'}", "rules[1].when"),
        ("name = 'good'\nwhen = {service='a'}\nthen = {action='allow'}", "rules[1].name"),
        ("name = ''\nwhen = {service='a'}\nthen = {action='allow'}", "rules[1].name"),
        ("name = 'a\\nb'\nwhen = {service='a'}\nthen = {action='allow'}", "rules[1].name"),
        ("name = 'allow-list'\nwhen = {service='a'}\nthen = {action='allow'}", "rules[1].name"),
        ("name = 'x'\nwhen = {service='a'}", "rules[1]"),
        ("name = 'x'\nwhen = {service='a'}\nthen={action='allow'}\ncap={action='allow'}", "rules[1]"),
        ("name = 'x'\nwhen = {service=['a', '']}\nthen={action='allow'}", "rules[1].when.service[1]"),
        ("name = 'x'\nwhen = {colour='red'}\nthen={action='allow'}", "rules[1].when.colour"),
        ("name = 'x'\nwhen = {src='10.0.0.1/8'}\nthen={action='allow'}", "rules[1].when.src"),
        ("name = 'x'\nwhen = {dst_port=65536}\nthen={action='allow'}", "rules[1].when.dst_port"),
        ("name = 'x'\nwhen = {dst_port=[1, -1]}\nthen={action='allow'}", "rules[1].when.dst_port[1]"),
        ("name = 'x'\nwhen = {src_port='9-1'}\nthen={action='allow'}", "rules[1].when.src_port"),
        (
            "name = 'x'\nwhen = {service='a', severity='severe'}\nthen={action='allow'}",
            "rules[1].when.severity",
        ),
        (
            "name = 'x'\nwhen = {service='a', severity='none'}\nthen={action='allow'}",
            "rules[1].when.severity",
        ),
        ("name = 'x'\nwhen = {service='a', severity='low'}\ncap={action='allow'}", "rules[1].when.severity"),
        (
            "name = 'x'\nwhen = {service='a', severity='high'}\nprioritize={service_class='telephony', ttl_s=1}",
            "rules[1].when.severity",
        ),
        (
            "name = 'x'\nwhen = {service='a'}\nprioritize={service_class='telephony', ttl_s=0}",
            "rules[1].prioritize.ttl_s",
        ),
        (
            "name = 'x'\nwhen = {service='a'}\nprioritize={service_class='bulk', ttl_s=1}",
            "rules[1].prioritize.service_class",
        ),
        (
            "name = 'x'\nwhen = {service='a'}\nprioritize={service_class='telephony'}",
            "rules[1].prioritize.ttl_s",
        ),
        // A milder action from a severity on would break the order.
        (
            "name = 'x'\nwhen = {service='a', severity='critical'}\nthen={action='deprioritize', ttl_s=300}",
            "rules[1].then",
        ),
    ];
    for (text, field) in cases {
        assert_eq!(field_of(Policy::from_toml(&format!("{rule}{text}"))), field, "{text}");
    }
}

#[test]
fn every_bad_action_names_its_setting() {
    let cases = [
        ("{}", ".action"),
        ("{action='block', ttl_s=1}", ".action"),
        ("{action='drop'}", ".ttl_s"),
        ("{action='drop', ttl_s=0}", ".ttl_s"),
        ("{action='drop', ttl_s=86401}", ".ttl_s"),
        ("{action='drop', ttl_s=-5}", ".ttl_s"),
        ("{action='drop', ttl_s=4294967296}", ".ttl_s"),
        ("{action='drop', ttl_s=60.5}", ".ttl_s"),
        ("{action='drop', ttl_s='forever'}", ".ttl_s"),
        ("{action='drop', ttl_s=60, service_class='telephony'}", ".service_class"),
        ("{action='drop', ttl_s=60, until=7}", ".until"),
        ("{action='allow', ttl_s=60}", ".ttl_s"),
        ("{action='rate_limit', burst=1, ttl_s=1}", ".bytes_per_second"),
        ("{action='rate_limit', bytes_per_second=0, burst=1, ttl_s=1}", ".bytes_per_second"),
        ("{action='rate_limit', bytes_per_second=1000000000001, burst=1, ttl_s=1}", ".bytes_per_second"),
        ("{action='rate_limit', bytes_per_second=1, burst=0, ttl_s=1}", ".burst"),
        ("{action='inspect', ttl_s=1}", ".inspection"),
        ("{action='inspect', inspection='stare', ttl_s=1}", ".inspection"),
        ("{action='prioritize', service_class='telephony', ttl_s=1}", ""),
    ];
    for (action, field) in cases {
        for kind in ["then", "cap"] {
            let text =
                format!("version = 1\n[[rules]]\nname = 'x'\nwhen = {{service = 'a'}}\n{kind} = {action}");
            assert_eq!(field_of(Policy::from_toml(&text)), format!("rules[0].{kind}{field}"), "{action}");
        }
        let text = format!(
            "version = 1\n[actions]\nlow = {{action = 'allow'}}\nmedium = {{action = 'allow'}}\n\
             high = {action}\ncritical = {{action = 'isolate', ttl_s = 86400}}"
        );
        assert_eq!(field_of(Policy::from_toml(&text)), format!("actions.high{field}"), "{action}");
    }
}

#[test]
fn the_ladder_may_not_become_milder() {
    let limit = |rate: u64, burst: u64, ttl_s: u32| {
        let action = "rate_limit";
        serde_json::json!({"action": action, "bytes_per_second": rate, "burst": burst, "ttl_s": ttl_s})
    };
    let ttl = |action: &str, ttl_s: u32| serde_json::json!({"action": action, "ttl_s": ttl_s});
    let how = |how: &str| serde_json::json!({"action": "inspect", "inspection": how, "ttl_s": 9});
    let pairs = [
        (ttl("deprioritize", 9), serde_json::json!({"action": "allow"}), false),
        (ttl("deprioritize", 9), ttl("deprioritize", 8), false),
        (ttl("deprioritize", 9), ttl("deprioritize", 9), true),
        (ttl("deprioritize", 9), limit(9, 9, 1), true),
        (limit(9, 9, 9), limit(10, 9, 9), false),
        (limit(9, 9, 9), limit(8, 10, 9), false),
        (limit(9, 9, 9), limit(8, 8, 8), false),
        (limit(9, 9, 9), limit(8, 9, 10), true),
        (how("redirect"), how("queue"), false),
        (how("mirror"), how("queue"), true),
    ];
    for (medium, high, fits) in pairs {
        let text = json(|v| {
            v["rules"] = serde_json::json!([]);
            v["actions"] = serde_json::json!({"low": {"action": "allow"}, "medium": medium, "high": high,
                                              "critical": {"action": "isolate", "ttl_s": 1}});
        });
        match Policy::from_json(&text) {
            Ok(_) => assert!(fits, "{medium} then {high}"),
            error => {
                assert_eq!((field_of(error).as_str(), fits), ("actions.high", false), "{medium} then {high}");
            }
        }
    }
}

#[test]
fn errors_say_what_and_why() {
    let cases = [
        ("version = 1\nallow = ['10.0.0.1/8']", 2, "allow[0]", "string \"10.0.0.1/8\""),
        ("version = 1\n[actions]\nlow = {action='drop', ttl_s=-5}", 3, "actions.low.ttl_s", "-5"),
    ];
    for (text, line, field, got) in cases {
        let error = Policy::from_toml(text).unwrap_err();
        assert_eq!(error.kind().as_str(), "policy");
        let error = error.to_string();
        assert!(error.starts_with(&format!("policy, line {line}: `{field}` must be ")), "{error}");
        assert!(error.ends_with(&format!("got {got}")), "{error}");
    }
    // A guard holds its policy as a part of a larger document: the same checks, the same words.
    let text = json(|v| v["actions"]["critical"]["ttl_s"] = 0.into());
    let error = serde_json::from_str::<Policy>(&text).unwrap_err().to_string();
    assert!(
        error.contains("`actions.critical.ttl_s` must be a whole number of seconds from 1 to 86400, got 0")
    );
}

/// The same mistakes in three formats: each message names the line, the field and what was expected.
#[test]
fn every_mistake_names_its_line() {
    // What is wrong on which line, by the line of the good file that it replaces.
    let toml = "version = 1\nallow = [\n  \"10.0.0.0/8\",\n]\n[bands]\nmedium = 1e-3\nhigh = 1e-4\ncritical = 1e-5\n[[rules]]\nname = \"a\"\n\
                then = { action = \"drop\", ttl_s = 60 }\n[rules.when]\ndst_port = 53\nfamily = \"dos\"\n";
    let yaml = "version: 1\nallow:\n  - 10.0.0.0/8\nbands:\n  medium: 1.0e-3\n  high: 1.0e-4\n  critical: 1.0e-5\nrules:\n  - name: a\n    then:\n\
                \x20     action: drop\n      ttl_s: 60\n    when:\n      dst_port: 53\n      family: dos\n";
    let json = "{\"version\": 1,\n\"allow\": [\n\"10.0.0.0/8\"],\n\"bands\": {\n\"medium\": 1e-3,\n\"high\": 1e-4,\n\"critical\": 1e-5},\n\
                \"rules\": [{\n\"name\": \"a\",\n\"then\": {\"action\": \"drop\",\n\"ttl_s\": 60},\n\"when\": {\n\"dst_port\": 53,\n\"family\": \"dos\"}}]}";
    let cases: [(&str, &str, &str, &str); 9] = [
        ("1e-4", "true", "bands.high", "a number"),
        ("1e-4", "1e-2", "bands.high", "above 0 and below 0.001"),
        ("critical", "severe", "bands.severe", "the names are medium, high, critical"),
        ("10.0.0.0", "010.0.0.0", "allow[0]", "without leading zeros"),
        ("53", "\"fifty\"", "rules[0].when.dst_port", "a port from 0 to 65535"),
        ("60", "0", "rules[0].then.ttl_s", "a whole number of seconds"),
        ("60", "\"soon\"", "rules[0].then.ttl_s", "a whole number"),
        ("family", "familly", "rules[0].when.familly", "family"),
        ("dos", " dos ", "rules[0].when.family[0]", "without blanks"),
    ];
    let read: [(&str, &str, Read); 3] = [
        ("toml", toml, Policy::from_toml),
        ("yaml", yaml, Policy::from_yaml),
        ("json", json, Policy::from_json),
    ];
    for (format, good, read) in read {
        if format != "yaml" || cfg!(feature = "yaml") {
            assert!(read(good).is_ok(), "{format}: {:?}", read(good));
        } else {
            assert_eq!(read(good).unwrap_err().kind().as_str(), "unsupported");
            continue;
        }
        for (from, to, field, expected) in cases {
            let from = if format == "yaml" && from == "1e-4" { "1.0e-4" } else { from };
            let to = if format == "yaml" && to == " dos " { "' dos '" } else { to };
            let line = 1 + good[..good.find(from).unwrap()].matches('\n').count() as u64;
            let text = good.replacen(from, to, 1);
            let error = read(&text).unwrap_err();
            let words = error.to_string();
            match error {
                Error::Policy { line: Some(got), path: at, .. } => {
                    assert_eq!((got, at.as_str()), (line, field), "{format}: {words}");
                }
                other => panic!("{format}, {from} → {to}: {other}"),
            }
            assert!(words.starts_with(&format!("policy, line {line}: `{field}` ")), "{words}");
            assert!(words.contains(expected), "{format}: {words}");
        }
        // What is left out is missed where it belongs.
        let error = read(&good.replacen("high", "hihg", 1)).unwrap_err().to_string();
        assert!(error.contains("line") && error.contains("hihg"), "{error}");
        // Broken syntax names its line, too.
        let broken = format!("{good}\n\t=]");
        assert!(
            matches!(read(&broken), Err(Error::Policy { line: Some(_), .. })),
            "{format}: {:?}",
            read(&broken)
        );
    }
}

#[test]
fn leading_zeros_are_rejected_wherever_a_number_is_text() {
    for text in [
        "allow = ['010.0.0.0/8']",
        "allow = ['10.0.0.0/08']",
        "allow = ['010.0.0.1']",
        "[[rules]]\nname='a'\nwhen={src='010.0.0.0/8'}\nthen={action='allow'}",
        "[[rules]]\nname='a'\nwhen={dst=['10.0.0.0/8', '10.0.0.01']}\nthen={action='allow'}",
        "[[rules]]\nname='a'\nwhen={dst_port='053'}\nthen={action='allow'}",
        "[[rules]]\nname='a'\nwhen={src_port=['067-68']}\nthen={action='allow'}",
        "[[rules]]\nname='a'\nwhen={protocol='017'}\nthen={action='allow'}",
    ] {
        let error = Policy::from_toml(&format!("version = 1\n{text}")).unwrap_err().to_string();
        assert!(error.contains("without leading zeros"), "{text}: {error}");
    }
}

#[test]
fn sizes_are_bounded() {
    let prefixes = |n: usize| (0..n).map(|i| format!("10.{}.{}.0/24", i / 256, i % 256)).collect::<Vec<_>>();
    let rules = |n: usize| {
        (0..n)
            .map(|i| {
                let name = format!("r{i}");
                serde_json::json!({"name": name, "when": {"service": "a"}, "then": {"action": "allow"}})
            })
            .collect::<Vec<_>>()
    };
    assert!(Policy::from_json(&json(|v| v["allow"] = prefixes(10_000).into())).is_ok());
    assert_eq!(field_of(Policy::from_json(&json(|v| v["allow"] = prefixes(10_001).into()))), "allow");
    assert!(Policy::from_json(&json(|v| v["rules"] = rules(1_000).into())).is_ok());
    assert_eq!(field_of(Policy::from_json(&json(|v| v["rules"] = rules(1_001).into()))), "rules");
    let text = json(|v| v["rules"][0]["when"]["service"] = vec!["a"; 257].into());
    assert_eq!(field_of(Policy::from_json(&text)), "rules[0].when.service");
    let long = format!("version = 1\n#{}", "x".repeat(1 << 20));
    assert_eq!(field_of(Policy::from_toml(&long)), "file");

    // The same limits hold for a policy that never was a file.
    let rule = Rule {
        name: "a".into(),
        when: When { service: vec!["a".into(); 257], ..When::default() },
        then: Some(Action::Allow),
        cap: None,
        prioritize: None,
    };
    let config = PolicyConfig { rules: vec![rule], ..PolicyConfig::default() };
    assert_eq!(field_of(Policy::try_from(config)), "rules[0].when.service");
    let config =
        PolicyConfig { allow: vec!["10.0.0.0/8".parse().unwrap(); 10_001], ..PolicyConfig::default() };
    assert_eq!(field_of(Policy::try_from(config)), "allow");
}

/// Each of these is a small file that asks for much time, stack or memory.
#[test]
fn hostile_files_are_rejected_fast() {
    let mebi = |unit: &str| unit.repeat((1 << 20) / unit.len());
    let mut yaml: Vec<String> =
        ["[", "{", "? [", "[ # ]\n", "- ", "? ", "[{", "&a [", "a: *a\n", "!x ", "---\n"]
            .iter()
            .map(|unit| mebi(unit))
            .collect();
    yaml.push(format!("version: 1\nallow: {}", "[".repeat(9_000)));
    // A billion laughs, and one long list repeated.
    let laughs: Vec<String> =
        (1..40).map(|i| format!("a{i}: &a{i} [{}]", format!("*a{}, ", i - 1).repeat(8))).collect();
    let laughs = format!("a0: &a0 [x]\n{}", laughs.join("\n"));
    yaml.push(format!("version: 1\n{laughs}"));
    yaml.push(format!("version: 1\nallow: [&a [10.0.0.0/8], {}]", "*a, ".repeat(9_000)));
    let words = "x, ".repeat(100_000);
    let rule = format!("- &r {{name: a, then: {{action: allow}}, when: {{service: [{words}]}}}}\n");
    yaml.push(format!("version: 1\nrules:\n{rule}{}", "- *r\n".repeat(50_000)));
    let bounded = rule.replace(&words, &"x, ".repeat(256));
    yaml.push(format!("version: 1\nrules:\n{bounded}{}", "- *r\n".repeat(200_000)));

    let started = Instant::now();
    for text in yaml.iter().filter(|_| cfg!(feature = "yaml")) {
        let start = text.chars().take(40).collect::<String>();
        let one = Instant::now();
        let error = Policy::from_yaml(text).expect_err(&start);
        assert_eq!(error.kind().as_str(), "policy", "{start}");
        assert!(error.to_string().len() < 1_000, "{start}");
        assert!(one.elapsed() < Duration::from_secs(20), "{start} took {:?}", one.elapsed());
    }
    for text in [mebi("["), mebi("{\"a\":"), format!("{{\"version\":1,\"allow\":{}", mebi("["))] {
        assert!(Policy::from_json(&text).is_err());
    }
    for text in [format!("version = {}", mebi("[")), mebi("a."), mebi("[[a]]\n"), mebi("a={")] {
        assert!(Policy::from_toml(&text).is_err());
    }
    assert!(started.elapsed() < Duration::from_mins(2), "took {:?}", started.elapsed());
}

#[test]
fn a_list_is_rejected_in_place_of_fields() {
    let bands = |bands: &str| format!(r#"{{"version": 1, "bands": {bands}}}"#);
    let named = r#"{"medium": 1e-3, "high": 1e-4, "critical": 1e-5}"#;
    assert!(Policy::from_json(&bands(named)).is_ok());
    let refused = |result: qosguard::Result<Policy>, field: &str| match result.unwrap_err() {
        Error::Policy { path: place, .. } => assert_eq!(place, field),
        other => panic!("{other}"),
    };
    refused(Policy::from_json(&bands("[1e-3, 1e-4, 1e-5]")), "bands");
    refused(Policy::from_json("[1]"), "file");
    #[cfg(feature = "yaml")]
    refused(Policy::from_yaml("version: 1\nbands: [0.001, 0.0001, 0.00001]"), "bands");
    #[cfg(feature = "yaml")]
    refused(Policy::from_yaml("[1, false]"), "file");
    refused(Policy::from_toml("version = 1\nbands = [0.001, 0.0001, 0.00001]"), "bands");
    refused(
        Policy::from_toml("version = 1\n[[rules]]\nname = 'a'\nwhen = ['dns']\ncap = {action = 'allow'}"),
        "rules[0].when",
    );
}

#[test]
fn text_that_is_not_a_policy_is_rejected() {
    for text in
        ["\0", "nul", "[]", "3", "version: 1\n---\nversion: 1", "version = 1 = 2", "{\"version\":1} x", "{"]
    {
        for result in [Policy::from_toml(text), Policy::from_yaml(text), Policy::from_json(text)] {
            let kind = result.unwrap_err().kind().as_str();
            assert!(kind == "policy" || !cfg!(feature = "yaml") && kind == "unsupported", "{text}");
        }
    }
    assert_eq!(field_of(Policy::from_json("{\"version\":1,\"version\":1}")), "version");
    #[cfg(feature = "yaml")]
    assert_eq!(field_of(Policy::from_yaml("version: 1\nversion: 1")), "version");
}

/// Without the feature `yaml`, a YAML policy is a typed error that names it.
#[cfg(not(feature = "yaml"))]
#[test]
fn yaml_names_its_feature() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    std::fs::write(&path, "version: 1").unwrap();
    for error in [
        Policy::load(&path).unwrap_err(),
        Policy::from_yaml("version: 1").unwrap_err(),
        Policy::default().to_yaml().unwrap_err(),
    ] {
        assert!(matches!(error, Error::Unsupported { feature: "yaml", .. }), "{error}");
        assert!(
            error
                .to_string()
                .ends_with("needs the cargo feature `yaml`, which this build of qosguard does not have"),
            "{error}"
        );
    }
}
