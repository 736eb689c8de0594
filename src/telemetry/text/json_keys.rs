//! The keys of a JSON object, without its values.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

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
}
