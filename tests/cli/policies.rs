//! Policies and the notices about them.

use tempfile::TempDir;

use crate::command::{fails, ok, run};

#[test]
fn a_rule_on_the_attack_class_decides_and_an_unread_address_is_allowed() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    std::fs::write(
        at.join("policy.toml"),
        "version = 1\ndry_run = false\nallow = [\"10.0.0.0/8\"]\n[[rules]]\nname = \"floods\"\n\
         when = { family = [\"flood\", \"port_scan\"] }\nthen = { action = \"isolate\", ttl_s = 60 }\n",
    )
    .unwrap();
    ok(at, &["simulate", "-o", "sim.csv", "--rows", "3000", "--seed", "3", "--attack-share", "0.2"], b"");
    let train =
        ["train", "sim.csv", "--detector", "boosted_trees", "--policy", "policy.toml", "-o", "g.qosguard"];
    ok(at, &train, b"");
    let csv = std::fs::read_to_string(at.join("sim.csv")).unwrap();
    // Addresses that the allow-list does not hold.
    std::fs::write(at.join("outside.csv"), csv.replace(",10.", ",11.").replace("\n10.", "\n11.")).unwrap();
    let decisions = |name: &str| -> Vec<serde_json::Value> {
        let lines = ok(at, &["assess", "g.qosguard", name, "--json", "--all"], b"");
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let floods =
        decisions("outside.csv").into_iter().filter(|d| d["family"] == "flood" || d["family"] == "port_scan");
    let floods: Vec<serde_json::Value> = floods.collect();
    assert!(floods.len() > 20, "{}", floods.len());
    assert!(floods.iter().all(|d| d["rule"] == "floods" && d["action"] == "isolate"), "{floods:?}");

    std::fs::write(at.join("unread.csv"), csv.replace(",10.", ",010.")).unwrap();
    assert!(decisions("unread.csv").iter().all(|d| d["action"] == "allow"));
    let output = run(at, &["assess", "g.qosguard", "unread.csv"], b"");
    let summary = String::from_utf8(output.stderr).unwrap();
    assert!(summary.contains("records allowed because one of their addresses cannot be read"), "{summary}");
}

#[test]
fn a_guard_states_on_the_terminal_what_it_does_not_keep() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "-o", "few.csv", "--rows", "360", "--seed", "1", "--attack-share", "0"], b"");
    let few = "warning: only 144 calibration rows for a false-positive rate of 0.01; 1000 or more are needed";
    let output = run(at, &["train", "few.csv", "--detector", "isolation_forest", "-o", "few.qosguard"], b"");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(few), "{stderr}");
    assert!(stderr.contains("note: the detector learns no attacks"), "{stderr}");
    assert!(ok(at, &["inspect", "few.qosguard"], b"").contains(few));
    let inspected: serde_json::Value =
        serde_json::from_str(&ok(at, &["inspect", "few.qosguard", "--json"], b"")).unwrap();
    assert!(inspected["notices"].as_array().unwrap().contains(&few.into()), "{inspected}");
    let output = run(at, &["assess", "few.qosguard", "few.csv"], b"");
    assert!(String::from_utf8(output.stderr).unwrap().contains(few));
}

#[test]
fn train_and_inspect_warn_of_columns_without_values() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "-o", "sim.csv", "--rows", "400", "--seed", "1", "--attack-share", "0"], b"");
    let csv = std::fs::read_to_string(at.join("sim.csv")).unwrap();
    let column = csv.lines().next().unwrap().split(',').position(|name| name == "iat_mean_ms").unwrap();
    let without: Vec<String> = csv
        .lines()
        .enumerate()
        .map(|(line, text)| {
            let mut cells: Vec<&str> = text.split(',').collect();
            if line > 0 {
                cells[column] = "";
            }
            cells.join(",")
        })
        .collect();
    std::fs::write(at.join("without.csv"), without.join("\n")).unwrap();
    let output =
        run(at, &["train", "without.csv", "--detector", "isolation_forest", "-o", "g.qosguard"], b"");
    let stderr = String::from_utf8(output.stderr).unwrap();
    let warning = "warning: column `iat_mean_ms` gives no feature: every value in the training rows is missing or infinite";
    assert!(stderr.contains(warning), "{stderr}");
    assert!(ok(at, &["inspect", "g.qosguard"], b"").contains(warning));
    let inspected: serde_json::Value =
        serde_json::from_str(&ok(at, &["inspect", "g.qosguard", "--json"], b"")).unwrap();
    assert!(inspected["notices"].as_array().unwrap().contains(&warning.into()), "{inspected}");
}

#[test]
fn a_mistake_in_a_policy_names_the_line() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    ok(at, &["simulate", "-o", "sim.csv", "--rows", "500"], b"");
    std::fs::write(at.join("policy.yaml"), "version: 1\nallow:\n  - 010.0.0.0/8\n").unwrap();
    let (code, message) =
        fails(at, &["train", "sim.csv", "--policy", "policy.yaml", "-o", "g.qosguard"], b"");
    assert_eq!(code, 5);
    assert!(
        message
            .contains("policy.yaml, line 3: `allow[0]` must be an address or a prefix without leading zeros"),
        "{message}"
    );
}

