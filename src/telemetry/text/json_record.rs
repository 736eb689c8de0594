//! One JSON object, deserialized straight into the columns.
//!
//! A value of the wrong type is read to its end and remembered as the row's fault, so that only broken
//! JSON is an error of the parser.

use std::fmt;

use crate::arrow::array::RecordBatch;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::Result;
use crate::telemetry::schema::Role;
use crate::telemetry::table::column_builder::{ColumnBuilder, Refusal};
use crate::telemetry::table::rows::{Fault, Rows};

/// The keys of an object, in order.
#[derive(Debug)]
pub(crate) struct RecordKeys(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for RecordKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = RecordKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RecordKeys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(RecordKeys(keys))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

impl RecordKeys {
    /// The keys of the object on a line.
    pub(crate) fn of(line: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(line)
    }

    /// The keys of the first object of an array; `None` when it is empty.
    pub(crate) fn first_of(text: &str) -> serde_json::Result<Option<Self>> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = Option<RecordKeys>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of JSON objects")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let first = seq.next_element()?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(first)
            }
        }
        serde_json::Deserializer::from_str(text).deserialize_seq(First)
    }
}

/// Appends the objects of an array, one row each; gives the batches that got full on the way.
///
/// The inner error is that of the rows, the outer one that of the parser.
pub(crate) fn append_array(rows: &mut Rows, text: &str) -> serde_json::Result<Result<Vec<RecordBatch>>> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let outcome = parser.deserialize_seq(Elements(rows))?;
    parser.end().map(|()| outcome)
}

struct Elements<'r>(&'r mut Rows);

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Result<Vec<RecordBatch>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of JSON objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut outcome = Ok(Vec::new());
        let mut number = 0;
        while let Some(row) = seq.next_element_seed(Row(self.0))? {
            number += 1;
            outcome = outcome.and_then(|mut batches| {
                self.0.end_row(number, row)?;
                if self.0.is_full() {
                    batches.extend(self.0.finish_batch()?);
                }
                Ok(batches)
            });
        }
        Ok(outcome)
    }
}

/// Appends the object that a parser is at.
pub(crate) fn append<'de, D: Deserializer<'de>>(
    rows: &mut Rows,
    parser: D,
) -> Result<Result<(), Fault>, D::Error> {
    Row(rows).deserialize(parser)
}

struct Row<'r>(&'r mut Rows);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = Result<(), Fault>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = Result<(), Fault>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let row = self.0.len();
        let mut outcome = Ok(());
        let mut expected = 0;
        while let Some(key) = map.next_key_seed(Key { rows: self.0, expected })? {
            let column = match key {
                Ok(column) if self.0.columns().get(column).is_some_and(|c| c.len() == row) => column,
                Ok(column) => {
                    map.next_value::<IgnoredAny>()?;
                    let twice =
                        Fault { column: Some(column), value: b"twice".to_vec(), expected: "once".into() };
                    outcome = outcome.and(Err(twice));
                    continue;
                }
                Err(unknown) => {
                    map.next_value::<IgnoredAny>()?;
                    outcome = outcome.and(Err(Fault::record(unknown, "a key of the first record")));
                    continue;
                }
            };
            expected = column + 1;
            let Some(cell) = self.0.columns().get_mut(column) else { continue };
            if let Err((value, refusal)) = map.next_value_seed(Value(cell))? {
                outcome = outcome.and(Err(Fault { column: Some(column), value, expected: refusal }));
                // The row will be cut off; until then the column counts as filled.
                if let Some(cell) = self.0.columns().get_mut(column) {
                    cell.push_null();
                }
            }
        }
        if outcome.is_ok() {
            outcome = self.0.fill_absent();
        }
        Ok(outcome)
    }
}

/// Position of the column that a key names; the key itself where none does.
struct Key<'r> {
    rows: &'r Rows,
    /// The column behind the last one: where the keys come in order, this is it.
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Result<usize, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        if self.rows.name(self.expected) == key {
            return Ok(Ok(self.expected));
        }
        Ok((0..self.rows.n_columns()).find(|&i| self.rows.name(i) == key).ok_or_else(|| key.to_owned()))
    }
}

/// Appends a value to a column; gives what was refused, and why.
pub(crate) struct Value<'c>(pub(crate) &'c mut ColumnBuilder);

/// What was refused and why, where a value was.
pub(crate) type Appended = Result<(), (Vec<u8>, Refusal)>;

impl Value<'_> {
    fn number(self, value: f64) -> Appended {
        self.0.push_number(value).map_err(|refusal| (value.to_string().into(), refusal))
    }

    /// A number column takes the nearest float, a text column every digit of an identifier.
    fn integer(self, near: f64, value: impl ToString) -> Appended {
        if self.0.is_number() {
            return self.number(near);
        }
        let digits = value.to_string();
        self.0.push_cell(digits.as_bytes()).map_err(|refusal| (digits.into(), refusal))
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Appended;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Appended, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Appended;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Appended, E> {
        self.0.push_null();
        Ok(Ok(()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Appended, E> {
        Ok(self.number(f64::from(u8::from(value))))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Appended, E> {
        Ok(self.integer(value as f64, value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Appended, E> {
        Ok(self.integer(value as f64, value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Appended, E> {
        Ok(self.number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Appended, E> {
        if value.contains('\0') {
            return Ok(Err((b"\\0".to_vec(), "text without NUL bytes".into())));
        }
        Ok(self.0.push_cell(value.as_bytes()).map_err(|refusal| (value.into(), refusal)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Appended, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        if self.0.is_ignored() {
            self.0.push_null();
            return Ok(Ok(()));
        }
        Ok(Err((b"an array".to_vec(), "a number or text".into())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Appended, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        if self.0.is_ignored() {
            self.0.push_null();
            return Ok(Ok(()));
        }
        Ok(Err((b"an object".to_vec(), "a number or text".into())))
    }
}

impl Rows {
    /// Ends a row that may lack columns: a missing feature is a fault, everything else is null.
    fn fill_absent(&mut self) -> Result<(), Fault> {
        let row = self.len();
        for i in 0..self.n_columns() {
            let feature = self.role(i) == Some(Role::Feature);
            let Some(column) = self.columns().get_mut(i) else { continue };
            if column.len() == row {
                if feature {
                    return Err(Fault {
                        column: Some(i),
                        value: Vec::new(),
                        expected: "there; write null for unknown".into(),
                    });
                }
                column.push_null();
            }
        }
        Ok(())
    }
}
