//! States that were changed and have a right checksum: an error, or a context that still works.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use proptest::prelude::*;
use qosguard::features::{
    Context, ContextConfig, DampedStatisticsConfig, DeviceWindowsConfig, HostContextConfig,
};
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{Schema, Table};
use sha2::{Digest, Sha256};

/// Bytes before the values of a state: version, checksum and owner.
const HEAD: usize = 8 + 32 + 32;

/// Makes the checksum right.
fn seal(bytes: &mut [u8]) {
    let (head, rest) = bytes.split_at_mut(8 + 32);
    head[8..].copy_from_slice(&Sha256::digest(rest));
}

fn flows() -> Table {
    simulate::table(&FlowSimulatorConfig { rows: 400, ..Default::default() }).unwrap()
}

fn logs() -> Table {
    let log = |i: u32| {
        let (time, device, latency) = (1_700_000_000 + i, i % 5, i * 7 % 13);
        let (loss, retries, code, traffic, resets) = (i % 3, i % 2, 200 + i % 4 * 100, 10 + i % 5, i % 2);
        format!(
            r#"{{"timestamp": {time}, "device_id": "modem-{device}", "latency_ms": {latency}, "packet_loss_pct": {loss},
            "retry_count": {retries}, "error_code": {code}, "traffic_volume_mb": {traffic}, "connection_resets": {resets}}}"#
        )
    };
    let text = format!("[{}]", (0..400).map(log).collect::<Vec<_>>().join(", "));
    Table::from_json(&Schema::preset("device_log").unwrap(), &text).unwrap()
}

/// A kind of context with few entities.
fn config(kind: usize) -> (ContextConfig, Table) {
    match kind {
        0 => {
            let host = HostContextConfig { windows: vec![2.0, 60.0], max_entities: 16, prefixes: true };
            (host.into(), flows())
        }
        1 => (DeviceWindowsConfig { max_devices: 16, ..Default::default() }.into(), logs()),
        _ => (DampedStatisticsConfig { max_entities: 16 }.into(), flows()),
    }
}

fn start(config: &ContextConfig, table: &Table) -> Box<dyn Context> {
    config.start(table.schema()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_forged_state_never_panics(
        kind in 0..3_usize,
        changes in prop::collection::vec((any::<bool>(), any::<usize>(), any::<u8>()), 1..6),
    ) {
        let (config, table) = config(kind);
        let batch = &table.batches()[0];
        let mut whole = start(&config, &table);
        whole.push(&batch.slice(0, 200)).unwrap();
        let mut bytes = whole.save().unwrap();
        for (is_near_start, at, byte) in changes {
            // Clocks and lengths are near the start.
            let n = if is_near_start { 96 } else { bytes.len() - HEAD };
            bytes[HEAD + at % n] = byte;
        }
        seal(&mut bytes);
        let mut restored = start(&config, &table);
        if restored.restore(&bytes).is_ok() {
            restored.push(&batch.slice(200, 200)).unwrap();
            restored.save().unwrap();
        } else {
            let empty = start(&config, &table).save().unwrap();
            prop_assert_eq!(restored.save().unwrap(), empty, "the state is what it was");
        }
    }
}

#[test]
fn a_length_costs_no_memory() {
    for kind in 0..3 {
        let (config, table) = config(kind);
        let mut context = start(&config, &table);
        let bytes = context.save().unwrap();
        // 2^64 - 1 items at each place of a state without any.
        for at in HEAD..bytes.len() {
            let mut longer = [&bytes[..at], &[0xFF; 9], &[1], &bytes[at..]].concat();
            seal(&mut longer);
            let _ = context.restore(&longer);
        }
        assert_eq!(context.save().unwrap().len(), bytes.len());
    }
}
