//! All mistakes of a policy file, differences of policies, cases, and the JSON Schema.

#![allow(clippy::unwrap_used, reason = "tests")]

use qosguard::qos::{Policy, PolicyCases, PolicyComparison, PolicyFormat};
use serde_json::{Value, json};

/// One mistake a line, but for line 1.
const TEN_MISTAKES: &str = r#"version = 1
dry_run = "yes"
colour = "red"
allow = ["127.0.0.1", "10.0.0.1/8", "::1"]
never_act = "300.0.0.1"
bands = { medium = 1e-3, high = 1e-2, critical = 1e-5 }
floors.min_severity = "severe"
[actions]
low = { action = "deprioritize", ttl_s = 0 }
medium = { action = "deprioritize", ttl_s = 300 }
high = { action = "block", ttl_s = 300 }
critical = { action = "drop", ttl_s = 600 }
[[rules]]
name = "a b"
when = { service = "dns" }
then = { action = "allow" }
[[rules]]
name = "calls"
when = { dst_port = [5060, 70000] }
prioritize = { service_class = "telephony", ttl_s = 300 }
[[scopes]]
name = "acme"
tenant = "acme"
"#;

/// The line and the path of each mistake.
const EXPECTED: [(u64, &str); 10] = [
    (2, "dry_run"),
    (3, "colour"),
    (4, "allow[1]"),
    (5, "never_act"),
    (6, "bands.high"),
    (7, "floors.min_severity"),
    (9, "actions.low.ttl_s"),
    (11, "actions.high.action"),
    (14, "rules[0].name"),
    (19, "rules[1].when.dst_port[1]"),
];

#[test]
fn every_mistake_of_a_file_is_reported_with_its_line() {
    let mistakes = Policy::check_text(TEN_MISTAKES, PolicyFormat::Toml).unwrap();
    let found: Vec<(u64, &str)> = mistakes.iter().map(|m| (m.line.unwrap(), m.path.as_str())).collect();
    let mut expected = EXPECTED.to_vec();
    expected.push((23, "scopes[0].tenant"));
    assert_eq!(found, expected, "{mistakes:#?}");
    // The line and the column of each are the ones of the value.
    let lines: Vec<&str> = TEN_MISTAKES.lines().collect();
    for (mistake, value) in mistakes.iter().zip([
        "\"yes\"",
        "\"red\"",
        "\"10.0.0.1/8\"",
        "\"300.0.0.1\"",
        "1e-2",
        "\"severe\"",
        "0 ",
        "\"block\"",
        "\"a b\"",
        "70000",
        "\"acme\"",
    ]) {
        let line = lines[mistake.line.unwrap() as usize - 1];
        let column = mistake.column.unwrap() as usize - 1;
        assert!(line[column..].starts_with(value), "{mistake}: {line}");
    }
    let first = Policy::from_toml(TEN_MISTAKES).unwrap_err().to_string();
    assert!(mistakes.iter().any(|mistake| first.contains(&format!("`{}`", mistake.path))), "{first}");
}

#[test]
fn the_same_mistakes_are_found_in_json_and_yaml() {
    let value: Value = toml::from_str(TEN_MISTAKES).unwrap();
    let mut paths: Vec<&str> = EXPECTED.iter().map(|(_, path)| *path).collect();
    paths.push("scopes[0].tenant");
    paths.sort_unstable();
    let text = serde_json::to_string_pretty(&value).unwrap();
    #[allow(unused_mut, reason = "depends on a feature")]
    let mut formats = vec![PolicyFormat::Json];
    #[cfg(feature = "yaml")]
    formats.push(PolicyFormat::Yaml);
    for format in formats {
        let mistakes = Policy::check_text(&text, format).unwrap();
        let mut found: Vec<&str> = mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, paths, "{format:?}");
        assert!(mistakes.iter().all(|mistake| mistake.line.is_some_and(|line| line > 1)));
        // The values are texts and numbers, which the column leads to.
        let band = mistakes.iter().find(|mistake| mistake.path == "bands.high").unwrap();
        let line = text.lines().nth(band.line.unwrap() as usize - 1).unwrap();
        assert!(line[band.column.unwrap() as usize - 1..].starts_with("0.01"), "{format:?}: {band}");
    }
}

#[test]
fn valid_and_broken_texts() {
    assert_eq!(Policy::check_text("version = 1", PolicyFormat::Toml).unwrap(), []);
    for (text, path) in
        [("", "version"), ("version = 1\n= 2", "file"), ("version = 2\ndry_run = 1", "version")]
    {
        let mistakes = Policy::check_text(text, PolicyFormat::Toml).unwrap();
        assert!(mistakes.iter().any(|mistake| mistake.path == path), "{text}: {mistakes:?}");
    }
    let both = Policy::check_text("version = 2\ndry_run = 1", PolicyFormat::Toml).unwrap();
    assert_eq!(both.len(), 2);
    // A file with very many mistakes ends.
    let many = format!("version = 1\nallow = [{}]", "'x', ".repeat(3_000));
    assert_eq!(Policy::check_text(&many, PolicyFormat::Toml).unwrap().len(), 100);
}

