//! One JSON object of a log, whose columns are keys or paths such as `flow.start`, deserialized into the columns.
//!
//! Keys that no column names are passed over, absent ones are null. Only broken JSON is an error of the
//! parser; a value of the wrong type is the row's fault.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::json_record::{Appended, Value};
use crate::telemetry::cell::reason::Reason;
use crate::telemetry::table::column_builder::ColumnBuilder;
use crate::telemetry::table::rows::{Fault, Record, Rows};

/// Where the values of an object go.
#[derive(Debug)]
pub(crate) struct Paths {
    /// Keys of the whole object, then of the objects inside it.
    objects: Vec<Keys>,
    /// Path of the object with the values, with a dot at its end; empty for the whole object.
    prefix: String,
    /// The kind of the records that are rows.
    wanted: &'static str,
    /// The key of the kind, if every record must have it.
    required: Option<&'static str>,
}

/// Keys of one object, by their length.
#[derive(Debug, Default)]
struct Keys(Vec<Vec<(String, Target)>>);

#[derive(Clone, Copy, Debug)]
enum Target {
    /// The column at this position.
    Column(usize),
    /// Hexadecimal text for the column at this position.
    Hexadecimal(usize),
    /// The object inside at this position.
    Inside(usize),
    /// The record's kind.
    Kind,
}

impl Keys {
    fn find(&self, key: &str) -> Option<Target> {
        self.0.get(key.len())?.iter().find(|(name, _)| name == key).map(|(_, target)| *target)
    }

    fn insert(&mut self, key: &str, target: Target) {
        if self.0.len() <= key.len() {
            self.0.resize_with(key.len() + 1, Vec::new);
        }
        self.0[key.len()].push((key.to_owned(), target));
    }
}

impl Paths {
    /// No paths yet, for the object at `prefix` of records whose `kind` key is `wanted`; a `required` kind is never absent.
    pub(crate) fn new(prefix: &str, kind: &'static str, wanted: &'static str, required: bool) -> Self {
        let mut paths = Self {
            objects: vec![Keys::default()],
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}.") },
            wanted,
            required: required.then_some(kind),
        };
        paths.lead(kind, Target::Kind);
        paths
    }

    /// Leads a path to the column at `position`: a key with these dots, or objects one inside the other.
    pub(crate) fn add(&mut self, path: &str, position: usize, hexadecimal: bool) {
        self.lead(path, if hexadecimal { Target::Hexadecimal(position) } else { Target::Column(position) });
    }

    fn lead(&mut self, path: &str, target: Target) {
        let path = format!("{}{path}", self.prefix);
        let (mut object, mut rest) = (0, &path[..]);
        loop {
            if self.objects[object].find(rest).is_none() {
                self.objects[object].insert(rest, target);
            }
            let Some((key, inner)) = rest.split_once('.') else { return };
            object = match self.objects[object].find(key) {
                Some(Target::Inside(inside)) => inside,
                Some(_) => return,
                None => {
                    let inside = self.objects.len();
                    self.objects[object].insert(key, Target::Inside(inside));
                    self.objects.push(Keys::default());
                    inside
                }
            };
            rest = inner;
        }
    }

    /// Appends the object on a line; columns that it lacks are not filled up.
    pub(crate) fn append(&self, rows: &mut Rows, line: &[u8]) -> Record {
        let Ok(text) = std::str::from_utf8(line) else {
            return Record::Row(Err(Fault::record(line, Reason::NotUtf8)));
        };
        let mut found = Found::default();
        let mut parser = serde_json::Deserializer::from_str(text);
        let object = Object { rows, paths: self, keys: self.objects.first(), found: &mut found };
        if let Err(e) = object.deserialize(&mut parser).and_then(|()| parser.end()) {
            return Record::Row(Err(Fault::record(line, Reason::NotJson { problem: e.to_string() })));
        }
        match (found.other, found.fault, self.required) {
            (Some(kind), ..) => Record::Other(kind),
            (None, _, Some(key)) if !found.kind => {
                Record::Row(Err(Fault::record(line, Reason::NoKind { key: key.to_owned() })))
            }
            (None, Some(fault), _) => Record::Row(Err(fault)),
            (None, None, _) => Record::Row(Ok(())),
        }
    }
}

