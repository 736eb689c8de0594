//! Settings of a stream.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Settings of a [`Stream`](super::Stream).
///
/// # Examples
///
/// ```
/// use qosguard::stream::{Floors, StreamConfig};
///
/// let floors = Floors { scan_ports: 100, ..Floors::default() };
/// let config = StreamConfig { floors, ..StreamConfig::default() };
/// assert_eq!(config.warm_up, 5_000);
/// config.check()?;
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamConfig {
    /// Limits above which traffic is an attack, without any fitted model.
    pub floors: Floors,
    /// When incidents open and close.
    pub incidents: IncidentConfig,
    /// Event time.
    pub time: TimeConfig,
    /// Records that a guard is fitted on where none was given, 500 to 1,000,000, or 0 for no guard; default: 5,000.
    ///
    /// Records of an open incident are left out.
    pub warm_up: usize,
    /// Share of clean records that the guard of the warm-up may call anomalies, above 0 and below 1; default: .001.
    pub false_positive_rate: f64,
    /// Hosts and pairs whose windows are kept, of each kind, 16 to 10,000,000; default: 16,384.
    pub max_entities: usize,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            floors: Floors::default(),
            incidents: IncidentConfig::default(),
            time: TimeConfig::default(),
            warm_up: 5_000,
            false_positive_rate: 0.001,
            max_entities: 16_384,
        }
    }
}

impl StreamConfig {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] that names the setting.
    pub fn check(&self) -> Result<()> {
        self.floors.check()?;
        self.incidents.check()?;
        self.time.check()?;
        if self.warm_up != 0 && !(500..=1_000_000).contains(&self.warm_up) {
            return Err(Error::invalid("warm_up", "0, or 500 to 1000000", self.warm_up));
        }
        if !(16..=10_000_000).contains(&self.max_entities) {
            return Err(Error::invalid("max_entities", "16 to 10000000", self.max_entities));
        }
        let rate = self.false_positive_rate;
        if !(rate > 0.0 && rate < 1.0) {
            return Err(Error::invalid("false_positive_rate", "above 0 and below 1", rate));
        }
        Ok(())
    }
}

/// Limits that need no learning: traffic of one host above one of them is an attack of the kind that the limit is for.
///
/// The values are for networks of offices and campuses. A scanner of a security team, a mail server or a peer-to-peer
/// client may pass them; raise the limit, or put the host on the policy's allow-list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Floors {
    /// Different ports of one host that one source tries within 60 s, most of them without success, 2 to 65,536; default: 30.
    pub scan_ports: u32,
    /// Different hosts that one source tries on few ports within 60 s, most of them without success, 2 to 7,000; default: 30.
    pub scan_hosts: u32,
    /// Different hosts that one source pings within 60 s, with or without replies, 2 to 7,000; default: 15.
    pub ping_hosts: u32,
    /// Share of failed connections of a scan, above 0 and up to 1; default: .5.
    pub scan_failed: f64,
    /// Connections per second to one host on few ports that get no reply, over 10 s, above 0; default: 10.
    pub unanswered_per_s: f64,
    /// UDP flows per second to one host on few ports that get no reply, over 10 s, above 0; default: 50.
    ///
    /// It is higher than the limit for connections, since collectors of logs and telemetry do not reply.
    pub unanswered_udp_per_s: f64,
    /// Packets per second to one host, over 10 s, above 0; default: 20,000.
    pub packets_per_s: f64,
    /// Flows per second to one host, over 10 s, above 0; default: 1,000.
    pub flows_per_s: f64,
    /// Connections of one source to a login port of one host within 60 s, at least 2; default: 20.
    pub logins_per_min: u32,
    /// Ports where users log in; default: FTP, SSH, Telnet, POP3, IMAP, SMB, databases, RDP and VNC.
    pub login_ports: Vec<u16>,
    /// Regularity of the connections of a host to a host of the Internet, above 0 and up to 1; default: .9.
    pub beacon_score: f64,
    /// Connections of a pair before its regularity counts, 4 to 64; default: 12.
    pub beacon_connections: usize,
    /// Bytes that a host sends to one port of a host of the Internet within an hour, at least ten times as many as it
    /// receives, above 0; default: 1,000,000,000.
    pub upload_bytes: f64,
}

impl Default for Floors {
    fn default() -> Self {
        Self {
            scan_ports: 30,
            scan_hosts: 30,
            ping_hosts: 15,
            scan_failed: 0.5,
            unanswered_per_s: 10.0,
            unanswered_udp_per_s: 50.0,
            packets_per_s: 20_000.0,
            flows_per_s: 1_000.0,
            logins_per_min: 20,
            login_ports: vec![21, 22, 23, 110, 143, 445, 1433, 3306, 3389, 5432, 5900],
            beacon_score: 0.9,
            beacon_connections: 12,
            upload_bytes: 1e9,
        }
    }
}

