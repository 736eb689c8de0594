//! Plans of decisions and incidents, and their configuration.

use pyo3::prelude::*;
use qosguard::qos::{self, PlanConfig, Proposals, RenderConfig, Rendered, Renderer};
use qosguard::settings::{from_value, within};

use crate::convert::{Config, json, word};
use crate::error::{forward, interruptible, to_py};
use crate::policy::Policy;

/// A plan; `qosguard.Plan` converts its JSON.
#[pyclass(frozen, module = "qosguard._core")]
#[derive(Debug)]
pub(crate) struct NativePlan(qos::Plan);

/// A plan of JSON lines and of files that `assess` and `watch` write.
#[pyfunction]
#[pyo3(name = "_plan")]
pub(crate) fn plan(
    py: Python<'_>,
    text: &str,
    files: Vec<std::path::PathBuf>,
    now: f64,
    policy: Option<&Policy>,
    settings: Config,
) -> PyResult<NativePlan> {
    let config: PlanConfig = from_value(settings.0)
        .map_err(|error| to_py(py, &error.with_path(|path| within("settings", &path))))?;
    let policy = policy.map(|policy| policy.0.clone()).unwrap_or_default();
    let make = || {
        let mut proposals = Proposals::new();
        proposals.add_json("decisions", text)?;
        for file in &files {
            proposals.load(file)?;
        }
        qos::Plan::new(&proposals.finish(), now, &policy, &config)
    };
    interruptible(py, make).map(NativePlan)
}

#[pymethods]
impl NativePlan {
    /// The whole plan, as JSON.
    fn to_json(&self) -> String {
        json(&self.0)
    }

    /// Seconds until the first of the planned decisions expires.
    #[getter]
    fn next_expiry_s(&self) -> Option<u32> {
        self.0.next_expiry_s()
    }

    /// The configuration of a system, or what undoes it: JSON of the parts, the number of entries, and what is skipped.
    fn render(&self, py: Python<'_>, renderer: &str, rollback: bool, settings: Config) -> PyResult<String> {
        let renderer: Renderer = word(py, "renderer", renderer)?;
        let config: RenderConfig = from_value(settings.0)
            .map_err(|error| to_py(py, &error.with_path(|path| within("settings", &path))))?;
        let written: Rendered = forward(py, || {
            if rollback { self.0.rollback(renderer, &config) } else { self.0.render(renderer, &config) }
        })?;
        Ok(json(&written))
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }
}
