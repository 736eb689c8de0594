//! Properties of series from random rows.

use std::collections::BTreeSet;

use proptest::prelude::*;
use qosguard::telemetry::series::{Duplicates, EntitySeries, Interval};
use qosguard::telemetry::{Series, SeriesConfig, Table};

use super::csv;

const SCHEMA: &str = r#"
    name = "n"
    columns = [
      { name = "at", role = "time", kind = "number" },
      { name = "who", role = "entity", kind = "text" },
      { name = "x", role = "feature", kind = "number" },
      { name = "bad", role = "label", kind = "number" },
    ]
"#;

type Row = (u32, u8, i16, bool);

fn table(rows: &[Row]) -> Table {
    let lines = rows.iter().map(|&(at, who, x, bad)| {
        let x = if x % 11 == 0 { String::new() } else { x.to_string() };
        format!("{},{},{x},{}\n", f64::from(at) / 2.0, char::from(b'a' + who), u8::from(bad))
    });
    csv(&format!("at,who,x,bad\n{}", lines.collect::<String>()), SCHEMA)
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::vec((0..400_u32, 0..3_u8, any::<i16>(), any::<bool>()), 1..60)
}

/// Rows with different times. The order of rows with equal times would matter.
fn rows_of_unique_stamps() -> impl Strategy<Value = Vec<Row>> {
    any_rows().prop_map(|rows| {
        let mut seen = BTreeSet::new();
        rows.into_iter().filter(|&(at, who, ..)| seen.insert((at, who))).collect()
    })
}

/// The bits of all values of a series.
fn bits(series: &Series) -> Vec<(String, [Vec<u64>; 3], Vec<bool>)> {
    let of = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let entities = series.entities().iter();
    entities
        .map(|e| {
            let labels = of(e.labels().unwrap());
            (e.name().to_owned(), [of(e.times()), of(e.values(0)), labels], e.present().to_vec())
        })
        .collect()
}

fn policy() -> impl Strategy<Value = Duplicates> {
    proptest::sample::select(vec![Duplicates::First, Duplicates::Last, Duplicates::Sum, Duplicates::Mean])
}

fn interval() -> impl Strategy<Value = Interval> {
    prop_oneof![Just(Interval::Irregular), (1..20_u8).prop_map(|s| Interval::Seconds(f64::from(s) / 2.0)),]
}

proptest! {
    #[test]
    fn gaps_and_rows_cover_the_whole_grid(rows in any_rows(), duplicates in policy(), interval in interval()) {
        let config = SeriesConfig { duplicates, interval, ..SeriesConfig::default() };
        let series = Series::from_table(&table(&rows), &config).unwrap();
        let report = series.report();
        prop_assert_eq!(report.rows.accepted, rows.len() as u64);
        let present: usize = series.entities().iter().map(EntitySeries::n_present).sum();
        prop_assert_eq!(present as u64 + report.missing_steps(), report.steps);
        prop_assert_eq!(present as u64 + report.duplicates + report.crowded, rows.len() as u64);
        for entity in series.entities() {
            let gaps = report.gaps.iter().filter(|gap| gap.entity == entity.name());
            prop_assert_eq!(entity.n_present() as u64 + gaps.map(|g| g.steps).sum::<u64>(), entity.times().len() as u64);
            prop_assert_eq!((entity.present().first(), entity.present().last()), (Some(&true), Some(&true)));
            for (i, present) in entity.present().iter().enumerate() {
                prop_assert!(*present || (entity.values(0)[i].is_nan() && entity.labels().unwrap()[i].is_nan()));
            }
            if let Some(step) = report.interval_s {
                prop_assert!(entity.times().windows(2).all(|w| w[1] - w[0] == step));
                prop_assert!(report.off_grid_max_s <= step / 2.0);
            } else {
                prop_assert!(entity.times().windows(2).all(|w| w[1] > w[0]));
            }
        }
        // Every gap starts on a missing step.
        for gap in &report.gaps {
            let entity = series.entity(&gap.entity).unwrap();
            let at = entity.times().iter().position(|t| *t == gap.start).unwrap();
            prop_assert!(entity.present()[at..at + gap.steps as usize].iter().all(|present| !present));
            prop_assert!(entity.present()[at - 1] && entity.present()[at + gap.steps as usize]);
        }
    }

    #[test]
    fn shuffled_rows_change_only_the_counter_of_disorder(
        (mut rows, shuffled) in rows_of_unique_stamps().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        step in 1..20_u8,
    ) {
        let interval = Interval::Seconds(f64::from(step));
        let config = SeriesConfig { interval, duplicates: Duplicates::First, ..SeriesConfig::default() };
        let one = Series::from_table(&table(&rows), &config).unwrap();
        let two = Series::from_table(&table(&shuffled), &config).unwrap();
        prop_assert_eq!(bits(&one), bits(&two));
        let mut report = two.report().clone();
        report.out_of_order = one.report().out_of_order;
        prop_assert_eq!(&report, one.report());
        rows.sort_unstable();
        prop_assert_eq!(Series::from_table(&table(&rows), &config).unwrap().report().out_of_order, 0);
    }

    #[test]
    fn the_table_of_a_series_gives_the_same_series(rows in any_rows(), duplicates in policy(), interval in interval()) {
        let config = SeriesConfig { duplicates, interval, ..SeriesConfig::default() };
        let series = Series::from_table(&table(&rows), &config).unwrap();
        let config = SeriesConfig { interval, ..SeriesConfig::default() };
        let again = Series::from_table(&series.table().unwrap(), &config).unwrap();
        let (report, before) = (again.report(), series.report());
        prop_assert_eq!((report.out_of_order, report.duplicates, report.off_grid), (0, 0, 0));
        // The grid starts at the first time. The first time of the table may be on another step of the grid.
        prop_assert_eq!(bits(&again), bits(&series));
        prop_assert_eq!((&report.gaps, report.steps), (&before.gaps, before.steps));
    }
}
