//! What the flow featurizer promises of any table.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::sync::Arc;

use proptest::prelude::*;
use qosguard::Guard;
use qosguard::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use qosguard::features::{Categories, DropReason, Featurizer, Scaling, TableEncoder, TableEncoderConfig};
use qosguard::guard::Notice;
use qosguard::telemetry::{ReadReport, Schema, Table};

/// A table with the numeric features `a` and `b` and the category `c`.
fn table(a: Vec<Option<f64>>, b: Vec<Option<f64>>, c: Vec<Option<&str>>) -> Table {
    let schema = Arc::new(Schema::builder("t").feature("a").feature("b").category("c").build().unwrap());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(a)),
        Arc::new(Float64Array::from(b)),
        Arc::new(StringArray::from(c)),
    ];
    let batch = RecordBatch::try_new(Arc::new(schema.to_arrow()), columns).unwrap();
    Table::new(schema, vec![batch], ReadReport::default()).unwrap()
}

fn fit(table: &Table) -> TableEncoder {
    TableEncoderConfig::default().fit(table).unwrap()
}

#[test]
fn gaps_and_infinities_are_imputed_and_flagged() {
    let train = table(
        vec![Some(1.0), None, Some(3.0), Some(5.0)],
        (0..4).map(|v| Some(f64::from(v))).collect(),
        vec![Some("x"); 4],
    );
    let featurizer = fit(&train);
    assert_eq!(featurizer.names(), ["a", "a missing", "b"]);
    let odd = table(
        vec![Some(f64::INFINITY), Some(3.0)],
        vec![Some(f64::NAN), Some(1.5)],
        vec![None, Some("never")],
    );
    let features = featurizer.transform(&odd).unwrap();
    assert_eq!(features.imputed, 2);
    assert_eq!(
        features.matrix.row(0),
        &features.matrix.row(1) + &ndarray::array![0.0_f32, 1.0, 0.0],
        "the median is 3 and 1.5"
    );
}

#[test]
fn columns_without_information_are_dropped_by_name() {
    let values: Vec<_> = (0..5).map(|v| Some(f64::from(v))).collect();
    let twice = fit(&table(values.clone(), values.clone(), vec![Some("x"); 5]));
    let dropped: Vec<_> = twice.dropped().iter().map(|d| (d.column.as_str(), d.reason.clone())).collect();
    assert_eq!(dropped, [("b", DropReason::DuplicateOf("a".into())), ("c", DropReason::Constant)]);
    let empty = fit(&table(values, vec![Some(f64::NAN); 5], vec![Some("x"), None, None, None, None]));
    assert_eq!(empty.dropped()[0].reason, DropReason::Missing);
    assert_eq!(empty.names(), ["a", "c"]);
    let values: Vec<_> = (0..5).map(|v| Some(f64::from(v))).collect();
    let infinite = fit(&table(values, vec![Some(f64::INFINITY); 5], vec![None, Some(""), None, None, None]));
    assert!(infinite.dropped().iter().all(|d| d.reason == DropReason::Missing), "{:?}", infinite.dropped());
    assert_eq!(infinite.names(), ["a"]);
}

#[test]
fn guards_warn_of_columns_without_any_value() {
    let rows = 400;
    let bytes: Vec<_> = (0..rows).map(|row| Some(f64::from(row * 7919 % 97))).collect();
    let fit = |b: Vec<Option<f64>>, c: Vec<Option<&str>>| {
        Guard::builder().fit(&table(bytes.clone(), b, c)).unwrap()
    };
    let found = |guard: &Guard| -> Vec<Notice> {
        let notices = guard.notices().into_iter();
        notices.filter(|notice| matches!(notice, Notice::ColumnsWithoutValues { .. })).collect()
    };
    let len = rows as usize;
    let guard = fit(vec![Some(3.0); len], vec![Some("x"); len]);
    assert_eq!(found(&guard), [], "constant columns have values");

    let guard = fit(vec![Some(f64::INFINITY); len], vec![Some("x"); len]);
    let [notice] = &found(&guard)[..] else { panic!("{:?}", guard.notices()) };
    assert!(notice.is_warning());
    assert_eq!(
        notice.to_string(),
        "column `b` gives no feature: every value in the training rows is missing or infinite"
    );

    let guard = fit(vec![None; len], vec![None; len]);
    let both = Notice::ColumnsWithoutValues { columns: vec!["b".into(), "c".into()] };
    assert_eq!(found(&guard), std::slice::from_ref(&both));
    assert!(both.to_string().starts_with("columns `b`, `c` give no feature: "), "{both}");
    assert_eq!(found(&Guard::from_bytes(&guard.to_bytes()).unwrap()), [both], "guard files keep it");
}

