//! A schema of the user's own, column by column.

use crate::error::Result;
use crate::telemetry::schema::{Column, Kind, Role, Schema};

impl Schema {
    /// Starts a schema of the user's own; columns are in the order in which they are added.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::{Role, Schema};
    ///
    /// let schema = Schema::builder("sensors")
    ///     .time("at")
    ///     .entity("device")
    ///     .feature("latency_ms")
    ///     .category("link_type")
    ///     .text_label("state", &["ok"])
    ///     .build()?;
    /// assert_eq!(schema.index_of_role(Role::Label), Some(4));
    /// assert!(schema.is_clean("ok"));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn builder(name: impl Into<String>) -> SchemaBuilder {
        SchemaBuilder { name: name.into(), columns: Vec::new(), clean: Vec::new() }
    }
}

/// Builder returned by [`Schema::builder`].
#[derive(Clone, Debug)]
#[must_use = "call `.build()` to get a `Schema`"]
pub struct SchemaBuilder {
    name: String,
    columns: Vec<Column>,
    clean: Vec<String>,
}

impl SchemaBuilder {
    /// Adds a numeric feature.
    pub fn feature(self, name: impl Into<String>) -> Self {
        self.column(Column::new(name, Role::Feature, Kind::Number))
    }

    /// Adds a categorical feature.
    pub fn category(self, name: impl Into<String>) -> Self {
        self.column(Column::new(name, Role::Feature, Kind::Text))
    }

    /// Adds a numeric label: 0 is clean, 1 is an attack.
    pub fn label(self, name: impl Into<String>) -> Self {
        let mut column = Column::new(name, Role::Label, Kind::Number);
        (column.minimum, column.maximum) = (Some(0.0), Some(1.0));
        self.column(column)
    }

    /// Adds a text label; `clean` lists the values that mean clean traffic, a leading `*` matches any prefix.
    pub fn text_label(mut self, name: impl Into<String>, clean: &[&str]) -> Self {
        self.clean = clean.iter().map(ToString::to_string).collect();
        self.column(Column::new(name, Role::Label, Kind::Text))
    }

    /// Adds the attack class, text.
    pub fn family(self, name: impl Into<String>) -> Self {
        self.column(Column::new(name, Role::Family, Kind::Text))
    }

    /// Adds the record's own clock, in seconds since the epoch.
    pub fn time(self, name: impl Into<String>) -> Self {
        self.column(Column::new(name, Role::Time, Kind::Number))
    }

    /// Adds the host, device, link or country that the record is about, text.
    pub fn entity(self, name: impl Into<String>) -> Self {
        self.column(Column::new(name, Role::Entity, Kind::Text))
    }

    /// Adds a text column that is kept in the table and used for nothing.
    pub fn ignore(self, name: impl Into<String>) -> Self {
        self.column(Column::new(name, Role::Ignore, Kind::Text))
    }

    /// Adds any other column, such as one with limits or a flow's field.
    pub fn column(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// Validates and returns the schema.
    ///
    /// # Errors
    ///
    /// As [`Schema::new`].
    pub fn build(self) -> Result<Schema> {
        Schema::new(self.name, self.columns, self.clean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Field;

    #[test]
    fn truth_and_identity_are_rejected_as_features() {
        for name in [
            "Label",
            " label ",
            "Label.1",
            "labels",
            "CLASS",
            "attack",
            "attack_cat",
            "difficulty",
            "src_ip",
            "Flow ID",
            "id",
            "timestamp",
            "Stime",
        ] {
            assert!(Schema::builder("s").feature(name).build().is_err(), "{name}");
            assert!(Schema::builder("s").category(name).build().is_err(), "{name}");
        }
        assert!(Schema::builder("s").feature("x").feature("x").build().is_err());
        assert!(Schema::builder("s").label("a").label("b").build().is_err());
    }

    #[test]
    fn no_other_role_makes_truth_or_identity_a_feature_by_any_name() {
        let schema = Schema::builder("s").feature("x").label("y").family("kind").time("at").entity("who");
        let schema = schema.ignore("note").build().unwrap();
        for name in ["y", "kind", "at", "who"] {
            let error = schema.with_role(name, Role::Feature).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`columns.{name}` must be no feature")), "{error}");
            let ignored = schema.with_role(name, Role::Ignore).unwrap();
            assert!(ignored.with_role(name, Role::Feature).is_err(), "{name} by a detour");
            let role = schema.columns()[schema.index_of(name).unwrap()].role;
            assert_eq!(ignored.with_role(name, role).unwrap(), schema, "{name} may come back as what it was");
            let twice = ignored.with_role(name, Role::Ignore).unwrap();
            let mut file = serde_json::to_value(&twice).unwrap();
            let read: Schema = serde_json::from_value(file.clone()).unwrap();
            assert!(read.with_role(name, Role::Feature).is_err(), "{name} through a file");
            file["columns"][schema.index_of(name).unwrap()]["role"] = "feature".into();
            assert!(serde_json::from_value::<Schema>(file).is_err(), "{name} in a file");
        }
        for name in ["x", "note"] {
            assert!(schema.with_role(name, Role::Feature).is_ok());
        }
    }

    #[test]
    fn a_list_is_not_a_column() {
        let text = "name = 's'\ncolumns = [{name = 'x', role = 'feature', kind = 'number'}";
        assert!(Schema::from_toml(&format!("{text}]")).is_ok());
        let error = Schema::from_toml(&format!("{text}, ['y', 'feature', 'number']]")).unwrap_err();
        assert_eq!(error.to_string(), "`columns[1]` must be a table of named fields, got a list");
    }

    #[test]
    fn limits_are_finite_and_fields_are_of_their_kind() {
        let with = |change: fn(&mut Column)| {
            let mut column = Column::new("x", Role::Ignore, Kind::Number);
            change(&mut column);
            Schema::builder("s").column(column).build()
        };
        for bad in [
            |c: &mut Column| c.minimum = Some(f64::NAN),
            |c: &mut Column| c.maximum = Some(f64::INFINITY),
            |c: &mut Column| c.undefined = Some(f64::NAN),
            |c: &mut Column| c.field = Some(Field::SrcIp),
            |c: &mut Column| c.field = Some(Field::Service),
            |c: &mut Column| (c.field, c.kind) = (Some(Field::DstPort), Kind::Text),
        ] {
            let error = with(bad).unwrap_err();
            assert!(error.to_string().starts_with("`columns.x` must be "), "{error}");
        }
        assert!(with(|c| c.field = Some(Field::Protocol)).is_ok());
    }
}
