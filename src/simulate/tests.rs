//! Properties of the simulated traffic.

#![allow(clippy::float_cmp, reason = "counts, flags and rounded shares are exact")]

use crate::arrow::array::{Array, AsArray, Float64Array, StringArray};
use crate::arrow::compute::concat_batches;
use crate::arrow::datatypes::Float64Type;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::telemetry::{Field, Kind, Role};

/// All flows of a configuration as one batch.
fn simulated(config: &FlowSimulatorConfig) -> RecordBatch {
    let simulator = flows(config).unwrap();
    let schema = RecordBatchReader::schema(&simulator);
    concat_batches(&schema, &simulator.collect::<Result<Vec<_>, _>>().unwrap()).unwrap()
}

fn config(rows: u64, attack_share: f64, seed: u64) -> FlowSimulatorConfig {
    FlowSimulatorConfig { rows, attack_share, seed, ..Default::default() }
}

fn numbers<'a>(batch: &'a RecordBatch, name: &str) -> &'a Float64Array {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>()
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> &'a StringArray {
    batch.column_by_name(name).unwrap().as_string::<i32>()
}

/// Share of rows whose text is one of `values`.
fn share(column: &StringArray, values: &[&str]) -> f64 {
    column.iter().flatten().filter(|v| values.contains(v)).count() as f64 / column.len() as f64
}

#[test]
fn the_share_of_attacks_is_realised_exactly() {
    for rows in [1_000, 10_000, 100_000] {
        for asked in [0.0, 0.01, 0.05, 0.333, 0.5, 0.99] {
            let batch = simulated(&config(rows, asked, 3));
            assert_eq!(batch.num_rows() as u64, rows);
            let attacks: f64 = numbers(&batch, "label").values().iter().sum();
            assert_eq!(attacks, (rows as f64 * asked).round(), "{rows} rows at {asked}");
        }
    }
}

#[test]
fn the_configured_families_occur_in_equal_numbers_and_no_others() {
    for rows in [1_000, 70_000] {
        let batch = simulated(&config(rows, 0.05, 5));
        let (label, family) = (numbers(&batch, "label"), texts(&batch, "family"));
        for i in 0..batch.num_rows() {
            assert_eq!(label.value(i) == 1.0, family.is_valid(i), "row {i}");
        }
        for attack in Attack::ALL {
            let count = share(family, &[attack.as_str()]) * rows as f64;
            assert!((count - rows as f64 * 0.05 / 6.0).abs() < 1.0, "{attack:?}: {count}");
        }
    }
    let two =
        FlowSimulatorConfig { attacks: vec![Attack::PortScan, Attack::Beaconing], ..config(5_000, 0.2, 5) };
    let batch = simulated(&two);
    assert_eq!(share(texts(&batch, "family"), &["port_scan"]), 0.1);
    assert_eq!(share(texts(&batch, "family"), &["beaconing"]), 0.1);
}

#[test]
fn the_same_seed_gives_the_same_flows() {
    let first = simulated(&config(70_000, 0.05, 11));
    assert_eq!(first, simulated(&config(70_000, 0.05, 11)));
    assert_ne!(first, simulated(&config(70_000, 0.05, 12)));
    // A whole batch is the same in a longer run.
    assert_eq!(first.slice(0, 65_536), simulated(&config(140_000, 0.05, 11)).slice(0, 65_536));
    // Two threads give the same flows.
    let twins = std::thread::scope(|scope| {
        let run = || simulated(&config(2_000, 0.05, 11));
        let (a, b) = (scope.spawn(run), scope.spawn(run));
        (a.join().unwrap(), b.join().unwrap())
    });
    assert_eq!(twins.0, twins.1);
}

/// Paths of all settings, such as `/background/web`, with their values.
fn settings(prefix: &str, value: &Value) -> Vec<(String, Value)> {
    match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, value)| settings(&format!("{prefix}/{name}"), value)).collect()
        }
        value => vec![(prefix.to_owned(), value.clone())],
    }
}

