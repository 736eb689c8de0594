//! Properties of the traffic of hosts over time.

#![allow(clippy::float_cmp, reason = "counts and rounded times are exact")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::*;
use crate::arrow::array::{AsArray, RecordBatch};
use crate::arrow::compute::concat_batches;
use crate::arrow::datatypes::Float64Type;
use crate::features::{Context, HostContext, HostContextConfig};
use crate::{Error, Guard};

fn config(seed: u64) -> TrafficSimulatorConfig {
    TrafficSimulatorConfig { duration_s: 1_200.0, seed, ..Default::default() }
}

fn batch(table: &Table) -> RecordBatch {
    concat_batches(&table.batches()[0].schema(), table.batches()).unwrap()
}

fn numbers(batch: &RecordBatch, name: &str) -> Vec<f64> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column.iter().map(|text| text.unwrap_or_default().to_owned()).collect()
}

/// The records in the order of their times, with the columns of the host context.
fn with_context(traffic: &Traffic) -> RecordBatch {
    let times = numbers(&batch(&traffic.table), "time");
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
    let sorted = traffic.table.take(&order).unwrap();
    let mut context = HostContext::new(&HostContextConfig::default(), sorted.schema()).unwrap();
    context.push(&batch(&sorted)).unwrap()
}

/// The share `p` of the values is at most this one.
fn quantile(mut values: Vec<f64>, p: f64) -> f64 {
    values.retain(|value| !value.is_nan());
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * p) as usize]
}

/// The rows of an event.
fn rows_of(event: &AttackEvent, batch: &RecordBatch) -> Vec<usize> {
    let families = texts(batch, "family");
    let (times, durations) = (numbers(batch, "time"), numbers(batch, "duration"));
    let hosts: BTreeSet<IpAddr> = event.attackers.iter().chain(&event.victims).copied().collect();
    let (src, dst) = (texts(batch, "src_ip"), texts(batch, "dst_ip"));
    let is_own = |row: usize| {
        families[row] == event.kind.as_str()
            && times[row] >= event.start - 1e-5
            && times[row] + durations[row] <= event.end + 1e-5
            && hosts.contains(&dst[row].parse().unwrap())
            && (event.attackers.is_empty() || hosts.contains(&src[row].parse().unwrap()))
    };
    (0..batch.num_rows()).filter(|&row| is_own(row)).collect()
}

#[test]
fn events_describe_exactly_the_labelled_rows() {
    let config = TrafficSimulatorConfig { events_per_attack: 2, ..config(3) };
    let traffic = traffic(&config).unwrap();
    let batch = batch(&traffic.table);
    let (labels, families) = (numbers(&batch, "label"), texts(&batch, "family"));
    assert!(labels.iter().zip(&families).all(|(&label, family)| (label == 1.0) != family.is_empty()));
    assert_eq!(traffic.events.len(), 16);
    assert!(traffic.events.is_sorted_by(|a, b| a.start <= b.start));
    let begin = config.start_time as f64 + 0.1 * config.duration_s;
    let mut counts = BTreeMap::new();
    let mut all = BTreeSet::new();
    for event in &traffic.events {
        let rows = rows_of(event, &batch);
        assert_eq!(rows.len() as u64, event.flows, "{event:?}");
        assert!(rows.iter().all(|&row| all.insert(row)), "{event:?}");
        let times = numbers(&batch, "time");
        let first = rows.iter().map(|&row| times[row]).fold(f64::INFINITY, f64::min);
        assert!((first - event.start).abs() < 1e-5, "{event:?}");
        assert!(event.start >= begin && event.start < event.end);
        *counts.entry(event.kind).or_insert(0) += 1;
    }
    assert_eq!(all.len() as f64, labels.iter().sum::<f64>());
    assert!(AttackKind::ALL.iter().all(|kind| counts[kind] == 2));
}

