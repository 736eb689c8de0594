//! What the device windows promise: values equal their definitions, no log sees a later one, a restored state continues, and
//! memory is bounded.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use proptest::prelude::*;
use qosguard::Guard;
use qosguard::arrow::array::{Array, AsArray, RecordBatch};
use qosguard::arrow::compute::concat_batches;
use qosguard::arrow::datatypes::Float64Type;
use qosguard::features::{Context, DeviceWindows, DeviceWindowsConfig};
use qosguard::telemetry::{Schema, Table};
use serde_json::{Value, json};

fn schema() -> Schema {
    Schema::preset("device_log").unwrap()
}

/// A start of a window, in seconds since the epoch.
const START: f64 = 1_700_000_010.0;

/// What a device reports; a value that is `None` is missing.
#[derive(Clone, Debug)]
struct Log {
    time: f64,
    device: u8,
    latency: Option<f64>,
    loss: f64,
    retries: u32,
    code: u32,
    traffic: f64,
    resets: u32,
}

impl Log {
    /// A log some seconds after the start.
    fn at(time: f64, device: u8, latency: f64) -> Self {
        Self {
            time: START + time,
            device,
            latency: Some(latency),
            loss: 0.5,
            retries: 0,
            code: 200,
            traffic: 10.0,
            resets: 0,
        }
    }

    fn json(&self) -> Value {
        json!({
            "timestamp": self.time, "device_id": format!("modem-{}", self.device), "latency_ms": self.latency,
            "packet_loss_pct": self.loss, "retry_count": self.retries, "error_code": self.code,
            "traffic_volume_mb": self.traffic, "connection_resets": self.resets,
        })
    }

    fn window(&self) -> i64 {
        (self.time as i64).div_euclid(30)
    }
}

fn batch(logs: &[Log]) -> RecordBatch {
    let text = logs.iter().map(Log::json).collect::<Value>().to_string();
    let table = Table::from_json(&schema(), &text).unwrap();
    concat_batches(&table.batches()[0].schema(), table.batches()).unwrap()
}

fn new() -> DeviceWindows {
    DeviceWindows::new(&DeviceWindowsConfig::default(), &schema()).unwrap()
}

fn push(logs: &[Log]) -> RecordBatch {
    new().push(&batch(logs)).unwrap()
}

fn column(batch: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

/// The values of the log at `now` by their definitions, as numpy computes them.
fn by_definition(logs: &[Log], now: usize) -> Vec<(&'static str, Option<f64>)> {
    let log = &logs[now];
    let of_window = || logs[..=now].iter().filter(|seen| seen.window() == log.window());
    let own: Vec<&Log> = of_window().filter(|seen| seen.device == log.device).collect();
    let mean =
        |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let max = |values: &[f64]| values.iter().copied().reduce(f64::max);
    let min = |values: &[f64]| values.iter().copied().reduce(f64::min);
    let variance = |values: &[f64]| {
        let mean = mean(values)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (values.len() > 1).then(|| squares / (values.len() as f64 - 1.0))
    };
    let quantile = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = 0.95 * (sorted.len().checked_sub(1)? as f64);
        let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
        Some(low + (high - low) * (at - at.floor()))
    };
    let latency: Vec<f64> = own.iter().filter_map(|log| log.latency).collect();
    let of = |value: fn(&Log) -> f64| own.iter().map(|log| value(log)).collect::<Vec<f64>>();
    let (losses, traffic) = (of(|log| log.loss), of(|log| log.traffic));
    let (retries, resets) = (of(|log| f64::from(log.retries)), of(|log| f64::from(log.resets)));
    let share =
        |has: fn(&Log) -> bool| Some(own.iter().filter(|log| has(log)).count() as f64 / own.len() as f64);
    let devices: std::collections::BTreeSet<u8> = of_window().map(|log| log.device).collect();
    let values = [
        ("avg_latency", mean(&latency)),
        ("latency_variance", variance(&latency)),
        ("max_latency", max(&latency)),
        ("latency_95th", quantile(&latency)),
        ("avg_packet_loss", mean(&losses)),
        ("max_packet_loss", max(&losses)),
        ("packet_loss_variance", variance(&losses)),
        ("avg_retry_count", mean(&retries)),
        ("max_retry_count", max(&retries)),
        ("retry_rate", share(|log| log.retries > 0)),
        ("error_rate", share(|log| log.code != 200)),
        ("server_error_rate", share(|log| log.code >= 500)),
        ("avg_traffic", mean(&traffic)),
        ("traffic_variance", variance(&traffic)),
        ("traffic_delta", max(&traffic).zip(min(&traffic)).map(|(max, min)| max - min)),
        ("avg_connection_resets", mean(&resets)),
        ("total_connection_resets", Some(resets.iter().sum())),
        ("log_frequency", Some(own.len() as f64 / 30.0)),
        ("unique_devices", Some(devices.len() as f64)),
    ];
    values.into_iter().map(|(name, value)| (name, value.filter(|_| own.len() >= 5))).collect()
}

