//! One JSON object, deserialized straight into the columns.
//!
//! A column `a.b` is the key `a.b`, or the key `b` of the object at the key `a`. A value of the wrong type is read to
//! its end and becomes the row's fault, so that only broken JSON is an error of the parser.

use std::fmt;

use crate::arrow::array::RecordBatch;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::Result;
use crate::telemetry::cell::reason::Reason;
use crate::telemetry::schema::Role;
use crate::telemetry::table::column_builder::ColumnBuilder;
use crate::telemetry::table::rows::{Fault, Rows};

/// Appends the objects of an array, one row each; gives the batches that got full on the way.
///
/// The inner error comes from the rows, the outer one from the parser.
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

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut fault = None;
        Object { rows: &mut *self.0, path: "", fault: &mut fault }.visit_map(map)?;
        Ok(match fault {
            Some(fault) => Err(fault),
            None => self.0.fill_absent(),
        })
    }
}

/// Appends the values of an object: the record, or an object inside it at a path.
struct Object<'a> {
    rows: &'a mut Rows,
    path: &'a str,
    /// The first fault of the record.
    fault: &'a mut Option<Fault>,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Object { rows, path, fault } = self;
        let row = rows.len();
        let mut expected = 0;
        while let Some(target) = map.next_key_seed(Key { rows: &*rows, path, expected })? {
            match target {
                Target::Column(i) => {
                    expected = i + 1;
                    let Some(column) = rows.columns().get_mut(i) else { continue };
                    let appended = if column.len() > row {
                        map.next_value::<IgnoredAny>()?;
                        Err((Vec::new(), Reason::DuplicateKey))
                    } else {
                        map.next_value_seed(Value(column))?
                    };
                    if let Err((value, reason)) = appended {
                        fault.get_or_insert(Fault::cell(i, value, reason));
                        // The row will be cut off; until then the column counts as filled.
                        if let Some(column) = rows.columns().get_mut(i).filter(|column| column.len() == row) {
                            column.push_null();
                        }
                    }
                }
                Target::Inside(path) => {
                    map.next_value_seed(Inside { rows: &mut *rows, path, fault: &mut *fault })?;
                }
                Target::Unknown(path) => {
                    map.next_value::<IgnoredAny>()?;
                    fault.get_or_insert(Fault::record(path, Reason::UnknownKey));
                }
            }
        }
        Ok(())
    }
}

/// Where the value of a key goes.
enum Target {
    /// The column at this position.
    Column(usize),
    /// The columns whose names continue this path, if the value is an object.
    Inside(String),
    /// Nowhere.
    Unknown(String),
}

/// Finds where the value of a key goes.
struct Key<'r> {
    rows: &'r Rows,
    /// The path of the object.
    path: &'r str,
    /// The column after the last one: if the keys come in order, it is this one.
    expected: usize,
}

impl Key<'_> {
    /// Whether a column's name is the path of the key.
    fn names(&self, name: &str, key: &str) -> bool {
        if self.path.is_empty() {
            return name == key;
        }
        let inner = name.strip_prefix(self.path).and_then(|rest| rest.strip_prefix('.'));
        inner == Some(key)
    }
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Target;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Target;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let n = self.rows.n_columns();
        let next = (self.expected < n).then_some(self.expected);
        let found = next.into_iter().chain(0..n).find(|&i| self.names(self.rows.name(i), key));
        let ignored = found.is_none_or(|i| self.rows.role(i) == Some(Role::Ignore));
        if !ignored || !self.rows.has_paths() {
            return Ok(found.map_or_else(|| Target::Unknown(joined(self.path, key)), Target::Column));
        }
        let path = joined(self.path, key);
        let outer = |name: &str| name.strip_prefix(&path).is_some_and(|rest| rest.starts_with('.'));
        let has_inner = (0..n).any(|i| outer(self.rows.name(i)));
        Ok(match found {
            _ if has_inner => Target::Inside(path),
            Some(i) => Target::Column(i),
            None => Target::Unknown(path),
        })
    }
}

/// The path of a key in an object.
fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Appends the value at a path that columns continue: an object, or null, which is an object without keys.
struct Inside<'a> {
    rows: &'a mut Rows,
    path: String,
    fault: &'a mut Option<Fault>,
}

impl Inside<'_> {
    /// A value that is not an object: it has no column, or one that nothing uses.
    #[allow(clippy::unnecessary_wraps, reason = "the visitor's methods return it")]
    fn other<E>(self) -> Result<(), E> {
        let known = (0..self.rows.n_columns()).any(|i| self.rows.name(i) == self.path);
        if !known {
            self.fault.get_or_insert(Fault::record(self.path, Reason::UnknownKey));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Inside<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Object { rows: self.rows, path: &self.path, fault: self.fault }.visit_map(map)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.other()
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.other()
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.other()
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.other()
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.other()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.other()
    }
}

/// Appends a value to a column; returns what is rejected, and why.
pub(crate) struct Value<'c>(pub(crate) &'c mut ColumnBuilder);

/// A rejected value, and why it is rejected.
pub(crate) type Appended = Result<(), (Vec<u8>, Reason)>;

impl Value<'_> {
    fn number(self, value: f64) -> Appended {
        self.0.push_number(value).map_err(|reason| (value.to_string().into(), reason))
    }

    /// A number column takes the nearest float, a text column every digit of an identifier.
    fn integer(self, near: f64, value: impl ToString) -> Appended {
        if self.0.is_number() {
            return self.number(near);
        }
        let digits = value.to_string();
        self.0.push_cell(digits.as_bytes()).map_err(|reason| (digits.into(), reason))
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
            return Ok(Err((b"\\0".to_vec(), Reason::NulByte)));
        }
        Ok(self.0.push_cell(value.as_bytes()).map_err(|reason| (value.into(), reason)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Appended, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        if self.0.is_ignored() {
            self.0.push_null();
            return Ok(Ok(()));
        }
        Ok(Err((b"an array".to_vec(), Reason::NestedValue)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Appended, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        if self.0.is_ignored() {
            self.0.push_null();
            return Ok(Ok(()));
        }
        Ok(Err((b"an object".to_vec(), Reason::NestedValue)))
    }
}
