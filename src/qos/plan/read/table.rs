//! Proposals from tables that `qosguard assess -o FILE` writes: the columns of the records, then the columns of the decisions.

use std::path::Path;

use serde_json::{Map, Value};

use super::source::Sink;
use crate::arrow::array::{Array, Float64Array, RecordBatch, StringArray};
use crate::error::{Error, Result};
use crate::qos::DecisionColumn;
use crate::telemetry::{self, Column, Field, Kind, ReadOptions, Role, Schema};

/// The columns of decisions that a plan needs.
const NEEDED: [&str; 14] = [
    "id",
    "action",
    "ttl_s",
    "bytes_per_second",
    "burst",
    "service_class",
    "inspection",
    "severity",
    "dry_run",
    "score",
    "p_value",
    "is_anomaly",
    "family",
    "rule",
];

/// The columns of a record that a plan needs, by what they mean, and their keys in a finding.
const OF_RECORD: [(Field, &str); 7] = [
    (Field::SrcIp, "src_ip"),
    (Field::DstIp, "dst_ip"),
    (Field::DstPort, "dst_port"),
    (Field::Protocol, "protocol"),
    (Field::StartTime, "time"),
    (Field::SrcPort, "src_port"),
    (Field::Service, "service"),
];

pub(super) fn load(path: &Path, sink: Sink<'_>) -> Result<()> {
    let place = path.display().to_string();
    let found = telemetry::open(path, &ReadOptions::default())?;
    let (schema, keys) = columns(&place, found.schema())?;
    drop(found);
    // A verdict that cannot be read must not be left out in silence.
    let options = ReadOptions { schema: Some(schema), max_rejected_share: 0.0, ..ReadOptions::default() };
    let mut row = 0;
    for batch in telemetry::open(path, &options)? {
        let batch = batch?;
        for at in 0..batch.num_rows() {
            row += 1;
            let object = Value::Object(object(&batch, &keys, at));
            sink(&place, row, &object)?;
        }
    }
    Ok(())
}

/// The schema with which the file is read, and the key of a finding for each column that is needed.
fn columns(place: &str, found: &Schema) -> Result<(Schema, Vec<(String, &'static str)>)> {
    let names: Vec<&str> = found.columns().iter().map(|column| column.name.as_str()).collect();
    let (mut keys, mut decided) = (Vec::new(), Vec::new());
    for column in DecisionColumn::ALL {
        let own = format!("verdict_{}", column.name());
        let name = if names.contains(&own.as_str()) { own } else { column.name().to_owned() };
        if !names.contains(&name.as_str()) {
            if ["id", "action"].contains(&column.name()) {
                return Err(Error::SchemaMismatch {
                    place: place.to_owned(),
                    schema: "verdicts".into(),
                    missing: vec![column.name().into()],
                    unknown: Vec::new(),
                });
            }
            continue;
        }
        if NEEDED.contains(&column.name()) {
            keys.push((name.clone(), column.name()));
        }
        decided.push(name);
    }
    let of_record: Vec<&str> =
        names.iter().copied().filter(|name| !decided.iter().any(|d| d == name)).collect();
    // Without the columns of the decisions, a preset may fit, which states what the others mean.
    let preset = Schema::detect(&of_record).ok();
    let known = |name: &str| {
        let schema = preset.as_ref().filter(|preset| preset.index_of(name).is_some()).unwrap_or(found);
        schema.index_of(name).and_then(|at| schema.columns().get(at))
    };
    let mut columns = Vec::new();
    for name in names {
        let column = known(name).filter(|_| !decided.iter().any(|decided| decided == name));
        let key = column.and_then(|column| OF_RECORD.iter().find(|(field, _)| is_about(column, *field)));
        // The first of several columns of one meaning counts.
        let key = key.map(|(_, key)| *key).filter(|key| !keys.iter().any(|(_, known)| known == key));
        columns.push(match (key, column) {
            (Some(key), Some(column)) => {
                keys.push((name.to_owned(), key));
                let mut column = column.clone();
                column.role = Role::Ignore;
                column
            }
            // Text of this role keeps its spelling; other text loses the difference between 1e3 and 1000.
            _ if keys.iter().any(|(known, key)| known == name && *key == "id") => {
                Column::new(name, Role::Time, Kind::Text)
            }
            // A schema has a feature.
            _ if keys.iter().any(|(known, key)| known == name && *key == "score") => {
                Column::new(name, Role::Feature, Kind::Number)
            }
            _ => Column::new(name, Role::Ignore, Kind::Text),
        });
    }
    Ok((Schema::new("verdicts", columns, Vec::new())?, keys))
}

/// Whether a column has a meaning. The record's own clock is its time, whatever it is the time of.
fn is_about(column: &Column, field: Field) -> bool {
    column.field == Some(field)
        || (field == Field::StartTime && column.role == Role::Time && column.kind == Kind::Time)
}

/// The cells of a row that are needed, under the keys of a finding.
fn object(batch: &RecordBatch, keys: &[(String, &'static str)], row: usize) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, key) in keys {
        let Some(value) = batch.column_by_name(name).and_then(|cells| cell(cells.as_any(), row)) else {
            continue;
        };
        let whole = |text: &str| text.parse::<u64>().map_or_else(|_| text.into(), Value::from);
        let value = match (*key, value) {
            ("ttl_s" | "bytes_per_second" | "burst", Value::String(text)) => whole(&text),
            ("dry_run" | "is_anomaly", Value::String(text)) => match text.as_str() {
                // The reader of text files gives 1 and 0 for these words.
                "true" | "1" => true.into(),
                "false" | "0" => false.into(),
                _ => text.into(),
            },
            ("p_value", Value::String(text)) => text.parse::<f64>().map_or_else(|_| text.into(), Value::from),
            (_, value) => value,
        };
        object.insert((*key).to_owned(), value);
    }
    object
}

/// A cell as text or as a number, a whole one without decimals.
fn cell(cells: &dyn std::any::Any, row: usize) -> Option<Value> {
    if let Some(texts) = cells.downcast_ref::<StringArray>() {
        return texts.is_valid(row).then(|| texts.value(row).into());
    }
    let numbers = cells.downcast_ref::<Float64Array>().filter(|numbers| numbers.is_valid(row))?;
    let value = numbers.value(row);
    let is_whole = value.fract() == 0.0 && (0.0..9e15).contains(&value);
    Some(if is_whole { (value as u64).into() } else { value.into() })
}
