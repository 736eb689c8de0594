//! The roles of columns that are neither label nor attack class.

use super::profile::{CATEGORIES, ENOUGH, Profile, Taken};
use crate::telemetry::cell::number::{self, Cell};
use crate::telemetry::schema::check::is_reserved;
use crate::telemetry::schema::field::Field;
use crate::telemetry::schema::names::{
    DESTINATION_PORTS, DESTINATIONS, ENTITIES, IDENTIFIERS, PROTOCOLS, SOURCE_PORTS, SOURCES,
};
use crate::telemetry::schema::sample::Sort;
use crate::telemetry::schema::{Column, Kind, Role};

impl Profile<'_> {
    /// A column that is neither label nor family.
    pub(super) fn ordinary(&self, labelled: bool) -> Taken {
        let name = &self.sample.name;
        let ignored = |why: &str| Taken::ignored(name, why);
        if self.sample.sort == Sort::Nested {
            return ignored("nested values");
        }
        if self.present == 0 {
            return ignored("no values");
        }
        if self.sample.keys * 2 < self.sample.cells.len() && self.sample.partial {
            return ignored("absent from most records");
        }
        if self.is_truth(labelled) {
            return ignored("may hold what the label holds");
        }
        if let Some(taken) = self.address().or_else(|| self.time()).or_else(|| self.port()) {
            return taken;
        }
        if self.named(&PROTOCOLS) {
            let mut column = Column::new(name, Role::Feature, Kind::Text);
            column.field = Some(Field::Protocol);
            return Taken::new(column);
        }
        if self.named(&IDENTIFIERS)
            || self.name.starts_with("unnamed")
            || self.name.starts_with("indexlevel")
            || self.counts()
        {
            return ignored("a number of the record");
        }
        if is_reserved(name) {
            return ignored("a name of truth or identity");
        }
        if self.distinct.len() == 1
            && self.sample.cells.len() >= ENOUGH
            && self.present == self.sample.cells.len()
        {
            let value: String = self.distinct.iter().flat_map(|v| v.chars()).take(32).collect();
            return ignored(&format!("always {value}"));
        }
        if self.numbers.is_some() {
            return Taken::new(Column::new(name, Role::Feature, Kind::Number));
        }
        if self.is_unique() || self.distinct.len() > CATEGORIES.max(self.present / 2) {
            return ignored(&format!("{} different texts", self.distinct.len()));
        }
        Taken::new(Column::new(name, Role::Feature, Kind::Text))
    }

    /// Whether each record has the whole number after the number of the last record.
    fn counts(&self) -> bool {
        let steps = |n: &Vec<f64>| n.len() >= ENOUGH && n.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
        self.numbers.as_ref().is_some_and(|numbers| steps(numbers) && numbers[0].fract() == 0.0)
    }

    fn address(&self) -> Option<Taken> {
        let addresses = self.holds_addresses();
        let source = self.named(&SOURCES);
        let destination = self.named(&DESTINATIONS);
        // `source` and `dst` may be anything.
        let named =
            (source || destination) && (addresses || self.name.contains("ip") || self.name.contains("addr"));
        let entity = self.named(&ENTITIES) && self.numbers.is_none();
        if !(named || entity || addresses) {
            return None;
        }
        let role = if destination { Role::Ignore } else { Role::Entity };
        let mut column = Column::new(&self.sample.name, role, Kind::Text);
        column.field = match (source, destination) {
            (true, _) => Some(Field::SrcIp),
            (_, true) => Some(Field::DstIp),
            _ => None,
        };
        Some(Taken { column, why: "an address".into() })
    }

    fn port(&self) -> Option<Taken> {
        let (source, destination) = (self.named(&SOURCE_PORTS), self.named(&DESTINATION_PORTS));
        let port = |cell: &&str| match number::parse(cell.as_bytes(), true) {
            Cell::Value(value) => (0.0..=65_535.0).contains(&value) && value.trunc() == value,
            Cell::Missing => true,
            _ => false,
        };
        if !(source || destination) || !self.distinct.iter().all(port) {
            return None;
        }
        let role = if source { Role::Ignore } else { Role::Feature };
        let mut column = Column::new(&self.sample.name, role, Kind::Number);
        column.field = Some(if source { Field::SrcPort } else { Field::DstPort });
        (column.minimum, column.maximum) = (Some(0.0), Some(65_535.0));
        Some(Taken { column, why: "a source port".into() })
    }
}