#[test]
fn a_missing_category_is_a_value_of_its_own() {
    let train = table(vec![Some(1.0); 3], vec![Some(1.0); 3], vec![Some("x"), None, None]);
    let mut config = TableEncoderConfig::default();
    config.categories = Categories::OneHot { cap: 8 };
    let featurizer = config.fit(&train).unwrap();
    assert_eq!(featurizer.names(), ["c=", "c=x", "c=<other>"]);
    let features =
        featurizer.transform(&table(vec![None; 2], vec![None; 2], vec![None, Some("new")])).unwrap();
    assert_eq!(features.matrix, ndarray::array![[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
}

#[test]
fn a_repeated_category_is_dropped_by_name() {
    let schema = Schema::builder("t").category("a").category("b").category("c").build().unwrap();
    let text = r#"[{"a":"x","b":"x","c":"x"},{"a":"y","b":"y","c":null},{"a":null,"b":null,"c":null}]"#;
    let featurizer = fit(&Table::from_json(&schema, text).unwrap());
    let dropped: Vec<_> =
        featurizer.dropped().iter().map(|d| (d.column.as_str(), d.reason.clone())).collect();
    assert_eq!(dropped, [("b", DropReason::DuplicateOf("a".into()))]);
    assert_eq!(featurizer.columns(), ["a", "c"]);
}

#[test]
fn ordinal_codes_for_trees() {
    let train = table(vec![Some(1.0), Some(2.0)], vec![Some(1.0); 2], vec![Some("x"), Some("y")]);
    let config = |cap| {
        let mut config = TableEncoderConfig::default();
        (config.categories, config.scaling) = (Categories::Ordinal { cap }, Scaling::None);
        config
    };
    let features = config(8).fit(&train).unwrap().transform(&train).unwrap();
    assert_eq!(features.matrix, ndarray::array![[1.0, 0.0], [2.0, 1.0]]);
    for cap in [0, 65_536] {
        assert_eq!(config(cap).fit(&train).unwrap_err().kind().as_str(), "invalid_argument");
    }
}

#[test]
fn a_table_without_the_columns_is_rejected_by_name() {
    let featurizer = fit(&table(vec![Some(1.0), Some(2.0)], vec![Some(1.0), Some(3.0)], vec![Some("x"); 2]));
    let schema = Schema::builder("u").feature("a").build().unwrap();
    let other = Table::from_json(&schema, r#"{"a": 1}"#).unwrap();
    let error = featurizer.transform(&other).unwrap_err();
    assert_eq!(error.kind().as_str(), "schema_mismatch");
    assert!(error.to_string().contains("missing `b`"), "{error}");
}

fn cell() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        Just(None),
        any::<f64>().prop_map(Some),
        (0.0..1e6).prop_map(Some),
        Just(Some(f64::INFINITY)),
        Just(Some(0.0))
    ]
}

proptest! {
    #[test]
    fn every_feature_of_every_table_is_finite(
        train in proptest::collection::vec((cell(), cell()), 2..40),
        fresh in proptest::collection::vec((cell(), cell()), 1..40),
    ) {
        let of = |rows: &[(Option<f64>, Option<f64>)]| {
            let c = (0..rows.len()).map(|i| Some(["p", "q", "r"][i % 3])).collect();
            table(rows.iter().map(|r| r.0).collect(), rows.iter().map(|r| r.1).collect(), c)
        };
        let featurizer = fit(&of(&train));
        let fresh = of(&fresh);
        let whole = featurizer.transform(&fresh).unwrap();
        prop_assert!(whole.matrix.iter().all(|v| v.is_finite()));
        let text = serde_json::to_string(&featurizer).unwrap();
        prop_assert_eq!(&serde_json::from_str::<TableEncoder>(&text).unwrap(), &featurizer);
        for row in 0..fresh.n_rows() {
            let alone = featurizer.transform(&fresh.take(&[row]).unwrap()).unwrap();
            prop_assert_eq!(alone.matrix.row(0), whole.matrix.row(row));
        }
    }
}
