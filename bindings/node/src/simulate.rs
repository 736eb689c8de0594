//! `simulate`: seeded flows with ground truth.

use napi::bindgen_prelude::{AsyncTask, Object};
use napi_derive::napi;
use qosguard::simulate;

use crate::convert::{Settings, settings, whole_or};
use crate::error::Result;
use crate::job::{Job, spawn};
use crate::table::Table;

/// An attack that the simulator can make.
#[napi(string_enum = "snake_case")]
#[derive(Debug)]
pub enum Attack {
    /// Many sources send tiny packets to one victim, fast and mostly without a reply.
    Flood,
    /// A few sources hold many nearly silent connections to one web server open.
    SlowDos,
    /// One source sends one or two packets to each of many ports.
    PortScan,
    /// Password guesses: short SSH or FTP sessions of almost equal size.
    BruteForce,
    /// Small messages to one outside host at a nearly constant interval.
    Beaconing,
    /// Far more upload than download to one outside host, sometimes inside DNS.
    Exfiltration,
}

impl From<Attack> for simulate::Attack {
    fn from(attack: Attack) -> Self {
        match attack {
            Attack::Flood => Self::Flood,
            Attack::SlowDos => Self::SlowDos,
            Attack::PortScan => Self::PortScan,
            Attack::BruteForce => Self::BruteForce,
            Attack::Beaconing => Self::Beaconing,
            Attack::Exfiltration => Self::Exfiltration,
        }
    }
}

/// Settings of the simulator.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct SimulateOptions {
    /// Flows to make, 1 to 10^9; default: 10,000.
    pub rows: Option<f64>,
    /// Share of the flows that belong to attacks, in [0, 1); default: 0.05.
    pub attack_share: Option<f64>,
    /// The attacks to make, each once; default: all of them.
    pub attacks: Option<Vec<Attack>>,
    /// Hosts of the inside network, 1 to 10^6; default: 250.
    pub hosts: Option<f64>,
    /// When the first flow may start, seconds since the Unix epoch.
    pub start_time: Option<f64>,
    /// Seed of all randomness, a whole number up to 2^53 − 1; default: 0.
    pub seed: Option<f64>,
}

impl Settings for SimulateOptions {
    const KEYS: &'static [&'static str] = &["rows", "attackShare", "attacks", "hosts", "startTime", "seed"];
}

/// Makes seeded flows with ground truth: clean applications, and attacks that a flow record shows.
///
/// Rejects with `invalid_argument` for a setting outside its domain.
#[napi(catch_unwind, ts_return_type = "Promise<Table>")]
pub fn simulate(
    #[napi(ts_arg_type = "SimulateOptions")] options: Option<Object<'_>>,
) -> Result<AsyncTask<Job<Table>>> {
    let options: SimulateOptions = settings(options)?;
    let mut config = simulate::FlowSimulatorConfig::default();
    config.rows = whole_or("rows", options.rows, config.rows)?;
    config.hosts = whole_or("hosts", options.hosts, config.hosts)?;
    config.start_time = whole_or("startTime", options.start_time, config.start_time)?;
    config.seed = whole_or("seed", options.seed, config.seed)?;
    config.attack_share = options.attack_share.unwrap_or(config.attack_share);
    if let Some(attacks) = options.attacks {
        config.attacks = attacks.into_iter().map(Into::into).collect();
    }
    Ok(spawn(move || simulate::table(&config).map(Table::from)))
}
