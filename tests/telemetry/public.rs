//! Public data sets, read whole.

use std::path::Path;

use qosguard::telemetry::read_csv;

use super::{numbers, public_data};

/// Reads a file and checks its schema, rows and rejections; gives rows per family, clean ones under "".
fn public(
    path: &Path,
    schema: &str,
    rows: usize,
    rejected: u64,
) -> std::collections::BTreeMap<String, usize> {
    let table = read_csv(path).unwrap();
    assert_eq!(table.schema().name(), schema);
    assert_eq!((table.n_rows(), table.report().rejected), (rows, rejected), "{:?}", table.report());
    let mut families = std::collections::BTreeMap::new();
    for family in table.families().unwrap().unwrap() {
        *families.entry(family).or_default() += 1;
    }
    families
}

#[test]
fn unsw_nb15() {
    let Some(data) = public_data::find("flows") else { return };
    let families = public(&data.join("unsw-nb15/UNSW_NB15_82332.csv"), "unsw_nb15", 82_332, 0);
    assert_eq!(families.len(), 10);
    assert_eq!((families[""], families["Generic"], families["Worms"]), (37_000, 18_871, 44));

    let families = public(&data.join("unsw-nb15/raw49_headerless_20000.csv"), "unsw_nb15_raw", 20_000, 0);
    assert_eq!(families[""], 18_428);
    assert_eq!(families["Fuzzers"], 231 + 493, "one with a blank in front, one without");
    let table = read_csv(data.join("unsw-nb15/raw49_headerless_20000.csv")).unwrap();
    let ports = numbers(&table, "dsport");
    assert_eq!(ports[222], Some(f64::from(0xc0a8)), "a hexadecimal port");
}

#[test]
fn nsl_kdd() {
    let Some(data) = public_data::find("flows") else { return };
    let train = public(&data.join("nsl-kdd/KDDTrain+.txt"), "nsl_kdd", 125_973, 0);
    let test = public(&data.join("nsl-kdd/KDDTest+.txt"), "nsl_kdd", 22_544, 0);
    assert_eq!((train[""], test[""]), (67_343, 9_711));
    assert_eq!(test.keys().filter(|family| !train.contains_key(*family)).count(), 17);
}

#[test]
fn cicids2017_in_three_dialects() {
    let Some(data) = public_data::find("flows") else { return };
    let families =
        public(&data.join("cicids2017/improved_5days_sample.csv"), "cicids2017_corrected", 43_419, 0);
    assert_eq!(families.len(), 16);
    assert_eq!((families[""], families["Web Attack - XSS"], families["Heartbleed"]), (5_000, 18, 11));

    let original = data.join("cicids2017/original_79col_infinity.csv");
    assert_eq!(public(&original, "cicids2017", 9_998, 0)[""], 9_998);
    let table = read_csv(original).unwrap();
    let rates = numbers(&table, "Flow Packets/s");
    assert!(rates.contains(&Some(f64::INFINITY)));
    assert!(numbers(&table, "Flow Bytes/s").iter().flatten().any(|v| v.is_nan()));
    let windows = numbers(&table, "Init_Win_bytes_forward");
    assert_eq!(windows.iter().filter(|w| w.is_none()).count(), 4_634, "-1 is undefined");

    // One row lasts -1 microseconds.
    let families =
        public(&data.join("cicids2017/generated_84col_web_attacks.csv"), "cicids2017_flows", 7_266, 1);
    assert_eq!(
        (families[""], families["Web Attack - Brute Force"], families["Web Attack - XSS"]),
        (5_086, 1_507, 652)
    );
    assert_eq!(families["Web Attack - Sql Injection"], 21);
}
