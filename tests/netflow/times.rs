//! Times of 0, impossible uptimes, and clocks that were never set.

use super::made::{Bytes, SENT, bytes, ipfix, set, template};
use super::{EXPORTER, assert_row, exporters, read};
use qosguard::arrow::array::RecordBatch;
use qosguard::telemetry::netflow::ExportCounts;

const NULL: f64 = f64::NAN;
const DAY_MS: u32 = 86_400_000;

/// One IPFIX record of 10.0.0.1 with further fields.
fn one(fields: &[(u16, u16)], values: Bytes) -> (RecordBatch, ExportCounts) {
    let fields = [&[(8, 4)], fields].concat();
    let record = bytes().put(&[10, 0, 0, 1]).put(&values.0).0;
    read(&[ipfix(0, 1, &[set(2, &template(256, &fields)), set(256, &record)])])
}

/// One NetFlow v9 record with `FIRST_SWITCHED`, `LAST_SWITCHED` and further fields, at an uptime.
fn switched(
    uptime: u32,
    first: u32,
    last: u32,
    fields: &[(u16, u16)],
    values: Bytes,
) -> (RecordBatch, ExportCounts) {
    let fields = [&[(8, 4), (22, 4), (21, 4)], fields].concat();
    let record = bytes().put(&[10, 0, 0, 1]).u32(first).u32(last).put(&values.0).0;
    let sets = [set(0, &template(256, &fields)), set(256, &record)];
    let header = bytes().u16(9).u16(2).u32(uptime).u32(SENT).u32(1).u32(1);
    read(&[header.put(&sets.concat()).0])
}

fn assert_times(batch: &RecordBatch, start: f64, end: f64, duration: f64) {
    assert_row(batch, 0, &[("start_time", start), ("end_time", end), ("duration", duration)]);
}

#[test]
fn a_time_of_zero_is_missing_in_every_unit() {
    let sent = f64::from(SENT);
    let ntp = |unix: u32| u64::from(unix - SENT + 3_908_988_800) << 32;
    // Start and end element, length of a value, the value, and its seconds since the Unix epoch.
    for (start, end, len, value, time) in [
        (150, 151, 4, u64::from(SENT), sent),
        (152, 153, 8, u64::from(SENT) * 1_000 + 250, sent + 0.25),
        (154, 155, 8, ntp(SENT), sent),
        (156, 157, 8, ntp(SENT), sent),
        (158, 159, 4, 2_000_000, sent - 2.0),
    ] {
        let number = |value: u64| bytes().put(&value.to_be_bytes()[8 - len..]);
        let both = |first, last| number(first).put(&number(last).0);
        let fields = [(start, len as u16), (end, len as u16)];
        for values in [both(0, value), both(value, 0)] {
            let (batch, counts) = one(&fields, values);
            assert_times(&batch, time, time, NULL);
            assert_eq!(
                (counts.backward_times, counts.export_times, counts.rejected_times),
                (0, 0, 0),
                "{start}"
            );
        }
        let (batch, counts) = one(&fields, both(0, 0));
        assert_times(&batch, sent, sent, NULL);
        assert_eq!(counts.export_times, 1, "{start}");
        let (batch, _) = one(&fields, both(value, value));
        assert_times(&batch, time, time, 0.0);
    }
}

#[test]
fn a_duration_of_zero_is_used_only_with_times_that_are_not_zero() {
    let ms = u64::from(SENT) * 1_000;
    let (batch, _) = one(&[(152, 8), (161, 4)], bytes().u64(ms).u32(0));
    assert_times(&batch, f64::from(SENT), f64::from(SENT), 0.0);
    let (batch, _) = one(&[(152, 8), (153, 8), (161, 4)], bytes().u64(ms).u64(0).u32(0));
    assert_times(&batch, f64::from(SENT), f64::from(SENT), NULL);
    let (batch, _) = one(&[(152, 8), (153, 8), (161, 4)], bytes().u64(ms).u64(0).u32(1_500));
    assert_times(&batch, f64::from(SENT), f64::from(SENT) + 1.5, 1.5);
}

#[test]
fn uptimes_of_zero_are_missing() {
    let sent = f64::from(SENT);
    for uptime in [3_600_000, 30 * DAY_MS] {
        let (batch, counts) = switched(uptime, 0, 0, &[], bytes());
        assert_times(&batch, sent, sent, NULL);
        assert_eq!((counts.export_times, counts.rejected_times), (1, 0));
        for (first, last) in [(0, uptime - 1_000), (uptime - 1_000, 0)] {
            let (batch, counts) = switched(uptime, first, last, &[], bytes());
            assert_times(&batch, sent - 1.0, sent - 1.0, NULL);
            assert_eq!((counts.export_times, counts.backward_times), (0, 0));
        }
    }
    // A flow from the start of the exporter, and a flow during which the 32-bit clock wraps around.
    let (batch, _) = switched(60_000, 0, 5_000, &[], bytes());
    assert_times(&batch, sent - 60.0, sent - 55.0, 5.0);
    let (batch, _) = switched(5_000, u32::MAX, 0, &[], bytes());
    assert_times(&batch, sent - 5.001, sent - 5.0, 0.001);
    let (batch, _) = switched(1_000, u32::MAX - 2_999, 500, &[], bytes());
    assert_times(&batch, sent - 4.0, sent - 0.5, 3.5);
}

