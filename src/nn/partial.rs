//! Nested settings of which only some are said.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Reads settings over those of `base`: what is not said stays as it is there.
///
/// For a field whose owner has other defaults than the field's own type: `#[serde(default)]` on the type alone would
/// put the type's own in the place of what is not said.
pub(crate) fn over<'de, T, D>(base: &T, deserializer: D) -> Result<T, D::Error>
where
    T: Serialize + DeserializeOwned,
    D: Deserializer<'de>,
{
    let said = Map::deserialize(deserializer)?;
    let mut all = serde_json::to_value(base).map_err(D::Error::custom)?;
    if let Value::Object(all) = &mut all {
        all.extend(said);
    }
    serde_json::from_value(all).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        width: usize,
        rate: f32,
    }

    impl Default for Inner {
        fn default() -> Self {
            Self { width: 1, rate: 0.1 }
        }
    }

    fn read(json: &str) -> Result<Inner, serde_json::Error> {
        over(&Inner { width: 5, rate: 0.7 }, &mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn what_is_not_said_is_that_of_the_base() {
        assert_eq!(read("{}").unwrap(), Inner { width: 5, rate: 0.7 });
        assert_eq!(read(r#"{"rate": 0.3}"#).unwrap(), Inner { width: 5, rate: 0.3 });
        assert!(read(r#"{"wdth": 3}"#).unwrap_err().to_string().contains("unknown field `wdth`"));
        assert!(read(r#"{"width": -3}"#).is_err());
        assert!(read("[5, 0.7]").unwrap_err().to_string().contains("expected a map"));
    }
}
