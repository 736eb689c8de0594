//! The settings of the simulator.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Last second of the year 9999.
pub(super) const MAX_START_TIME: u64 = 253_402_300_799;

/// An attack of the simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Attack {
    /// Many sources send tiny packets to one victim, fast and mostly without a reply.
    Flood,
    /// A few sources keep many nearly idle connections to one web server open.
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

impl Attack {
    /// Every attack.
    pub const ALL: [Self; 6] =
        [Self::Flood, Self::SlowDos, Self::PortScan, Self::BruteForce, Self::Beaconing, Self::Exfiltration];

    /// The name in the column `family`.
    ///
    /// ```
    /// assert_eq!(qosguard::simulate::Attack::SlowDos.as_str(), "slow_dos");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flood => "flood",
            Self::SlowDos => "slow_dos",
            Self::PortScan => "port_scan",
            Self::BruteForce => "brute_force",
            Self::Beaconing => "beaconing",
            Self::Exfiltration => "exfiltration",
        }
    }
}

/// Relative weights of the clean applications, each in `[0, 10^9]`; at least one is positive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackgroundMix {
    /// Web pages over TCP and QUIC.
    pub web: f64,
    /// Name lookups.
    pub dns: f64,
    /// Voice calls: media and signalling.
    pub voip: f64,
    /// Streaming and conferences.
    pub video: f64,
    /// Backups and file transfer, with SSH and FTP.
    pub bulk: f64,
    /// Sending and fetching mail.
    pub mail: f64,
    /// Device telemetry, keep-alives, NTP queries and pings.
    pub iot: f64,
}

impl Default for BackgroundMix {
    fn default() -> Self {
        Self { web: 0.40, dns: 0.28, voip: 0.05, video: 0.07, bulk: 0.06, mail: 0.06, iot: 0.08 }
    }
}

impl BackgroundMix {
    /// The weights by name, in the order of the fields.
    pub(super) fn weights(&self) -> [(&'static str, f64); 7] {
        [
            ("web", self.web),
            ("dns", self.dns),
            ("voip", self.voip),
            ("video", self.video),
            ("bulk", self.bulk),
            ("mail", self.mail),
            ("iot", self.iot),
        ]
    }

    /// Checks the weights.
    pub(super) fn validate(&self) -> Result<()> {
        let weights = self.weights();
        if let Some((name, weight)) = weights.iter().find(|(_, w)| !(0.0..=1e9).contains(w)) {
            return Err(Error::invalid(format!("background.{name}"), "in [0, 1e9]", weight));
        }
        let total: f64 = weights.iter().map(|(_, w)| w).sum();
        if total <= 0.0 {
            return Err(Error::invalid("background", "at least one weight above 0", total));
        }
        Ok(())
    }
}

/// Settings of [`flows`](super::flows).
///
/// ```
/// use qosguard::simulate::{Attack, FlowSimulatorConfig};
///
/// let config = FlowSimulatorConfig { rows: 2_000, attacks: vec![Attack::Flood], ..Default::default() };
/// assert_eq!(config.attack_share, 0.05);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlowSimulatorConfig {
    /// Number of flows, 1 to 10^9. Default: 10,000.
    pub rows: u64,
    /// Share of attack flows, in `[0, 1)`, realised to the nearest flow. Default: 0.05.
    pub attack_share: f64,
    /// The attacks, without repetition. Their numbers of flows differ by at most one. Default: all.
    pub attacks: Vec<Attack>,
    /// The weights of the clean applications.
    pub background: BackgroundMix,
    /// Earliest start of a flow, seconds since the Unix epoch, at most the year 9999. Default: 2026-01-05, 00:00 UTC.
    pub start_time: u64,
    /// Number of hosts in the internal network, 1 to 10^6. Each starts a clean flow about every 50 s. Default: 250.
    pub hosts: u32,
    /// Seed of all random draws. Default: 0.
    pub seed: u64,
}

