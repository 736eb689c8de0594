//! What each column of a table means.

pub(crate) mod builder;
pub(crate) mod canonical;
pub(crate) mod derive;
pub(crate) mod field;
pub(crate) mod infer;
pub(crate) mod layout;
pub(crate) mod mapping;
pub(crate) mod names;
pub(crate) mod preset;
pub(crate) mod sample;
pub(crate) mod time_columns;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::strict::list_for_fields;
use crate::telemetry::cell::clock::{Clock, TimeUnit};
use crate::telemetry::cell::spelling::{category, is_unknown};
use field::Field;

/// What a column is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
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

/// How a column's cells are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Arrow `Float64`; an empty cell is null, `NaN` and infinities stay as they are.
    Number,
    /// Arrow `Utf8`; an empty cell is null.
    Text,
    /// Arrow `Float64`: a time in seconds since the Unix epoch; an empty cell is null.
    ///
    /// A cell is a number in the column's [`unit`](Column::unit), a text in its
    /// [`format`](Column::format), or ISO 8601 such as `2017-07-03 08:55:58.5` or `2017-07-03T08:55:58+02:00`.
    /// A text without an offset from UTC is read as UTC: times of a zone with daylight saving stay
    /// [`Kind::Text`], for [`Series`](crate::telemetry::Series) to resolve.
    Time,
}

/// One column of a [`Schema`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Column {
    /// Name as it stands in the header, trimmed.
    pub name: String,
    /// What the column is used for.
    pub role: Role,
    /// How its cells are stored.
    pub kind: Kind,
    /// What it tells about a flow, in the words that all sources share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Field>,
    /// What a cell is multiplied by to get the field's unit, finite and above 0; 1 where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Least legal value; a finite number below it rejects the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// Greatest legal value; a finite number above it rejects the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// The number that the source writes for "undefined"; read as null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<f64>,
    /// What a time that is written as a number counts; seconds where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<TimeUnit>,
    /// How a time is written where ISO 8601 does not say it, such as `%d/%m/%Y %H:%M`.
    ///
    /// The directives are those of [`jiff::fmt::strtime`](https://docs.rs/jiff/latest/jiff/fmt/strtime/). A
    /// column of text and role `time` that has a unit or a format refuses a cell that is no such time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// It was truth, time or identity before it was ignored; it stays no feature.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    barred: bool,
}

impl Column {
    /// A column with a role and a kind, without limits.
    pub fn new(name: impl Into<String>, role: Role, kind: Kind) -> Self {
        Self {
            name: name.into(),
            role,
            kind,
            field: None,
            scale: None,
            minimum: None,
            maximum: None,
            undefined: None,
            unit: None,
            format: None,
            barred: false,
        }
    }

    /// Whether it is, or was before it was ignored, truth, time or identity.
    pub(crate) fn is_barred(&self) -> bool {
        self.barred || !matches!(self.role, Role::Feature | Role::Ignore)
    }

    /// Whether it says what the verdict should be, or may say it.
    pub(crate) fn is_truth(&self) -> bool {
        self.barred || matches!(self.role, Role::Label | Role::Family)
    }

    /// Whether it holds ports, which some sources write in hexadecimal.
    pub(crate) fn is_port(&self) -> bool {
        matches!(self.field, Some(Field::SrcPort | Field::DstPort))
    }

    /// Whether it is text that must be a time.
    pub(crate) fn is_clocked(&self) -> bool {
        self.kind == Kind::Text && self.role == Role::Time && (self.unit.is_some() || self.format.is_some())
    }

    /// Seconds in one unit of a number column that holds lengths of time: `1e-6` for microseconds, 1 for seconds and for
    /// every other number column.
    ///
    /// Readers divide a duration by it, so that a column of durations fills a column of numbers.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::{Column, Field, Kind, Role};
    ///
    /// let mut duration = Column::new("Flow Duration", Role::Feature, Kind::Number);
    /// duration.field = Some(Field::Duration);
    /// duration.scale = Some(1e-6);
    /// assert_eq!(duration.duration_unit(), 1e-6);
    /// ```
    pub fn duration_unit(&self) -> f64 {
        if self.field.is_some_and(|field| field.unit() == "s") { self.factor() } else { 1.0 }
    }

    /// What a cell is multiplied by to get the field's unit.
    pub(crate) fn factor(&self) -> f64 {
        self.scale.unwrap_or(1.0)
    }

