//! Beacon scores of the connections in public logs of Zeek, compared with the published scores of RITA.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod public_data;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use qosguard::arrow::array::AsArray;
use qosguard::arrow::compute::concat_batches;
use qosguard::arrow::datatypes::Float64Type;
use qosguard::features::{BeaconScore, beacon_score};
use qosguard::telemetry::{BatchReader, ReadOptions, Schema, ZeekReader};

/// What the tests read of conn.log and of http.log.
const SCHEMA: &str = r#"
name = "zeek"
columns = [
  { name = "ts", role = "time", kind = "time" },
  { name = "uid", role = "entity", kind = "text" },
  { name = "id.orig_h", role = "entity", kind = "text" },
  { name = "host", role = "entity", kind = "text" },
  { name = "orig_ip_bytes", role = "ignore", kind = "number" },
  { name = "id.resp_p", role = "feature", kind = "number" },
]
"#;

struct Connection {
    time: f64,
    uid: String,
    client: String,
    host: Option<String>,
    bytes: Option<f64>,
}

fn log(path: &Path) -> Vec<Connection> {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let options = ReadOptions { schema: Some(schema), ..ReadOptions::default() };
    let table = ZeekReader::open(path, &options).unwrap().read().unwrap();
    assert_eq!(table.report().rejected, 0);
    let all = concat_batches(&Arc::new(table.schema().to_arrow()), table.batches()).unwrap();
    let text = |name: &str, row: usize| {
        all.column_by_name(name).unwrap().as_string::<i32>().iter().nth(row).unwrap().map(str::to_owned)
    };
    let number = |name: &str, row: usize| {
        all.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().nth(row).unwrap()
    };
    (0..all.num_rows())
        .map(|row| Connection {
            time: number("ts", row).unwrap(),
            uid: text("uid", row).unwrap(),
            client: text("id.orig_h", row).unwrap(),
            host: text("host", row),
            bytes: number("orig_ip_bytes", row),
        })
        .collect()
}

#[test]
fn the_scores_of_known_pairs_are_within_a_twentieth() {
    let Some(folder) = public_data::find("oracle/rita_proxy") else { return };
    let connections = log(&folder.join("conn.log"));
    let requests = log(&folder.join("http.log"));
    let bytes: HashMap<&str, f64> =
        connections.iter().filter_map(|c| Some((c.uid.as_str(), c.bytes?))).collect();
    // The published scores are of one day: from 24 hours before the hour of the last connection.
    let end = connections.iter().map(|c| c.time).fold(f64::MIN, f64::max);
    let day = (end / 3600.0).floor() * 3600.0 - 86_400.0;
    let start = connections.iter().map(|c| c.time).filter(|&time| time >= day).fold(f64::MAX, f64::min);
    for (host, n, expected) in [
        ("www.honestimnotevil.com", 357, [0.921, 0.995, 1.0, 1.0, 0.979]),
        ("www.google.com", 6, [0.48, 0.865, 1.0, 0.0, 0.586]),
    ] {
        let pair = requests
            .iter()
            .filter(|c| c.client == "10.136.0.18" && c.host.as_deref() == Some(host) && c.time >= day);
        // A request is logged a moment after its connection starts.
        let (times, sizes): (Vec<f64>, Vec<f64>) =
            pair.map(|c| (c.time.min(end), bytes[c.uid.as_str()])).unzip();
        assert_eq!(times.len(), n, "{host}");
        let BeaconScore { interval, size, duration, histogram, score, .. } =
            beacon_score(&times, &sizes, start, end).unwrap();
        let found = [interval, size, duration, histogram, score];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 0.05, "{host}: {found} is not {expected}");
        }
    }
}
