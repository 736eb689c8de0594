//! A build without a cargo feature names it, where a file or a policy needs it.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use qosguard::{Error, telemetry};

/// What a build without `feature` answers for a file of these bytes; nothing is asked of a build that has it.
fn names(feature: &str, has: bool, file: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    std::fs::write(&path, bytes).unwrap();
    let result = telemetry::read(&path).map(|_| ());
    match &result {
        Err(Error::Unsupported { feature: missing, .. }) => {
            assert!(!has && *missing == feature, "{result:?}");
            let words = result.unwrap_err().to_string();
            assert!(words.starts_with(&path.display().to_string()), "{words}");
            assert!(words.contains(&format!("needs the cargo feature `{feature}`")), "{words}");
        }
        other => assert!(has, "{feature}: {other:?}"),
    }
}

#[test]
fn every_format_that_a_build_leaves_out_names_its_feature() {
    let mut capture =
        vec![0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 1, 0, 0, 0];
    capture.resize(200, 0);
    names("packets", cfg!(feature = "packets"), "x.pcap", &capture);
    names("parquet", cfg!(feature = "parquet"), "x.parquet", b"PAR1\0\0\0\0\0\0\0\0PAR1");
    let mut export = vec![0, 5, 0, 1];
    export.resize(24 + 48, 0);
    names("netflow", cfg!(feature = "netflow"), "x.nfcapd", &export);
}