#[test]
fn settings_and_actions_that_change_are_counted() {
    let rules = "[[rules]]\nname = 'a'\nwhen = {service = 'dns'}\nthen = {action = 'allow'}\n\
                 [[rules]]\nname = 'b'\nwhen = {src = '10.0.0.0/8'}\nthen = {action = 'drop', ttl_s = 9}\n";
    let old = Policy::from_toml(&format!("version = 1\n{rules}")).unwrap();
    let new = rules.replace("ttl_s = 9", "ttl_s = 60");
    let new = format!(
        "version = 1\nbands = {{ medium = 1e-2, high = 1e-4, critical = 1e-5 }}\n{new}[[rules]]\nname = 'c'\nwhen = {{family = 'scan'}}\ncap = {{action = 'allow'}}\n"
    );
    let new = Policy::from_toml(&new).unwrap();
    let paths: Vec<String> = old.changes(&new).into_iter().map(|change| change.path).collect();
    assert_eq!(paths, ["bands.medium", "rules[b].then.ttl_s", "rules[c]"]);
    assert!(old.changes(&old).is_empty());

    let decision = |id: u64, src: &str, p_value: f64, family: Value, action: &str| {
        json!({"id": format!("{id:016x}"), "src_ip": src, "dst_ip": "192.0.2.1", "p_value": p_value, "is_anomaly": true,
               "severity": "low", "family": family, "action": action, "ttl_s": 300, "time": "2026-03-01T08:00:00Z"})
    };
    let lines = [
        decision(1, "198.51.100.1", 5e-3, Value::Null, "deprioritize"),
        decision(2, "198.51.100.2", 5e-3, Value::Null, "deprioritize"),
        decision(3, "10.0.0.1", 5e-3, Value::Null, "drop"),
        decision(4, "198.51.100.4", 1e-6, "scan".into(), "drop"),
        decision(5, "198.51.100.5", 1e-6, "dos".into(), "drop"),
        json!({"event": "opened", "id": "00000000000000b1", "attackers": {"hosts": ["10.0.0.9"]}, "victims": {"hosts": ["192.0.2.1"]},
               "severity": "high", "action": "drop", "ttl_s": 9, "updated": 1_772_000_000.0}),
        json!({"event": "closed", "id": "00000000000000b1", "attackers": {"hosts": ["10.0.0.9"]}, "victims": {"hosts": ["192.0.2.1"]},
               "severity": "high", "action": "drop", "ttl_s": 9, "updated": 1_772_000_100.0}),
    ];
    let mut comparison = PolicyComparison::new(&old, &new);
    comparison.add_json("lines", &lines.map(|line| line.to_string()).join("\n")).unwrap();
    let difference = comparison.finish();
    assert_eq!((difference.decisions, difference.not_reproduced), (6, 0), "{difference}");
    let counts: Vec<(&str, &str, u64)> =
        difference.actions.iter().map(|c| (c.old.as_str(), c.new.as_str(), c.count)).collect();
    assert_eq!(counts, [("deprioritize", "rate_limit", 2), ("drop", "drop", 2), ("drop", "allow", 1)]);
    let example = &difference.actions[2].examples[0];
    assert_eq!((example.id.as_str(), example.new_rule.as_str()), ("0000000000000004", "c"));
    assert!(difference.to_string().contains("5 of 6 decisions change"), "{difference}");
}