#[test]
fn rules_and_an_allow_list_without_columns_are_warned_of() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let csv: String = (0..600).map(|row| format!("{},{}\n", row * 7919 % 97, row * 31 % 11)).collect();
    std::fs::write(at.join("own.csv"), format!("rtt,loss\n{csv}")).unwrap();
    let allow = "warning: every action is `allow`: the records have no column of addresses to compare with the allow-list";
    let rules = "warning: rules `control-services`, `calls`, `call-setup`, `lookups` never apply: the records have no column of service";
    for arguments in [
        &["train", "own.csv", "--false-positive-rate", "0.1", "-o", "g.qosguard"][..],
        &["assess", "g.qosguard", "own.csv"],
    ] {
        let output = run(at, arguments, b"");
        let printed = String::from_utf8(output.stderr).unwrap();
        for line in [allow, rules] {
            assert_eq!(printed.lines().filter(|printed| *printed == line).count(), 1, "{printed}");
        }
    }
    let output = run(at, &["assess", "g.qosguard", "own.csv", "--json", "--all"], b"");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(lines.lines().all(|line| line.contains(r#""action":"allow""#)));
    let withheld = lines.lines().filter(|line| line.contains(r#""rule":"no-address""#)).count();
    let counted = format!("warning: {withheld} records allowed because they have no address");
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(withheld > 0 && printed.contains(&counted), "{printed}");

    // A guard of records with addresses, and records without.
    ok(at, &["simulate", "--rows", "3000", "-o", "flows.jsonl"], b"");
    ok(at, &["train", "flows.jsonl", "--detector", "isolation_forest", "-o", "flows.qosguard"], b"");
    let records = std::fs::read_to_string(at.join("flows.jsonl")).unwrap();
    let bare: String = records
        .lines()
        .map(|line| {
            let mut record: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            record.retain(|name, _| !["src_ip", "dst_ip"].contains(&name.as_str()));
            format!("{}\n", serde_json::Value::Object(record))
        })
        .collect();
    std::fs::write(at.join("bare.jsonl"), bare).unwrap();
    let output = run(at, &["assess", "flows.qosguard", "bare.jsonl"], b"");
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("records allowed because they have no address"), "{printed}");
    let output = run(at, &["assess", "flows.qosguard", "flows.jsonl"], b"");
    assert!(!String::from_utf8(output.stderr).unwrap().contains("address"));
}

#[test]
fn a_policy_is_checked_compared_and_tested() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let write = |name: &str, text: &str| std::fs::write(at.join(name), text).unwrap();
    write("old.toml", "version = 1\nallow = []\n");
    write("new.toml", "version = 1\nallow = []\nfloors.min_severity = \"critical\"\n");
    write("bad.toml", "version = 1\ndry_run = 3\nallow = ['10.0.0.1/8']\n[floors]\nleast = 1\n");
    write(
        "cases.toml",
        "[[cases]]\nname = \"quiet\"\nsrc_ip = \"192.0.2.1\"\nseverity = \"high\"\naction = \"allow\"\n",
    );

    assert!(ok(at, &["policy", "check", "old.toml"], b"").starts_with("old.toml: valid: dry run"));
    let output = run(at, &["policy", "check", "bad.toml"], b"");
    assert_eq!(output.status.code(), Some(5));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0], "bad.toml:2:11: `dry_run` must be true or false, got 3");
    assert!(lines[1].starts_with("bad.toml:3:10: `allow[0]` must be an address"), "{text}");
    assert!(lines[2].starts_with("bad.toml:5:"), "{text}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("3 mistakes in bad.toml"));
    let json: serde_json::Value =
        serde_json::from_slice(&run(at, &["policy", "check", "bad.toml", "--json"], b"").stdout).unwrap();
    assert_eq!(json["mistakes"][2]["path"], "floors.least");

    // A new policy against the decisions of a guard with the old one, in both forms that `assess` writes.
    ok(at, &["simulate", "-o", "sim.csv", "--rows", "3000", "--seed", "3", "--attack-share", "0.2"], b"");
    ok(
        at,
        &["train", "sim.csv", "--detector", "isolation_forest", "--policy", "old.toml", "-o", "g.qosguard"],
        b"",
    );
    let lines = ok(at, &["assess", "g.qosguard", "sim.csv", "--json", "--all"], b"");
    write("findings.jsonl", &lines);
    ok(at, &["assess", "g.qosguard", "sim.csv", "-o", "rows.csv"], b"");
    for file in ["findings.jsonl", "rows.csv"] {
        let output = run(at, &["policy", "diff", "old.toml", "new.toml", "--json", "--decisions", file], b"");
        assert_eq!(output.status.code(), Some(1), "{file}");
        let difference: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(difference["settings"][0]["path"], "floors", "{file}: {difference}");
        assert_eq!(difference["decisions"], 3000, "{file}");
        let changed = difference["actions"].as_array().unwrap();
        assert!(
            !changed.is_empty() && changed.iter().all(|change| change["new"] == "allow"),
            "{file}: {difference}"
        );
        let expected = lines.lines().filter(|line| {
            let severity = &serde_json::from_str::<serde_json::Value>(line).unwrap()["severity"];
            ["low", "medium", "high"].iter().any(|name| severity == name)
        });
        let count: u64 = changed.iter().map(|change| change["count"].as_u64().unwrap()).sum();
        assert_eq!(count, expected.count() as u64, "{file}");
    }
    assert_eq!(run(at, &["policy", "diff", "old.toml", "old.toml"], b"").status.code(), Some(0));

    assert!(ok(at, &["policy", "test", "new.toml", "cases.toml"], b"").contains("1 passed, 0 failed"));
    let output = run(at, &["policy", "test", "old.toml", "cases.toml"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .starts_with("FAIL: quiet: expected action allow, got inspect")
    );
    let schema: serde_json::Value = serde_json::from_str(&ok(at, &["policy", "schema"], b"")).unwrap();
    assert_eq!(schema["properties"]["version"]["const"], 1);
}
