//! Properties of the simulated device telemetry.

#![allow(clippy::float_cmp, reason = "counts and codes are exact")]

use super::*;
use crate::arrow::array::AsArray;
use crate::arrow::compute::concat_batches;
use crate::arrow::datatypes::Float64Type;

const VALUES: [&str; 6] =
    ["latency_ms", "packet_loss_pct", "retry_count", "error_code", "traffic_volume_mb", "connection_resets"];

fn batch(table: &Table) -> RecordBatch {
    concat_batches(&table.batches()[0].schema(), table.batches()).unwrap()
}

fn numbers(batch: &RecordBatch, name: &str) -> Vec<f64> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn the_share_of_anomalous_records_is_realised_exactly() {
    for (devices_, duration_s, share) in
        [(20, 600.0, 0.05), (3, 100.0, 0.5), (7, 333.0, 0.011), (50, 60.0, 0.0), (1, 60.0, 0.02)]
    {
        let config = DeviceSimulatorConfig {
            devices: devices_,
            duration_s,
            anomaly_share: share,
            seed: 2,
            ..Default::default()
        };
        let telemetry = devices(&config).unwrap();
        let rows = f64::from(devices_) * duration_s;
        let labels = telemetry.table.labels().unwrap().unwrap();
        let anomalous = labels.iter().filter(|&&is_anomaly| is_anomaly).count();
        assert_eq!(labels.len() as f64, rows);
        assert_eq!(anomalous as f64, (rows * share).round());
        assert_eq!(telemetry.events.iter().map(|event| event.records).sum::<u64>(), anomalous as u64);
    }
}

#[test]
fn events_describe_the_anomalous_records_and_each_kind_differs_from_normal() {
    let config = DeviceSimulatorConfig { duration_s: 2_000.0, seed: 4, ..Default::default() };
    let telemetry = devices(&config).unwrap();
    let batch = batch(&telemetry.table);
    let (times, labels) = (numbers(&batch, "timestamp"), numbers(&batch, "is_anomaly"));
    let devices: Vec<&str> =
        batch.column_by_name("device_id").unwrap().as_string::<i32>().iter().flatten().collect();
    let values = VALUES.map(|name| numbers(&batch, name));
    let normal: Vec<usize> = (0..times.len()).filter(|&row| labels[row] == 0.0).collect();
    let pick =
        |column: usize, rows: &[usize]| rows.iter().map(|&row| values[column][row]).collect::<Vec<_>>();
    for (column, expected, tolerance) in
        [(0, 50.0, 0.5), (1, 0.505, 0.01), (2, 0.2, 0.01), (4, 10.0, 0.1), (5, 0.1, 0.01)]
    {
        let found = mean(&pick(column, &normal));
        assert!((found - expected).abs() < tolerance, "{}: {found}", VALUES[column]);
    }
    let code =
        |code: f64| pick(3, &normal).iter().filter(|&&c| c == code).count() as f64 / normal.len() as f64;
    assert!((code(200.0) - 0.95).abs() < 0.005 && (code(404.0) - 0.03).abs() < 0.005);
    assert!((code(500.0) - 0.02).abs() < 0.005);

    assert!(telemetry.events.is_sorted_by(|a, b| a.start <= b.start));
    for kind in DeviceAnomaly::ALL {
        let mut rows = Vec::new();
        for event in telemetry.events.iter().filter(|event| event.kind == kind) {
            let is_own = |row: &usize| {
                devices[*row] == event.device && (event.start..=event.end).contains(&times[*row])
            };
            let own: Vec<usize> = (0..times.len()).filter(is_own).collect();
            assert_eq!(own.len() as u64, event.records, "{event:?}");
            assert!(own.iter().all(|&row| labels[row] == 1.0), "{event:?}");
            rows.extend(own);
        }
        let means: Vec<f64> = (0..6).map(|column| mean(&pick(column, &rows))).collect();
        let expected: &[(usize, f64, f64)] = match kind {
            DeviceAnomaly::LatencySpike => &[(0, 300.0, 10.0), (2, 3.0, 0.3), (1, 0.5, 0.1)],
            DeviceAnomaly::LossBurst => &[(1, 15.0, 1.0), (2, 5.0, 0.4), (0, 50.0, 3.0)],
            DeviceAnomaly::ErrorStorm => &[(3, 502.25, 0.5), (2, 8.0, 0.5), (4, 10.0, 1.0)],
            DeviceAnomaly::TrafficSurge => &[(4, 100.0, 4.0), (5, 5.0, 0.4), (2, 0.2, 0.2)],
        };
        for &(column, value, tolerance) in expected {
            assert!((means[column] - value).abs() < tolerance, "{kind:?} {}: {means:?}", VALUES[column]);
        }
    }
}

