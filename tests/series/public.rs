//! Public series, read whole. An independent script produced the expected counts.

use std::path::Path;

use qosguard::telemetry::series::{Duplicates, Interval};
use qosguard::telemetry::{ReadOptions, Series, SeriesConfig, read_series, read_series_with};

use super::public_data;

/// A file; its rows, steps, gaps, times out of order, duplicates, crowded rows, times off the grid and labels; its sum.
type Known = (&'static str, [u64; 8], f64);

/// NAB at 300 s.
#[rustfmt::skip]
const NAB: [Known; 35] = [
    ("artificialNoAnomaly/art_daily_no_noise.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 171_359.839),
    ("artificialNoAnomaly/art_daily_perfect_square_wave.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 171_360.0),
    ("artificialNoAnomaly/art_daily_small_noise.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 171_111.441),
    ("artificialNoAnomaly/art_flatline.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 181_440.0),
    ("artificialNoAnomaly/art_noisy.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 54_391.087),
    ("artificialWithAnomaly/art_daily_flatmiddle.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 76_531.965),
    ("artificialWithAnomaly/art_daily_jumpsdown.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 167_367.4),
    ("artificialWithAnomaly/art_daily_jumpsup.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 179_400.833),
    ("artificialWithAnomaly/art_daily_nojump.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 164_579.387),
    ("artificialWithAnomaly/art_increase_spike_density.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 1_700.0),
    ("artificialWithAnomaly/art_load_balancer_spikes.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 433.729),
    ("realAWSCloudwatch/ec2_cpu_utilization_24ae8d.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 509.254),
    ("realAWSCloudwatch/ec2_cpu_utilization_53ea38.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 7_376.766),
    ("realAWSCloudwatch/ec2_cpu_utilization_5f5533.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 173_821.018),
    ("realAWSCloudwatch/ec2_cpu_utilization_77c1ca.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 42_409.286),
    ("realAWSCloudwatch/ec2_cpu_utilization_825cc2.csv", [4_032, 4_034, 2, 0, 0, 0, 0, 0], 362_038.369),
    ("realAWSCloudwatch/ec2_cpu_utilization_ac20cd.csv", [4_032, 4_037, 2, 0, 0, 0, 0, 0], 165_251.864),
    ("realAWSCloudwatch/ec2_cpu_utilization_c6585a.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 350.576),
    ("realAWSCloudwatch/ec2_cpu_utilization_fe7f93.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 23_300.782),
    ("realAWSCloudwatch/ec2_disk_write_bytes_1ef3de.csv", [4_730, 4_730, 1, 0, 11, 0, 12, 0], 31_130_782_430.2),
    ("realAWSCloudwatch/ec2_disk_write_bytes_c0d644.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 69_879_694_023.4),
    ("realAWSCloudwatch/ec2_network_in_257a54.csv", [4_032, 4_034, 2, 0, 0, 0, 0, 0], 2_301_505_330.1),
    ("realAWSCloudwatch/ec2_network_in_5abac7.csv", [4_730, 4_730, 1, 0, 11, 1, 12, 0], 561_520_260.3),
    ("realAWSCloudwatch/elb_request_count_8c0756.csv", [4_032, 4_040, 8, 0, 0, 0, 0, 0], 249_327.0),
    ("realAWSCloudwatch/grok_asg_anomaly.csv", [4_621, 4_621, 0, 0, 0, 0, 0, 0], 127_931.107),
    ("realAWSCloudwatch/iio_us-east-1_i-a2eb1cd9_NetworkIn.csv", [1_243, 1_243, 0, 0, 0, 0, 0, 0], 5_736_720_832.2),
    ("realAWSCloudwatch/rds_cpu_utilization_cc0c53.csv", [4_032, 4_033, 1, 0, 0, 0, 0, 0], 32_708.425),
    ("realAWSCloudwatch/rds_cpu_utilization_e47b3b.csv", [4_032, 4_032, 0, 0, 0, 0, 0, 0], 76_345.386),
    ("realTraffic/TravelTime_387.csv", [2_500, 19_906, 2_460, 0, 0, 11, 1_904, 0], 812_734.0),
    ("realTraffic/TravelTime_451.csv", [2_162, 14_752, 2_081, 0, 0, 6, 1_727, 0], 707_453.0),
    ("realTraffic/occupancy_6005.csv", [2_380, 4_641, 572, 0, 0, 8, 1_785, 0], 10_698.45),
    ("realTraffic/occupancy_t4013.csv", [2_500, 4_668, 546, 0, 1, 7, 1_861, 0], 18_106.6),
    ("realTraffic/speed_6005.csv", [2_500, 4_873, 627, 0, 0, 8, 2_091, 0], 204_767.0),
    ("realTraffic/speed_7578.csv", [1_127, 2_622, 380, 0, 0, 2, 869, 0], 72_183.0),
    ("realTraffic/speed_t4013.csv", [2_495, 4_668, 547, 0, 1, 7, 1_858, 0], 157_021.0),
];

/// Round-trip times of RIPE Atlas at 240 s.
#[rustfmt::skip]
const RIPE: [Known; 25] = [
    ("11119.csv", [10_001, 10_001, 0, 0, 0, 0, 0, 33], 1_817_425.979),
    ("11145.csv", [12_001, 12_003, 1, 0, 1, 0, 0, 15], 1_794_748.054),
    ("11150.csv", [10_001, 10_001, 0, 0, 0, 0, 7_482, 9], 1_544_681.852),
    ("11171.csv", [10_001, 10_001, 0, 0, 0, 0, 7_507, 46], 721_223.09),
    ("11180.csv", [8_001, 8_001, 0, 0, 0, 0, 6_009, 19], 797_056.192),
    ("11241.csv", [3_001, 3_001, 0, 0, 0, 0, 2_270, 6], 565_954.057),
    ("11254.csv", [10_001, 10_001, 0, 0, 0, 0, 7_553, 15], 1_809_225.652),
    ("11282.csv", [8_001, 8_001, 0, 0, 0, 0, 6_052, 23], 1_481_888.114),
    ("11297.csv", [7_001, 7_003, 1, 1, 0, 1, 5_227, 20], 881_682.882),
    ("11315.csv", [6_001, 6_001, 0, 0, 0, 0, 4_492, 6], 1_156_424.21),
    ("11323.csv", [8_001, 8_005, 1, 0, 1, 0, 0, 29], 1_284_733.544),
    ("11815.csv", [7_001, 7_001, 0, 0, 0, 0, 5_259, 40], 1_208_280.832),
    ("11824.csv", [10_001, 10_074, 1, 1, 0, 1, 7_584, 15], 1_803_235.175),
    ("12120.csv", [10_001, 10_001, 0, 0, 0, 0, 7_506, 30], 2_050_721.149),
    ("12698.csv", [12_001, 12_001, 0, 0, 0, 0, 8_985, 9], 927_707.991),
    ("12723.csv", [10_000, 10_002, 1, 0, 0, 0, 7_550, 15], 2_354_229.205),
    ("13029.csv", [7_000, 7_004, 4, 0, 0, 0, 5_205, 7], 1_259_154.321),
    ("13746.csv", [2_001, 2_001, 0, 0, 0, 0, 1_507, 42], 605_456.737),
    ("13842.csv", [10_001, 10_001, 0, 0, 0, 0, 7_548, 8], 1_592_362.086),
    ("14206.csv", [8_001, 8_002, 1, 0, 0, 0, 0, 12], 1_479_092.157),
    ("15271.csv", [5_001, 5_001, 0, 0, 0, 0, 3_748, 39], 1_395_176.005),
    ("16154.csv", [4_001, 4_001, 0, 0, 0, 0, 3_041, 10], 616_743.462),
    ("17603.csv", [3_395, 3_402, 2, 0, 0, 0, 2_533, 11], 688_279.8),
    ("17783.csv", [1_646, 1_646, 0, 0, 0, 0, 1_240, 14], 329_479.343),
    ("22309.csv", [10_001, 10_002, 1, 0, 0, 0, 5_051, 35], 1_970_891.024),
];

fn counts(series: &Series) -> [u64; 8] {
    let report = series.report();
    let labels: f64 = series.entities()[0].labels().map_or(0.0, |l| l.iter().filter(|l| !l.is_nan()).sum());
    assert_eq!((report.read.rejected, report.rows.rejected), (0, 0));
    [
        report.rows.accepted,
        report.steps,
        report.gaps.len() as u64,
        report.out_of_order,
        report.duplicates,
        report.crowded,
        report.off_grid,
        labels as u64,
    ]
}

fn sum(series: &Series) -> f64 {
    series.entities().iter().flat_map(|e| e.values(0)).filter(|v| !v.is_nan()).sum()
}

fn check(series: &Series, (file, known, total): Known) {
    assert_eq!(counts(series), known, "{file}");
    assert!((sum(series) - total).abs() <= 1e-9 * total.abs() + 1e-3, "{file}: {} and {total}", sum(series));
}

/// A configuration that sums the rows of a step, so that no value is lost.
fn every(seconds: f64) -> SeriesConfig {
    SeriesConfig {
        interval: Interval::Seconds(seconds),
        duplicates: Duplicates::Sum,
        ..SeriesConfig::default()
    }
}

#[test]
fn nab() {
    let Some(data) = public_data::find("series") else { return };
    let mut inferred = 0;
    for known in NAB {
        let path = data.join("nab").join(known.0);
        check(&read_series(&path, &every(300.0)).unwrap(), known);
        // Regular series have an inferred interval. Irregular ones are rejected, or half of their distances are equal.
        let infer = SeriesConfig { interval: Interval::Infer, ..every(1.0) };
        match read_series(&path, &infer) {
            Ok(series) => inferred += u32::from(series.report().interval_s == Some(300.0)),
            Err(error) => assert!(error.to_string().contains("or irregular"), "{error}"),
        }
        let irregular = SeriesConfig { interval: Interval::Irregular, ..every(1.0) };
        let series = read_series(&path, &irregular).unwrap();
        assert_eq!(series.report().steps, known.1[0] - known.1[4], "each time is a step");
    }
    assert_eq!(inferred, 33, "all but the two of travel times");
}

#[test]
fn ripe_atlas_in_two_formats_of_dates() {
    let Some(data) = public_data::find("series") else { return };
    let semicolons = ReadOptions { delimiter: b';', ..ReadOptions::default() };
    for known in RIPE {
        let config = SeriesConfig {
            time_format: Some("%d/%m/%Y %H:%M".into()),
            label: Some("cp".into()),
            unit: "ms".into(),
            ..every(240.0)
        };
        let path = data.join("ripe-atlas-rtt").join(known.0);
        let series = read_series_with(&path, &config, &semicolons).unwrap();
        assert_eq!((series.columns(), series.report().unit.as_str()), (&["rtt".to_owned()][..], "ms"));
        check(&series, known);
    }
}

#[test]
fn traffic_of_a_provider() {
    let Some(data) = public_data::find("series") else { return };
    let read = |name: &str| {
        let config = SeriesConfig { unit: "bit".into(), ..SeriesConfig::default() };
        read_series(data.join("isp-bits").join(name), &config).unwrap()
    };
    let (fine, coarse) = (read("5min.csv"), read("hourly.csv"));
    let total = 56_299_955_703_341.0;
    check(&fine, ("5min", [14_772, 14_772, 0, 0, 0, 0, 0, 0], total));
    check(&coarse, ("hourly", [1_231, 1_231, 0, 0, 0, 0, 0, 0], total));
    assert_eq!((fine.report().interval_s, coarse.report().interval_s), (Some(300.0), Some(3600.0)));
    assert_eq!(fine.entities()[0].times()[0], 1_118_127_600.0, "2005-06-07 07:00 UTC");
}

#[test]
fn loads_of_the_links_of_abilene() {
    let Some(data) = public_data::find("series") else { return };
    // Wide, without a time column: a week in steps of five minutes.
    let config = SeriesConfig { wide: true, start: Some(0.0), ..every(300.0) };
    let series = read_series(data.join("abilene/link_loads.csv"), &config).unwrap();
    let all = |path: &Path| std::fs::read_to_string(path).unwrap().lines().next().unwrap().split(',').count();
    assert_eq!(series.entities().len(), all(&data.join("abilene/link_loads.csv")));
    check(&series, ("abilene", [2_016, 2_016, 0, 0, 0, 0, 0, 0], 8_541_444_057_870.5));
    let last = series.values("*_WASHng", "value").unwrap();
    assert_eq!((last.len(), last[2_015]), (2_016, 175_257_421.0));
    assert_eq!(series.entities()[0].times()[2_015], 2_015.0 * 300.0);
    assert_eq!(series.table().unwrap().n_rows(), 42 * 2_016);
}
