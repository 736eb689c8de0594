//! Local times in time zones with daylight-saving changes.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use qosguard::telemetry::series::Interval;
use qosguard::telemetry::{Series, SeriesConfig};

use super::{of, values};

fn config(zone: &str) -> SeriesConfig {
    SeriesConfig { time_zone: zone.into(), ..SeriesConfig::default() }
}

/// Local times of a zone in steps of some minutes, starting at an instant.
fn wall_clock(zone: &str, from: &str, minutes: i32, n: i32) -> Vec<(Timestamp, String)> {
    let zone = TimeZone::get(zone).unwrap();
    let start: Timestamp = from.parse().unwrap();
    (0..n)
        .map(|i| {
            let now = start + (i * minutes).minutes();
            (now, now.to_zoned(zone.clone()).datetime().strftime("%Y-%m-%d %H:%M").to_string())
        })
        .collect()
}

/// Reads local times in order and checks every instant. Returns the counters `twice`, `second` and `skipped`.
fn check(zone: &str, from: &str, minutes: i32, n: i32, backwards: bool) -> (u64, u64, u64) {
    let mut shown = wall_clock(zone, from, minutes, n);
    if backwards {
        shown.reverse();
    }
    let rows: Vec<(&str, String)> =
        shown.iter().map(|(at, text)| (text.as_str(), at.as_second().to_string())).collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(at, x)| (*at, x.as_str())).collect();
    let series = Series::from_table(&of(&rows), &config(zone)).unwrap();
    let report = series.report();
    // Each value is the instant of its row.
    assert_eq!(series.entities()[0].times(), series.values("a", "x").unwrap());
    assert_eq!(report.interval_s, Some(f64::from(minutes) * 60.0));
    assert_eq!(
        (report.steps, report.gaps.len(), report.duplicates, report.off_grid),
        (u64::from(n.unsigned_abs()), 0, 0, 0)
    );
    assert_eq!(report.out_of_order, if backwards { u64::from(n.unsigned_abs()) - 1 } else { 0 });
    assert_eq!(report.daylight.unresolved, 0);
    (report.daylight.twice, report.daylight.second, report.daylight.skipped)
}

#[test]
fn every_instant_of_a_gapless_log_is_found() {
    for backwards in [false, true] {
        // From midnight in Berlin: the clocks go back from 03:00 to 02:00, and forward from 02:00 to 03:00.
        assert_eq!(check("Europe/Berlin", "2024-10-26T22:00:00Z", 60, 25, backwards), (2, 1, 0));
        assert_eq!(check("Europe/Berlin", "2024-10-26T22:00:00Z", 15, 100, backwards), (8, 4, 0));
        assert_eq!(check("Europe/Berlin", "2024-03-30T23:00:00Z", 60, 23, backwards), (0, 0, 0));
        assert_eq!(check("Europe/Berlin", "2024-03-30T23:00:00Z", 15, 92, backwards), (0, 0, 0));
        // Half an hour back, from 02:00 to 01:30.
        assert_eq!(check("Australia/Lord_Howe", "2024-04-06T12:00:00Z", 15, 96, backwards), (4, 2, 0));
        assert_eq!(check("Australia/Lord_Howe", "2024-10-05T12:00:00Z", 15, 96, backwards), (0, 0, 0));
        // Samoa skipped 30 December 2011.
        assert_eq!(check("Pacific/Apia", "2011-12-28T10:00:00Z", 60, 72, backwards), (0, 0, 0));
    }
}

