//! Duplicates, splits by time and the leak audit, on small tables.
#![allow(clippy::unwrap_used, reason = "tests panic when something is wrong")]
#![allow(clippy::float_cmp, reason = "these values are exact")]

use std::sync::Arc;

use qosguard::Error;
use qosguard::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use qosguard::evaluate::{Distinct, LeakAudit, Split};
use qosguard::telemetry::{Column, Kind, ReadReport, Role, Schema, Table};

/// Time, two number features, a text feature and a label.
type Row = (Option<&'static str>, Option<f64>, Option<f64>, Option<&'static str>, f64);

fn table(rows: &[Row]) -> Table {
    let columns = vec![
        Column::new("when", Role::Time, Kind::Text),
        Column::new("bytes", Role::Feature, Kind::Number),
        Column::new("duration", Role::Feature, Kind::Number),
        Column::new("service", Role::Feature, Kind::Text),
        Column::new("label", Role::Label, Kind::Number),
    ];
    let schema = Arc::new(Schema::new("small", columns, vec![]).unwrap());
    // One row a batch, so that nothing depends on where batches end.
    let batch = |row: &Row| {
        let cells: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec![row.0])),
            Arc::new(Float64Array::from(vec![row.1])),
            Arc::new(Float64Array::from(vec![row.2])),
            Arc::new(StringArray::from(vec![row.3])),
            Arc::new(Float64Array::from(vec![row.4])),
        ];
        RecordBatch::try_new(Arc::new(schema.to_arrow()), cells).unwrap()
    };
    Table::new(Arc::clone(&schema), rows.iter().map(batch).collect(), ReadReport::new("small.csv")).unwrap()
}

fn numbers(rows: &[(f64, f64, f64)]) -> Table {
    let rows: Vec<Row> =
        rows.iter().map(|&(a, b, label)| (None, Some(a), Some(b), Some("dns"), label)).collect();
    table(&rows)
}

#[test]
fn duplicates_are_equal_in_every_feature_and_nothing_else() {
    let nan = f64::NAN;
    let rows: [Row; 10] = [
        (Some("2024-01-01"), Some(0.0), Some(1.0), Some("dns"), 0.0),
        (Some("2024-01-02"), Some(-0.0), Some(1.0), Some("dns"), 1.0), // repeats 0 under another label
        (Some("2024-01-01"), Some(1.0), Some(0.0), Some("dns"), 0.0),
        (Some("2024-01-01"), None, Some(1.0), Some("dns"), 0.0),
        (Some("2024-01-01"), Some(nan), Some(1.0), Some("dns"), 0.0),
        (Some("2024-01-01"), Some(-nan), Some(1.0), Some("dns"), 0.0), // repeats 4
        (Some("2024-01-01"), Some(0.0), Some(1.0), None, 0.0),
        (Some("2024-01-01"), Some(0.0), Some(1.0), Some(""), 0.0),
        (Some("2024-01-01"), None, Some(1.0), Some("dns"), 0.0), // repeats 3
        (Some("2024-01-01"), Some(f64::MIN_POSITIVE), Some(1.0), Some("dns"), 0.0),
    ];
    let distinct = Distinct::of(&table(&rows)).unwrap();
    assert_eq!(distinct.rows, [0, 2, 3, 4, 6, 7, 9]);
    assert_eq!((distinct.removed, distinct.conflicting), (3, 1));
    let columns = vec![Column::new("label", Role::Label, Kind::Number)];
    let schema = Arc::new(Schema::new("bare", columns, vec![]).unwrap());
    let bare = Table::new(schema, vec![], ReadReport::default()).unwrap();
    assert!(matches!(Distinct::of(&bare), Err(Error::InsufficientData { .. })));
}

