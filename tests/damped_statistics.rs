//! What the damped statistics promise: values equal their definitions, no record sees a later one, a restored state continues,
//! and memory is bounded.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use proptest::prelude::*;
use qosguard::Guard;
use qosguard::arrow::array::{Array, AsArray, RecordBatch};
use qosguard::arrow::compute::concat_batches;
use qosguard::arrow::datatypes::Float64Type;
use qosguard::features::{Context, DampedStatistics, DampedStatisticsConfig};
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{Schema, Table};
use serde_json::{Value, json};

const DECAYS: [f64; 5] = [5.0, 3.0, 1.0, 0.1, 0.01];

fn schema() -> Schema {
    Schema::from_toml(
        r#"
        name = "packets"
        columns = [
          { name = "ts", kind = "time" },
          { name = "src", role = "entity", kind = "text", field = "src_ip" },
          { name = "dst", role = "entity", kind = "text", field = "dst_ip" },
          { name = "sport", kind = "number", field = "src_port" },
          { name = "dport", kind = "number", field = "dst_port" },
          { name = "bytes", kind = "number", field = "frame_bytes" },
        ]
        "#,
    )
    .unwrap()
}

#[derive(Clone, Debug)]
struct Packet {
    time: f64,
    ends: (u8, u8),
    ports: (u16, u16),
    bytes: f64,
}

impl Packet {
    fn json(&self) -> Value {
        json!({
            "ts": self.time, "src": format!("10.0.0.{}", self.ends.0), "dst": format!("10.0.0.{}", self.ends.1),
            "sport": self.ports.0, "dport": self.ports.1, "bytes": self.bytes,
        })
    }

    fn socket(&self) -> [(u8, u16); 2] {
        [(self.ends.0, self.ports.0), (self.ends.1, self.ports.1)]
    }
}

fn batch(packets: &[Packet]) -> RecordBatch {
    let text = packets.iter().map(Packet::json).collect::<Value>().to_string();
    let table = Table::from_json(&schema(), &text).unwrap();
    concat_batches(&table.batches()[0].schema(), table.batches()).unwrap()
}

fn new() -> DampedStatistics {
    DampedStatistics::new(&DampedStatisticsConfig::default(), &schema()).unwrap()
}

fn push(packets: &[Packet]) -> RecordBatch {
    new().push(&batch(packets)).unwrap()
}

/// Weight, mean and variance of numbers at their times, by the definition; zeros for none.
fn one(numbers: &[(f64, f64)], now: f64, decay: f64) -> [f64; 3] {
    let weights: Vec<f64> = numbers.iter().map(|(time, _)| 2.0_f64.powf(-decay * (now - time))).collect();
    let weight: f64 = weights.iter().sum();
    if weight < 1e-30 {
        return [0.0; 3];
    }
    let mean = weights.iter().zip(numbers).map(|(weight, (_, value))| weight * value).sum::<f64>() / weight;
    let squares = weights.iter().zip(numbers).map(|(weight, (_, value))| weight * (value - mean).powi(2));
    [weight, mean, squares.sum::<f64>() / weight]
}

/// The seven values of two directions, by the definition. `numbers` has time, value and whether it is of the last one's direction.
fn two(numbers: &[(f64, f64, bool)], decay: f64) -> [f64; 7] {
    let now = numbers.last().unwrap().0;
    let of = |upto: usize, own: bool| -> Vec<(f64, f64)> {
        let numbers = numbers[..upto].iter().filter(|(_, _, is_own)| *is_own == own);
        numbers.map(|&(time, value, _)| (time, value)).collect()
    };
    let residual = |at: usize| {
        let (time, value, is_own) = numbers[at];
        value - one(&of(at + 1, is_own), time, decay)[1]
    };
    let mut products = 0.0;
    for at in 0..numbers.len() {
        let other = (0..at).rev().find(|&before| numbers[before].2 != numbers[at].2);
        let product = residual(at) * other.map_or(0.0, residual);
        products += 2.0_f64.powf(-decay * (now - numbers[at].0)) * product;
    }
    let own = one(&of(numbers.len(), true), now, decay);
    let other = one(&of(numbers.len(), false), now, decay);
    let covariance = products / (own[0] + other[0]);
    let scale = own[2].sqrt() * other[2].sqrt();
    // Where one stream is nearly constant, the quotient is of rounding errors.
    let correlation = if scale > 1e-6 { (covariance / scale).clamp(-1.0, 1.0) } else { f64::NAN };
    [own[0], own[1], own[2].sqrt(), own[1].hypot(other[1]), own[2].hypot(other[2]), covariance, correlation]
}

