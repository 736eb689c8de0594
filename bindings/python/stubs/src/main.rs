//! `qosguard-stubs EXTENSION`: prints the type stub of a built Python extension, read from what `PyO3` stores in the library.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use pyo3_introspection::{introspect_cdylib, module_stub_files};

/// The name of the extension module.
const MODULE: &str = "_core";

fn main() -> ExitCode {
    let Some(library) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: qosguard-stubs EXTENSION");
        return ExitCode::from(2);
    };
    let text = match introspect_cdylib(&library, MODULE) {
        Ok(module) => module_stub_files(&module).into_values().collect::<String>(),
        Err(error) => {
            eprintln!("{}: {error:#}", library.display());
            return ExitCode::FAILURE;
        }
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
