//! `Schema`: names and roles of the columns of a source.

use std::sync::Arc;

use napi_derive::napi;
use qosguard::telemetry;
use serde::Deserialize;

use crate::convert::mirror;
use crate::error::{Result, into_js_err};

/// What a column is used for.
#[napi(string_enum = "snake_case")]
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May become features.
    Feature,
    /// Ground truth: clean or attack. Never a feature.
    Label,
    /// Attack class. Never a feature.
    Family,
    /// The record's own clock. Never a feature.
    Time,
    /// Host, device, link or country that the record is about. Never a feature.
    Entity,
    /// Kept in the table, used for nothing.
    Ignore,
}

impl From<Role> for telemetry::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Feature => Self::Feature,
            Role::Label => Self::Label,
            Role::Family => Self::Family,
            Role::Time => Self::Time,
            Role::Entity => Self::Entity,
            Role::Ignore => Self::Ignore,
        }
    }
}

/// How a column's cells are stored.
#[napi(string_enum = "snake_case")]
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A number or missing.
    Number,
    /// Text or missing.
    Text,
    /// Seconds since the epoch or missing.
    Time,
}

/// One column of a schema.
#[napi(object, object_from_js = false)]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Name in the header.
    pub name: String,
    /// What the column is used for.
    pub role: Role,
    /// How its cells are stored.
    pub kind: Kind,
    /// The property of a flow that it holds, by the name of its column in the preset `canonical_flow`.
    pub field: Option<String>,
    /// Factor from a cell to the field's unit; absent for 1.
    pub scale: Option<f64>,
    /// Minimum legal value; a number below it rejects the row.
    pub minimum: Option<f64>,
    /// Maximum legal value; a number above it rejects the row.
    pub maximum: Option<f64>,
    /// The number that means "undefined" in the source; it is read as missing.
    pub undefined: Option<f64>,
    /// Unit of a time that is a number; absent for seconds.
    #[napi(ts_type = "'s' | 'ms' | 'us' | 'ns' | 'excel' | 'auto'")]
    pub unit: Option<String>,
    /// strptime format of a time that is not ISO 8601.
    pub format: Option<String>,
    /// Year of times whose format has none.
    pub year: Option<i32>,
    /// Name of the column with the time of day, which is added to the date in this column.
    pub time_of_day: Option<String>,
    /// `true` for a label, time or identity that is now ignored; it cannot become a feature.
    pub barred: Option<bool>,
}

/// Names and roles of the columns of a source, in file order.
///
/// Labels, families, identifiers and addresses can never become features.
#[napi]
#[derive(Clone, Debug)]
pub struct Schema {
    pub(crate) inner: Arc<telemetry::Schema>,
}

impl From<telemetry::Schema> for Schema {
    fn from(schema: telemetry::Schema) -> Self {
        Self { inner: Arc::new(schema) }
    }
}

#[napi]
impl Schema {
    /// A built-in schema: `unsw_nb15`, `unsw_nb15_raw`, `cicids2017`, `cicids2017_flows`,
    /// `cicids2017_corrected`, `cicids2018`, `nsl_kdd`, `kdd99`, `flow`, `flow_detail` or `canonical_flow`.
    /// Throws `invalid_argument` for another name.
    #[napi(catch_unwind)]
    pub fn preset(name: String) -> Result<Self> {
        telemetry::Schema::preset(&name).map(Into::into).map_err(|e| into_js_err(&e))
    }

    /// Names of the built-in schemas.
    #[napi(catch_unwind)]
    pub fn presets() -> Vec<String> {
        telemetry::Schema::presets().iter().map(|schema| schema.name().to_owned()).collect()
    }

    /// A schema of your own, from the text of a TOML file. Throws `invalid_argument` naming the field.
    #[napi(catch_unwind)]
    pub fn from_toml(text: String) -> Result<Self> {
        telemetry::Schema::from_toml(&text).map(Into::into).map_err(|e| into_js_err(&e))
    }

    /// A schema for records that no preset describes, from their keys and the first 2,000 of them: roles by name and by value.
    /// The readers do the same where no schema is given and no preset fits.
    ///
    /// Throws `schema_mismatch` where no column can be a feature, and `insufficient_data` without a record.
    #[napi(catch_unwind)]
    pub fn infer(
        #[napi(ts_arg_type = "FlowRecord | ReadonlyArray<FlowRecord>")] json: String,
    ) -> Result<Self> {
        telemetry::Schema::infer_json(&json).map(Into::into).map_err(|e| into_js_err(&e))
    }

    /// The schema as TOML, one column per line. `Schema.fromToml` reads it, also after edits.
    #[napi(catch_unwind)]
    pub fn to_toml(&self) -> String {
        self.inner.to_toml()
    }

    /// The same schema, with another role for one column. Throws `invalid_argument` for a column that is not there, and for
    /// a role that it may not have.
    #[napi(catch_unwind)]
    pub fn with_role(&self, column: String, role: Role) -> Result<Self> {
        self.inner.with_role(&column, role.into()).map(Into::into).map_err(|e| into_js_err(&e))
    }

    /// This schema with only the columns that a table of another one can fill.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn common_with(&self, source: &Schema) -> Self {
        self.inner.common_with(&source.inner).into()
    }

    /// The schema's name, such as `unsw_nb15`.
    #[napi(getter, catch_unwind)]
    pub fn name(&self) -> String {
        self.inner.name().to_owned()
    }

    /// The columns, in file order.
    #[napi(getter, catch_unwind)]
    pub fn columns(&self) -> Result<Vec<Column>> {
        self.inner.columns().iter().map(mirror).collect()
    }
}
