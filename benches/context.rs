//! Contexts: records a second on one thread. Host context with 4 windows, from few hosts and from more hosts than are kept;
//! damped statistics of the same flows; device windows of 1,000 devices that log once a second.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros and fixed inputs")]

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use qosguard::features::{ContextConfig, DampedStatisticsConfig, DeviceWindowsConfig, HostContextConfig};
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{Kind, Schema};

/// Rows of a batch.
const ROWS: usize = 8_192;

fn measure(
    c: &mut Criterion,
    group: &str,
    name: &str,
    config: &ContextConfig,
    schema: &Schema,
    batches: &[RecordBatch],
) {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut group = c.benchmark_group(group);
    group.sample_size(10).throughput(Throughput::Elements(rows as u64));
    group.bench_function(name, |b| {
        b.iter_batched(
            || config.start(schema).unwrap(),
            |mut context| batches.iter().map(|batch| context.push(batch).unwrap().num_rows()).sum::<usize>(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn flows(c: &mut Criterion) {
    for hosts in [50, 5_000] {
        let flows =
            simulate::table(&FlowSimulatorConfig { rows: 200_000, hosts, ..Default::default() }).unwrap();
        let name = format!("{hosts} hosts");
        let (schema, batches) = (flows.schema(), flows.batches());
        measure(c, "context/host", &name, &HostContextConfig::default().into(), schema, batches);
        measure(c, "context/damped", &name, &DampedStatisticsConfig::default().into(), schema, batches);
    }
}

/// Logs of 1,000 devices, one a second each.
fn logs(schema: &Schema, start: usize) -> RecordBatch {
    let rows = start..start + ROWS;
    let column = |name: &str, kind: Kind| -> ArrayRef {
        let number = |row: usize| match name {
            "timestamp" => (row / 1_000) as f64,
            "error_code" => 200.0,
            _ => (row * 7_919 % 1_013) as f64 / 10.0,
        };
        match kind {
            Kind::Text => Arc::new(StringArray::from_iter_values(
                rows.clone().map(|row| format!("modem-{}", row % 1_000)),
            )),
            _ => Arc::new(Float64Array::from_iter_values(rows.clone().map(number))),
        }
    };
    let columns = schema.columns().iter().map(|c| column(&c.name, c.kind)).collect();
    RecordBatch::try_new(Arc::new(schema.to_arrow()), columns).unwrap()
}

fn devices(c: &mut Criterion) {
    let schema = Schema::preset("device_log").unwrap();
    let batches: Vec<RecordBatch> = (0..64).map(|at| logs(&schema, at * ROWS)).collect();
    let config = DeviceWindowsConfig::default().into();
    measure(c, "context/device", "1000 devices", &config, &schema, &batches);
}

criterion_group!(benches, flows, devices);
criterion_main!(benches);