/// Logs in the order of their times, with gaps from none to 9 s.
fn logs(max: usize) -> impl Strategy<Value = Vec<Log>> {
    let latency = prop::option::weighted(0.9, 10.0..400.0_f64);
    let code = prop::sample::select(vec![200, 200, 200, 404, 500, 503]);
    let log = (0..30_u32, 0..3_u8, latency, 0.0..20.0_f64, 0..4_u32, code, 0.1..200.0_f64, 0..3_u32);
    prop::collection::vec(log, 20..max).prop_map(|rows| {
        let mut time = START;
        let rows = rows.into_iter().map(|(gap, device, latency, loss, retries, code, traffic, resets)| {
            time += f64::from(gap * gap) / 100.0;
            Log { time, device, latency, loss, retries, code, traffic, resets }
        });
        rows.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn values_equal_their_definitions(logs in logs(120)) {
        let got = push(&logs);
        for now in 0..logs.len() {
            for (name, value) in by_definition(&logs, now) {
                let got = column(&got, name)[now];
                let is_close = match (got, value) {
                    (Some(got), Some(value)) => (got - value).abs() <= 1e-9 * value.abs().max(1.0),
                    (got, value) => got == value,
                };
                prop_assert!(is_close, "row {now}: {name} is {got:?}, not {value:?}");
            }
        }
    }

    #[test]
    fn later_logs_change_nothing(logs in logs(80), cut in 1..79_usize, other in logs(40)) {
        let cut = cut.min(logs.len() - 1);
        let mut changed = logs[..cut].to_vec();
        let last = changed[cut - 1].time;
        changed.extend(other.into_iter().map(|log| Log { time: last + (log.time - START), ..log }));
        prop_assert_eq!(push(&logs).slice(0, cut), push(&changed).slice(0, cut));
    }

    #[test]
    fn batches_of_any_size_and_a_restored_state_give_the_same_bits(
        mut logs in logs(120),
        swaps in prop::collection::vec((any::<usize>(), any::<usize>()), 0..5),
        sizes in (1..20_usize, 1..20_usize),
        cut in any::<usize>(),
    ) {
        for (a, b) in swaps {
            let n = logs.len();
            logs.swap(a % n, b % n);
        }
        let (batch, cut) = (batch(&logs), cut % logs.len());
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
        for at in (cut..logs.len()).step_by(sizes.1) {
            parts.push(context.push(&batch.slice(at, sizes.1.min(logs.len() - at))).unwrap());
        }
        prop_assert_eq!(expected, concat_batches(&parts[0].schema(), &parts).unwrap());
        prop_assert_eq!(whole.counts(), context.counts());
        prop_assert_eq!(whole.save().unwrap(), context.save().unwrap());
    }
}

#[test]
fn a_log_at_the_end_of_a_window_is_in_the_next_one() {
    let times = [0.0, 1.0, 2.0, 3.0, 29.999, 30.0, 31.0, 32.0, 33.0, 34.0];
    let logs: Vec<Log> = times.into_iter().map(|time| Log::at(time, 1, time)).collect();
    let got = push(&logs);
    let frequency = column(&got, "log_frequency");
    let expected = [None, None, None, None, Some(5.0 / 30.0), None, None, None, None, Some(5.0 / 30.0)];
    assert_eq!(frequency, expected);
    assert_eq!(column(&got, "max_latency")[9], Some(34.0));
    assert_eq!(column(&got, "avg_latency")[9], Some(32.0));
}

#[test]
fn late_and_future_logs_are_counted_and_null() {
    let mut logs: Vec<Log> = (0..60).map(|i| Log::at(f64::from(i), 1, 50.0)).collect();
    logs.insert(20, Log::at(86_400.0, 2, 50.0));
    logs.push(Log::at(5.0, 1, 50.0));
    logs.push(Log::at(-900.0, 1, 50.0));
    let mut context = new();
    let got = context.push(&batch(&logs)).unwrap();
    let frequency = column(&got, "log_frequency");
    assert_eq!((frequency[20], frequency[61], frequency[62]), (None, None, None));
    assert_eq!(frequency[60], Some(1.0), "nothing was lost by the log a day ahead");
    assert_eq!(column(&got, "unique_devices")[60], Some(1.0));
    let counts = context.counts();
    assert_eq!((counts.late, counts.future, counts.unplaced, counts.evicted), (2, 1, 0, 0));
}

#[test]
fn a_log_of_the_window_before_counts_for_a_device_that_is_still_there() {
    let mut logs: Vec<Log> = (0..4).map(|i| Log::at(f64::from(i), 1, 50.0)).collect();
    logs.push(Log::at(31.0, 2, 50.0));
    logs.push(Log::at(29.0, 1, 50.0));
    let got = push(&logs);
    assert_eq!(column(&got, "log_frequency")[5], Some(5.0 / 30.0));
    assert_eq!(column(&got, "unique_devices")[5], Some(1.0), "device 2 is in the next window");
}

#[test]
fn logs_without_a_time_or_a_device_are_null() {
    let mut records: Vec<Value> = (0..7).map(|i| Log::at(f64::from(i), 1, 50.0).json()).collect();
    records[1]["timestamp"] = Value::Null;
    records[2]["device_id"] = Value::Null;
    let table = Table::from_json(&schema(), &Value::from(records).to_string()).unwrap();
    let mut context = new();
    let got = context.push(&table.batches()[0]).unwrap();
    assert_eq!(column(&got, "log_frequency")[6], Some(5.0 / 30.0));
    assert_eq!(got.column_by_name("log_frequency").unwrap().null_count(), 6);
    assert_eq!(context.counts().unplaced, 2);
}

#[test]
fn memory_is_bounded() {
    let config = DeviceWindowsConfig { max_devices: 16, ..Default::default() };
    let mut context = DeviceWindows::new(&config, &schema()).unwrap();
    let logs: Vec<Log> = (0..2000).map(|i| Log::at(f64::from(i) * 1e-3, (i % 200) as u8, 50.0)).collect();
    let got = context.push(&batch(&logs)).unwrap();
    assert_eq!(context.counts().evicted, 2000 - 16);
    assert_eq!(
        got.column_by_name("avg_latency").unwrap().null_count(),
        2000,
        "no device has five logs in a row"
    );
    // A device that never stops.
    let logs: Vec<Log> = (0..20_000).map(|i| Log::at(f64::from(i) * 1e-3, 1, f64::from(i % 1000))).collect();
    let mut context = DeviceWindows::new(&config, &schema()).unwrap();
    let got = context.push(&batch(&logs)).unwrap();
    let quantile = column(&got, "latency_95th")[19_999].unwrap();
    assert!((quantile - 949.0).abs() < 20.0, "{quantile}");
    assert!(context.save().unwrap().len() < 6_000, "{}", context.save().unwrap().len());
}

#[test]
fn settings_and_schemas_are_checked() {
    let error = |config: &DeviceWindowsConfig, schema: &Schema| {
        DeviceWindows::new(config, schema).unwrap_err().to_string()
    };
    let config = DeviceWindowsConfig::default;
    let settings = |config: DeviceWindowsConfig| error(&config, &schema());
    let window = DeviceWindowsConfig { window: 0, ..config() };
    assert_eq!(settings(window), "`window` must be 1 to 86400 seconds, got 0");
    let min_logs = DeviceWindowsConfig { min_logs: 1, ..config() };
    assert_eq!(settings(min_logs), "`min_logs` must be 2 to 1000000, got 1");
    let max_devices = DeviceWindowsConfig { max_devices: 1, ..config() };
    assert_eq!(settings(max_devices), "`max_devices` must be 16 to 10000000, got 1");
    assert!(error(&config(), &Schema::preset("flow").unwrap()).contains("time column"));
    assert!(
        error(&config(), &Schema::preset("zeek_conn").unwrap()).contains("one of the columns latency_ms")
    );
    let few = Schema::from_toml(
        r#"
        name = "few"
        columns = [
          { name = "ts", kind = "time" },
          { name = "cpe", role = "entity", kind = "number" },
          { name = "latency_ms", kind = "number" },
        ]
        "#,
    );
    let few = few.unwrap();
    let mut context = DeviceWindows::new(&config(), &few).unwrap();
    assert_eq!(context.columns().len(), 6);
    let records: Vec<Value> = (0..10).map(|i| json!({"ts": i, "cpe": i % 2, "latency_ms": i})).collect();
    let table = Table::from_json(&few, &Value::from(records).to_string()).unwrap();
    let got = context.push(&table.batches()[0]).unwrap();
    assert_eq!(column(&got, "avg_latency")[8..], [Some(4.0), Some(5.0)]);
}

#[test]
fn states_that_are_broken_or_of_other_settings_are_errors() {
    let logs: Vec<Log> = (0..100).map(|i| Log::at(f64::from(i), (i % 3) as u8, 50.0)).collect();
    let mut context = new();
    context.push(&batch(&logs)).unwrap();
    let state = context.save().unwrap();
    for n in (0..state.len()).step_by(31) {
        assert!(context.restore(&state[..n]).is_err());
        let mut flipped = state.clone();
        flipped[n] ^= 4;
        assert!(context.restore(&flipped).is_err());
    }
    assert_eq!(context.save().unwrap(), state);
    let other = DeviceWindowsConfig { window: 60, ..Default::default() };
    let error = DeviceWindows::new(&other, &schema()).unwrap().restore(&state).unwrap_err();
    assert!(error.to_string().contains("other settings"), "{error}");
}

/// The share of pairs of a slow log and another one in which the slow one has the higher score.
fn separation(scores: &[f32], is_slow: impl Fn(usize) -> bool) -> f64 {
    // The last logs of each window, which have the values of nearly all of it.
    let rows = || (0..scores.len()).filter(|row| row % 30 >= 24);
    let pairs = rows().flat_map(|a| rows().map(move |b| (a, b))).filter(|&(a, b)| is_slow(a) && !is_slow(b));
    let (mut n, mut higher) = (0.0, 0.0);
    for (a, b) in pairs {
        n += 1.0;
        higher += f64::from(u8::from(scores[a] > scores[b]));
    }
    higher / n
}

#[test]
fn a_guard_uses_the_windows_in_a_batch_in_a_stream_and_from_a_file() {
    let logs = |seed: u32, rises: bool| {
        let log = |i: u32| {
            let noise = f64::from((i * 7_919 + seed) % 31);
            let latency = if rises && i >= 600 { 52.0 } else { 40.0 } + noise;
            Log {
                loss: noise / 31.0,
                traffic: 8.0 + noise / 10.0,
                ..Log::at(f64::from(i), (i % 3) as u8, latency)
            }
        };
        let logs: Vec<Log> = (0..900).map(log).collect();
        Table::from_json(&schema(), &logs.iter().map(Log::json).collect::<Value>().to_string()).unwrap()
    };
    let guard = Guard::builder().context(DeviceWindowsConfig::default()).fit(&logs(1, false)).unwrap();
    assert!(guard.context_columns().iter().any(|column| column.name == "latency_95th"));
    let test = logs(2, true);
    let scores = guard.assess(&test).unwrap().scores().to_vec();
    let plain = Guard::builder().fit(&logs(1, false)).unwrap().assess(&test).unwrap().scores().to_vec();
    let (with, without) = (separation(&scores, |row| row >= 600), separation(&plain, |row| row >= 600));
    assert!(with > without, "{with} {without}");
    let mut assessor = guard.bind(test.schema()).unwrap();
    let mut streamed = Vec::new();
    for at in (0..900).step_by(7) {
        let rows = test.batches()[0].slice(at, 7.min(900 - at));
        streamed.extend(assessor.assess(&rows).unwrap().scores().to_vec());
    }
    assert_eq!(streamed, scores);
    let again = Guard::from_bytes(&guard.to_bytes()).unwrap();
    assert_eq!(again.assess(&test).unwrap().scores(), scores);
}