impl Default for FlowSimulatorConfig {
    fn default() -> Self {
        Self {
            rows: 10_000,
            attack_share: 0.05,
            attacks: Attack::ALL.to_vec(),
            background: BackgroundMix::default(),
            start_time: 1_767_571_200, // Monday 2026-01-05, 00:00 UTC
            hosts: 250,
            seed: 0,
        }
    }
}

impl FlowSimulatorConfig {
    /// Checks every field.
    pub(super) fn validate(&self) -> Result<()> {
        if !(1..=1_000_000_000).contains(&self.rows) {
            return Err(Error::invalid("rows", "in 1..=1000000000", self.rows));
        }
        if !(0.0..1.0).contains(&self.attack_share) {
            return Err(Error::invalid("attack_share", "in [0, 1)", self.attack_share));
        }
        if self.attacks.is_empty() && self.attack_share > 0.0 {
            return Err(Error::invalid("attacks", "not empty when attack_share is above 0", "[]"));
        }
        for (i, attack) in self.attacks.iter().enumerate() {
            if self.attacks[..i].contains(attack) {
                return Err(Error::invalid("attacks", "distinct", format!("{} twice", attack.as_str())));
            }
        }
        self.background.validate()?;
        if self.start_time > MAX_START_TIME {
            return Err(Error::invalid("start_time", "at most 253402300799", self.start_time));
        }
        if !(1..=1_000_000).contains(&self.hosts) {
            return Err(Error::invalid("hosts", "in 1..=1000000", self.hosts));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_field() {
        let ok = FlowSimulatorConfig::default();
        assert!(ok.validate().is_ok());
        let mix = |web: f64| BackgroundMix { web, ..BackgroundMix::default() };
        let none =
            BackgroundMix { web: 0.0, dns: 0.0, voip: 0.0, video: 0.0, bulk: 0.0, mail: 0.0, iot: 0.0 };
        let bad = [
            ("`rows`", FlowSimulatorConfig { rows: 0, ..ok.clone() }),
            ("`rows`", FlowSimulatorConfig { rows: u64::MAX, ..ok.clone() }),
            ("`attack_share`", FlowSimulatorConfig { attack_share: 1.0, ..ok.clone() }),
            ("`attack_share`", FlowSimulatorConfig { attack_share: -0.1, ..ok.clone() }),
            ("`attack_share`", FlowSimulatorConfig { attack_share: f64::NAN, ..ok.clone() }),
            ("`attacks`", FlowSimulatorConfig { attacks: vec![], ..ok.clone() }),
            ("`attacks`", FlowSimulatorConfig { attacks: vec![Attack::Flood, Attack::Flood], ..ok.clone() }),
            ("`background.web`", FlowSimulatorConfig { background: mix(-1.0), ..ok.clone() }),
            ("`background.web`", FlowSimulatorConfig { background: mix(f64::INFINITY), ..ok.clone() }),
            ("`background`", FlowSimulatorConfig { background: none, ..ok.clone() }),
            ("`start_time`", FlowSimulatorConfig { start_time: u64::MAX, ..ok.clone() }),
            ("`hosts`", FlowSimulatorConfig { hosts: 0, ..ok.clone() }),
        ];
        for (name, config) in bad {
            let error = config.validate().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument);
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }

    #[test]
    fn clean_traffic_needs_no_attacks() {
        let config = FlowSimulatorConfig { attack_share: 0.0, attacks: vec![], ..Default::default() };
        assert!(config.validate().is_ok());
    }

    #[test]
    fn missing_fields_get_their_defaults() {
        let config: FlowSimulatorConfig =
            serde_json::from_str(r#"{"rows": 5, "attacks": ["slow_dos"], "background": {"web": 2}}"#)
                .unwrap();
        assert_eq!((config.rows, config.attacks.as_slice()), (5, [Attack::SlowDos].as_slice()));
        assert_eq!((config.background.web, config.background.dns), (2.0, 0.28));
        assert!(serde_json::from_str::<FlowSimulatorConfig>(r#"{"row": 5}"#).is_err());
    }
}
