//! Labels, attack classes and identifiers that an inferred schema recognises, with the truth that is read.

use qosguard::telemetry::{Kind, ReadOptions, Role, Table};

use super::{csv, jsonl, texts};

/// A table of these labels and a feature.
fn labelled(name: &str, labels: &[&str]) -> Table {
    let rows = (0..40).map(|i| format!("{}.5,{}\n", i % 7, labels[i % labels.len()]));
    csv(format!("rate,{name}\n{}", rows.collect::<String>()), &ReadOptions::default()).unwrap()
}

/// Whether each of the first labels is an attack.
fn attacks(name: &str, labels: &[&str]) -> Vec<bool> {
    let table = labelled(name, labels);
    let truth = table
        .labels()
        .unwrap()
        .unwrap_or_else(|| panic!("no label in {name}: {:?}", table.report().inferred));
    truth[..labels.len()].to_vec()
}

#[test]
fn codes_of_labels_have_a_clean_one() {
    for (name, labels, want) in [
        ("label", ["0", "1"], [false, true]),
        ("label", ["0.0", "1.0"], [false, true]),
        // As in scikit-learn, -1 is an outlier.
        ("label", ["1", "-1"], [false, true]),
        ("y", ["1.0", "-1.0"], [false, true]),
        // A column of attacks is 1 for an attack.
        ("is_attack", ["1", "-1"], [true, false]),
        ("class", ["1", "2"], [false, true]),
        ("is_benign", ["1", "0"], [false, true]),
        ("normal", ["0", "1"], [true, false]),
        ("Benign", ["True", "False"], [false, true]),
        ("legitimate", ["yes", "no"], [false, true]),
    ] {
        assert_eq!(attacks(name, &labels), want, "{name} {labels:?}");
    }
    let table = labelled("label", &["1", "-1"]);
    assert!(table.report().inferred[0].contains("`label` (1 is clean)"), "{:?}", table.report().inferred);
    assert_eq!(table.families().unwrap(), None, "codes are not attack classes");
    let json =
        jsonl("{\"x\":1.5,\"is_benign\":true}\n{\"x\":2.5,\"is_benign\":false}\n", &ReadOptions::default());
    assert_eq!(json.unwrap().labels().unwrap(), Some(vec![false, true]));
}

#[test]
fn a_label_and_its_inverse_are_one_truth() {
    let text = "rate,label,is_benign\n".to_owned() + &"1.5,0,1\n2.5,1,0\n".repeat(20);
    let table = csv(text, &ReadOptions::default()).unwrap();
    assert_eq!(table.labels().unwrap().unwrap()[..2], [false, true]);
    let column = table.schema().columns().iter().find(|c| c.name == "is_benign").unwrap();
    assert_eq!(column.role, Role::Ignore, "{:?}", table.report().inferred);
    // Numbers of another kind under such a name are a feature.
    let rows: String = (0..40).map(|i| format!("{i}.5,{}.25\n", i * 3)).collect();
    let table = csv(format!("rate,normal\n{rows}"), &ReadOptions::default()).unwrap();
    assert_eq!(table.schema().columns()[1].role, Role::Feature);
}

#[test]
fn a_class_of_attack_alone_is_the_label() {
    for (name, clean, attack) in [
        ("Attack Type", "Normal Traffic", "DoS"),
        ("attack_cat", "None", "Fuzzers"),
        ("Attack", "No Attack", "worm"),
        ("Label", "Benign flow", "scan"),
        ("Label", "NORMAL.", "smurf."),
        ("traffic_type", "normal_user", "ddos"),
        ("attack", "not-malicious", "probe"),
        ("class", "Background traffic", "botnet"),
    ] {
        assert_eq!(attacks(name, &[clean, attack]), [false, true], "{name}: {clean}");
        let families = labelled(name, &[clean, attack]).families().unwrap().unwrap();
        assert_eq!(families[..2], [String::new(), attack.trim_end_matches('.').to_owned()], "{name}");
    }
    // Words that only begin like a clean one are attacks.
    assert_eq!(attacks("label", &["normal", "Normal-looking exfiltration"]), [false, true]);
}

#[test]
fn identifiers_with_leading_zeros_stay_text() {
    let rows: String = (0..60).map(|i| format!("00{},{}.5,{}\n", i % 5, i % 7, i % 3)).collect();
    let table = csv(format!("site,rate,queue\n{rows}"), &ReadOptions::default()).unwrap();
    let kinds: Vec<Kind> = table.schema().columns().iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [Kind::Text, Kind::Number, Kind::Number]);
    assert_eq!(texts(&table, "site")[..2], [Some("000".to_owned()), Some("001".to_owned())]);
}