#[test]
fn records_arrive_in_time_order_with_one_skewed_clock_and_the_asked_disturbance() {
    let plain = DeviceSimulatorConfig { seed: 1, ..Default::default() };
    let base = devices(&plain).unwrap();
    let times = numbers(&batch(&base.table), "timestamp");
    assert!(times.is_sorted());
    assert_eq!(base.table.report().accepted, 12_000);

    let disturbed = DeviceSimulatorConfig {
        clock_skew_s: 86_400.0,
        late_fraction: 0.1,
        duplicate_fraction: 0.05,
        ..plain.clone()
    };
    let disturbed = devices(&disturbed).unwrap();
    assert_eq!((disturbed.late, disturbed.duplicates, disturbed.table.n_rows()), (1_200, 600, 12_600));
    assert_eq!(disturbed.events, base.events);
    let rows = batch(&disturbed.table);
    let names: Vec<&str> =
        rows.column_by_name("device_id").unwrap().as_string::<i32>().iter().flatten().collect();
    let end = plain.start_time as f64 + plain.duration_s + 1.0;
    for (time, name) in numbers(&rows, "timestamp").iter().zip(names) {
        assert_eq!(*time > end, name == "device-00001");
    }

    assert_eq!(batch(&devices(&plain).unwrap().table), batch(&base.table));
    let other = devices(&DeviceSimulatorConfig { seed: 2, ..plain }).unwrap();
    assert_ne!(batch(&other.table), batch(&base.table));
}

#[test]
fn settings_outside_their_range_are_rejected_by_name() {
    let ok = DeviceSimulatorConfig::default();
    let bad = [
        ("`devices`", DeviceSimulatorConfig { devices: 0, ..ok.clone() }),
        ("`duration_s`", DeviceSimulatorConfig { devices: u32::MAX, ..ok.clone() }),
        ("`duration_s`", DeviceSimulatorConfig { duration_s: 59.0, ..ok.clone() }),
        ("`duration_s`", DeviceSimulatorConfig { duration_s: f64::INFINITY, ..ok.clone() }),
        ("`interval_s`", DeviceSimulatorConfig { interval_s: 0.0, ..ok.clone() }),
        ("`anomaly_share`", DeviceSimulatorConfig { anomaly_share: 0.51, ..ok.clone() }),
        ("`anomalies`", DeviceSimulatorConfig { anomalies: vec![], ..ok.clone() }),
        ("`anomalies`", DeviceSimulatorConfig { anomalies: vec![DeviceAnomaly::LossBurst; 2], ..ok.clone() }),
        ("`start_time`", DeviceSimulatorConfig { start_time: 1, ..ok.clone() }),
        ("`clock_skew_s`", DeviceSimulatorConfig { clock_skew_s: f64::NAN, ..ok.clone() }),
        ("`late_fraction`", DeviceSimulatorConfig { late_fraction: -0.1, ..ok.clone() }),
        ("`late_s`", DeviceSimulatorConfig { late_s: f64::INFINITY, ..ok.clone() }),
        ("`duplicate_fraction`", DeviceSimulatorConfig { duplicate_fraction: 2.0, ..ok.clone() }),
    ];
    for (name, config) in bad {
        let error = devices(&config).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument);
        assert!(error.to_string().starts_with(name), "{error}");
    }
    let clean = DeviceSimulatorConfig { anomaly_share: 0.0, anomalies: vec![], ..ok };
    assert!(devices(&clean).unwrap().events.is_empty());
}