#[test]
fn times_that_do_not_exist_are_moved_and_counted() {
    let rows = [("2024-03-31 01:00", "1"), ("2024-03-31 02:00", "2"), ("2024-03-31 04:00", "4")];
    let config = |zone| SeriesConfig { interval: Interval::Seconds(3600.0), ..config(zone) };
    let series = Series::from_table(&of(&rows), &config("Europe/Berlin")).unwrap();
    assert_eq!(series.report().daylight.skipped, 1);
    assert_eq!(values(&series), [Some(1.0), Some(2.0), Some(4.0)], "02:00 was 03:00");

    // With a row at 03:00, two rows have the same instant, and `duplicates` decides.
    let rows = [("2024-03-31 02:00", "2"), ("2024-03-31 03:00", "3"), ("2024-03-31 04:00", "4")];
    let error = Series::from_table(&of(&rows), &config("Europe/Berlin")).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("`duplicates`"), "{error}");

    let rows = [("2011-12-29 12:00", "1"), ("2011-12-30 12:00", "2")];
    let daily = SeriesConfig { interval: Interval::Seconds(86_400.0), ..config("Pacific/Apia") };
    let series = Series::from_table(&of(&rows), &daily).unwrap();
    assert_eq!((series.report().daylight.skipped, series.report().steps), (1, 2));
    assert_eq!(series.entities()[0].times()[1] - series.entities()[0].times()[0], 86_400.0);
}

#[test]
fn the_row_before_identifies_the_second_occurrence() {
    let hour = 3600.0;
    // 02:45 of the first occurrence is missing, then comes 02:00 of the second.
    let rows = [
        ("2024-10-27 02:00", "0"),
        ("2024-10-27 02:15", "1"),
        ("2024-10-27 02:30", "2"),
        ("2024-10-27 02:00", "4"),
        ("2024-10-27 02:45", "7"),
        ("2024-10-27 03:00", "8"),
    ];
    let series = Series::from_table(&of(&rows), &config("Europe/Berlin")).unwrap();
    let expected = [Some(0.0), Some(1.0), Some(2.0), None, Some(4.0), None, None, Some(7.0), Some(8.0)];
    assert_eq!(values(&series), expected);
    assert_eq!((series.report().daylight.twice, series.report().daylight.second), (5, 2));

    // A single row is the first occurrence. A row after both occurrences is counted as unresolved.
    let rows = [("2024-10-27 02:00", "2"), ("2024-10-27 03:00", "3"), ("2024-10-27 04:00", "4")];
    let series = Series::from_table(&of(&rows), &config("Europe/Berlin")).unwrap();
    assert_eq!(
        (values(&series).len(), series.report().daylight.twice, series.report().daylight.second),
        (4, 1, 0)
    );
    let rows = [("2024-10-27 01:00", "1"), ("2024-10-27 05:00", "5"), ("2024-10-27 02:00", "2")];
    let with_step = SeriesConfig { interval: Interval::Seconds(hour), ..config("Europe/Berlin") };
    let series = Series::from_table(&of(&rows), &with_step).unwrap();
    assert_eq!((series.report().daylight.unresolved, series.report().out_of_order), (1, 1));
    assert_eq!(values(&series)[1], Some(2.0));
}

#[test]
fn each_entity_is_resolved_by_its_own_rows() {
    let rows: Vec<(String, &str, String)> = ["01:00", "02:00", "02:00", "03:00"]
        .iter()
        .enumerate()
        .flat_map(|(i, time)| ["a", "b"].map(|who| (format!("2024-10-27 {time}"), who, i.to_string())))
        .collect();
    let series = Series::from_table(&super::long(&rows), &config("Europe/Berlin")).unwrap();
    for who in ["a", "b"] {
        assert_eq!(series.values(who, "x").unwrap(), [0.0, 1.0, 2.0, 3.0]);
    }
    assert_eq!((series.report().daylight.twice, series.report().daylight.second), (4, 2));
}

#[test]
fn a_time_with_an_offset_ignores_the_zone() {
    let rows = [
        ("2024-10-27T02:00:00+02:00", "2"),
        ("2024-10-27T02:00:00+01:00", "3"),
        ("2024-10-27T02:00:00Z", "4"),
    ];
    let series = Series::from_table(&of(&rows), &config("Europe/Berlin")).unwrap();
    assert_eq!(values(&series), [Some(2.0), Some(3.0), Some(4.0)]);
    assert_eq!(series.report().daylight.twice, 0);
}

#[test]
fn an_unknown_zone_is_rejected() {
    let error = Series::from_table(&of(&[("2024-01-01", "1")]), &config("Europe/Atlantis")).unwrap_err();
    assert!(error.to_string().starts_with("`time_zone` must be an IANA time zone"), "{error}");
}