#[test]
fn every_setting_changes_the_flows() {
    let whole = serde_json::to_value(config(2_000, 0.2, 3)).unwrap();
    let base = simulated(&serde_json::from_value(whole.clone()).unwrap());
    let settings = settings("", &whole);
    assert_eq!(settings.len(), 13);
    for (path, value) in settings {
        let other = match &value {
            Value::Array(_) => json!(["flood"]),
            Value::Number(number) if number.is_f64() => json!(number.as_f64().unwrap() / 2.0),
            number => json!(number.as_u64().unwrap() + 1),
        };
        let mut changed = whole.clone();
        *changed.pointer_mut(&path).unwrap() = other;
        assert_ne!(simulated(&serde_json::from_value(changed).unwrap()), base, "{path}");
    }
}

#[test]
fn batches_have_at_most_65536_rows_and_a_known_number() {
    let mut simulator = flows(&config(200_000, 0.5, 1)).unwrap();
    let mut sizes = Vec::new();
    while simulator.len() > 0 {
        let left = simulator.len();
        sizes.push(simulator.next().unwrap().unwrap().num_rows());
        assert_eq!(simulator.len(), left - 1);
    }
    assert_eq!(sizes, [65_536, 65_536, 65_536, 3_392]);
    assert!(simulator.next().is_none());
}

#[test]
fn the_background_has_the_configured_mix() {
    let services = |b: &BackgroundMix| {
        let batch = simulated(&FlowSimulatorConfig { background: b.clone(), ..config(60_000, 0.0, 2) });
        let service = texts(&batch, "service");
        let names: [&[&str]; 7] =
            [&["web"], &["dns"], &["voip"], &["video"], &["bulk", "ssh", "ftp"], &["mail"], &["iot"]];
        names.map(|names| share(service, names))
    };
    let check = |mix: BackgroundMix| {
        let total: f64 = mix.weights().iter().map(|(_, w)| w).sum();
        for (got, (name, weight)) in services(&mix).iter().zip(mix.weights()) {
            // 2 % are `other`.
            let expected = 0.98 * weight / total;
            assert!((got - expected).abs() < 0.01, "{name}: {got} instead of {expected}");
        }
    };
    check(BackgroundMix::default());
    check(BackgroundMix { web: 0.0, dns: 3.0, voip: 1.0, video: 0.0, bulk: 1.0, mail: 0.0, iot: 5.0 });
}

#[test]
fn the_table_has_labels_and_families() {
    let table = table(&config(2_000, 0.1, 9)).unwrap();
    assert_eq!((table.n_rows(), table.report().accepted), (2_000, 2_000));
    let (labels, families) = (table.labels().unwrap().unwrap(), table.families().unwrap().unwrap());
    assert_eq!(labels.iter().filter(|&&attack| attack).count(), 200);
    assert!(labels.iter().zip(&families).all(|(&attack, family)| attack != family.is_empty()));
}

