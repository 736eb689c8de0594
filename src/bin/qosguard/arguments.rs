//! The arguments of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::exit::CODES;

/// Network anomaly detection and QoS: telemetry in, calibrated verdicts and safe actions out.
#[derive(Debug, Parser)]
#[command(name = "qosguard", version, after_help = CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Turn telemetry of any kind into flow records
    Flows(Flows),
    /// Fit a guard and save it
    Train(Train),
    /// Score records with a guard and recommend an action for each
    ///
    /// A guard with a context takes the records in the order of their times, so files and standard input are read into
    /// memory as a whole; a socket is assessed batch by batch.
    Assess(Assess),
    /// Watch traffic: report incidents as they open, go on and close
    ///
    /// Works without a guard: scans, floods, password guesses and beacons are found by limits that need no learning, and a
    /// guard is fitted on the first records. Several files are read in the order of event times; sockets, pipes and followed
    /// files have a watermark each.
    Watch(Watch),
    /// Turn decisions and incidents into configuration of network devices: nothing is changed
    ///
    /// Reads what `assess --json`, `assess -o FILE` and `watch` write, merges it into one entry for each source, and prints the
    /// configuration that would be applied. The allow-list of the policy wins over every decision.
    Plan(Plan),
    /// Check, compare and test QoS policies
    Policy(crate::policy::Policy),
    /// Measure a guard on labelled records
    Evaluate(Evaluate),
    /// Make labelled traffic with ground truth
    Simulate(Simulate),
    /// Show what a guard contains
    Inspect(Inspect),
    /// List, explain, add and end the decisions of a ledger
    Decisions(crate::decisions::Decisions),
    /// List, check, add and remove the prefixes that a policy never acts on
    Allowlist(crate::allowlist::Allowlist),
    /// Print a completion script
    Completions {
        /// The shell to complete in
        shell: Shell,
    },
    /// Write the manual pages
    Man {
        /// Folder to write them to
        directory: PathBuf,
    },
}

/// Where records come from.
#[derive(Clone, Debug, Args)]
pub(crate) struct Input {
    /// Captures (pcap, pcapng), Zeek or EVE logs, CSV, JSON lines, Parquet or Arrow files, NetFlow or IPFIX
    /// datagrams, read one after the other; `-` is standard input, `udp://ADDRESS:PORT` receives NetFlow, IPFIX and sFlow until Ctrl-C
    #[arg(value_name = "IN", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Schema of the records: a built-in name or a TOML file [default: detected]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) schema: Option<String>,
    /// Print the schema of the records as TOML and exit. Edit it and pass it with --schema
    #[arg(long)]
    pub(crate) print_schema: bool,
    /// What separates the cells of a CSV file
    #[arg(long, value_name = "CHAR", default_value = ",", value_parser = delimiter)]
    pub(crate) delimiter: u8,
    /// Share of records, 0 to 1, that may be unreadable
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub(crate) max_rejected_share: f64,
    #[command(flatten)]
    pub(crate) meter: Meter,
}

