//! Host context: flows a second on one thread, with 4 windows, from few hosts and from more hosts than are kept.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros and fixed inputs")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use qosguard::features::{Context, HostContext, HostContextConfig};
use qosguard::simulate::{self, FlowSimulatorConfig};

fn context(c: &mut Criterion) {
    for hosts in [50, 5_000] {
        let flows =
            simulate::table(&FlowSimulatorConfig { rows: 200_000, hosts, ..Default::default() }).unwrap();
        let config = HostContextConfig::default();
        let mut group = c.benchmark_group("context/host");
        group.sample_size(10).throughput(Throughput::Elements(flows.n_rows() as u64));
        group.bench_function(format!("{hosts} hosts"), |b| {
            b.iter_batched(
                || HostContext::new(&config, flows.schema()).unwrap(),
                |mut context| {
                    flows.batches().iter().map(|batch| context.push(batch).unwrap().num_rows()).sum::<usize>()
                },
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, context);
criterion_main!(benches);