#[test]
fn absolute_times_are_preferred_to_uptimes() {
    let sent = f64::from(SENT);
    let ms = u64::from(SENT) * 1_000;
    let fields = [(152, 8), (153, 8)];
    for (first, last) in [(0, 0), (1, 2), (30 * DAY_MS - 50, 30 * DAY_MS - 10)] {
        let values = bytes().u64(ms - 5_000).u64(ms - 1_000);
        let (batch, counts) = switched(30 * DAY_MS, first, last, &fields, values);
        assert_times(&batch, sent - 5.0, sent - 1.0, 4.0);
        assert_eq!(counts.export_times, 0);
    }
    // Without absolute times, the uptimes are used.
    let (batch, _) = switched(3_600_000, 3_598_000, 3_599_000, &fields, bytes().u64(0).u64(0));
    assert_times(&batch, sent - 2.0, sent - 1.0, 1.0);
}

#[test]
fn flows_never_end_after_their_export() {
    let sent = f64::from(SENT);
    // An uptime slightly after the uptime of the datagram: the later of the two is the export.
    let (batch, counts) = switched(3_600_000, 3_599_000, 3_600_500, &[], bytes());
    assert_times(&batch, sent - 1.5, sent, 1.5);
    assert_eq!(counts.rejected_times, 0);
    // Uptimes far in the future, or 30 days ago, are impossible.
    for (uptime, first, last) in [(3_600_000, 9_000_000, 9_001_000), (30 * DAY_MS, 5_000, 6_000)] {
        let (batch, counts) = switched(uptime, first, last, &[], bytes());
        assert_times(&batch, sent - 1.0, sent, 1.0);
        assert_eq!((counts.export_times, counts.rejected_times), (1, 1), "{uptime}");
    }
    let (batch, counts) = switched(30 * DAY_MS, 5_000, 30 * DAY_MS - 2_000, &[], bytes());
    assert_times(&batch, sent - 2.0, sent - 2.0, NULL);
    assert_eq!((counts.export_times, counts.rejected_times), (0, 1));
}

#[test]
fn an_impossible_start_of_the_exporter_is_ignored() {
    let sent = f64::from(SENT);
    let ms = u64::from(SENT) * 1_000;
    let fields = [(160, 8), (22, 4), (21, 4)];
    let (batch, _) = one(&fields, bytes().u64(ms - 10_000).u32(1_000).u32(3_000));
    assert_times(&batch, sent - 9.0, sent - 7.0, 2.0);
    // Missing, before the clock was set, and after the export.
    for boot in [0, 5_000, ms + 3_600_000, u64::MAX] {
        let (batch, counts) = one(&fields, bytes().u64(boot).u32(1_000).u32(3_000));
        assert_times(&batch, sent - 2.0, sent, 2.0);
        assert_eq!(counts.export_times, 1, "{boot}");
    }
}

#[test]
fn a_clock_that_was_never_set_is_counted_and_replaced() {
    let sets = [set(0, &template(256, &[(8, 4), (22, 4), (21, 4)]))];
    let record = set(256, &bytes().put(&[10, 0, 0, 1]).u32(8_000).u32(9_000).0);
    let header = bytes().u16(9).u16(2).u32(10_000).u32(12).u32(1).u32(1);
    let datagram = header.put(&sets.concat()).put(&record).0;
    for (received, sent) in [(Some(1_700_000_000.5), 1_700_000_000.5), (None, 12.0)] {
        let mut exporters = exporters();
        exporters.push(EXPORTER, received, &datagram);
        let batch = exporters.take_batch().unwrap().unwrap();
        assert_times(&batch, sent - 2.0, sent - 1.0, 1.0);
        assert_eq!(exporters.counts().unset_clocks, 1);
        assert_eq!(exporters.report().skipped["unset_clocks"], 1);
    }
}

#[test]
fn a_time_after_the_year_5138_is_rejected() {
    let (batch, counts) = one(&[(152, 8), (153, 8)], bytes().u64(u64::MAX).u64(u64::from(SENT) * 1_000));
    assert_times(&batch, f64::from(SENT), f64::from(SENT), NULL);
    assert_eq!((counts.rejected_times, counts.export_times), (1, 0));
}
