//! Streams of records and their incidents.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use qosguard::settings::{from_value, within};
use qosguard::stream::{IncidentEvent, IncidentFormat, IncidentTable, StreamConfig};

use crate::convert::{Config, json, word};
use crate::error::{forward, interruptible, to_py};
use crate::guard::{Assessment, Guard};
use crate::policy::Policy;
use crate::schema::Schema;
use crate::table::Table;

/// A stream of records; `qosguard.Stream` converts its JSON.
#[pyclass(frozen, module = "qosguard._core")]
#[derive(Debug)]
pub(crate) struct IncidentStream(Mutex<qosguard::Stream>);

impl IncidentStream {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut qosguard::Stream) -> T + Send,
    ) -> PyResult<T> {
        forward(py, || Ok(work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))))
    }
}

#[pymethods]
impl IncidentStream {
    #[new]
    fn new(
        py: Python<'_>,
        schema: &Schema,
        guard: Option<&Guard>,
        policy: Option<&Policy>,
        settings: Config,
    ) -> PyResult<Self> {
        let config: StreamConfig = from_value(settings.0)
            .map_err(|error| to_py(py, &error.with_path(|path| within("settings", &path))))?;
        let policy = policy.map(|policy| policy.0.clone());
        let start = || match guard {
            Some(Guard(guard)) => {
                let guard = policy.map_or_else(|| Ok(guard.clone()), |policy| guard.with_policy(policy))?;
                qosguard::Stream::with_guard(guard, &schema.0, &config)
            }
            None => qosguard::Stream::with_policy(&schema.0, &config, policy.unwrap_or_default()),
        };
        forward(py, start).map(|stream| Self(Mutex::new(stream)))
    }

    /// Continues from the bytes of a checkpoint.
    #[staticmethod]
    fn restore(py: Python<'_>, data: &[u8], schema: &Schema, guard: Option<&Guard>) -> PyResult<Self> {
        let guard = guard.map(|guard| &guard.0);
        forward(py, || qosguard::Stream::restore(data, &schema.0, guard))
            .map(|stream| Self(Mutex::new(stream)))
    }

    /// Continues from the file of a checkpoint.
    #[staticmethod]
    fn load_checkpoint(
        py: Python<'_>,
        path: PathBuf,
        schema: &Schema,
        guard: Option<&Guard>,
    ) -> PyResult<Self> {
        let guard = guard.map(|guard| &guard.0);
        let load = || qosguard::Stream::load_checkpoint(path, &schema.0, guard);
        forward(py, load).map(|stream| Self(Mutex::new(stream)))
    }

    /// The whole state.
    fn checkpoint<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = forward(py, || self.0.lock().unwrap_or_else(PoisonError::into_inner).checkpoint())?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Writes the state to a file.
    fn save_checkpoint(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        forward(py, || self.0.lock().unwrap_or_else(PoisonError::into_inner).save_checkpoint(path))
    }

    /// Assesses the records of a table: the assessment, its first row, and the changes of incidents as JSON.
    fn push(&self, py: Python<'_>, table: &Table) -> PyResult<(Option<Assessment>, usize, Vec<String>)> {
        let update =
            interruptible(py, || self.0.lock().unwrap_or_else(PoisonError::into_inner).push_table(&table.0))?;
        Ok((update.assessment.map(Assessment), update.first, texts(&update.events)))
    }

    /// Closes all incidents.
    fn finish(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.with(py, |stream| texts(&stream.finish()))
    }

    /// The incidents that are open, as JSON.
    fn incidents(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.with(py, |stream| stream.incidents().map(json).collect())
    }

    /// State, counts, watermark and latency; all but the watermark as JSON.
    fn status(&self, py: Python<'_>) -> PyResult<(String, String, Option<f64>, String)> {
        self.with(py, |stream| {
            (json(&stream.state()), json(&stream.counts()), stream.watermark(), json(&stream.latency()))
        })
    }

    /// The guard that assesses.
    fn guard(&self, py: Python<'_>) -> PyResult<Option<Guard>> {
        self.with(py, |stream| stream.guard().cloned().map(Guard))
    }

    /// Replaces the guard.
    fn swap(&self, py: Python<'_>, guard: &Guard) -> PyResult<()> {
        forward(py, || self.0.lock().unwrap_or_else(PoisonError::into_inner).swap(guard.0.clone()))
    }

    /// Records that an incident is false.
    fn false_positive(&self, py: Python<'_>, incident_id: &str) -> PyResult<Option<String>> {
        self.with(py, |stream| stream.false_positive(incident_id).as_ref().map(json))
    }

    /// Records when an action was applied.
    fn record_action(&self, py: Python<'_>, incident_id: &str, time: f64) -> PyResult<bool> {
        self.with(py, |stream| stream.record_action(incident_id, time))
    }
}

fn texts(events: &[IncidentEvent]) -> Vec<String> {
    events.iter().map(json).collect()
}

/// The change of an incident as one line of another format.
#[pyfunction]
pub(crate) fn export_incident(py: Python<'_>, event: Config, format: &str) -> PyResult<String> {
    let event: IncidentEvent =
        from_value(event.0).map_err(|error| to_py(py, &error.with_path(|path| within("event", &path))))?;
    let format: IncidentFormat = word(py, "format", format)?;
    Ok(event.export(format))
}

/// The incidents of some changes as a table for people.
#[pyfunction]
pub(crate) fn incident_table(py: Python<'_>, events: Config) -> PyResult<String> {
    let events: Vec<IncidentEvent> =
        from_value(events.0).map_err(|error| to_py(py, &error.with_path(|path| within("events", &path))))?;
    Ok(IncidentTable::of(&events).to_string())
}