#[test]
fn the_rate_of_flows_follows_the_time_of_day() {
    // 20 hosts start about 35,000 clean flows a day.
    let batch = simulated(&FlowSimulatorConfig { hosts: 20, ..config(34_000, 0.0, 4) });
    let hours = numbers(&batch, "time").values().iter().map(|t| (t % 86_400.0) / 3_600.0);
    let (mut night, mut day) = (0, 0);
    for hour in hours {
        night += i32::from((1.0..5.0).contains(&hour));
        day += i32::from((13.0..17.0).contains(&hour));
    }
    assert!(day > 3 * night, "{day} by day, {night} by night");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_flow_is_consistent(
        rows in 1_u64..3_000,
        share in 0.0..0.999,
        seed: u64,
        hosts in 1_u32..5_000,
        start_time in 0_u64..4_000_000_000,
    ) {
        let batch = simulated(&FlowSimulatorConfig { start_time, hosts, ..config(rows, share, seed) });
        let column = |name: &str| numbers(&batch, name).values();
        let (times, durations) = (column("time"), column("duration"));
        let (means, stds) = (column("iat_mean_ms"), column("iat_std_ms"));
        let (syn, fin, rst) = (column("syn_count"), column("fin_count"), column("rst_count"));
        let (src_port, dst_port) = (column("src_port"), column("dst_port"));
        let halves = [
            (column("fwd_packets"), column("fwd_bytes")),
            (column("bwd_packets"), column("bwd_bytes")),
        ];
        prop_assert!(times.is_sorted());
        prop_assert!(times[0] >= start_time as f64);
        for i in 0..batch.num_rows() {
            let protocol = texts(&batch, "protocol").value(i);
            let header = if protocol == "tcp" { 40.0 } else { 28.0 };
            for (packets, bytes) in halves {
                prop_assert!((packets[i] * header..=packets[i] * 1_500.0).contains(&bytes[i]), "row {i}");
                prop_assert!(packets[i].fract() == 0.0 && bytes[i].fract() == 0.0);
            }
            let packets = halves[0].0[i] + halves[1].0[i];
            prop_assert!(halves[0].0[i] >= 1.0);
            if packets == 1.0 {
                prop_assert!(durations[i] == 0.0 && means[i] == 0.0 && stds[i] == 0.0);
            } else {
                prop_assert!(durations[i] > 0.0 && durations[i].is_finite(), "row {i}: {}", durations[i]);
                prop_assert!((means[i] - 1e3 * durations[i] / (packets - 1.0)).abs() <= 1e-6);
                prop_assert!((0.0..=means[i] * (packets - 2.0).sqrt() + 1e-6).contains(&stds[i]));
            }
            for port in [src_port[i], dst_port[i]] {
                prop_assert!((0.0..=65_535.0).contains(&port) && port.fract() == 0.0);
            }
            let flags = syn[i] + fin[i] + rst[i];
            match protocol {
                "tcp" => prop_assert!(flags <= packets && dst_port[i] > 0.0),
                "udp" => prop_assert!(flags == 0.0 && dst_port[i] > 0.0),
                "icmp" => prop_assert!(flags == 0.0 && src_port[i] == 0.0 && dst_port[i] == 0.0),
                other => prop_assert!(false, "protocol {other}"),
            }
        }
    }
}

/// Area under the ROC curve of one column, in the better of both directions; ties count half.
fn separation(attack: &[f64], clean: &[f64]) -> f64 {
    let mut sorted = clean.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins: f64 = attack
        .iter()
        .map(|&v| {
            let below = sorted.partition_point(|&c| c < v);
            let ties = sorted.partition_point(|&c| c <= v) - below;
            below as f64 + 0.5 * ties as f64
        })
        .sum();
    let auc = wins / (attack.len() * clean.len()) as f64;
    auc.max(1.0 - auc)
}

#[test]
fn every_attack_is_detectable_but_no_column_identifies_it() {
    // 5,000 flows of each attack are several episodes with every tool.
    let batch = simulated(&config(120_000, 0.25, 8));
    let schema = Schema::preset("flow_detail").unwrap();
    let family = texts(&batch, "family");
    let rows = |attack: Option<Attack>| -> Vec<usize> {
        (0..batch.num_rows())
            .filter(|&i| family.is_valid(i).then(|| family.value(i)) == attack.map(Attack::as_str))
            .collect()
    };
    let clean = rows(None);
    for attack in Attack::ALL {
        let own = rows(Some(attack));
        let mut best: f64 = 0.5;
        for column in schema.columns().iter().filter(|c| c.role == Role::Feature) {
            match column.kind {
                Kind::Number if column.field != Some(Field::DstPort) => {
                    let values = numbers(&batch, &column.name);
                    let pick = |rows: &[usize]| rows.iter().map(|&i| values.value(i)).collect::<Vec<_>>();
                    best = best.max(separation(&pick(&own), &pick(&clean)));
                }
                Kind::Text => {
                    let values = texts(&batch, &column.name);
                    let known: std::collections::HashSet<_> =
                        clean.iter().map(|&i| values.value(i)).collect();
                    assert!(
                        own.iter().all(|&i| known.contains(values.value(i))),
                        "{attack:?}: {} has a value that no clean flow has",
                        column.name
                    );
                }
                Kind::Number | Kind::Time => {}
            }
        }
        // Apart from ports and services, the best column orders most pairs, but not all.
        assert!((0.8..0.999).contains(&best), "{attack:?}: {best}");
    }
}
