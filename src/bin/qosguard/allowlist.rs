//! `qosguard allowlist`: the prefixes that a policy never acts on.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use qosguard::Error;
use qosguard::qos::{Policy, Prefix};

use crate::exit::{ANOMALIES, Outcome};
use crate::{clock, decisions, output};

#[derive(Debug, Args)]
pub(crate) struct Allowlist {
    #[command(subcommand)]
    command: Command,
    /// QoS policy; a TOML file to add and remove, and a TOML, YAML or JSON file to list and check
    #[arg(long, value_name = "FILE", global = true)]
    policy: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the prefixes
    List,
    /// Print the prefix that contains an address; exits with 1 where there is none
    Check {
        /// Address or prefix
        entity: Prefix,
    },
    /// Add a prefix to the file of the policy, and revoke the live decisions about its addresses
    Add(Change),
    /// Remove a prefix from the file of the policy
    Remove {
        /// Address or prefix
        prefix: Prefix,
    },
}

#[derive(Debug, Args)]
struct Change {
    /// Address or prefix
    prefix: Prefix,
    /// Ledger whose live decisions are revoked
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Why
    #[arg(long, default_value = "added to the allow-list")]
    reason: String,
    /// Time of the change in RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = clock::time)]
    time: Option<f64>,
}

pub(crate) fn run(command: &Allowlist) -> Outcome {
    let Some(path) = &command.policy else {
        return Err(Error::invalid("--policy", "the file of a policy", "none").into());
    };
    let mut code = ExitCode::SUCCESS;
    let lines = match &command.command {
        Command::List => Policy::load(path)?.config().allow.iter().map(ToString::to_string).collect(),
        Command::Check { entity } => {
            let allowed = Policy::load(path)?.allowed_by(*entity);
            code = ExitCode::from(if allowed.is_some() { 0 } else { ANOMALIES });
            vec![allowed.map_or_else(
                || format!("{entity} is not in the allow-list"),
                |allowed| format!("{entity} is in the allow-list: {allowed}"),
            )]
        }
        Command::Add(change) => add(path, change)?,
        Command::Remove { prefix } => match Policy::remove_allowed(path, *prefix)? {
            (_, true) => vec![format!("removed {prefix} from {}", path.display())],
            (_, false) => return Err(Error::invalid("prefix", "a prefix of the allow-list", prefix).into()),
        },
    };
    for line in lines {
        output::print(format!("{line}\n").as_bytes())?;
    }
    Ok(code)
}

fn add(path: &PathBuf, change: &Change) -> Result<Vec<String>, crate::exit::Failure> {
    let prefix = change.prefix;
    // A ledger that cannot be opened leaves the policy as it is.
    let ledger = change.ledger.as_ref().map(decisions::open).transpose()?;
    let mut lines = match Policy::add_allowed(path, prefix)? {
        (_, true) => vec![format!("added {prefix} to {}", path.display())],
        (_, false) => vec![format!("{prefix} is in {} already", path.display())],
    };
    if let Some(mut ledger) = ledger {
        let revoked = ledger.revoke(clock::or_now(change.time), prefix, &change.reason)?;
        lines.push(format!("revoked {} live decisions", revoked.len()));
        lines.extend(revoked.iter().map(|id| format!("  {id}")));
    }
    Ok(lines)
}
