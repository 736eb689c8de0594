//! Which columns of a schema the device windows read, and their cells in a batch.

use sha2::{Digest, Sha256};

use super::window::Log;
use crate::arrow::array::{Array, RecordBatch, StringArray};
use crate::error::{Error, Result};
use crate::features::context::cells::{Columns, Numbers, Times};
use crate::features::context::entities::Key;
use crate::telemetry::{Column, Kind, Role, Schema};

/// Names of the columns of numbers, in the order of [`Log`].
const NUMBERS: [&str; 6] =
    ["latency_ms", "packet_loss_pct", "retry_count", "error_code", "traffic_volume_mb", "connection_resets"];

/// Which numbers logs have.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a column that a source has or not")]
pub(super) struct Has {
    pub(super) latency: bool,
    pub(super) loss: bool,
    pub(super) retries: bool,
    pub(super) code: bool,
    pub(super) traffic: bool,
    pub(super) resets: bool,
}

/// The columns of a schema that the device windows read.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    schema: String,
    time: Column,
    device: Column,
    numbers: [Option<Column>; NUMBERS.len()],
}

impl Inputs {
    /// Finds the columns.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a schema without a time, without an entity, or without any number of a device log.
    pub(super) fn of(schema: &Schema) -> Result<Self> {
        let role = |role| schema.index_of_role(role).map(|at| schema.columns()[at].clone());
        let missing =
            |expected: &str| Error::invalid("context", expected, format!("schema `{}`", schema.name()));
        let time = role(Role::Time).ok_or_else(|| missing("used with a schema that has a time column"))?;
        let device =
            role(Role::Entity).ok_or_else(|| missing("used with a schema that has a column of devices"))?;
        let numbers = NUMBERS.map(|name| {
            let column = schema.index_of(name).map(|at| &schema.columns()[at]);
            column.filter(|column| column.kind != Kind::Text).cloned()
        });
        if numbers.iter().all(Option::is_none) {
            let expected = format!("used with a schema that has one of the columns {}", NUMBERS.join(", "));
            return Err(missing(&expected));
        }
        Ok(Self { schema: schema.name().to_owned(), time, device, numbers })
    }

    /// Which numbers there are.
    pub(super) fn has(&self) -> Has {
        let [latency, loss, retries, code, traffic, resets] = self.numbers.each_ref().map(Option::is_some);
        Has { latency, loss, retries, code, traffic, resets }
    }

    /// The columns that are read.
    pub(super) fn columns(&self) -> impl Iterator<Item = &Column> {
        [&self.time, &self.device].into_iter().chain(self.numbers.iter().flatten())
    }

    /// The cells of a batch.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] that names the columns that are missing or of another type.
    pub(super) fn bind<'a>(&self, batch: &'a RecordBatch) -> Result<Cells<'a>> {
        let columns = Columns(batch);
        columns.check(&self.schema, self.columns())?;
        Ok(Cells {
            time: columns.times(&self.time)?,
            names: columns.texts(Some(&self.device)),
            numbers: columns.numbers(Some(&self.device)),
            values: self.numbers.each_ref().map(|column| columns.numbers(column.as_ref())),
        })
    }
}

/// The cells of one batch that the device windows read.
pub(super) struct Cells<'a> {
    time: Times<'a>,
    /// Devices with names, or with numbers.
    names: Option<&'a StringArray>,
    numbers: Option<Numbers<'a>>,
    values: [Option<Numbers<'a>>; NUMBERS.len()],
}

impl Cells<'_> {
    /// The time of a row, in seconds since the epoch.
    pub(super) fn time(&self, row: usize) -> Option<f64> {
        self.time.get(row)
    }

    /// The device of a row.
    pub(super) fn device(&self, row: usize) -> Option<Key> {
        match self.names {
            Some(names) => names.is_valid(row).then(|| key(names.value(row))),
            None => Some((self.numbers?.get(row)?.to_bits(), NUMBER)),
        }
    }

    /// What a row reports.
    pub(super) fn log(&self, row: usize) -> Log {
        let [latency, loss, retries, code, traffic, resets] =
            self.values.map(|numbers| numbers.and_then(|numbers| numbers.get(row)));
        Log { latency, loss, retries, code, traffic, resets }
    }
}

/// The second parts of keys end with the length of a short name, or with one of these bytes.
const NUMBER: u64 = 0xFE;
const LONG: u64 = 0xFF;

/// A name as a key: its bytes up to 15 of them, and 120 bits of its SHA-256 beyond.
fn key(name: &str) -> Key {
    let mut bytes = [0; 16];
    let name = name.trim().as_bytes();
    let mark = match bytes.get_mut(..name.len()) {
        Some(start) if name.len() < 16 => {
            start.copy_from_slice(name);
            name.len() as u64
        }
        _ => {
            bytes.copy_from_slice(&Sha256::digest(name)[..16]);
            LONG
        }
    };
    let all = u128::from_be_bytes(bytes);
    ((all >> 64) as u64, (all as u64 & !0xFF) | mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_keys() {
        let names = ["", "a", "a\0", "ab", "123456789012345", "1234567890123456", "1234567890123457"];
        let keys: std::collections::HashSet<Key> = names.into_iter().map(key).collect();
        assert_eq!(keys.len(), names.len());
        assert_eq!(key("modem-1"), key(" modem-1 "));
        assert_eq!(key("a").1, 1);
        assert_eq!(key("1234567890123456").1 & 0xFF, LONG);
    }
}
