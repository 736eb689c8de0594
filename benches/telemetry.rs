//! CSV, JSON lines, Parquet and Arrow IPC to Arrow, one thread; `QOSGUARD_DATA` adds public files.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot read its data may stop")]

#[path = "../tests/public_data/mod.rs"]
mod public_data;

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::arrow::array::RecordBatch;
use qosguard::telemetry::{
    self, BatchReader, CsvReader, JsonReader, Kind, ReadOptions, Schema, Table, read_csv,
};

const ROWS: u64 = 50_000;

/// Flow records with cells as long as in real records: counts, bytes, and decimals of up to 9 digits.
fn records() -> Vec<Vec<(String, String)>> {
    let schema = Schema::preset("flow_detail").unwrap();
    let mut state = 1_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut record = |row: u64| {
        let mut cell = |name: &str| match name {
            "time" => format!("{}.{:03}", 1_700_000_000 + row / 10, row % 1_000),
            "src_ip" | "dst_ip" => format!("\"10.0.{}.{}\"", random(256), random(256)),
            "src_port" | "dst_port" => random(65_536).to_string(),
            "protocol" => ["\"tcp\"", "\"udp\""][random(2) as usize].to_owned(),
            "service" | "family" => ["\"http\"", "\"dns\"", "\"ssh\""][random(3) as usize].to_owned(),
            "duration" | "iat_mean_ms" | "iat_std_ms" => format!("{}.{:06}", random(100), random(1_000_000)),
            "fwd_bytes" | "bwd_bytes" => random(2_000_000).to_string(),
            "fwd_packets" | "bwd_packets" => random(1_000).to_string(),
            _ => random(2).to_string(),
        };
        schema.columns().iter().map(|c| (c.name.clone(), cell(&c.name))).collect()
    };
    (0..ROWS).map(&mut record).collect()
}

fn csv_text(records: &[Vec<(String, String)>]) -> String {
    let line = |cells: Vec<&str>| cells.join(",") + "\n";
    let names = records[0].iter().map(|(name, _)| name.as_str()).collect();
    records.iter().fold(line(names), |text, record| {
        text + &line(record.iter().map(|(_, cell)| cell.trim_matches('"')).collect())
    })
}

fn json_text(records: &[Vec<(String, String)>]) -> String {
    let mut text = String::new();
    for record in records {
        let pairs: Vec<String> = record.iter().map(|(name, cell)| format!("\"{name}\":{cell}")).collect();
        writeln!(text, "{{{}}}", pairs.join(",")).unwrap();
    }
    text
}

/// Reads a text that lives as long as the program.
fn read_text(c: &mut Criterion) {
    let records = records();
    let csv: &'static str = csv_text(&records).leak();
    let json: &'static str = json_text(&records).leak();
    let options = ReadOptions::default();
    let mut group = c.benchmark_group("telemetry");
    group.throughput(Throughput::Bytes(csv.len() as u64));
    group.bench_function("csv/flow_detail", |b| {
        b.iter(|| CsvReader::new(csv.as_bytes(), "csv", &options).unwrap().read().unwrap());
    });
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("jsonl/flow_detail", |b| {
        b.iter(|| JsonReader::new(json.as_bytes(), "jsonl", &options).unwrap().read().unwrap());
    });
    let schema = Schema::preset("flow_detail").unwrap();
    let record = json.lines().next().unwrap();
    group.throughput(Throughput::Elements(1));
    group.bench_function("json/one_record", |b| {
        b.iter(|| Table::from_json(&schema, black_box(record)).unwrap());
    });
    group.finish();
}

fn read_files(c: &mut Criterion) {
    let mut group = c.benchmark_group("telemetry/csv");
    for name in
        ["unsw-nb15/UNSW_NB15_82332.csv", "cicids2017/improved_5days_sample.csv", "nsl-kdd/KDDTrain+.txt"]
    {
        let Some(path) = public_data::find(&format!("flows/{name}")) else { continue };
        group.throughput(Throughput::Bytes(path.metadata().unwrap().len()));
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter_with_large_drop(|| read_csv(&path).unwrap());
        });
    }
    group.finish();
}

/// Files of columns to tables, and Arrow memory that fits: without limits nothing is even looked at.
fn read_columns(c: &mut Criterion) {
    let csv: &'static str = csv_text(&records()).leak();
    let table = CsvReader::new(csv.as_bytes(), "csv", &ReadOptions::default()).unwrap().read().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut group = c.benchmark_group("telemetry/columnar");
    group.throughput(Throughput::Elements(ROWS));
    for ending in ["parquet", "arrow"] {
        let path = folder.path().join("flows").with_extension(ending);
        telemetry::write(&path, &table).unwrap();
        eprintln!("{ending}: {} bytes of {} as CSV", path.metadata().unwrap().len(), csv.len());
        group.bench_function(BenchmarkId::new("read", ending), |b| {
            b.iter_with_large_drop(|| telemetry::read(&path).unwrap());
        });
        group.bench_function(BenchmarkId::new("write", ending), |b| {
            b.iter(|| telemetry::write(&path, &table).unwrap());
        });
    }
    let schema = Schema::preset("flow_detail").unwrap();
    group.bench_function("from_arrow/checked", |b| {
        b.iter(|| Table::from_arrow(&schema, black_box(table.batches())).unwrap());
    });
    let (mut free, mut batch) = (Schema::builder("free"), Vec::new());
    for (column, array) in schema.columns().iter().zip(table.batches()[0].columns()) {
        if column.kind == Kind::Number {
            free = free.feature(format!("x{}", batch.len()));
            batch.push((format!("x{}", batch.len()), Arc::clone(array)));
        }
    }
    let (free, batch) = (free.build().unwrap(), RecordBatch::try_from_iter(batch).unwrap());
    group.bench_function("from_arrow/unlimited", |b| {
        b.iter(|| Table::from_arrow(&free, black_box(std::slice::from_ref(&batch))).unwrap());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = read_text, read_files, read_columns
}
criterion_main!(benches);