fn timed(times: &[Option<&'static str>]) -> Table {
    let rows: Vec<Row> = times.iter().map(|&time| (time, Some(1.0), Some(1.0), None, 0.0)).collect();
    table(&rows)
}

#[test]
fn time_is_cut_by_the_clock_and_not_by_the_text() {
    let times = [
        "2017-07-05 11:57:51.590705",
        "2017-07-06T00:00:00",
        "2017-07-05 23:59:59.9",
        "2017-07-06 08:00",
        "2017-07-03",
        "2017-07-06 00:00:00.000000001",
    ];
    let table = timed(&times.map(Some));
    let split = Split::by_time(&table, "2017-07-06").unwrap();
    assert_eq!((split.train.as_slice(), split.test.as_slice()), (&[0, 2, 4][..], &[1, 3, 5][..]));
    assert_eq!(Split::by_time(&table, "2017-07-06 00:00:00.0000").unwrap(), split);
    assert_eq!(Split::by_time(&table, "2017-07-06 00:00:00.000000001").unwrap().test, [3, 5]);
    let (train, test) = split.tables(&table).unwrap();
    assert_eq!((train.n_rows(), test.n_rows()), (3, 3));
    for cut in ["2017-07-03", "2018-01-01"] {
        assert!(matches!(Split::by_time(&table, cut), Err(Error::InsufficientData { .. })), "{cut}");
    }
    for cut in
        ["6/7/2017", "", "2017-13-01", "2017-07-06 00:00:00+02:00", "1499300000", "2017-07-06 24:00:00"]
    {
        assert!(matches!(Split::by_time(&table, cut), Err(Error::InvalidArgument { .. })), "{cut}");
    }
    for bad in [Some("7/7/2017 3:30"), Some("2017-07-05 11:57:51.1234567890"), None] {
        let error = Split::by_time(&timed(&[Some("2017-07-05"), bad]), "2017-07-06").unwrap_err();
        assert!(matches!(&error, Error::BadRecord { line: 2, column, .. } if column == "when"), "{error}");
    }
}

#[test]
fn time_in_numbers_is_cut_by_a_number() {
    let columns = vec![Column::new("epoch", Role::Time, Kind::Number)];
    let schema = Arc::new(Schema::new("epochs", columns, vec![]).unwrap());
    let of = |cells: Vec<Option<f64>>| {
        let cells: ArrayRef = Arc::new(Float64Array::from(cells));
        let batch = RecordBatch::try_new(Arc::new(schema.to_arrow()), vec![cells]).unwrap();
        Table::new(Arc::clone(&schema), vec![batch], ReadReport::default()).unwrap()
    };
    let split = Split::by_time(&of(vec![Some(10.0), Some(9.5), Some(200.0)]), "10").unwrap();
    assert_eq!((split.train, split.test), (vec![1], vec![0, 2]));
    assert!(matches!(Split::by_time(&of(vec![Some(1.0)]), "2017-07-06"), Err(Error::InvalidArgument { .. })));
    let error = Split::by_time(&of(vec![Some(1.0), None]), "1").unwrap_err();
    assert!(matches!(error, Error::BadRecord { line: 2, .. }), "{error}");
    let timeless = numbers(&[(1.0, 1.0, 0.0)]).take(&[]).unwrap();
    assert!(matches!(Split::by_time(&timeless, "2024-01-01"), Err(Error::InsufficientData { .. })));
}

#[test]
fn the_audit_counts_shared_and_repeated_rows() {
    let train =
        numbers(&[(9.0, 1.0, 0.0), (8.0, 2.0, 0.0), (1.0, 2.0, 1.0), (9.0, 1.0, 1.0), (8.0, 2.0, 0.0)]);
    let test = numbers(&[(9.0, 1.0, 0.0), (9.0, 1.0, 0.0), (100.0, 1.0, 1.0)]);
    let audit = LeakAudit::of(&train, &test, 0.85).unwrap();
    assert_eq!((audit.train_rows, audit.test_rows), (5, 3));
    assert_eq!((audit.shared, audit.duplicates_in_test), (2, 1));
    assert_eq!((audit.duplicates_in_train, audit.conflicting_in_train), (2, 1));
    assert!(
        audit.to_string().contains("test rows shared with train         2 of         3   66.67 %"),
        "{audit}"
    );
    for (train, test, level, kind) in [
        (&train, &test, 0.5, "invalid_argument"),
        (&train, &timed(&[]), 0.9, "insufficient_data"),
        (&train, &test.take(&[0, 1]).unwrap(), 0.9, "insufficient_data"),
    ] {
        assert_eq!(LeakAudit::of(train, test, level).unwrap_err().kind().as_str(), kind);
    }
    let columns = vec![Column::new("bytes", Role::Feature, Kind::Number)];
    let schema = Arc::new(Schema::new("unlabelled", columns, vec![]).unwrap());
    let unlabelled = Table::new(schema, vec![], ReadReport::default()).unwrap();
    for (train, test) in [(&train, &unlabelled), (&unlabelled, &unlabelled)] {
        assert!(matches!(LeakAudit::of(train, test, 0.9), Err(Error::InvalidArgument { .. })));
    }
}

#[test]
fn the_audit_names_columns_that_tell_by_order_or_by_value() {
    // Attacks have fewer `bytes`, but for one pair of 16; their `duration` is exactly 7; `service` is missing.
    let clean = [(9.0, 1.0), (8.0, 30.0), (7.0, 6.0), (4.0, 8.0)];
    let attacks = [(5.0, 7.0), (3.0, 7.0), (2.0, 7.0), (1.0, 7.0)];
    let row = |(bytes, duration), service, label| (None, Some(bytes), Some(duration), service, label);
    let mut rows: Vec<Row> = clean.iter().map(|&c| row(c, Some("dns"), 0.0)).collect();
    rows.extend(attacks.iter().map(|&a| row(a, None, 1.0)));
    let table = table(&rows);
    let audit = LeakAudit::of(&table, &table, 0.95).unwrap();
    let feature = |name: &str| audit.features.iter().find(|feature| feature.name == name).unwrap();
    assert_eq!(feature("bytes").by_order, Some(0.9375));
    assert_eq!((feature("duration").by_order, feature("duration").by_value), (Some(0.5), 1.0));
    assert_eq!((feature("service").by_order, feature("service").by_value), (None, 1.0));
    assert!(feature("duration").flagged && feature("service").flagged);
    assert!(
        audit.to_string().contains("duration                     1.0000 by value  0.5000 by order"),
        "{audit}"
    );

    // A value that is not in the training rows has no information.
    let moved: Vec<Row> = rows.iter().map(|&(t, b, d, _, l)| (t, b, d, Some("new"), l)).collect();
    let audit = LeakAudit::of(&table, &self::table(&moved), 0.95).unwrap();
    let service = audit.features.iter().find(|feature| feature.name == "service").unwrap();
    assert_eq!((service.by_value, service.flagged), (0.5, false));
}

#[test]
fn a_column_that_is_missing_from_one_class_is_telling() {
    let row = |bytes: Option<f64>, label: f64| -> Row { (None, bytes, Some(1.0), None, label) };
    let table = table(&[row(None, 1.0), row(Some(f64::NAN), 1.0), row(Some(-5.0), 0.0), row(Some(3.0), 0.0)]);
    let audit = LeakAudit::of(&table, &table, 0.9).unwrap();
    let bytes = &audit.features[0];
    assert_eq!((bytes.name.as_str(), bytes.by_value, bytes.by_order), ("bytes", 1.0, Some(1.0)));
}
