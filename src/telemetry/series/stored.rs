//! A series as bytes, to send it to another process.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Axis, EntitySeries, Series, SeriesReport};
use crate::bits::f64s;
use crate::error::{Error, Result};
use crate::telemetry::Schema;

/// The fields of a [`Series`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema: Schema,
    columns: Vec<String>,
    entities: Vec<Entity>,
    report: SeriesReport,
}

/// The fields of an [`EntitySeries`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entity {
    name: String,
    #[serde(with = "f64s")]
    times: Vec<f64>,
    present: Vec<bool>,
    labels: Option<Floats>,
    values: Vec<Floats>,
}

#[derive(Serialize, Deserialize)]
struct Floats(#[serde(with = "f64s")] Vec<f64>);

impl Series {
    /// The series as bytes. [`Series::from_bytes`] of the same release restores it to the same bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::series::Interval;
    /// use qosguard::telemetry::{Schema, Series, SeriesConfig, Table};
    ///
    /// let schema = Schema::builder("s").feature("bps").build()?;
    /// let table = Table::from_json(&schema, r#"[{"bps": 1}, {"bps": null}]"#)?;
    /// let config = SeriesConfig { start: Some(0.0), interval: Interval::Seconds(60.0), ..SeriesConfig::default() };
    /// let series = Series::from_table(&table, &config)?;
    /// let copy = Series::from_bytes(&series.to_bytes())?;
    /// assert_eq!(copy.report(), series.report());
    /// assert!(copy.entities()[0].values(0)[1].is_nan());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let entity = |entity: &EntitySeries| Entity {
            name: entity.name.clone(),
            times: entity.axis.times.clone(),
            present: entity.axis.present.clone(),
            labels: entity.axis.labels.clone().map(Floats),
            values: entity.values.iter().cloned().map(Floats).collect(),
        };
        let stored = Stored {
            schema: (*self.schema).clone(),
            columns: self.columns.clone(),
            entities: self.entities.iter().map(entity).collect(),
            report: self.report.clone(),
        };
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// Restores a series from the bytes of [`Series::to_bytes`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let invalid = |got: String| Error::invalid("bytes", "the bytes of `Series::to_bytes`", got);
        let stored: Stored = serde_json::from_slice(bytes).map_err(|e| invalid(e.to_string()))?;
        let columns = stored.columns.len();
        if !stored.entities.iter().all(|entity| entity.is_consistent(columns)) {
            return Err(invalid("columns of other lengths".into()));
        }
        let entity = |entity: Entity| EntitySeries {
            name: entity.name,
            axis: Arc::new(Axis {
                times: entity.times,
                present: entity.present,
                labels: entity.labels.map(|labels| labels.0),
            }),
            values: entity.values.into_iter().map(|values| values.0).collect(),
        };
        Ok(Self {
            schema: Arc::new(stored.schema),
            columns: stored.columns,
            entities: stored.entities.into_iter().map(entity).collect(),
            report: stored.report,
        })
    }
}

impl Entity {
    /// Whether each column has a vector with one value per step.
    fn is_consistent(&self, columns: usize) -> bool {
        let steps = self.times.len();
        self.present.len() == steps
            && self.labels.as_ref().is_none_or(|labels| labels.0.len() == steps)
            && self.values.len() == columns
            && self.values.iter().all(|values| values.0.len() == steps)
    }
}
