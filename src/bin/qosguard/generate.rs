//! Completion scripts and manual pages, made from the arguments.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use qosguard::Error;

use crate::arguments::Arguments;
use crate::exit::Outcome;

pub(crate) fn completions(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "qosguard", &mut script);
    crate::output::print(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(directory: &Path) -> Outcome {
    let io = |source| Error::Io { path: directory.to_path_buf(), source };
    std::fs::create_dir_all(directory).map_err(io)?;
    clap_mangen::generate_to(Arguments::command(), directory).map_err(io)?;
    Ok(ExitCode::SUCCESS)
}