#[test]
fn cases_compare_action_rule_class_and_mode() {
    let cases = PolicyCases::from_toml(
        r#"
        [[cases]]
        name = "dns"
        protocol = "udp"
        src_ip = "198.51.100.7"
        dst_port = 53
        severity = "critical"
        action = "rate_limit"
        rule = "control-ports"
        service_class = "low_latency_data"
        dry_run = true
        [[cases]]
        src_ip = "198.51.100.7"
        p_value = 1e-9
        action = "isolate"
        dry_run = false
        "#,
    )
    .unwrap();
    let results = cases.run(&Policy::default());
    assert!(results[0].failures.is_empty(), "{}", results[0]);
    assert_eq!(
        results[1].failures,
        ["expected action isolate, got drop", "expected dry_run false, got true"]
    );
    for (text, expected) in [
        ("[[cases]]\nseverity = 'high'\naction = 'dorp'", "cases, line 3: `cases[0].action`"),
        ("[[cases]]\naction = 'drop'", "`cases[0]`"),
        ("[[cases]]\nseverity = 'high'\np_value = 0.1\naction = 'drop'", "`cases[0]`"),
        ("[[cases]]\nseverity = 'high'\nsrc_ip = '1.2.3'\naction = 'drop'", "line 3: `cases[0].src_ip`"),
        ("[[cases]]\nseverity = 'high'\nsource = '1.2.3.4'\naction = 'drop'", "`cases[0].source` is unknown"),
        ("[[cases]]\nseverity = 'high'", "`cases[0]`"),
        ("[[cases]]\nseverity = 'high'\ntime = 'noon'\naction = 'drop'", "line 3: `cases[0].time`"),
    ] {
        let error = PolicyCases::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Whether a value fits a schema, for the keywords that the schema of policies uses.
fn fits(schema: &Value, root: &Value, value: &Value) -> bool {
    let keywords = schema.as_object().unwrap();
    keywords.iter().all(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "$defs" | "title" | "description" | "pattern" => true,
        "$ref" => fits(root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), root, value),
        "type" => match rule.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            other => panic!("{other}"),
        },
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "required" => rule.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
        "properties" => value.as_object().is_none_or(|object| {
            object.iter().all(|(key, value)| rule.get(key).is_none_or(|rule| fits(rule, root, value)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let known = |key: &String| schema.pointer("/properties").is_some_and(|p| p.get(key).is_some());
            object.iter().filter(|(key, _)| !known(key)).all(|(_, v)| rule.is_object() && fits(rule, root, v))
        }),
        "items" => value.as_array().is_none_or(|list| list.iter().all(|value| fits(rule, root, value))),
        "anyOf" => rule.as_array().unwrap().iter().any(|rule| fits(rule, root, value)),
        "oneOf" => rule.as_array().unwrap().iter().filter(|rule| fits(rule, root, value)).count() == 1,
        "minimum" => value.as_f64().is_none_or(|v| v >= rule.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|v| v <= rule.as_f64().unwrap()),
        "exclusiveMinimum" => value.as_f64().is_none_or(|v| v > rule.as_f64().unwrap()),
        "exclusiveMaximum" => value.as_f64().is_none_or(|v| v < rule.as_f64().unwrap()),
        "minLength" => value.as_str().is_none_or(|v| v.len() as u64 >= rule.as_u64().unwrap()),
        "maxLength" => value.as_str().is_none_or(|v| v.len() as u64 <= rule.as_u64().unwrap()),
        other => panic!("keyword {other}"),
    })
}

#[test]
fn the_schema_accepts_valid_policies_and_rejects_unknown_keys() {
    let schema = Policy::json_schema();
    let sample =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/policy.toml")).unwrap();
    let sample: Value = toml::from_str(&sample).unwrap();
    let default: Value = serde_json::from_str(&Policy::default().to_json().unwrap()).unwrap();
    let wide: Value = toml::from_str(WIDE).unwrap();
    Policy::from_toml(WIDE).unwrap();
    for policy in [&sample, &default, &wide] {
        assert!(fits(&schema, &schema, policy), "{policy}");
    }
    // Every key of every object, replaced by an unknown one.
    let mut checked = 0;
    for path in objects(&wide, String::new()) {
        let mut value = wide.clone();
        value.pointer_mut(&path).unwrap().as_object_mut().unwrap().insert("colour".into(), json!("red"));
        // Tenants are named by the user.
        let is_map = path == "/tenants";
        assert!(!fits(&schema, &schema, &value) || is_map, "{path}");
        assert!(Policy::from_json(&value.to_string()).is_err(), "{path}");
        checked += 1;
    }
    assert!(checked > 15, "{checked}");
}

/// A policy with every section.
const WIDE: &str = r#"
version = 1
never_act = ["192.0.2.1"]
never_alert = "192.0.2.2"
floors = { min_severity = "medium", min_bytes_per_second = 1000 }
tenants.acme.prefixes = ["10.1.0.0/16"]
[bands]
medium = 1e-3
high = 1e-4
critical = 1e-5
[actions]
low = { action = "allow" }
medium = { action = "rate_limit", bytes_per_second = 1, burst = 1, ttl_s = 1 }
high = { action = "inspect", how = "mirror", ttl_s = 1 }
critical = { action = "isolate", ttl_s = 1 }
[[rules]]
name = "night"
when = { tenant = "acme", entity = "10.1.0.0/24", service_class = ["oam"], congestion = 50, severity = "high", time = { from = "22:00", to = "06:00", days = ["sat"], zone = "UTC" } }
then = { action = "isolate", ttl_s = 60 }
[[rules]]
name = "calls"
when = { dst_port = [5060, "10000-20000"] }
prioritize = { class = "telephony", ttl_s = 60 }
[[scopes]]
name = "acme"
tenant = "acme"
direction = "inbound"
dry_run = false
bands = { medium = 1e-2 }
floors = { min_severity = "low" }
actions = { critical = { action = "isolate", ttl_s = 1 } }
[[classes]]
when = { dst_port = 443 }
service_class = "standard"
"#;

/// The JSON pointers of all objects.
fn objects(value: &Value, at: String) -> Vec<String> {
    match value {
        Value::Object(object) => {
            let inner = object.iter().flat_map(|(key, value)| objects(value, format!("{at}/{key}")));
            inner.chain([at.clone()]).collect()
        }
        Value::Array(list) => {
            list.iter().enumerate().flat_map(|(i, value)| objects(value, format!("{at}/{i}"))).collect()
        }
        _ => Vec::new(),
    }
}
