//! Every setting of a series changes what is read, or is an error.

use std::collections::BTreeSet;

use qosguard::telemetry::{SeriesConfig, read_series};
use serde_json::{Value, json};

/// Two entities with two values on four steps of a minute, times as numbers.
const LONG: &str =
    "time,who,x,y\n0,a,1,2\n60,a,3,4\n120,a,5,6\n180,a,7,9\n0,b,1,1\n60,b,2,2\n120,b,3,3\n180,b,4,5\n";
/// Times as text that two formats can read, without a UTC offset.
const TEXT: &str = "time,x\n2024-01-02 00:00,1\n2024-01-03 00:00,2\n2024-01-04 00:00,4\n";

/// The series that a file gives, or the error; the flag is whether there is a series.
fn outcome(text: &str, settings: &Value) -> (bool, String) {
    let config: SeriesConfig = serde_json::from_value(settings.clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("series.csv");
    std::fs::write(&path, text).unwrap();
    match read_series(&path, &config) {
        Ok(series) => {
            let cells = (series.columns(), series.entities(), series.report());
            (true, format!("{cells:?}").replace(&path.display().to_string(), "series.csv"))
        }
        Err(error) => (false, error.to_string().replace(&path.display().to_string(), "series.csv")),
    }
}

#[test]
fn every_setting_changes_the_series() {
    let entity = json!({ "entity": "who" });
    let none = json!({});
    let minute = json!({ "interval": { "seconds": 60.0 } });
    let twice = "time,x\n0,1\n60,2\n60,5\n120,7\n";
    let others = [
        ("time", "time,later,x\n0,60,1\n60,120,3\n120,180,4\n", json!({ "time": "time" }), json!("later")),
        ("entity", LONG, none.clone(), json!("who")),
        ("values", LONG, entity.clone(), json!(["y"])),
        ("label", "time,x,bad\n0,1,0\n60,2,1\n120,3,0\n", none.clone(), json!("bad")),
        ("wide", "time,up,down\n0,1,10\n60,2,20\n120,4,40\n", none.clone(), json!(true)),
        ("start", "x,y\n1,2\n3,4\n5,7\n", minute, json!(86_400.0)),
        ("interval", LONG, entity.clone(), json!({ "seconds": 30.0 })),
        ("time_zone", TEXT, none.clone(), json!("Europe/Berlin")),
        ("time_format", TEXT, none.clone(), json!("%Y-%d-%m %H:%M")),
        ("time_unit", LONG, entity.clone(), json!("ms")),
        ("duplicates", twice, none.clone(), json!("last")),
        ("scale", LONG, entity.clone(), json!(8.0)),
        ("unit", LONG, entity.clone(), json!("bit/s")),
        ("max_cells", LONG, entity, json!(3)),
    ];
    let whole = serde_json::to_value(SeriesConfig::default()).unwrap();
    let names: BTreeSet<&str> = whole.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, others.iter().map(|(name, ..)| *name).collect());
    for (name, text, base, other) in others {
        let mut changed = base.clone();
        changed[name] = other;
        let (base, changed) = (outcome(text, &base), outcome(text, &changed));
        assert_ne!(base.1, changed.1, "{name}");
        assert!(base.0 || changed.0, "{name}: {base:?} {changed:?}");
    }
}
