//! Nested settings of which only some are given.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Reads settings over `base`, which supplies the settings that are not given.
///
/// For a field whose owner has other defaults than the type of the field: `#[serde(default)]` on the type alone would
/// use the defaults of the type. `aliases` lists the previous names of settings with their present names.
pub(crate) fn over<'de, T, D>(base: &T, aliases: &[(&str, &str)], deserializer: D) -> Result<T, D::Error>
where
    T: Serialize + DeserializeOwned,
    D: Deserializer<'de>,
{
    let given = Map::deserialize(deserializer)?;
    let mut all = serde_json::to_value(base).map_err(D::Error::custom)?;
    if let Value::Object(all) = &mut all {
        for (alias, _) in aliases.iter().filter(|(_, name)| given.contains_key(*name)) {
            if given.contains_key(*alias) {
                return Err(D::Error::custom(format_args!("duplicate field `{alias}`")));
            }
        }
        for (name, value) in given {
            let alias = aliases.iter().find(|(alias, _)| *alias == name);
            all.insert(alias.map_or(name, |(_, name)| (*name).to_owned()), value);
        }
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
        over(
            &Inner { width: 5, rate: 0.7 },
            &[("pace", "rate")],
            &mut serde_json::Deserializer::from_str(json),
        )
    }

    #[test]
    fn missing_settings_are_taken_from_the_base() {
        assert_eq!(read("{}").unwrap(), Inner { width: 5, rate: 0.7 });
        assert_eq!(read(r#"{"rate": 0.3}"#).unwrap(), Inner { width: 5, rate: 0.3 });
        assert_eq!(read(r#"{"pace": 0.3}"#).unwrap(), Inner { width: 5, rate: 0.3 });
        let twice = read(r#"{"pace": 0.3, "rate": 0.3}"#).unwrap_err().to_string();
        assert!(twice.contains("duplicate field `pace`"), "{twice}");
        assert!(read(r#"{"wdth": 3}"#).unwrap_err().to_string().contains("unknown field `wdth`"));
        assert!(read(r#"{"width": -3}"#).is_err());
        assert!(read("[5, 0.7]").unwrap_err().to_string().contains("expected a map"));
    }
}