/// How packets become flows; for captures only.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Flow meter, for captures")]
pub(crate) struct Meter {
    /// Names and definitions of the flow columns
    #[arg(long, value_enum, default_value_t = Profile::Nfstream)]
    pub(crate) profile: Profile,
    /// End a flow that was idle for so many seconds [default: the profile's]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) idle_timeout: Option<f64>,
    /// End a flow that is so many seconds old [default: the profile's]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) active_timeout: Option<f64>,
    /// Write a record of a flow that goes on each so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) interim: Option<f64>,
    /// Flows that are held at most; the one idle for longest is ended first
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_flows: Option<usize>,
    /// Meter what is inside tunnels
    #[arg(long)]
    pub(crate) inner: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Profile {
    /// CICFlowMeter's names, corrected definitions
    Cic,
    /// CICFlowMeter with its known defects
    CicLegacy,
    /// NFStream's names and expiry
    Nfstream,
}

impl From<Profile> for qosguard::telemetry::packets::Profile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Cic => Self::Cic,
            Profile::CicLegacy => Self::CicLegacy,
            Profile::Nfstream => Self::Nfstream,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Flows {
    #[command(flatten)]
    pub(crate) input: Input,
    /// File to write: .parquet, .arrow, .csv or .jsonl; `-` writes CSV to standard output
    #[arg(short, long, value_name = "OUT", default_value = "-")]
    pub(crate) output: PathBuf,
    /// Bring the records to another schema by what their columns mean
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Train {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Guard to write
    #[arg(
        short,
        long,
        value_name = "MODEL",
        required = false,
        required_unless_present = "print_schema",
        default_value_if("print_schema", "true", "-")
    )]
    pub(crate) output: PathBuf,
    /// Share of clean records, between 0 and 1, that may be called anomalies
    #[arg(long, value_name = "RATE", default_value_t = 0.01)]
    pub(crate) false_positive_rate: f64,
    /// What scores the records: `auto` for the ensemble that suits them, a kind such as `boosted_trees`, or a JSON
    /// file with its settings
    #[arg(long, value_name = "auto|KIND|FILE", default_value = "auto")]
    pub(crate) detector: String,
    /// Columns that tell each record about the records before it: `host` for what its source, destination and pair did in the
    /// last seconds and minutes, `device_windows` for what a device reported in the last 30 s, `damped_statistics` for the bytes
    /// of hosts and sockets with weights that fade, a JSON file with the settings of one, or `none`; default: with the
    /// detector `auto` the one that suits the records, and none with others
    #[arg(long, value_name = "KIND|FILE")]
    pub(crate) context: Vec<String>,
    /// QoS policy, a TOML, YAML or JSON file
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Seed of all randomness
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct Assess {
    /// Guard that `train` wrote
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) input: Input,
    /// Write one row for every record and print the summary only: .parquet, .arrow, .csv or .jsonl; `-` writes CSV to
    /// standard output
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Print every finding, not only the ten worst; with --json every record, not only the anomalies
    #[arg(long)]
    pub(crate) all: bool,
    /// Print one JSON object for each anomaly, in the order of the records and ungrouped, as soon as it is found
    #[arg(long)]
    pub(crate) json: bool,
    /// Decide by this policy instead of the guard's own
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Bring records of another schema to the guard's by what their columns mean
    #[arg(long)]
    pub(crate) map: bool,
    /// Reasons of each finding at most [default: 1; 0 with --all --json]
    #[arg(long, value_name = "COUNT")]
    pub(crate) reasons: Option<usize>,
    /// Exit with 1 when there are anomalies
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Guard that `train` wrote [default: one is fitted on the first 5,000 records]
    #[arg(long, value_name = "FILE")]
    pub(crate) guard: Option<PathBuf>,
    /// QoS policy, a TOML, YAML or JSON file [default: the guard's]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Settings of limits, incidents and event time, a JSON file
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// How incidents are printed [default: a live table on a terminal, json elsewhere]
    #[arg(long, value_enum)]
    pub(crate) format: Option<EventFormat>,
    /// File to continue from, where it exists, and to write the state to each 30 s and at the end
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Ledger to record the actions of incidents in, as dry runs; it is created where there is none
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
    /// Read on as the input grows, as `tail -f` does; for Zeek, EVE and other text logs
    #[arg(long)]
    pub(crate) follow: bool,
    /// Exit with 1 when there are incidents
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventFormat {
    /// One line for each change of an incident
    Text,
    /// One JSON object for each change of an incident
    Json,
    /// One Detection Finding of OCSF for each change
    Ocsf,
    /// One document of the Elastic Common Schema for each change
    Ecs,
    /// One line of the Common Event Format for each change
    Cef,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Files of `assess --json`, `assess -o` and `watch`: JSON lines, CSV, Parquet or Arrow; `-` is standard input with JSON lines
    #[arg(value_name = "FILE", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// The system to write configuration for [default: one line for each entry]
    #[arg(long, value_enum)]
    pub(crate) render: Option<RenderKind>,
    /// Print what undoes the configuration
    #[arg(long, requires = "render")]
    pub(crate) rollback: bool,
    /// QoS policy whose allow-list is never touched, a TOML, YAML or JSON file [default: the default policy]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Limits of the plan and settings of the renderers, a JSON file with the objects `plan` and `render`
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Time of the plan, such as 2026-03-01T08:00:00Z, or in seconds since the epoch [default: now]
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true)]
    pub(crate) now: Option<f64>,
    /// File to write to; configuration in several parts has a number in the name of each [default: standard output]
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Print the plan as JSON, with the reason of each decision that is left out
    #[arg(long, conflicts_with = "render")]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(clippy::doc_markdown, reason = "the comments are the help text")]
