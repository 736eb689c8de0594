//! Python binding of `qosguard`: converts and forwards; nothing here computes.

#![allow(clippy::doc_markdown, clippy::doc_link_with_quotes, reason = "docstrings that Python's help shows")]

use mimalloc::MiMalloc;
use pyo3::prelude::*;

mod array;
mod calibrate;
mod cells;
mod convert;
mod detector;
mod error;
mod evaluate;
mod explanation;
mod exporters;
mod frame;
mod guard;
mod incidents;
mod ledger;
mod plan;
mod policy;
mod read;
mod schema;
mod series;
mod settings;
mod simulate;
mod stream;
mod table;
mod watch;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Scores on the calling thread from now on: a forked child has none of its parent's worker threads.
#[pyfunction]
#[pyo3(name = "_after_fork")]
fn after_fork() {
    qosguard::set_parallel(false);
}

/// The native half of `qosguard`; import from `qosguard` instead.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
    #[pymodule_export]
    use crate::after_fork;
    #[pymodule_export]
    use crate::calibrate::{Probability, combine_p_values};
    #[pymodule_export]
    use crate::cells::TableRows;
    #[pymodule_export]
    use crate::detector::Detector;
    #[pymodule_export]
    use crate::error::{error_kinds, provoke_panic};
    #[pymodule_export]
    use crate::evaluate::{
        calibration_error, distinct, evaluate, event_metrics, leak_audit, split_by_time, split_k_fold,
        split_leave_one_family_out, split_stratified, vus_pr,
    };
    #[pymodule_export]
    use crate::explanation::Explanation;
    #[pymodule_export]
    use crate::explanation::GuardExplanation;
    #[pymodule_export]
    use crate::exporters::{Collector, read_exports};
    #[pymodule_export]
    use crate::guard::{Assessment, Guard, ThresholdRule};
    #[pymodule_export]
    use crate::incidents::{IncidentStream, export_incident, incident_table};
    #[pymodule_export]
    use crate::ledger::{Ledger, LedgerRecords};
    #[pymodule_export]
    use crate::plan::{NativePlan, plan};
    #[pymodule_export]
    use crate::policy::Policy;
    #[pymodule_export]
    use crate::read::{read, read_csv, read_ipc, read_jsonl, read_parquet};
    #[pymodule_export]
    use crate::schema::{Column, Schema, clean_labels, is_clean_label};
    #[pymodule_export]
    use crate::series::{Series, read_series};
    #[pymodule_export]
    use crate::settings::{ensemble_recipe, settings};
    #[pymodule_export]
    use crate::simulate::{simulate, simulate_devices, simulate_traffic};
    #[pymodule_export]
    use crate::stream::{Follower, TableReader, follow, open};
    #[pymodule_export]
    use crate::table::{ReadReport, Rejection, Table};
}
