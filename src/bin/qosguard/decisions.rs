//! `qosguard decisions`: what a ledger contains, and decisions of an operator.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use qosguard::qos::{
    Action, Inspection, Ledger, LedgerConfig, LedgerEntry, LedgerRecord, Outcome, Policy, Prefix,
    ServiceClass,
};
use qosguard::{Error, Result};
use serde_json::json;

use crate::exit::{Failure, Outcome as Ended};
use crate::message::print_message;
use crate::{clock, output};

#[derive(Debug, Args)]
pub(crate) struct Decisions {
    #[command(subcommand)]
    command: Command,
    /// Ledger that `watch --ledger` or `decisions add` wrote
    #[arg(long, value_name = "FILE", global = true)]
    ledger: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    format: Format,
    /// As --format json
    #[arg(long, global = true, conflicts_with = "format")]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for people
    Text,
    /// One JSON object for each decision or line
    Json,
    /// One Network Remediation Activity of OCSF for each line
    Ocsf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the live decisions
    List {
        /// Print every line of the ledger, also of decisions that ended
        #[arg(long)]
        all: bool,
    },
    /// Print what happened to one decision
    Explain {
        /// Id of the decision or the incident
        id: String,
    },
    /// Record a decision of an operator
    Add(Add),
    /// End a live decision before its time
    Delete {
        /// Id of the decision or the incident
        id: String,
        /// Why
        #[arg(long, default_value = "deleted by an operator")]
        reason: String,
        /// Time of the change in RFC 3339 [default: now]
        #[arg(long, value_name = "TIME", value_parser = clock::time)]
        time: Option<f64>,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// Address or prefix
    entity: Prefix,
    /// What to do with its traffic
    #[arg(value_enum)]
    action: Word,
    /// Seconds until it expires, 1 to 86400 [default: 60 for rate-limit, 600 for drop, 1800 for isolate, 300 for others]
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u32>,
    /// Bytes per second that pass; for rate-limit
    #[arg(long, value_name = "BYTES", default_value_t = 125_000)]
    bytes_per_second: u64,
    /// Bytes that may pass at once; for rate-limit
    #[arg(long, value_name = "BYTES", default_value_t = 256_000)]
    burst: u64,
    /// How traffic reaches the inspector: mirror, queue or redirect; for inspect
    #[arg(long, value_name = "HOW", default_value = "mirror", value_parser = word::<Inspection>)]
    inspection: Inspection,
    /// Service class, such as telephony; for prioritize
    #[arg(long, value_name = "CLASS", default_value = "low_latency_data", value_parser = word::<ServiceClass>)]
    service_class: ServiceClass,
    /// Why
    #[arg(long, default_value = "added by an operator")]
    reason: String,
    /// The network carries out the action already; without it the decision is a dry run
    #[arg(long)]
    applied: bool,
    /// Policy whose allow-list prevents the decision, a TOML, YAML or JSON file
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Time of the decision in RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = clock::time)]
    time: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Word {
    Prioritize,
    Deprioritize,
    RateLimit,
    Inspect,
    Drop,
    Isolate,
}