    /// What reads a cell of text as a time, in seconds since the epoch; `None` for a cell that is not a time.
    pub(crate) fn time_reader(&self) -> impl Fn(&str) -> Option<f64> + use<> {
        let clock = Clock::new(self.unit, self.format.clone());
        move |cell| clock.read(cell.as_bytes()).ok()?.utc().ok()
    }
}

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
    /// [`Error::InvalidArgument`] for a duplicated or empty name, for a feature that is an
    /// address, a label or an identifier, for two labels, families or times, for limits that are not
    /// finite or a minimum above its maximum, and for a field of the other kind: addresses and services
    /// are text, ports are numbers. So do a kind `time` for anything but a time, a unit or a format for
    /// anything else, and a format that gives no date.
    pub fn new(name: impl Into<String>, columns: Vec<Column>, clean: Vec<String>) -> Result<Self> {
        let mut seen = std::collections::HashSet::new();
        for column in &columns {
            if column.name.is_empty() || !seen.insert(column.name.as_str()) {
                return Err(Error::invalid("columns", "unique, non-empty names", &column.name));
            }
            let address = matches!(column.field, Some(Field::SrcIp | Field::DstIp));
            if column.role == Role::Feature && (address || column.barred || is_reserved(&column.name)) {
                return Err(Error::invalid(
                    format!("columns.{}", column.name),
                    "no feature: it names a label, an identifier or an address",
                    "role = feature",
                ));
            }
        }
        for column in &columns {
            let limits = [column.minimum, column.maximum, column.undefined];
            if let Some(limit) = limits.into_iter().flatten().find(|limit| !limit.is_finite()) {
                return Err(Error::invalid(format!("columns.{}", column.name), "finite limits", limit));
            }
            if column.minimum.zip(column.maximum).is_some_and(|(low, high)| low > high) {
                return Err(Error::invalid(
                    format!("columns.{}", column.name),
                    "minimum at most maximum",
                    format!("{:?} and {:?}", column.minimum, column.maximum),
                ));
            }
            if column.scale.is_some_and(|scale| !(scale.is_finite() && scale > 0.0)) {
                let got = format!("{:?}", column.scale);
                return Err(Error::invalid(format!("columns.{}", column.name), "a scale above 0", got));
            }
            // A rule would find nothing in a column of the other kind, and nobody would be told.
            let kind = match column.field {
                // A protocol may be a number or a name, a time may be written out.
                Some(Field::Protocol | Field::StartTime | Field::EndTime) | None => column.kind,
                Some(field) => field.kind(),
            };
            if column.kind != kind {
                return Err(Error::invalid(
                    format!("columns.{}", column.name),
                    format!("kind = {kind:?} for its field"),
                    format!("kind = {:?}", column.kind),
                ));
            }
        }
        for column in &columns {
            check_time(column)?;
        }
        for role in [Role::Label, Role::Family, Role::Time] {
            if columns.iter().filter(|c| c.role == role).count() > 1 {
                return Err(Error::invalid(
                    "columns",
                    "at most one label, family and time",
                    format!("{role:?} twice"),
                ));
            }
        }
        Ok(Self { name: name.into(), columns, clean })
    }

    /// Reads a schema from TOML, in the form that the presets are written in.
    ///
    /// A column needs `name` and `kind`; `role` is `time` for the kind `time` and `feature` for the others unless it is
    /// given; `field`, `scale`, `minimum`, `maximum` and `undefined` are
    /// optional, and so are `unit` and `format` of a time.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for text that is no such TOML, and as [`Schema::new`].
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

    /// The same schema with another role for one column.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] when there is no such column, for a label, a family, a time or an entity
    /// that shall become a feature, whatever its name and even after it was ignored, and as [`Schema::new`].
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
            let expected = "no feature: the schema says that it is truth, time or identity";
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
        let columns = keep.iter().filter_map(|&i| self.columns.get(i).cloned()).collect();
        Self { name: self.name.clone(), columns, clean: self.clean.clone() }
    }

    /// The same schema with other columns.
    pub(crate) fn with_columns(&self, columns: Vec<Column>) -> Result<Self> {
        Self::new(&self.name, columns, self.clean.clone())
    }

    /// The same schema with the words for clean traffic of another.
    pub(crate) fn with_clean_of(self, other: &Self) -> Self {
        Self { clean: other.clean.clone(), ..self }
    }

    /// The columns of which a record has at least one: the numeric features that are no ports.
    pub(crate) fn telling(&self) -> Vec<usize> {
        let tells = |column: &Column| {
            column.role == Role::Feature && column.kind == Kind::Number && !column.is_port()
        };
        (0..self.columns.len()).filter(|&i| tells(&self.columns[i])).collect()
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

    /// Position of the column that tells a field of the flow.
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

    /// Whether a text label means an attack; `None` where it says that nobody knows.
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

/// The fields of a column, as a file has them.
const COLUMN_KEYS: [&str; 11] =
    ["name", "role", "kind", "field", "scale", "minimum", "maximum", "undefined", "unit", "format", "barred"];

/// Whether what a column says of times is for times, and can be read.
fn check_time(column: &Column) -> Result<()> {
    let refuse =
        |expected: &str, got: String| Err(Error::invalid(format!("columns.{}", column.name), expected, got));
    if column.kind == Kind::Time && !matches!(column.role, Role::Time | Role::Ignore) {
        return refuse("role = time or ignore for kind = time", format!("role = {:?}", column.role));
    }
    let written = column.unit.is_some() || column.format.is_some();
    if written && !(column.kind == Kind::Time || (column.kind == Kind::Text && column.role == Role::Time)) {
        return refuse("kind = time for a unit or a format", format!("kind = {:?}", column.kind));
    }
    match &column.format {
        Some(format) if !Clock::knows(format) => refuse("a strptime format of a date", format.clone()),
        _ => Ok(()),
    }
}

/// Names for truth and for identity, in small letters and digits.
const RESERVED: [&str; 28] = [
    "label",
    "labels",
    "class",
    "attackcat",
    "attackcategory",
    "attacktype",
    "attack",
    "difficulty",
    "difficultylevel",
    "family",
    "target",
    "isanomaly",
    "isattack",
    "id",
    "uid",
    "flowid",
    "srcip",
    "dstip",
    "sourceip",
    "destinationip",
    "srcaddr",
    "dstaddr",
    "saddr",
    "daddr",
    "timestamp",
    "stime",
    "ltime",
    "attemptedcategory",
];

/// Whether a name is one that the public data sets use for truth or for identity.
///
/// The readers call the second column of a name `name.1`, which is no other name.
pub(crate) fn is_reserved(name: &str) -> bool {
    let again = name.rsplit_once('.').filter(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
    let name = again.map_or(name, |(name, _)| name);
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    RESERVED.contains(&name.as_str())
}
