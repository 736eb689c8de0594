//! What the host context promises: values equal a slow twin's, no record sees a later one, memory is bounded, and a guard
//! gives the same bits in a batch and in a stream.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use qosguard::arrow::array::{Array, AsArray, RecordBatch};
use qosguard::arrow::compute::concat_batches;
use qosguard::arrow::datatypes::Float64Type;
use qosguard::features::{Context, ContextConfig, HostContext, HostContextConfig};
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{Schema, Table};
use qosguard::{Error, Guard};
use serde_json::{Value, json};

fn schema() -> Schema {
    Schema::preset("flow_detail").unwrap()
}

fn config(windows: &[f64]) -> HostContextConfig {
    HostContextConfig { windows: windows.to_vec(), ..Default::default() }
}

/// A record with the columns that the context reads.
#[derive(Clone, Debug)]
struct Flow {
    time: f64,
    src: u8,
    dst: u8,
    port: u16,
    duration: f64,
    packets: (u32, u32),
    bytes: (u32, u32),
    resets: u32,
}

impl Flow {
    fn at(time: f64, src: u8, dst: u8, port: u16) -> Self {
        Self { time, src, dst, port, duration: 0.0, packets: (3, 2), bytes: (300, 100), resets: 0 }
    }

    fn json(&self) -> Value {
        json!({
            "time": self.time, "src_ip": format!("10.0.0.{}", self.src), "dst_ip": format!("10.0.1.{}", self.dst),
            "src_port": 40_000, "dst_port": self.port, "duration": self.duration, "fwd_packets": self.packets.0,
            "bwd_packets": self.packets.1, "fwd_bytes": self.bytes.0, "bwd_bytes": self.bytes.1, "rst_count": self.resets,
            "protocol": "tcp", "service": "web", "syn_count": 2, "fin_count": 2, "iat_mean_ms": 1, "iat_std_ms": 1,
        })
    }

    fn failed(&self) -> bool {
        self.packets.1 == 0 || (self.resets > 0 && self.packets.1 <= 1)
    }
}

fn table(flows: &[Flow]) -> Table {
    Table::from_json(&schema(), &flows.iter().map(Flow::json).collect::<Value>().to_string()).unwrap()
}

fn batch(flows: &[Flow]) -> RecordBatch {
    let table = table(flows);
    concat_batches(&table.batches()[0].schema(), table.batches()).unwrap()
}

fn push(config: &HostContextConfig, flows: &[Flow]) -> RecordBatch {
    HostContext::new(config, &schema()).unwrap().push(&batch(flows)).unwrap()
}

fn column(batch: &RecordBatch, name: &str) -> Vec<f64> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

/// The slow twin: all rows are kept, and each window is counted from scratch with exact sets.
fn slow(flows: &[Flow], window: f64) -> Vec<Vec<(String, f64)>> {
    // The origin of the fast context's buckets: two of its longest windows before the first record.
    let exact = |time: f64| (time - (flows[0].time.floor() - 601.0)) * 100.0;
    let width = (window * 100.0 / 8.0).ceil() as i64;
    let bucket = |time: f64| (exact(time).floor() as i64).div_euclid(width);
    let row = |now: usize| {
        let at = bucket(flows[now].time);
        let mut values = Vec::new();
        for scope in ["src", "dst", "pair"] {
            let same = |flow: &Flow| {
                (scope == "dst" || flow.src == flows[now].src)
                    && (scope == "src" || flow.dst == flows[now].dst)
            };
            let seen: Vec<&Flow> = flows[..=now].iter().filter(|flow| same(flow)).collect();
            let inside: Vec<&&Flow> = seen.iter().filter(|flow| bucket(flow.time) > at - 8).collect();
            let n = inside.len() as f64;
            let peers: BTreeSet<u8> =
                inside.iter().map(|f| if scope == "src" { f.dst } else { f.src }).collect();
            let ports: BTreeSet<u16> = inside.iter().map(|f| f.port).collect();
            let failed = inside.iter().filter(|f| f.failed()).count() as f64 / n;
            // What each flow had in the buckets of the window, at most 8 buckets after its start.
            let start = (at - 7) as f64 * width as f64;
            let end = (at + 1) as f64 * width as f64;
            let part = |flow: &Flow| {
                let reach = (bucket(flow.time) + 9) as f64 * width as f64;
                let (from, to) = (exact(flow.time), exact(flow.time + flow.duration));
                if flow.duration == 0.0 || bucket(flow.time) == bucket(flow.time + flow.duration) {
                    return f64::from(u8::from(from >= start));
                }
                ((to.min(end).min(reach) - from.max(start)) / (to - from)).max(0.0)
            };
            let sum = |of: fn(&Flow) -> f64| seen.iter().map(|f| part(f) * of(f)).sum::<f64>();
            let (up, down) = (sum(|f| f64::from(f.bytes.0)), sum(|f| f64::from(f.bytes.1)));
            let seconds = (8 * width) as f64 / 100.0;
            let packets = sum(|f| f64::from(f.packets.0 + f.packets.1));
            let share = if up + down > 0.0 { up / (up + down) } else { 0.5 };
            let mut put = |name: &str, value: f64| values.push((format!("{scope}_{name}_{window}s"), value));
            put("flows", n);
            if scope != "pair" {
                put("peers", peers.len() as f64);
            }
            put("ports", ports.len() as f64);
            put("failed", failed);
            put("bytes_per_s", (up + down) / seconds);
            put("packets_per_s", packets / seconds);
            put("up_share", share);
        }
        values
    };
    (0..flows.len()).map(row).collect()
}

