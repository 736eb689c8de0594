//! Python binding of `qosguard`: converts and forwards; nothing here computes.

use mimalloc::MiMalloc;
use pyo3::prelude::*;

mod array;
mod error;
mod schema;
mod table;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The native half of `qosguard`; import from `qosguard` instead.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::error::provoke_panic;
    #[pymodule_export]
    use crate::schema::{Column, Schema};
    #[pymodule_export]
    use crate::table::{ReadReport, Rejection, Table};
}