pub(crate) enum RenderKind {
    /// Commands for `nft -f`
    Nftables,
    /// Commands for `tc -batch`
    Tc,
    /// Commands for the API of ExaBGP: FlowSpec routes
    Exabgp,
    /// Command lines of gobgp: FlowSpec routes
    Gobgp,
    /// FlowSpec routes as bytes, in JSON lines
    Flowspec,
    /// Commands for the API of ExaBGP: routes with the BLACKHOLE community
    Rtbh,
    /// OpenC2 commands as JSON lines
    Openc2,
    /// One JSON object for each entry
    Webhook,
}

impl From<RenderKind> for qosguard::qos::Renderer {
    fn from(kind: RenderKind) -> Self {
        match kind {
            RenderKind::Nftables => Self::Nftables,
            RenderKind::Tc => Self::Tc,
            RenderKind::Exabgp => Self::ExaBgp,
            RenderKind::Gobgp => Self::GoBgp,
            RenderKind::Flowspec => Self::FlowSpec,
            RenderKind::Rtbh => Self::Rtbh,
            RenderKind::Openc2 => Self::OpenC2,
            RenderKind::Webhook => Self::Webhook,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// Guard that `train` wrote
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) input: Input,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// What to simulate
    #[arg(long, value_enum, default_value_t = Simulation::Flows)]
    pub(crate) kind: Simulation,
    /// File to write: .parquet, .arrow, .csv or .jsonl; `-` writes CSV to standard output
    #[arg(short, long, value_name = "OUT", default_value = "-")]
    pub(crate) output: PathBuf,
    /// JSON file to write the attacks or anomalies to, with hosts, start and end; for traffic and devices
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Number of flows; for flows [default: 10000]
    #[arg(long, value_name = "COUNT")]
    pub(crate) rows: Option<u64>,
    /// Share of the records that belong to attacks or anomalies, 0 to 1; for flows and devices [default: 0.05]
    #[arg(long, value_name = "SHARE")]
    pub(crate) attack_share: Option<f64>,
    /// Length in seconds; for traffic and devices [default: 3600 and 600]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<f64>,
    /// Number of hosts or devices [default: 250 hosts, 20 devices]
    #[arg(long, value_name = "COUNT")]
    pub(crate) hosts: Option<u32>,
    /// Mean number of clean flows per second; for traffic [default: 5]
    #[arg(long, value_name = "RATE")]
    pub(crate) flows_per_s: Option<f64>,
    /// Kinds of attack or anomaly, such as `port_scan,syn_flood`; `none` for clean traffic [default: all]
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub(crate) attacks: Option<Vec<String>>,
    /// Number of events of each attack; for traffic [default: 1]
    #[arg(long, value_name = "COUNT")]
    pub(crate) events_per_attack: Option<u32>,
    /// Seconds that one clock is ahead; for traffic and devices [default: 0]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) clock_skew: Option<f64>,
    /// Share of the records that arrive late, 0 to 1; for traffic and devices [default: 0]
    #[arg(long, value_name = "SHARE")]
    pub(crate) late: Option<f64>,
    /// Share of the records that occur twice, 0 to 1; for traffic and devices [default: 0]
    #[arg(long, value_name = "SHARE")]
    pub(crate) duplicates: Option<f64>,
    /// Seed of all randomness
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Simulation {
    /// Single flow records with a given share of attacks
    Flows,
    /// Hosts over time: clean traffic and attack events on one clock
    Traffic,
    /// Telemetry of modems and access points
    Devices,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Guard that `train` wrote
    pub(crate) model: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A time in RFC 3339, or seconds since the epoch.
fn time(text: &str) -> Result<f64, String> {
    qosguard::qos::read_time(text)
        .ok_or_else(|| "expected a time such as 2026-03-01T08:00:00Z, or seconds since the epoch".into())
}

/// One byte, or `\t`.
fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] => Ok(*byte),
        _ => Err("expected one ASCII character, or \\t".into()),
    }
}
