//! A schema as TOML.

use super::{RawSchema, Schema};
use crate::error::{Error, Result};
use crate::strict::list_for_fields;

/// The fields of a column, as a file has them.
const COLUMN_KEYS: [&str; 13] = [
    "name",
    "role",
    "kind",
    "field",
    "scale",
    "minimum",
    "maximum",
    "undefined",
    "unit",
    "format",
    "year",
    "time_of_day",
    "barred",
];

impl Schema {
    /// Reads a schema from TOML, in the form of the presets.
    ///
    /// A column needs `name` and `kind`. The default of `role` is `time` for the kind `time` and `feature` for the others.
    /// Optional are `field`, `scale`, `minimum`, `maximum` and `undefined`, and for a time `unit`, `format`, `year` and
    /// `time_of_day`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for text that is not a schema in TOML, and as [`Schema::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::Schema;
    ///
    /// let schema = Schema::from_toml(
    ///     r#"
    ///     name = "links"
    ///     columns = [
    ///       { name = "link", role = "entity", kind = "text" },
    ///       { name = "rtt_ms", role = "feature", kind = "number", minimum = 0 },
    ///     ]
    ///     "#,
    /// )?;
    /// assert_eq!(schema.columns().len(), 2);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self> {
        let refused = |e: toml::de::Error| Error::invalid("schema", "a schema in TOML", e.message());
        let mut given: toml::Table = toml::from_str(text).map_err(refused)?;
        for column in given.get_mut("columns").and_then(toml::Value::as_array_mut).into_iter().flatten() {
            let Some(column) = column.as_table_mut() else { continue };
            let role = if column.get("kind").and_then(toml::Value::as_str) == Some("time") {
                "time"
            } else {
                "feature"
            };
            column.entry("role").or_insert_with(|| role.into());
        }
        let raw: RawSchema = given.clone().try_into().map_err(refused)?;
        let given = serde_json::to_value(given).unwrap_or_default();
        if let Some(place) = list_for_fields(&given, &raw) {
            return Err(Error::invalid(place, "a table of named fields", "a list"));
        }
        raw.try_into()
    }

    /// The schema as TOML, one column per line. [`Schema::from_toml`] reads it, also after edits.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::Schema;
    ///
    /// for schema in Schema::presets() {
    ///     assert_eq!(Schema::from_toml(&schema.to_toml())?, *schema);
    /// }
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let clean: Vec<String> = self.clean.iter().map(|word| quoted(word)).collect();
        let mut text =
            format!("name = {}\nclean = [{}]\ncolumns = [\n", quoted(&self.name), clean.join(", "));
        for column in &self.columns {
            // A column is a struct of words and numbers, which TOML has.
            let fields = toml::Table::try_from(column).unwrap_or_default();
            let field = |key: &&str| fields.get(*key).map(|value| format!("{key} = {value}"));
            let fields: Vec<String> = COLUMN_KEYS.iter().filter_map(field).collect();
            text.extend(["  { ", &fields.join(", "), " },\n"]);
        }
        text + "]\n"
    }
}