impl Floors {
    fn check(&self) -> Result<()> {
        let whole = [
            ("scan_ports", self.scan_ports, 2..=65_536),
            ("scan_hosts", self.scan_hosts, 2..=7_000),
            ("ping_hosts", self.ping_hosts, 2..=7_000),
            ("logins_per_min", self.logins_per_min, 2..=1_000_000),
        ];
        for (name, value, range) in whole {
            if !range.contains(&value) {
                let expected = format!("{} to {}", range.start(), range.end());
                return Err(Error::invalid(format!("floors.{name}"), expected, value));
            }
        }
        for (name, value) in [("scan_failed", self.scan_failed), ("beacon_score", self.beacon_score)] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(Error::invalid(format!("floors.{name}"), "above 0 and up to 1", value));
            }
        }
        let rates = [
            ("unanswered_per_s", self.unanswered_per_s),
            ("unanswered_udp_per_s", self.unanswered_udp_per_s),
            ("packets_per_s", self.packets_per_s),
            ("flows_per_s", self.flows_per_s),
            ("upload_bytes", self.upload_bytes),
        ];
        for (name, value) in rates {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::invalid(format!("floors.{name}"), "a number above 0", value));
            }
        }
        if !(4..=super::pairs::CONNECTIONS).contains(&self.beacon_connections) {
            let expected = format!("4 to {}", super::pairs::CONNECTIONS);
            return Err(Error::invalid("floors.beacon_connections", expected, self.beacon_connections));
        }
        Ok(())
    }
}

/// When incidents open and close.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IncidentConfig {
    /// Records above a limit among the last [`of`](Self::of) ones of the same host that open an incident, 1 to 32; default: 3.
    pub open_after: u32,
    /// Number of last records that count, 1 to 32 and not below `open_after`; default: 6.
    pub of: u32,
    /// Anomalies among the last [`anomalies_of`](Self::anomalies_of) records of a source that open an incident, 1 to 32; default: 5.
    pub anomalies: u32,
    /// Number of last records of a source that count, 1 to 32 and not below `anomalies`; default: 20.
    pub anomalies_of: u32,
    /// Sources of as many anomalies to one host from which on they are one incident about this host, 2 to 20; default: 4.
    pub anomaly_sources: u32,
    /// Seconds without evidence after which an incident closes, 1 to 86,400; default: 60.
    pub close_after_s: f64,
    /// Seconds after its end in which new evidence continues an incident instead of opening another one, 0 to 86,400; default: 300.
    pub reopen_within_s: f64,
    /// Seconds without new incidents of the same kind and host after [`Stream::false_positive`](super::Stream::false_positive), 0 to
    /// 31,536,000; default: 86,400.
    pub suppress_s: f64,
    /// Incidents and candidates that are kept, 16 to 1,000,000; default: 10,000.
    ///
    /// The one with the oldest evidence makes room for a new one.
    pub max_open: usize,
}

impl Default for IncidentConfig {
    fn default() -> Self {
        Self {
            open_after: 3,
            of: 6,
            anomalies: 5,
            anomalies_of: 20,
            anomaly_sources: 4,
            close_after_s: 60.0,
            reopen_within_s: 300.0,
            suppress_s: 86_400.0,
            max_open: 10_000,
        }
    }
}

impl IncidentConfig {
    fn check(&self) -> Result<()> {
        let counts = [
            ("open_after", self.open_after, "of", self.of),
            ("anomalies", self.anomalies, "anomalies_of", self.anomalies_of),
        ];
        for (name, hits, all_name, all) in counts {
            if !(1..=32).contains(&all) {
                return Err(Error::invalid(format!("incidents.{all_name}"), "1 to 32", all));
            }
            if !(1..=all).contains(&hits) {
                return Err(Error::invalid(format!("incidents.{name}"), format!("1 to {all}"), hits));
            }
        }
        if !(2..=20).contains(&self.anomaly_sources) {
            return Err(Error::invalid("incidents.anomaly_sources", "2 to 20", self.anomaly_sources));
        }
        let seconds = [
            ("close_after_s", self.close_after_s, 1.0..=86_400.0),
            ("reopen_within_s", self.reopen_within_s, 0.0..=86_400.0),
            ("suppress_s", self.suppress_s, 0.0..=31_536_000.0),
        ];
        for (name, value, range) in seconds {
            if !range.contains(&value) {
                let expected = format!("{} to {} seconds", range.start(), range.end());
                return Err(Error::invalid(format!("incidents.{name}"), expected, value));
            }
        }
        if !(16..=1_000_000).contains(&self.max_open) {
            return Err(Error::invalid("incidents.max_open", "16 to 1000000", self.max_open));
        }
        Ok(())
    }
}

/// Event time: how late records may be, and what one wrong clock must not do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeConfig {
    /// Seconds that the records of one source may come out of order, 0 to 86,400; default: 60.
    pub delay_s: f64,
    /// Seconds of the clock after which a source without records no longer holds back the others, 1 to 86,400; default: 60.
    pub idle_s: f64,
    /// Seconds that a record may be ahead of its source, 1 to 86,400; default: 60.
    pub max_ahead_s: f64,
}

impl Default for TimeConfig {
    fn default() -> Self {
        Self { delay_s: 60.0, idle_s: 60.0, max_ahead_s: 60.0 }
    }
}

impl TimeConfig {
    fn check(&self) -> Result<()> {
        let seconds = [
            ("delay_s", self.delay_s, 0.0..=86_400.0),
            ("idle_s", self.idle_s, 1.0..=86_400.0),
            ("max_ahead_s", self.max_ahead_s, 1.0..=86_400.0),
        ];
        for (name, value, range) in seconds {
            if !range.contains(&value) {
                let expected = format!("{} to {} seconds", range.start(), range.end());
                return Err(Error::invalid(format!("time.{name}"), expected, value));
            }
        }
        Ok(())
    }
}