pub(crate) fn run(command: &Decisions) -> Ended {
    let Some(path) = &command.ledger else {
        return Err(Error::invalid("--ledger", "the file of a ledger", "none").into());
    };
    let format = if command.json { Format::Json } else { command.format };
    let lines = match &command.command {
        Command::List { all } => list(&Ledger::open_read_only(path)?, *all, format)?,
        Command::Explain { id } => explain(&Ledger::open_read_only(path)?, id, format)?,
        Command::Add(add) => {
            let mut ledger = open(path)?;
            let seq = ledger.record(clock::or_now(add.time), add.entry()?)?;
            written(&ledger, seq, format)?
        }
        Command::Delete { id, reason, time } => {
            let mut ledger = open(path)?;
            let seq = ledger.head().0;
            if ledger.delete(clock::or_now(*time), id, reason)? == 0 {
                return Err(Error::invalid("id", "the id of a live decision", id).into());
            }
            written(&ledger, seq, format)?
        }
    };
    for line in lines {
        output::print(format!("{line}\n").as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens a ledger for writing, and prints what was cut off.
pub(crate) fn open(path: &PathBuf) -> Result<Ledger> {
    let ledger = Ledger::open(path, &LedgerConfig::default())?;
    print_torn(&ledger);
    Ok(ledger)
}

/// Prints that a line without an end was cut off.
pub(crate) fn print_torn(ledger: &Ledger) {
    let counts = ledger.counts();
    if counts.torn_lines > 0 {
        print_message(format_args!(
            "warning: the last line of the ledger had no end, so its {} bytes were cut off",
            counts.torn_bytes
        ));
    }
}

fn list(ledger: &Ledger, all: bool, format: Format) -> Result<Vec<String>, Failure> {
    if all || format == Format::Ocsf {
        let mut shown = BTreeMap::new();
        for record in ledger.records()? {
            let record = record?;
            if all && !record.is_carried() {
                shown.insert((record.seq, String::new(), String::new()), record);
            } else if !all && record.outcome.is_start() && is_live(ledger, &record) {
                shown.insert((0, record.entity.to_string(), record.id.clone()), record);
            }
        }
        return Ok(shown.values().map(|record| line(record, format)).collect());
    }
    let state = ledger.state();
    if format == Format::Json {
        let with_rest = state.live().map(|live| {
            let mut fields = json!(live);
            fields["rest_s"] = state.rest_s(live).into();
            fields.to_string()
        });
        return Ok(with_rest.collect());
    }
    let ended = state.ended();
    print_message(format_args!(
        "{} live of {} decisions; {} skipped, {} failed, {} revoked, {} expired",
        state.n_live(),
        state.decisions(),
        ended.skipped,
        ended.failed,
        ended.revoked,
        ended.expired
    ));
    Ok(state.entities().map(|entity| entity.to_string()).collect())
}

fn is_live(ledger: &Ledger, record: &LedgerRecord) -> bool {
    ledger.state().decision(&record.id, record.entity).is_some()
}

fn explain(ledger: &Ledger, id: &str, format: Format) -> Result<Vec<String>, Failure> {
    let lines = if format == Format::Text {
        ledger.explain(id)?
    } else {
        let mut lines = Vec::new();
        for record in ledger.records()? {
            let record = record?;
            if record.id == id && !record.is_carried() {
                lines.push(line(&record, format));
            }
        }
        lines
    };
    if lines.is_empty() {
        return Err(Error::invalid("id", "the id of a decision in the ledger", id).into());
    }
    Ok(lines)
}

/// The lines from a number on, which this command wrote.
fn written(ledger: &Ledger, from: u64, format: Format) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for record in ledger.records()? {
        let record = record?;
        if record.seq >= from && !record.is_carried() {
            lines.push(line(&record, format));
        }
    }
    Ok(lines)
}

fn line(record: &LedgerRecord, format: Format) -> String {
    match format {
        Format::Text => format!("{} {record}", record.id),
        Format::Json => json!(record).to_string(),
        Format::Ocsf => record.to_ocsf(),
    }
}

impl Add {
    fn entry(&self) -> Result<LedgerEntry> {
        let (action, entity) = (self.action(), self.entity);
        let id = LedgerEntry::manual_id(entity, action, clock::or_now(self.time))?;
        let policy = self.policy.as_deref().map(Policy::load).transpose()?;
        let allowed = policy.as_ref().and_then(|policy| policy.allowed_by(entity));
        let (outcome, reason) = match allowed {
            Some(allowed) => (Outcome::Skipped, format!("{allowed} is in the allow-list; {}", self.reason)),
            None if self.applied => (Outcome::Applied, self.reason.clone()),
            None => (Outcome::DryRun, self.reason.clone()),
        };
        let mut entry = LedgerEntry::new(id, entity, action, outcome, reason);
        entry.policy = policy.map(|policy| policy.digest());
        Ok(entry)
    }

    fn action(&self) -> Action {
        let ttl = |default| self.ttl.unwrap_or(default);
        match self.action {
            Word::Prioritize => Action::Prioritize { service_class: self.service_class, ttl_s: ttl(300) },
            Word::Deprioritize => Action::Deprioritize { ttl_s: ttl(300) },
            Word::RateLimit => Action::RateLimit {
                bytes_per_second: self.bytes_per_second,
                burst: self.burst,
                ttl_s: ttl(60),
            },
            Word::Inspect => Action::Inspect { inspection: self.inspection, ttl_s: ttl(300) },
            Word::Drop => Action::Drop { ttl_s: ttl(600) },
            Word::Isolate => Action::Isolate { ttl_s: ttl(1800) },
        }
    }
}

/// A word that a policy file uses.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}