#[test]
fn every_attack_has_the_shape_of_its_description() {
    let longer = TrafficSimulatorConfig { duration_s: 4_000.0, events_per_attack: 3, ..config(7) };
    let traffic = traffic(&longer).unwrap();
    let batch = batch(&traffic.table);
    let (ports, protocols) = (numbers(&batch, "dst_port"), texts(&batch, "protocol"));
    let (replies, up, down) =
        (numbers(&batch, "bwd_packets"), numbers(&batch, "fwd_bytes"), numbers(&batch, "bwd_bytes"));
    for event in &traffic.events {
        let rows = rows_of(event, &batch);
        let share = |is_so: &dyn Fn(usize) -> bool| {
            rows.iter().filter(|&&row| is_so(row)).count() as f64 / rows.len() as f64
        };
        let distinct_ports: BTreeSet<u64> = rows.iter().map(|&row| ports[row] as u64).collect();
        let (attackers, victims) = (event.attackers.len(), event.victims.len());
        let rate = event.flows as f64 / (event.end - event.start);
        let about = format!("{:?} {} flows, {rate} per s", event.kind, event.flows);
        match event.kind {
            AttackKind::PortScan => {
                assert_eq!((attackers, victims, event.port), (1, 1, None), "{about}");
                assert!(distinct_ports.len() == rows.len() && rows.len() >= 300 && rate > 30.0, "{about}");
            }
            AttackKind::HorizontalScan => {
                assert!(attackers == 1 && victims == rows.len() && victims >= 199, "{about}");
                assert!(distinct_ports.len() == 1 && rate > 10.0, "{about}");
            }
            AttackKind::IcmpSweep => {
                assert!(attackers == 1 && victims == rows.len() && victims >= 199, "{about}");
                assert!(share(&|row| protocols[row] == "icmp") == 1.0 && rate > 10.0, "{about}");
            }
            AttackKind::SynFlood => {
                assert!(victims == 1 && (attackers == 0 || (4..=8).contains(&attackers)), "{about}");
                assert!(rows.len() >= 2_000 && rate > 100.0, "{about}");
                assert!(share(&|row| replies[row] == 0.0) > 0.9, "{about}");
            }
            AttackKind::UdpFlood => {
                assert!(victims == 1 && (8..=64).contains(&attackers) && rate > 50.0, "{about}");
                assert!(share(&|row| protocols[row] == "udp" && replies[row] == 0.0) == 1.0, "{about}");
            }
            AttackKind::BruteForce => {
                assert_eq!((attackers, victims), (1, 1), "{about}");
                assert!([21, 22, 3_389].contains(&event.port.unwrap()) && rate > 0.5, "{about}");
            }
            AttackKind::Beaconing => {
                let mut times: Vec<f64> = rows.iter().map(|&row| numbers(&batch, "time")[row]).collect();
                times.sort_by(f64::total_cmp);
                let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
                let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
                let deviation =
                    (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
                assert!(rows.len() >= 20 && deviation < 0.06 * mean, "{about}, {deviation} of {mean}");
            }
            AttackKind::Exfiltration => {
                let sum = |values: &[f64]| rows.iter().map(|&row| values[row]).sum::<f64>();
                assert!(sum(&up) > 5e7 && sum(&up) > 20.0 * sum(&down), "{about}");
            }
        }
    }
}

#[test]
fn windows_per_host_show_every_attack() {
    // The clean flows of both runs are the same.
    let config = TrafficSimulatorConfig { duration_s: 3_600.0, events_per_attack: 2, ..config(11) };
    let clean = traffic(&TrafficSimulatorConfig { attacks: vec![], ..config.clone() }).unwrap();
    let attacked = traffic(&config).unwrap();
    let (clean, context) = (with_context(&clean), with_context(&attacked));
    let destinations = texts(&clean, "dst_ip");
    let is_external: Vec<bool> = destinations.iter().map(|address| address.starts_with("198.")).collect();
    for event in &attacked.events {
        let rows = rows_of(event, &context);
        // The column, the quantile of clean values, and the factor by which the event exceeds it.
        let (column, p, factor) = match event.kind {
            AttackKind::PortScan => ("pair_ports_10s", 0.9999, 20.0),
            AttackKind::HorizontalScan | AttackKind::IcmpSweep => ("src_peers_10s", 0.9999, 10.0),
            AttackKind::SynFlood | AttackKind::UdpFlood => ("dst_flows_10s", 0.9999, 10.0),
            AttackKind::BruteForce => ("pair_flows_60s", 0.9999, 5.0),
            AttackKind::Beaconing => ("pair_flows_300s", 0.99, 1.5),
            AttackKind::Exfiltration => ("pair_bytes_per_s_300s", 0.99, 2.0),
        };
        let mut usual = numbers(&clean, column);
        if matches!(event.kind, AttackKind::Beaconing | AttackKind::Exfiltration) {
            // Internal resolvers and servers have many flows with each client.
            let mut external = is_external.iter();
            usual.retain(|_| external.next() == Some(&true));
        }
        let usual = quantile(usual, p);
        let values = numbers(&context, column);
        let highest = rows.iter().map(|&row| values[row]).fold(0.0, f64::max);
        assert!(highest > factor * usual, "{:?}: {column} {highest}, clean traffic {usual}", event.kind);
    }
}

#[test]
fn the_same_seed_gives_the_same_traffic() {
    let config = TrafficSimulatorConfig { late_fraction: 0.1, duplicate_fraction: 0.1, ..config(5) };
    let (first, second) = (traffic(&config).unwrap(), traffic(&config).unwrap());
    assert_eq!((batch(&first.table), &first.events), (batch(&second.table), &second.events));
    let other = traffic(&TrafficSimulatorConfig { seed: 6, ..config }).unwrap();
    assert_ne!(batch(&first.table), batch(&other.table));
}

#[test]
fn rows_arrive_by_their_end_and_each_disturbance_changes_only_its_own_part() {
    let plain = TrafficSimulatorConfig { active_timeout_s: 60.0, ..config(9) };
    let base = traffic(&plain).unwrap();
    let rows = batch(&base.table);
    let ends = |batch: &RecordBatch| -> Vec<f64> {
        let times = numbers(batch, "time");
        times.iter().zip(numbers(batch, "duration")).map(|(time, duration)| time + duration).collect()
    };
    assert!(ends(&rows).is_sorted_by(|a, b| *a <= b + 2e-6));
    assert!(numbers(&rows, "duration").iter().all(|&duration| duration <= 60.0 + 1e-6));

    let late =
        traffic(&TrafficSimulatorConfig { late_fraction: 0.05, late_s: 40.0, ..plain.clone() }).unwrap();
    let late_rows = batch(&late.table);
    assert_eq!(late.late, (rows.num_rows() as f64 * 0.05).round() as u64);
    let mut newest = f64::NEG_INFINITY;
    let mut behind = 0;
    for end in ends(&late_rows) {
        behind += u64::from(end < newest - 2e-6);
        newest = newest.max(end);
        assert!(end >= newest - 40.001);
    }
    assert!(behind > late.late * 9 / 10 && behind <= late.late, "{behind} of {}", late.late);
    let sorted = |batch: &RecordBatch| {
        let mut ends = ends(batch);
        ends.sort_by(f64::total_cmp);
        ends
    };
    assert_eq!(sorted(&late_rows), sorted(&rows));

    let twice = traffic(&TrafficSimulatorConfig { duplicate_fraction: 0.25, ..plain.clone() }).unwrap();
    let expected = (rows.num_rows() as f64 * 0.25).round() as usize;
    assert_eq!(twice.duplicates as usize, expected);
    assert_eq!(twice.table.n_rows(), rows.num_rows() + expected);
    assert_eq!(twice.events, base.events);

    let skewed = traffic(&TrafficSimulatorConfig { clock_skew_s: 3_600.0, ..plain }).unwrap();
    let (times, moved) = (numbers(&rows, "time"), numbers(&batch(&skewed.table), "time"));
    let shifts: Vec<f64> = times.iter().zip(&moved).map(|(time, moved)| (moved - time).round()).collect();
    let share = shifts.iter().filter(|&&shift| shift == 3_600.0).count() as f64 / shifts.len() as f64;
    assert!(shifts.iter().all(|&shift| shift == 0.0 || shift == 3_600.0) && (0.1..0.6).contains(&share));
    assert_eq!(skewed.events, base.events);
}

#[test]
fn a_guard_reads_the_traffic() {
    let clean = traffic(&TrafficSimulatorConfig { attacks: vec![], ..config(1) }).unwrap();
    let guard = Guard::builder().context(HostContextConfig::default()).fit(&clean.table).unwrap();
    let attacks = vec![AttackKind::PortScan, AttackKind::SynFlood];
    let attacked = traffic(&TrafficSimulatorConfig { attacks, ..config(2) }).unwrap();
    let labels = attacked.table.labels().unwrap().unwrap();
    let assessment = guard.assess(&attacked.table).unwrap();
    assert_eq!(assessment.len(), labels.len());
}

#[test]
fn settings_outside_their_range_are_rejected_by_name() {
    let ok = config(0);
    let bad = [
        ("`duration_s`", TrafficSimulatorConfig { duration_s: 10.0, ..ok.clone() }),
        ("`duration_s`", TrafficSimulatorConfig { duration_s: f64::NAN, ..ok.clone() }),
        ("`hosts`", TrafficSimulatorConfig { hosts: 0, ..ok.clone() }),
        ("`flows_per_s`", TrafficSimulatorConfig { flows_per_s: 0.0, ..ok.clone() }),
        ("`flows_per_s`", TrafficSimulatorConfig { flows_per_s: 1e6, ..ok.clone() }),
        ("`attacks`", TrafficSimulatorConfig { attacks: vec![AttackKind::PortScan; 2], ..ok.clone() }),
        ("`events_per_attack`", TrafficSimulatorConfig { events_per_attack: 0, ..ok.clone() }),
        ("`events_per_attack`", TrafficSimulatorConfig { events_per_attack: 126, ..ok.clone() }),
        ("`start_time`", TrafficSimulatorConfig { start_time: u64::MAX, ..ok.clone() }),
        ("`active_timeout_s`", TrafficSimulatorConfig { active_timeout_s: 0.0, ..ok.clone() }),
        ("`clock_skew_s`", TrafficSimulatorConfig { clock_skew_s: 1e6, ..ok.clone() }),
        ("`clock_skew_s`", TrafficSimulatorConfig { clock_skew_s: -9.0, start_time: 5, ..ok.clone() }),
        ("`late_fraction`", TrafficSimulatorConfig { late_fraction: 1.5, ..ok.clone() }),
        ("`late_s`", TrafficSimulatorConfig { late_s: 0.0, ..ok.clone() }),
        ("`duplicate_fraction`", TrafficSimulatorConfig { duplicate_fraction: f64::NAN, ..ok.clone() }),
    ];
    for (name, config) in bad {
        let error = traffic(&config).unwrap_err();
        assert!(matches!(error, Error::InvalidArgument { .. }), "{error:?}");
        assert!(error.to_string().starts_with(name), "{error}");
    }
    assert!(serde_json::from_str::<TrafficSimulatorConfig>(r#"{"hosts": 5, "host": 1}"#).is_err());
}
