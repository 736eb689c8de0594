//! The place of a field in the text of a policy, for error messages.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One step of a path such as `rules[2].ttl_s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The line, or the line and column, of the field at a path or, where it is left out, of the nearest part of the file that holds it.
///
/// `error_at` reads the text with a [`Place`] and returns where the error is that it gives; a place that is in the
/// text always gives one.
pub(super) fn line_of<T>(path: &str, error_at: impl Fn(Place<'_>) -> Option<T>) -> Option<T> {
    let steps = steps(path);
    (1..=steps.len()).rev().find_map(|n| error_at(Place(&steps[..n])))
}

/// The steps of a path.
pub(super) fn steps(path: &str) -> Vec<Step<'_>> {
    let parts = path.split(['.', '[']).filter(|part| !part.is_empty());
    parts
        .map(|part| match part.strip_suffix(']').and_then(|index| index.parse().ok()) {
            Some(index) => Step::Index(index),
            None => Step::Key(part),
        })
        .collect()
}

/// Reads nothing, and fails at the value that its steps lead to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a>(&'a [Step<'a>]);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.0.is_empty() {
            // Any value fails here: a list or fields where they begin, anything else in the visitor.
            return deserializer.deserialize_bool(self);
        }
        deserializer.deserialize_any(self)
    }
}

/// What is not overridden here fails, with the position that the format adds.
impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((&Step::Index(index), rest)) = self.0.split_first() else {
            return Err(A::Error::custom("here"));
        };
        for _ in 0..index {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        seq.next_element_seed(Place(rest))?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (key, rest) = match self.0 {
            // One value may take the place of a list of one.
            [Step::Index(0), Step::Key(key), rest @ ..] | [Step::Key(key), rest @ ..] => (*key, rest),
            _ => return Err(A::Error::custom("here")),
        };
        while let Some(name) = map.next_key::<String>()? {
            if name == key {
                map.next_value_seed(Place(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The line, from 1, of a byte of a text.
pub(super) fn line_at(text: &str, byte: usize) -> u64 {
    1 + text.bytes().take(byte).filter(|&b| b == b'\n').count() as u64
}

/// The column, from 1 and in characters, of a byte of a text.
pub(super) fn column_at(text: &str, byte: usize) -> u64 {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    1 + line.chars().count() as u64
}

/// The column of the JSON value that ends at a line and a column, both from 1, as the parser gives them.
pub(super) fn json_column(text: &str, line: u64, column: u64) -> u64 {
    let row = text.lines().nth(usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX));
    let Some(row) = row else { return column };
    let end = usize::try_from(column).unwrap_or(usize::MAX).min(row.len());
    let bytes = row.as_bytes().get(..end).unwrap_or_default();
    let start = match bytes.last() {
        Some(b'"') => bytes[..bytes.len() - 1].iter().rposition(|&b| b == b'"').unwrap_or_default(),
        Some(b'{' | b'[') | None => bytes.len().saturating_sub(1),
        Some(_) => {
            let is_between = |b: &u8| b.is_ascii_whitespace() || b",:[{".contains(b);
            bytes.iter().rposition(is_between).map_or(0, |at| at + 1)
        }
    };
    column_at(row, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        use Step::{Index, Key};
        assert_eq!(
            steps("rules[12].when.dst_port[0]"),
            [Key("rules"), Index(12), Key("when"), Key("dst_port"), Index(0)]
        );
        assert_eq!(steps("version"), [Key("version")]);
        assert_eq!(steps(""), []);
    }

    #[test]
    fn the_line_belongs_to_the_field_or_to_the_object_that_lacks_it() {
        let text = "{\n\"rules\": [\n{\"name\": \"a\"},\n{\n\"when\": {\n\"dst_port\": 1}}]}";
        let line = |path| {
            line_of(path, |place| {
                place
                    .deserialize(&mut serde_json::Deserializer::from_str(text))
                    .err()
                    .map(|e| e.line() as u64)
            })
        };
        let lines =
            ["rules", "rules[0]", "rules[0].name", "rules[1]", "rules[1].when", "rules[1].when.dst_port[0]"]
                .map(line);
        assert_eq!(lines, [Some(2), Some(3), Some(3), Some(4), Some(5), Some(6)]);
        assert_eq!((line("rules[0].when.src"), line("rules[9]"), line("bands")), (Some(3), Some(2), None));
    }
}