/// What was found on the way through an object.
#[derive(Debug, Default)]
struct Found {
    fault: Option<Fault>,
    /// Whether the record has the key of its kind.
    kind: bool,
    /// The kind of a record that is not a row.
    other: Option<String>,
}

struct Object<'a> {
    rows: &'a mut Rows,
    paths: &'a Paths,
    keys: Option<&'a Keys>,
    found: &'a mut Found,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let row = self.rows.len();
        while let Some(target) = map.next_key_seed(Key(self.keys))? {
            let (position, hexadecimal) = match target {
                Some(Target::Column(position)) if self.found.other.is_none() => (position, false),
                Some(Target::Hexadecimal(position)) if self.found.other.is_none() => (position, true),
                Some(Target::Inside(inside)) if self.found.other.is_none() => {
                    map.next_value_seed(Object {
                        rows: self.rows,
                        paths: self.paths,
                        keys: self.paths.objects.get(inside),
                        found: self.found,
                    })?;
                    continue;
                }
                Some(Target::Kind) => {
                    let Text(kind) = map.next_value()?;
                    self.found.kind = true;
                    if kind != self.paths.wanted {
                        self.found.other = Some(kind.into_owned());
                    }
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let Some(column) = self.rows.columns().get_mut(position) else { continue };
            let appended = if column.len() > row {
                map.next_value::<IgnoredAny>()?;
                Err((Vec::new(), Reason::DuplicateKey))
            } else {
                map.next_value_seed(Cell { column, hexadecimal })?
            };
            if let Err((value, reason)) = appended {
                self.found.fault.get_or_insert(Fault::cell(position, value, reason));
            }
        }
        Ok(())
    }
}

/// Text, borrowed where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Str;
        impl<'de> Visitor<'de> for Str {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Str)
    }
}

/// Where the value of a key goes.
struct Key<'a>(Option<&'a Keys>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Target>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<Target>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.and_then(|keys| keys.find(key)))
    }
}

/// Appends a value to a column: a plain one, hexadecimal text, or an array.
struct Cell<'c> {
    column: &'c mut ColumnBuilder,
    hexadecimal: bool,
}

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = Appended;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Appended, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell<'_> {
    type Value = Appended;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Appended, E> {
        Value(self.column).visit_unit()
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Appended, E> {
        Value(self.column).visit_bool(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Appended, E> {
        Value(self.column).visit_u64(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Appended, E> {
        Value(self.column).visit_i64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Appended, E> {
        Value(self.column).visit_f64(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Appended, E> {
        if !self.hexadecimal {
            return Value(self.column).visit_str(value);
        }
        let digits = value.bytes().all(|b| b.is_ascii_hexdigit());
        match u32::from_str_radix(value, 16) {
            Ok(number) if digits => Value(self.column).visit_u64(number.into()),
            _ => Ok(Err((value.into(), Reason::NotHexadecimal))),
        }
    }

    /// Of an array, a number column takes the first element, a text column all of them, with commas between.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Appended, A::Error> {
        if self.column.is_number() {
            let Some(appended) = seq.next_element_seed(Value(self.column))? else {
                self.column.push_null();
                return Ok(Ok(()));
            };
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(appended);
        }
        let mut all = String::new();
        while let Some(Text(text)) = seq.next_element()? {
            if !all.is_empty() {
                all.push(',');
            }
            all.push_str(&text);
        }
        Value(self.column).visit_str(&all)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Appended, A::Error> {
        Value(self.column).visit_map(map)
    }
}
