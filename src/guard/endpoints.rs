//! What identifies each record of a table: its time, its source and destination, and the entities that it is about.

use std::net::IpAddr;

use super::subjects::column_of;
use crate::arrow::array::{Array, ArrayRef, Float64Array, StringArray};
use crate::telemetry::{Field, Kind, Role, Schema, Table};

/// What identifies one record, from the columns that it has.
#[derive(Debug, Default)]
pub(in crate::guard) struct Ends {
    pub(super) time: Option<String>,
    pub(super) src_ip: Option<String>,
    pub(super) src_port: Option<u16>,
    pub(super) dst_ip: Option<String>,
    pub(super) dst_port: Option<u16>,
    pub(super) protocol: Option<String>,
    pub(super) entities: Vec<(String, String)>,
}

/// The names of the columns that identify records.
#[derive(Debug)]
pub(super) struct Endpoints<'a> {
    table: &'a Table,
    time: Option<(&'a str, bool)>,
    fields: [Option<&'a str>; 5],
    entities: Vec<&'a str>,
    /// First row of each batch.
    starts: Vec<usize>,
}

const FIELDS: [Field; 5] = [Field::SrcIp, Field::SrcPort, Field::DstIp, Field::DstPort, Field::Protocol];

impl<'a> Endpoints<'a> {
    pub(super) fn new(guard: &'a Schema, table: &'a Table) -> Self {
        let schema: &'a Schema = table.schema();
        let by_field = |field| column_of(field, guard, schema);
        let fields = FIELDS.map(|field| by_field(field).map(|column| column.name.as_str()));
        let time = by_field(Field::StartTime)
            .or_else(|| schema.index_of_role(Role::Time).map(|i| &schema.columns()[i]))
            .map(|column| (column.name.as_str(), column.kind != Kind::Text));
        let entities = schema.columns().iter().filter(|c| c.role == Role::Entity).map(|c| c.name.as_str());
        let entities = entities.filter(|name| !fields.contains(&Some(name))).collect();
        let mut next = 0;
        let starts = table.batches().iter().map(|batch| {
            let start = next;
            next += batch.num_rows();
            start
        });
        Self { table, time, fields, entities, starts: starts.collect() }
    }

    /// What identifies one row, which the table has.
    pub(super) fn get(&self, row: usize) -> Ends {
        let Some(batch) = self.starts.partition_point(|&start| start <= row).checked_sub(1) else {
            return Ends::default();
        };
        let (at, batch) = (row - self.starts[batch], &self.table.batches()[batch]);
        let cell = |name: &str| batch.column_by_name(name).and_then(|cells| text(cells, at));
        let field = |i: usize| self.fields[i].and_then(cell);
        let port = |i: usize| field(i).and_then(|text| text.parse().ok());
        let time = self.time.and_then(|(name, is_clock)| {
            let text = cell(name)?;
            let seconds: Option<f64> = text.parse().ok().filter(|_| is_clock);
            seconds.and_then(instant).or(Some(text))
        });
        let entities = self.entities.iter().filter_map(|name| Some(((*name).to_owned(), cell(name)?)));
        Ends {
            time,
            src_ip: field(0).map(address),
            src_port: port(1),
            dst_ip: field(2).map(address),
            dst_port: port(3),
            protocol: field(4),
            entities: entities.collect(),
        }
    }
}

/// A cell as text, a whole number without decimals; `None` for a missing one.
fn text(cells: &ArrayRef, row: usize) -> Option<String> {
    let cells = cells.as_any();
    if let Some(numbers) = cells.downcast_ref::<Float64Array>() {
        return (numbers.is_valid(row) && !numbers.value(row).is_nan())
            .then(|| numbers.value(row).to_string());
    }
    let texts = cells.downcast_ref::<StringArray>()?;
    texts.is_valid(row).then(|| texts.value(row).to_owned())
}

/// An address in its canonical spelling; other text as it is.
fn address(text: String) -> String {
    text.parse::<IpAddr>().map_or(text, |address| address.to_canonical().to_string())
}

/// Seconds since the epoch as ISO 8601 in UTC, to the millisecond; `None` for what cannot be such seconds.
fn instant(seconds: f64) -> Option<String> {
    // From 1970-01-02 to the year 5138: a count from the start of a capture, or of milliseconds, is outside.
    if !(86_400.0..1e11).contains(&seconds) {
        return None;
    }
    let milliseconds = (seconds * 1e3).round() as i64;
    let time = jiff::Timestamp::from_millisecond(milliseconds).ok()?;
    Some(if milliseconds % 1000 == 0 { format!("{time:.0}") } else { format!("{time:.3}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Schema;

    #[test]
    fn records_are_identified_by_what_they_have() {
        let schema = Schema::from_toml(
            r#"
            name = "t"
            columns = [
              { name = "ts", role = "time", kind = "time" },
              { name = "from", role = "entity", kind = "text", field = "src_ip" },
              { name = "port", role = "ignore", kind = "number", field = "dst_port" },
              { name = "proto", role = "feature", kind = "number", field = "protocol" },
              { name = "link", role = "entity", kind = "text" },
              { name = "bytes", role = "feature", kind = "number" },
            ]
            "#,
        )
        .unwrap();
        let records = r#"[
            {"ts": 1500000000.25, "from": "::ffff:10.0.0.1", "port": 443, "proto": 6, "link": "a", "bytes": 1},
            {"ts": null, "from": "printer", "port": 70000, "proto": null, "link": null, "bytes": 2}
        ]"#;
        let table = Table::from_json(&schema, records).unwrap();
        let endpoints = Endpoints::new(&schema, &table);
        let first = endpoints.get(0);
        assert_eq!(first.time.as_deref(), Some("2017-07-14T02:40:00.250Z"));
        assert_eq!((first.src_ip.as_deref(), first.dst_port), (Some("10.0.0.1"), Some(443)));
        assert_eq!(first.protocol.as_deref(), Some("6"));
        assert_eq!(first.entities, [("link".to_owned(), "a".to_owned())]);
        let second = endpoints.get(1);
        assert_eq!((second.time, second.src_ip.as_deref()), (None, Some("printer")));
        assert_eq!((second.dst_port, second.protocol, second.entities.len()), (None, None, 0));
    }
}
