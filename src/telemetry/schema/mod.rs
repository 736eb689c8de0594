//! What each column of a table means.

pub(crate) mod builder;
mod canonical;
mod check;
pub(crate) mod column;
pub(crate) mod derive;
pub(crate) mod field;
pub(crate) mod infer;
pub(crate) mod layout;
pub(crate) mod mapping;
pub(crate) mod names;
mod preset;
pub(crate) mod sample;
pub(crate) mod time_columns;
mod toml_form;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::telemetry::cell::clock::TimeUnit;
use crate::telemetry::cell::spelling::{category, is_unknown};
pub use column::{Column, Kind, Role};
use field::Field;

/// Names and roles of the columns of a source, in file order.
///
/// A schema comes from a preset ([`Schema::preset`]), from a TOML file, or from [`Schema::builder`];
/// each is validated once, and labels, families, identifiers and addresses can never become features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawSchema", into = "RawSchema")]
pub struct Schema {
    name: String,
    columns: Vec<Column>,
    clean: Vec<String>,
}

/// What a schema looks like in a file, before it is validated.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSchema {
    name: String,
    columns: Vec<Column>,
    #[serde(default)]
    clean: Vec<String>,
}

impl TryFrom<RawSchema> for Schema {
    type Error = Error;

    fn try_from(raw: RawSchema) -> Result<Self> {
        Self::new(raw.name, raw.columns, raw.clean)
    }
}

impl From<Schema> for RawSchema {
    fn from(schema: Schema) -> Self {
        Self { name: schema.name, columns: schema.columns, clean: schema.clean }
    }
}

impl Schema {
    /// Validates and builds a schema.
    ///
    /// `clean` lists the label values that mean clean traffic; a leading `*` matches any prefix.
    /// Numeric labels are clean when they are 0.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for
    ///
    /// - a duplicated or empty name;
    /// - a feature that is an address, a label or an identifier;
    /// - two labels, families or times;
    /// - limits that are not finite, and a minimum above its maximum;
    /// - a field of another kind: addresses and services are text, ports are numbers;
    /// - the kind `time` with another role than time or ignore;
    /// - a unit or a format of a column that is not a time, and a format without a date;
    /// - a [`time_of_day`](Column::time_of_day) that does not name a column of times.
    pub fn new(name: impl Into<String>, columns: Vec<Column>, clean: Vec<String>) -> Result<Self> {
        check::columns(&columns)?;
        Ok(Self { name: name.into(), columns, clean })
    }

    /// The same schema with another role for one column.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] when there is no such column, for a label, a family, a time or an entity
    /// as a feature, whatever its name and even after it was ignored, and as [`Schema::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::{Role, Schema};
    ///
    /// let schema = Schema::preset("cicids2017_corrected")?;
    /// let without_port = schema.with_role("Dst Port", Role::Ignore)?;
    /// assert_eq!(without_port.columns()[5].role, Role::Ignore);
    /// assert!(schema.with_role("Label", Role::Feature).is_err());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn with_role(&self, name: &str, role: Role) -> Result<Self> {
        let index = self
            .index_of(name)
            .ok_or_else(|| Error::invalid("name", format!("a column of schema `{}`", self.name), name))?;
        let mut columns = self.columns.clone();
        let column = &mut columns[index];
        if role == Role::Feature && column.is_barred() {
            let expected = "no feature: in the schema it is truth, time or identity";
            return Err(Error::invalid(
                format!("columns.{name}"),
                expected,
                format!("role = {:?}", column.role),
            ));
        }
        column.barred = role == Role::Ignore && column.is_barred();
        column.role = role;
        Self::new(&self.name, columns, self.clean.clone())
    }

    /// The same schema with only the columns at these positions, ascending.
    pub(crate) fn restrict(&self, keep: &[usize]) -> Self {
        let mut columns: Vec<Column> = keep.iter().filter_map(|&i| self.columns.get(i).cloned()).collect();
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        for column in &mut columns {
            column.time_of_day = column.time_of_day.take().filter(|name| names.contains(name));
        }
        Self { name: self.name.clone(), columns, clean: self.clean.clone() }
    }

    /// The same schema with other columns.
    pub(crate) fn with_columns(&self, columns: Vec<Column>) -> Result<Self> {
        Self::new(&self.name, columns, self.clean.clone())
    }

    /// The same schema with a unit for a time without one.
    pub(crate) fn with_unit(mut self, index: usize, unit: TimeUnit) -> Self {
        if let Some(column) = self.columns.get_mut(index).filter(|column| column.kind == Kind::Time) {
            column.unit.get_or_insert(unit);
        }
        self
    }

    /// Whether the label is written in codes, such as 1 and -1, which are not the names of classes.
    pub(crate) fn has_codes(&self) -> bool {
        !self.clean.is_empty() && self.clean.iter().all(|word| word.parse::<f64>().is_ok() || word == "yes")
    }

    /// The same schema with the words for clean traffic of another.
    pub(crate) fn with_clean_of(self, other: &Self) -> Self {
        Self { clean: other.clean.clone(), ..self }
    }

    /// The columns of which a record has at least one: the numeric features that are not ports.
    pub(crate) fn required(&self) -> Vec<usize> {
        let measures = |column: &Column| {
            column.role == Role::Feature && column.kind == Kind::Number && !column.is_port()
        };
        (0..self.columns.len()).filter(|&i| measures(&self.columns[i])).collect()
    }

    /// Positions of each date and of the column with its time of day.
    pub(crate) fn dates(&self) -> Vec<(usize, usize)> {
        let of_day = |column: &Column| self.index_of(column.time_of_day.as_ref()?);
        let dates = self.columns.iter().enumerate();
        dates.filter_map(|(i, column)| Some((i, of_day(column)?))).collect()
    }

    /// The schema's name, such as `unsw_nb15`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns, in file order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Position of a column by name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// Position of the (first) column with a role.
    pub fn index_of_role(&self, role: Role) -> Option<usize> {
        self.columns.iter().position(|c| c.role == role)
    }

    /// Position of the column with a field of the flow.
    pub fn index_of_field(&self, field: Field) -> Option<usize> {
        self.columns.iter().position(|c| c.field == Some(field))
    }

    /// Whether a text label means clean traffic.
    pub fn is_clean(&self, label: &str) -> bool {
        let label = label.trim();
        self.clean.iter().any(|pattern| match pattern.strip_prefix('*') {
            Some(suffix) => label.ends_with(suffix),
            // A label is a word, of which `False` and `0` are one spelling.
            None => label.eq_ignore_ascii_case(pattern) || label == category(pattern),
        })
    }

    /// Whether a text label means an attack; `None` for a label such as `Unknown`.
    pub(crate) fn truth(&self, label: &str) -> Option<bool> {
        let clean = self.is_clean(label);
        (clean || !is_unknown(label)).then_some(!clean)
    }

    /// The Arrow schema of a table with these columns.
    pub fn to_arrow(&self) -> crate::arrow::datatypes::Schema {
        use crate::arrow::datatypes::{DataType, Field as ArrowField};
        let fields = self.columns.iter().map(|c| {
            let kind = match c.kind {
                Kind::Number | Kind::Time => DataType::Float64,
                Kind::Text => DataType::Utf8,
            };
            ArrowField::new(&c.name, kind, true)
        });
        crate::arrow::datatypes::Schema::new(fields.collect::<Vec<_>>())
    }
}