/// The values of the record at `now`, in the order of the columns.
fn slow(packets: &[Packet], now: usize) -> Vec<f64> {
    let packet = &packets[now];
    let seen = &packets[..=now];
    let source: Vec<(f64, f64)> =
        seen.iter().filter(|p| p.ends.0 == packet.ends.0).map(|p| (p.time, p.bytes)).collect();
    let back = (packet.ends.1, packet.ends.0);
    let channel: Vec<(f64, f64, bool)> = seen
        .iter()
        .filter(|p| p.ends == packet.ends || p.ends == back)
        .map(|p| (p.time, p.bytes, p.ends == packet.ends))
        .collect();
    let times: Vec<f64> = seen.iter().filter(|p| p.ends == packet.ends).map(|p| p.time).collect();
    let intervals: Vec<(f64, f64)> = (0..times.len())
        .map(|at| (times[at], if at == 0 { 0.0 } else { times[at] - times[at - 1] }))
        .collect();
    let [from, to] = packet.socket();
    let socket: Vec<(f64, f64, bool)> = seen
        .iter()
        .filter(|p| p.socket() == [from, to] || p.socket() == [to, from])
        .map(|p| (p.time, p.bytes, p.socket() == [from, to]))
        .collect();
    let deviation = |[weight, mean, variance]: [f64; 3]| [weight, mean, variance.sqrt()];
    let mut values = Vec::new();
    values.extend(DECAYS.iter().flat_map(|&decay| deviation(one(&source, packet.time, decay))));
    values.extend(DECAYS.iter().flat_map(|&decay| two(&channel, decay)));
    values.extend(DECAYS.iter().flat_map(|&decay| deviation(one(&intervals, packet.time, decay))));
    values.extend(DECAYS.iter().flat_map(|&decay| two(&socket, decay)));
    values
}

fn row(batch: &RecordBatch, row: usize) -> Vec<f64> {
    let appended = batch.columns()[schema().columns().len()..].iter();
    appended.map(|column| column.as_primitive::<Float64Type>().value(row)).collect()
}

