//! `docs/CONTEXT_COLUMNS.md` has every column that a context appends.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use qosguard::features::{ContextConfig, DampedStatisticsConfig, DeviceWindowsConfig, HostContextConfig};
use qosguard::telemetry::Schema;

/// The names of the columns of a context for the records of a preset.
fn columns(config: ContextConfig, preset: &str) -> Vec<String> {
    let context = config.start(&Schema::preset(preset).unwrap()).unwrap();
    context.columns().iter().map(|column| column.name.clone()).collect()
}

#[test]
fn every_column_is_documented() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CONTEXT_COLUMNS.md")).unwrap();
    let section = |title: &str| text.split("\n## ").find(|part| part.starts_with(title)).unwrap();
    let check = |section: &str, words: &[&str]| {
        for word in words {
            assert!(section.contains(&format!("`{word}`")), "`{word}` is not documented");
        }
    };

    let host = HostContextConfig { windows: vec![60.0], prefixes: true, ..Default::default() };
    for name in columns(host.into(), "flow_detail") {
        let name = name.strip_suffix("_60s").unwrap();
        let entity =
            ["src_net", "dst_net", "src", "dst", "pair"].into_iter().find(|e| name.starts_with(e)).unwrap();
        check(section("Host context"), &[entity, &name[entity.len() + 1..]]);
    }

    for name in columns(DeviceWindowsConfig::default().into(), "device_log") {
        check(section("Device windows"), &[&name]);
    }

    let damped = columns(DampedStatisticsConfig::default().into(), "flow_detail");
    assert_eq!(damped.len(), 100);
    for name in damped {
        let [_, stream, value, decay] = name.split('_').collect::<Vec<_>>()[..] else { panic!("{name}") };
        check(section("Damped statistics"), &[stream, value]);
        assert!(section("Damped statistics").contains(decay), "{decay}");
    }
}
