//! The values of one JSON object by path: the keys of an object inside it become `outer.inner`.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Objects inside one another that are flattened; what is deeper stays one nested value.
const DEPTH: usize = 4;

/// Values of one object up to which objects inside it are flattened.
const PATHS: usize = 1_000;

/// A value at a path.
#[derive(Debug, PartialEq)]
pub(crate) enum Leaf {
    Null,
    /// A number as text; booleans are 0 and 1.
    Number(String),
    Text(String),
    /// A list, or an object that is not flattened.
    Nested,
}

/// Paths and values of an object, in its order.
#[derive(Debug, Default)]
pub(crate) struct Flat(pub(crate) Vec<(String, Leaf)>);

/// The columns of a schema, whose objects are not flattened.
pub(crate) type IsColumn<'a> = &'a dyn Fn(&str) -> bool;

impl Flat {
    /// The object on a line; an object at a path that is a column stays one nested value.
    pub(crate) fn of(line: &[u8], is_column: IsColumn<'_>) -> serde_json::Result<Self> {
        let mut flat = Self::default();
        let mut parser = serde_json::Deserializer::from_slice(line);
        Object { flat: &mut flat, prefix: "", depth: 0, is_column }.deserialize(&mut parser)?;
        parser.end().map(|()| flat)
    }

    /// The first objects of a JSON array, `count` at most.
    pub(crate) fn of_array(
        text: &str,
        count: usize,
        is_column: IsColumn<'_>,
    ) -> serde_json::Result<Vec<Self>> {
        let mut parser = serde_json::Deserializer::from_str(text);
        let flats = parser.deserialize_seq(Array { count, is_column })?;
        parser.end().map(|()| flats)
    }

    /// The paths, in the order of the object.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.0.iter().map(|(path, _)| path.clone()).collect()
    }
}

/// The paths of the first object, and the paths of the others that are columns of a schema.
pub(crate) fn known_paths(flats: &[Flat], is_column: IsColumn<'_>) -> Vec<String> {
    let Some((first, others)) = flats.split_first() else { return Vec::new() };
    let mut paths = first.paths();
    let mut seen: std::collections::HashSet<String> = paths.iter().cloned().collect();
    for (path, _) in others.iter().flat_map(|flat| &flat.0) {
        if is_column(path) && !seen.contains(path) {
            seen.insert(path.clone());
            paths.push(path.clone());
        }
    }
    paths
}

struct Array<'a> {
    count: usize,
    is_column: IsColumn<'a>,
}

impl<'de> Visitor<'de> for Array<'_> {
    type Value = Vec<Flat>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of JSON objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut flats = Vec::new();
        while flats.len() < self.count {
            let mut flat = Flat::default();
            let object = Object { flat: &mut flat, prefix: "", depth: 0, is_column: self.is_column };
            if seq.next_element_seed(object)?.is_none() {
                return Ok(flats);
            }
            flats.push(flat);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(flats)
    }
}

struct Object<'a> {
    flat: &'a mut Flat,
    prefix: &'a str,
    depth: usize,
    is_column: IsColumn<'a>,
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
        while let Some(Key(key)) = map.next_key()? {
            let path = if self.prefix.is_empty() { key } else { format!("{}.{key}", self.prefix) };
            map.next_value_seed(Value {
                flat: &mut *self.flat,
                path,
                depth: self.depth,
                is_column: self.is_column,
            })?;
        }
        Ok(())
    }
}

struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

struct Value<'a> {
    flat: &'a mut Flat,
    path: String,
    depth: usize,
    is_column: IsColumn<'a>,
}

impl Value<'_> {
    #[allow(clippy::unnecessary_wraps, reason = "the visitor's methods return it")]
    fn push<E>(self, leaf: Leaf) -> Result<(), E> {
        self.flat.0.push((self.path, leaf));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.push(Leaf::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.push(Leaf::Number(u8::from(value).to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.push(Leaf::Number(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.push(Leaf::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.push(Leaf::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.push(Leaf::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.push(Leaf::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.depth == DEPTH || self.flat.0.len() >= PATHS || (self.is_column)(&self.path) {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return self.push(Leaf::Nested);
        }
        let Self { flat, path, depth, is_column } = self;
        Object { flat, prefix: &path, depth: depth + 1, is_column }.visit_map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<(String, Leaf)> {
        Flat::of(text.as_bytes(), &|_| false).unwrap().0
    }

    #[test]
    fn objects_inside_are_flattened_in_order() {
        let got = flat(r#"{"z":1,"a":{"y":"t","b":{"c":true}},"l":[1],"e":{},"n":null}"#);
        let want = [
            ("z", Leaf::Number("1".into())),
            ("a.y", Leaf::Text("t".into())),
            ("a.b.c", Leaf::Number("1".into())),
            ("l", Leaf::Nested),
            ("n", Leaf::Null),
        ];
        assert_eq!(got, want.map(|(path, leaf)| (path.to_owned(), leaf)));
    }

    #[test]
    fn depth_and_number_of_paths_are_bounded() {
        assert_eq!(
            flat(r#"{"a":{"b":{"c":{"d":{"e":{"f":1}}}}}}"#),
            [("a.b.c.d.e".to_owned(), Leaf::Nested)]
        );
        let inner: Vec<String> = (0..PATHS).map(|i| format!("\"k{i}\":{i}")).collect();
        let text = format!("{{\"a\":{{{0}}},\"b\":{{{0}}}}}", inner.join(","));
        let got = flat(&text);
        assert_eq!(got.len(), PATHS + 1);
        assert_eq!(got[PATHS], ("b".to_owned(), Leaf::Nested));
    }
}