/// Packets in the order of their times, with gaps from none to 4 s, between three hosts.
fn packets(max: usize) -> impl Strategy<Value = Vec<Packet>> {
    let ends = prop::sample::select(vec![(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 3)]);
    let ports = prop::sample::select(vec![(1000, 80), (80, 1000), (2000, 80), (80, 80)]);
    let packet = (0..20_u32, ends, ports, 40..1500_u32);
    prop::collection::vec(packet, 10..max).prop_map(|rows| {
        let mut time = 1_700_000_000.0;
        let rows = rows.into_iter().map(|(gap, ends, ports, bytes)| {
            time += f64::from(gap * gap) / 100.0;
            Packet { time, ends, ports, bytes: f64::from(bytes) }
        });
        rows.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn values_equal_their_definitions(packets in packets(50)) {
        let got = push(&packets);
        let names = new().columns().to_vec();
        for now in 0..packets.len() {
            let (got, expected) = (row(&got, now), slow(&packets, now));
            prop_assert_eq!(got.len(), expected.len());
            for ((name, got), expected) in names.iter().zip(got).zip(expected) {
                if expected.is_nan() {
                    prop_assert!(got.abs() <= 1.0, "row {now}: {} is {got}", name.name);
                    continue;
                }
                let scale = if name.name.contains("correlation") { 100.0 } else { expected.abs().max(1.0) };
                prop_assert!((got - expected).abs() <= 1e-6 * scale, "row {now}: {} is {got}, not {expected}", name.name);
            }
        }
    }

    #[test]
    fn later_records_change_nothing(packets in packets(60), cut in 1..59_usize, other in packets(30)) {
        let cut = cut.min(packets.len() - 1);
        let mut changed = packets[..cut].to_vec();
        let last = changed[cut - 1].time;
        changed.extend(other.into_iter().map(|p| Packet { time: last + (p.time - 1_700_000_000.0), ..p }));
        prop_assert_eq!(push(&packets).slice(0, cut), push(&changed).slice(0, cut));
    }

    #[test]
    fn batches_of_any_size_and_a_restored_state_give_the_same_bits(
        mut packets in packets(120),
        swaps in prop::collection::vec((any::<usize>(), any::<usize>()), 0..5),
        sizes in (1..20_usize, 1..20_usize),
        cut in any::<usize>(),
    ) {
        for (a, b) in swaps {
            let n = packets.len();
            packets.swap(a % n, b % n);
        }
        let (batch, cut) = (batch(&packets), cut % packets.len());
        let mut whole = new();
        let expected = whole.push(&batch).unwrap();
        let mut parts = Vec::new();
        let mut context = new();
        for at in (0..cut).step_by(sizes.0) {
            parts.push(context.push(&batch.slice(at, sizes.0.min(cut - at))).unwrap());
        }
        let state = context.save().unwrap();
        let mut context = new();
        context.restore(&state).unwrap();
        prop_assert_eq!(context.save().unwrap(), state);
        for at in (cut..packets.len()).step_by(sizes.1) {
            parts.push(context.push(&batch.slice(at, sizes.1.min(packets.len() - at))).unwrap());
        }
        prop_assert_eq!(expected, concat_batches(&parts[0].schema(), &parts).unwrap());
        prop_assert_eq!(whole.counts(), context.counts());
        prop_assert_eq!(whole.save().unwrap(), context.save().unwrap());
    }
}

#[test]
fn there_are_a_hundred_columns_and_fewer_without_ports() {
    assert_eq!(new().columns().len(), 100);
    let context = |preset: &str| {
        DampedStatistics::new(&DampedStatisticsConfig::default(), &Schema::preset(preset).unwrap())
    };
    for preset in ["flow_detail", "zeek_conn", "unsw_nb15_raw", "nfstream", "ipfix", "eve_flow"] {
        assert_eq!(context(preset).unwrap().columns().len(), 100, "{preset}");
    }
    let few = Schema::from_toml(
        r#"
        name = "few"
        columns = [
          { name = "ts", kind = "time" },
          { name = "a", role = "entity", kind = "text", field = "src_ip" },
          { name = "b", role = "entity", kind = "text", field = "dst_ip" },
          { name = "bytes", kind = "number", field = "ip_bytes" },
        ]
        "#,
    );
    let few = DampedStatistics::new(&DampedStatisticsConfig::default(), &few.unwrap()).unwrap();
    assert_eq!(few.columns().len(), 65);
    assert!(few.columns().iter().all(|column| !column.name.contains("socket")));
    let error = |preset| context(preset).unwrap_err().to_string();
    assert!(error("flow").contains("time column"));
    assert!(error("device_log").contains("columns of source and destination addresses"));
    let none = DampedStatisticsConfig { max_entities: 0 };
    let error = DampedStatistics::new(&none, &schema()).unwrap_err().to_string();
    assert_eq!(error, "`max_entities` must be 16 to 10000000, got 0");
}

fn packet(time: f64, src: u8) -> Packet {
    Packet { time, ends: (src, 250), ports: (1000, 80), bytes: 100.0 }
}

#[test]
fn records_out_of_time_are_counted_and_change_nothing() {
    let mut packets: Vec<Packet> = (0..20).map(|i| packet(f64::from(i), 1)).collect();
    packets.insert(10, packet(1e6, 2));
    packets.push(packet(-1e6, 1));
    let mut records: Vec<Value> = packets.iter().map(Packet::json).collect();
    records[5]["bytes"] = Value::Null;
    records[6]["dst"] = json!("printer");
    let table = Table::from_json(&schema(), &Value::from(records).to_string()).unwrap();
    let mut context = new();
    let got = context.push(&table.batches()[0]).unwrap();
    let weights = got.column_by_name("damped_src_weight_0.01").unwrap().as_primitive::<Float64Type>();
    assert!(weights.is_null(5) && weights.is_null(6));
    assert_eq!((weights.value(10), weights.value(21)), (1.0, 1.0), "alone");
    assert!(weights.value(20) > 16.0);
    let counts = context.counts();
    assert_eq!((counts.late, counts.future, counts.unplaced, counts.evicted), (1, 1, 2, 0));
}

#[test]
fn memory_is_bounded() {
    let mut context = DampedStatistics::new(&DampedStatisticsConfig { max_entities: 16 }, &schema()).unwrap();
    let packets: Vec<Packet> = (0..2000).map(|i| packet(f64::from(i) * 1e-3, (i % 200) as u8)).collect();
    let got = context.push(&batch(&packets)).unwrap();
    assert_eq!(context.counts().evicted, 3 * (2000 - 16));
    let weights = got.column_by_name("damped_src_weight_0.01").unwrap().as_primitive::<Float64Type>();
    assert!(weights.values().iter().all(|&weight| weight == 1.0));
    assert!(context.save().unwrap().len() < 30_000);
}

#[test]
fn states_that_are_broken_or_of_other_settings_are_errors() {
    let packets: Vec<Packet> = (0..100).map(|i| packet(f64::from(i), (i % 3) as u8)).collect();
    let mut context = new();
    context.push(&batch(&packets)).unwrap();
    let state = context.save().unwrap();
    for n in (0..state.len()).step_by(61) {
        assert!(context.restore(&state[..n]).is_err());
        let mut flipped = state.clone();
        flipped[n] ^= 4;
        assert!(context.restore(&flipped).is_err());
    }
    assert_eq!(context.save().unwrap(), state);
    let other = DampedStatisticsConfig { max_entities: 20 };
    let error = DampedStatistics::new(&other, &schema()).unwrap().restore(&state).unwrap_err();
    assert!(error.to_string().contains("other settings"), "{error}");
}

#[test]
fn a_guard_with_damped_statistics_gives_the_same_bits_in_a_batch_in_a_stream_and_from_a_file() {
    let flows =
        |seed| simulate::table(&FlowSimulatorConfig { rows: 2_000, seed, ..Default::default() }).unwrap();
    let guard = Guard::builder().context(DampedStatisticsConfig::default()).fit(&flows(1)).unwrap();
    let test = flows(2);
    let whole = guard.assess(&test).unwrap();
    let mut assessor = guard.bind(test.schema()).unwrap();
    let mut scores = Vec::new();
    for at in (0..2_000).step_by(7) {
        let rows = test.batches()[0].slice(at, 7.min(2_000 - at));
        scores.extend(assessor.assess(&rows).unwrap().scores().to_vec());
    }
    assert_eq!(whole.scores(), scores);
    let again = Guard::from_bytes(&guard.to_bytes()).unwrap();
    assert_eq!(again.assess(&test).unwrap().scores(), whole.scores());
}