fn flows(max: usize) -> impl Strategy<Value = Vec<Flow>> {
    let flow = (
        0.0..8.0_f64,
        0..4_u8,
        0..4_u8,
        0..12_u16,
        0.0..20.0_f64,
        (0..9_u32, 0..3_u32),
        (0..900_u32, 0..900_u32),
    );
    prop::collection::vec((flow, 0..2_u32), 2..max).prop_map(|rows| {
        let mut time = 1000.0;
        let flow = |((gap, src, dst, port, duration, packets, bytes), resets): (_, u32)| {
            let gap: f64 = gap;
            let duration: f64 = duration;
            time += (gap * gap * 10.0).round() / 100.0;
            let duration = if duration < 5.0 { 0.0 } else { (duration * 100.0).round() / 100.0 };
            Flow { time, src, dst, port, duration, packets, bytes, resets }
        };
        rows.into_iter().map(flow).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn values_equal_the_slow_twin(flows in flows(60)) {
        let windows = [2.0, 10.0, 300.0];
        let fast = push(&config(&windows), &flows);
        for window in windows {
            for (row, values) in slow(&flows, window).into_iter().enumerate() {
                for (name, value) in values {
                    let got = column(&fast, &name)[row];
                    prop_assert!((got - value).abs() <= 1e-6 * value.abs().max(1.0), "row {row}: {name} is {got}, not {value}");
                }
            }
        }
    }

    #[test]
    fn later_records_change_nothing(flows in flows(60), cut in 1..59_usize, other in flows(30)) {
        let cut = cut.min(flows.len() - 1);
        let first = push(&config(&[2.0, 60.0]), &flows);
        let mut changed = flows[..cut].to_vec();
        let last = changed[cut - 1].time;
        changed.extend(other.into_iter().map(|flow| Flow { time: last + (flow.time - 1000.0), ..flow }));
        let second = push(&config(&[2.0, 60.0]), &changed);
        for name in first.schema().fields().iter().map(|f| f.name().clone()).filter(|n| n.ends_with("0s") || n.ends_with("2s")) {
            prop_assert_eq!(&column(&first, &name)[..cut], &column(&second, &name)[..cut], "{}", name);
        }
    }

    #[test]
    fn batches_of_any_size_give_the_same_bits(flows in flows(60), size in 1..7_usize) {
        let whole = push(&HostContextConfig::default(), &flows);
        let mut context = HostContext::new(&HostContextConfig::default(), &schema()).unwrap();
        let batch = batch(&flows);
        let parts: Vec<_> = (0..flows.len()).step_by(size)
            .map(|at| context.push(&batch.slice(at, size.min(flows.len() - at))).unwrap())
            .collect();
        prop_assert_eq!(whole, concat_batches(&parts[0].schema(), &parts).unwrap());
    }
}

#[test]
fn a_port_scan_is_visible_within_a_second() {
    let scan: Vec<Flow> =
        (0..1008).map(|i| Flow::at(5000.0 + f64::from(i) * 1e-3, 1, 2, i as u16 + 1)).collect();
    let out = push(&HostContextConfig::default(), &scan);
    let ports = column(&out, "src_ports_60s");
    assert_eq!(ports[..16], (1..=16).map(f64::from).collect::<Vec<_>>(), "few ports are exact");
    assert!((ports[1007] - 1008.0).abs() < 0.08 * 1008.0, "{}", ports[1007]);
    assert_eq!(column(&out, "pair_flows_60s")[1007], 1008.0);
    assert_eq!(column(&out, "dst_peers_60s")[1007], 1.0);
}

#[test]
fn a_long_flow_is_not_a_flood_when_it_is_exported() {
    let backup = Flow { duration: 1800.0, bytes: (180_000_000, 0), ..Flow::at(0.0, 1, 2, 22) };
    let later = Flow { bytes: (0, 0), packets: (1, 1), ..Flow::at(30.0, 1, 2, 22) };
    let out = push(&config(&[60.0]), &[backup, later]);
    let rate = column(&out, "src_bytes_per_s_60s");
    assert!(rate[0] <= 180e6 / 1800.0, "{rate:?}");
    assert!((30_000.0..=100_000.0).contains(&rate[1]), "about half of 100 kB/s: {rate:?}");
}

#[test]
fn records_without_an_end_or_a_time_have_nulls() {
    let mut records: Vec<Value> = (0..3).map(|i| Flow::at(f64::from(i), 1, 2, 80).json()).collect();
    records[0]["src_ip"] = json!("printer");
    records[1]["time"] = Value::Null;
    let table = Table::from_json(&schema(), &Value::from(records).to_string()).unwrap();
    let mut context = HostContext::new(&config(&[10.0]), &schema()).unwrap();
    let out = context.push(&table.batches()[0]).unwrap();
    let nulls = |name: &str| {
        let array = out.column_by_name(name).unwrap();
        (0..3).map(|row| array.is_null(row)).collect::<Vec<_>>()
    };
    assert_eq!(nulls("src_flows_10s"), [true, true, false]);
    assert_eq!(nulls("dst_flows_10s"), [false, true, false]);
    assert_eq!(nulls("pair_flows_10s"), [true, true, false]);
    assert_eq!(column(&out, "dst_flows_10s")[2], 2.0);
    assert_eq!(context.counts().unplaced, 1);
}

#[test]
fn ipv6_counts_by_the_first_64_bits() {
    let record = |time: f64, src: &str| {
        let mut record = Flow::at(time, 1, 2, 80).json();
        record["src_ip"] = json!(src);
        record
    };
    let records =
        json!([record(0.0, "2001:db8::1"), record(1.0, "2001:db8::ffff:2"), record(2.0, "2001:db8:0:1::1")]);
    let table = Table::from_json(&schema(), &records.to_string()).unwrap();
    let out = HostContext::new(&config(&[10.0]), &schema()).unwrap().push(&table.batches()[0]).unwrap();
    assert_eq!(column(&out, "src_flows_10s"), [1.0, 2.0, 1.0]);
    assert_eq!(column(&out, "dst_peers_10s"), [1.0, 1.0, 2.0]);
}

#[test]
fn prefixes_are_counted_where_they_are_asked_for() {
    let record = |time: f64, src: &str, dst: &str| {
        let mut record = Flow::at(time, 1, 2, 80).json();
        (record["src_ip"], record["dst_ip"]) = (json!(src), json!(dst));
        record
    };
    let records = json!([
        record(0.0, "192.0.2.1", "10.0.0.1"),
        record(1.0, "192.0.2.250", "10.0.0.2"),
        record(2.0, "192.0.3.1", "10.0.0.3"),
        record(3.0, "2001:db8::1", "10.0.0.4"),
        record(4.0, "2001:db8::2", "printer"),
    ]);
    let table = Table::from_json(&schema(), &records.to_string()).unwrap();
    let with = HostContextConfig { prefixes: true, ..config(&[10.0]) };
    let out = HostContext::new(&with, &schema()).unwrap().push(&table.batches()[0]).unwrap();
    assert_eq!(column(&out, "src_net_flows_10s"), [1.0, 2.0, 1.0, 1.0, 2.0]);
    assert_eq!(column(&out, "src_net_peers_10s"), [1.0, 2.0, 1.0, 1.0, 1.0]);
    assert_eq!(column(&out, "dst_net_flows_10s")[..4], [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(column(&out, "dst_net_peers_10s")[..4], [1.0, 2.0, 3.0, 4.0]);
    assert!(out.column_by_name("dst_net_flows_10s").unwrap().is_null(4));
    let without = HostContext::new(&config(&[10.0]), &schema()).unwrap();
    let n = without.columns().len();
    let out = out.project(&(0..out.num_columns() - 14).collect::<Vec<_>>()).unwrap();
    assert_eq!(out, { without }.push(&table.batches()[0]).unwrap(), "the {n} other columns are the same");
    // Guards of earlier releases have no such setting.
    assert_eq!(
        serde_json::to_value(config(&[10.0])).unwrap(),
        json!({"windows": [10.0], "max_entities": 16_384})
    );
}

#[test]
fn one_wrong_clock_wipes_nothing_and_late_records_are_counted() {
    let mut flows: Vec<Flow> = (0..100).map(|i| Flow::at(1000.0 + f64::from(i) * 0.1, 1, 2, 80)).collect();
    flows.insert(50, Flow::at(1000.0 + 86_400.0, 3, 2, 80));
    flows.push(Flow::at(1005.0, 1, 2, 80));
    flows.push(Flow::at(900.0, 1, 2, 80));
    let mut context = HostContext::new(&config(&[10.0, 60.0]), &schema()).unwrap();
    let out = context.push(&batch(&flows)).unwrap();
    let seen = column(&out, "src_flows_60s");
    assert_eq!(seen[100], 100.0, "the record a day ahead changed nothing");
    assert_eq!(seen[102], 1.0, "nothing of 1000 s ago is left");
    assert!(seen[101] > 40.0, "a late record is counted into the bucket of its time");
    let counts = context.counts();
    assert_eq!((counts.future, counts.late), (1, 1));
}

#[test]
fn memory_is_bounded() {
    let config = HostContextConfig { max_entities: 16, ..config(&[10.0]) };
    let flows: Vec<Flow> = (0..2000).map(|i| Flow::at(f64::from(i) * 1e-3, (i % 200) as u8, 1, 80)).collect();
    let mut context = HostContext::new(&config, &schema()).unwrap();
    let out = context.push(&batch(&flows)).unwrap();
    assert_eq!(context.counts().evicted, 2 * (2000 - 16));
    assert!(column(&out, "src_flows_10s").iter().all(|&n| n == 1.0));
    assert_eq!(column(&out, "dst_flows_10s")[1999], 2000.0);
}

#[test]
fn settings_and_schemas_are_checked() {
    let error = |config: HostContextConfig, schema: &Schema| {
        HostContext::new(&config, schema).unwrap_err().to_string()
    };
    assert_eq!(error(config(&[]), &schema()), "`windows` must be 1 to 8 lengths, ascending, got []");
    assert_eq!(
        error(config(&[5.0, 2.0]), &schema()),
        "`windows` must be 1 to 8 lengths, ascending, got [5.0, 2.0]"
    );
    assert_eq!(error(config(&[0.01]), &schema()), "`windows` must be 0.1 to 86400 seconds, got 0.01");
    let few = HostContextConfig { max_entities: 1, ..Default::default() };
    assert_eq!(error(few, &schema()), "`max_entities` must be 16 to 10000000, got 1");
    let plain = Schema::builder("plain").feature("bytes").time("t").build().unwrap();
    assert!(error(config(&[2.0]), &plain).contains("column of source or destination addresses"));
    let timeless = Schema::preset("flow").unwrap();
    assert!(error(config(&[2.0]), &timeless).contains("time column"));
    let unknown = serde_json::from_str::<ContextConfig>(r#"{"kind": "host", "window": [2]}"#).unwrap_err();
    assert!(unknown.to_string().contains("unknown field `window`"), "{unknown}");
}

#[test]
fn only_columns_whose_inputs_exist_are_appended() {
    let names = |preset: &str| {
        let context = HostContext::new(&config(&[60.0]), &Schema::preset(preset).unwrap()).unwrap();
        context.columns().iter().map(|column| column.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("flow_detail").len(), 7 + 7 + 6);
    for preset in ["zeek_conn", "unsw_nb15_raw", "cicids2017_corrected", "nfstream", "ipfix", "eve_flow"] {
        assert!(names(preset).contains(&"src_flows_60s".to_owned()), "{preset}");
    }
    let few = Schema::from_toml(
        r#"
        name = "few"
        columns = [
          { name = "ts", kind = "time" },
          { name = "from", role = "entity", kind = "text", field = "src_ip" },
          { name = "bytes", kind = "number", field = "fwd_ip_bytes" },
        ]
        "#,
    );
    let context = HostContext::new(&config(&[60.0]), &few.unwrap()).unwrap();
    let names: Vec<&str> = context.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["src_flows_60s", "src_bytes_per_s_60s"]);
}

fn simulated(rows: u64, seed: u64) -> Table {
    simulate::table(&FlowSimulatorConfig { rows, seed, ..Default::default() }).unwrap()
}

#[test]
fn a_guard_gives_the_same_bits_in_a_batch_in_a_stream_and_from_a_file() {
    let guard = Guard::builder().context(HostContextConfig::default()).fit(&simulated(3_000, 1)).unwrap();
    let test = simulated(2_000, 2);
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
    assert_eq!(again.context_columns(), guard.context_columns());
    // Rows in another order get the same scores.
    let order: Vec<usize> = (0..2_000).map(|row| (row * 7) % 2_000).collect();
    let mut unique = order.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 2_000);
    let shuffled = guard.assess(&test.take(&order).unwrap()).unwrap();
    let expected: Vec<f32> = order.iter().map(|&row| whole.scores()[row]).collect();
    assert_eq!(shuffled.scores(), expected);
}

#[test]
fn a_guard_explains_and_describes_with_context_columns() {
    let guard = Guard::builder().context(config(&[10.0, 60.0])).fit(&simulated(4_000, 1)).unwrap();
    let fresh = simulated(4_000, 2);
    let assessment = guard.assess(&fresh).unwrap();
    let findings = guard.findings(&fresh, &assessment, 20).unwrap();
    let text = findings.to_string();
    assert!(text.contains("0s = "), "a reason names a context column: {text}");
    assert!(guard.notices().iter().all(|notice| !notice.to_string().contains("by itself")));
    let explained = guard.explain(&fresh).unwrap();
    let close = |explained: &[f64], scores: &[f32]| {
        explained.iter().zip(scores).all(|(a, &b)| (a - f64::from(b)).abs() < 1e-6)
    };
    assert!(close(&explained.explanation().scores, assessment.scores()));
    let row = assessment.top(1)[0].row as usize;
    let one = guard.explain(&guard.append_contexts(&fresh).unwrap().take(&[row]).unwrap()).unwrap();
    assert!(close(&one.explanation().scores, &assessment.scores()[row..]));
}

#[test]
fn the_columns_that_the_context_reads_must_be_there() {
    let flows = simulated(1_000, 1);
    let guard = Guard::builder().context(config(&[10.0])).fit(&flows).unwrap();
    assert!(
        guard.schema().index_of("src_flows_10s").is_none(),
        "the schema has the columns of the records only"
    );
    assert!(guard.inputs().index_of("rst_count").is_some());
    let plain = Schema::builder("plain").feature("duration").build().unwrap();
    let table = Table::from_json(&plain, r#"[{"duration": 1}]"#).unwrap();
    let Error::SchemaMismatch { missing, .. } = guard.assess(&table).unwrap_err() else {
        panic!("wrong error")
    };
    assert!(missing.contains(&"time".to_owned()) && missing.contains(&"src_ip".to_owned()), "{missing:?}");
    assert!(!missing.iter().any(|name| name.ends_with("10s")), "{missing:?}");
    assert!(guard.bind(&plain).is_err());
    let other = Arc::clone(flows.schema());
    let wrong = guard.bind(&other).unwrap().assess(&table.batches()[0]).unwrap_err();
    assert!(matches!(wrong, Error::SchemaMismatch { .. }), "{wrong}");
}

#[test]
fn test_rows_change_no_statistic() {
    let flows = simulated(2_000, 1);
    let plain = Guard::builder().fit(&flows).unwrap();
    let with = Guard::builder().context(config(&[10.0])).fit(&flows).unwrap();
    assert_eq!(
        plain.training().data_hash,
        with.training().data_hash,
        "the hash is of the records that were given"
    );
    assert_eq!(plain.schema(), with.schema());
    assert_ne!(plain.model_digest(), with.model_digest());
}
