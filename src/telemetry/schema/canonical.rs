//! The canonical flow: one column for every field.

use super::field::Field;
use crate::error::Result;
use crate::telemetry::schema::{Column, Kind, Role, Schema};

/// Its name among the presets.
pub(crate) const NAME: &str = "canonical_flow";

/// One column for every [`Field`], by its name and in its unit.
pub(crate) fn schema() -> Result<Schema> {
    let columns = Field::ALL.iter().map(|&field| {
        let mut column = Column::new(field.name(), role(field), field.kind());
        column.field = Some(field);
        if column.is_port() {
            (column.minimum, column.maximum) = (Some(0.0), Some(65_535.0));
        }
        column
    });
    Schema::new(NAME, columns.collect(), Vec::new())
}

/// The canonical flow with a label, 0 for clean traffic, and an attack class.
pub(crate) fn with_truth(canonical: &Schema) -> Result<Schema> {
    let mut label = Column::new("label", Role::Label, Kind::Number);
    (label.minimum, label.maximum) = (Some(0.0), Some(1.0));
    let family = Column::new("family", Role::Family, Kind::Text);
    canonical.with_columns(canonical.columns().iter().cloned().chain([label, family]).collect())
}

/// Hosts, times and places are not features; all other fields are.
fn role(field: Field) -> Role {
    match field {
        Field::SrcIp => Role::Entity,
        Field::StartTime => Role::Time,
        Field::DstIp
        | Field::SrcPort
        | Field::EndTime
        | Field::VlanId
        | Field::Exporter
        | Field::SamplingInterval
        | Field::InputInterface
        | Field::OutputInterface => Role::Ignore,
        _ => Role::Feature,
    }
}
