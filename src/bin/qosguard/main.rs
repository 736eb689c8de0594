//! The `qosguard` command: telemetry to flows, guards trained, records assessed, from a shell.
#![allow(clippy::print_stdout, reason = "a command talks to the terminal")]
// `eprintln!` panics where standard error is closed; `print_message` does not.
#![warn(clippy::print_stderr)]

mod allowlist;
mod arguments;
mod assess;
mod clock;
mod decisions;
mod evaluate;
mod exit;
mod flows;
mod generate;
mod input;
mod inspect;
mod interrupt;
mod message;
mod output;
mod pipe;
mod plan;
mod policy;
mod progress;
mod simulate;
mod train;
mod verdicts;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use exit::Failure;

/// Networks take large buffers in quick succession, which it hands out without new pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let input = match &arguments.command {
        Command::Flows(command) => Some(&command.input),
        Command::Train(command) => Some(&command.input),
        Command::Assess(command) => Some(&command.input),
        Command::Watch(command) => Some(&command.input),
        Command::Evaluate(command) => Some(&command.input),
        _ => None,
    };
    if let Some(input) = input.filter(|input| input.print_schema) {
        return input::print_schema(input).unwrap_or_else(Failure::report);
    }
    let outcome = interrupt::run(|| match &arguments.command {
        Command::Flows(command) => flows::run(command),
        Command::Train(command) => train::run(command),
        Command::Assess(command) => assess::run(command),
        Command::Watch(command) => watch::run(command),
        Command::Plan(command) => plan::run(command),
        Command::Policy(command) => policy::run(command),
        Command::Evaluate(command) => evaluate::run(command),
        Command::Simulate(command) => simulate::run(command),
        Command::Inspect(command) => inspect::run(command),
        Command::Decisions(command) => decisions::run(command),
        Command::Allowlist(command) => allowlist::run(command),
        Command::Completions { shell } => generate::completions(*shell),
        Command::Man { directory } => generate::man(directory),
    });
    outcome.unwrap_or_else(Failure::report)
}
