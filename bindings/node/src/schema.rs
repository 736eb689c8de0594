//! `Schema`: names and roles of the columns of a source.

use std::sync::Arc;

use napi_derive::napi;

use crate::convert::word;

/// What a column is used for.
#[napi(string_enum = "snake_case")]
#[derive(Debug)]
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

impl From<Role> for qosguard::telemetry::Role {
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

/// One column of a schema.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct Column {
    /// Name as it stands in the header.
    pub name: String,
    /// What the column is used for.
    #[napi(ts_type = "Role")]
    pub role: String,
    /// How its cells are stored.
    #[napi(ts_type = "'number' | 'text'")]
    pub kind: String,
}

/// Names and roles of the columns of a source, in file order.
#[napi]
#[derive(Debug)]
pub struct Schema {
    pub(crate) inner: Arc<qosguard::telemetry::Schema>,
}

#[napi]
impl Schema {
    /// The schema's name, such as `unsw_nb15`.
    #[napi(getter, catch_unwind)]
    pub fn name(&self) -> String {
        self.inner.name().to_owned()
    }

    /// The columns, in file order.
    #[napi(getter, catch_unwind)]
    pub fn columns(&self) -> Vec<Column> {
        let columns = self.inner.columns().iter();
        columns.map(|c| Column { name: c.name.clone(), role: word(&c.role), kind: word(&c.kind) }).collect()
    }
}
