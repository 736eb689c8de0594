//! How each profile measures flows and when it ends them.

use super::config::FlowMeterConfig;
use super::packet::{Packet, TcpFlags};
use super::profile::Profile;
use super::statistics::Measure;

/// Protocol numbers (IANA).
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Seconds for which an idle TCP connection is remembered after the record of its last flow.
const REMEMBERED_S: i64 = 3_600;

/// What a timeout does to the connection of a flow.
#[derive(Clone, Copy, Debug)]
enum AfterTimeout {
    /// The next packet starts a new connection.
    NewConnection,
    /// The connection continues, with its direction and its start.
    Continues,
    /// TCP continues; UDP continues after the active timeout; everything else starts a new connection.
    ByProtocol,
}

/// The rules of one profile.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a rule that a profile has or not")]
struct ProfileRules {
    ticks_per_second: i64,
    /// Default of the active timeout.
    active_timeout_s: f64,
    /// Whether a flow ends only when its timeout is exceeded. Otherwise it ends when its timeout is reached.
    exceeds_timeout: bool,
    /// Whether a packet's size is its payload, and the columns that only `CICFlowMeter` has are counted.
    cic: bool,
    /// Whether the flags of TCP decide where a connection starts and ends: a SYN-ACK comes from the server, RST or both
    /// FINs and an ACK close, the next SYN starts another flow, and idle connections are remembered.
    tracks_tcp: bool,
    /// Whether the first FIN ends the flow.
    ends_at_first_fin: bool,
    after_timeout: AfterTimeout,
}

impl ProfileRules {
    const fn of(profile: Profile) -> Self {
        let cic_legacy = Self {
            ticks_per_second: 1_000_000,
            active_timeout_s: 120.0,
            exceeds_timeout: true,
            cic: true,
            tracks_tcp: false,
            ends_at_first_fin: true,
            after_timeout: AfterTimeout::Continues,
        };
        match profile {
            Profile::CicLegacy => cic_legacy,
            Profile::Cic => Self {
                tracks_tcp: true,
                ends_at_first_fin: false,
                after_timeout: AfterTimeout::ByProtocol,
                ..cic_legacy
            },
            Profile::Nfstream => Self {
                ticks_per_second: 1_000,
                active_timeout_s: 1_800.0,
                exceeds_timeout: false,
                cic: false,
                tracks_tcp: false,
                ends_at_first_fin: false,
                after_timeout: AfterTimeout::NewConnection,
            },
        }
    }
}

/// The rules of a flow table: its profile's, with the configured timeouts in ticks of the profile's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    profile: ProfileRules,
    pub(super) measure: Measure,
    nanoseconds_per_tick: i64,
    /// A gap of this many ticks or more ends a flow.
    pub(super) idle: i64,
    /// An age of this many ticks or more ends a flow.
    pub(super) active: i64,
    /// Ticks from one interim record to the next.
    pub(super) interim: Option<i64>,
    /// Ticks for which an idle TCP connection is remembered.
    pub(super) remembered: i64,
}

impl Rules {
    /// The rules of a configuration whose fields are checked.
    pub(super) fn new(config: &FlowMeterConfig) -> Self {
        let profile = ProfileRules::of(config.profile);
        let second = profile.ticks_per_second;
        let ticks = |seconds: f64| ((seconds * second as f64).round() as i64).max(1);
        let excess = i64::from(profile.exceeds_timeout);
        Self {
            measure: Measure { ticks_per_second: second, cic: profile.cic },
            nanoseconds_per_tick: 1_000_000_000 / second,
            idle: ticks(config.idle_timeout()) + excess,
            active: ticks(config.active_timeout()) + excess,
            interim: config.interim_s.map(ticks),
            remembered: REMEMBERED_S * second,
            profile,
        }
    }

    /// The active timeout of a profile, seconds.
    pub(super) const fn active_timeout_s(profile: Profile) -> f64 {
        ProfileRules::of(profile).active_timeout_s
    }

    /// Ticks since the Unix epoch, rounded down.
    #[inline]
    pub(super) const fn ticks(&self, time_ns: i64) -> i64 {
        time_ns.div_euclid(self.nanoseconds_per_tick)
    }

    /// Whether the flags of TCP open and close connections.
    #[inline]
    pub(super) const fn tracks_tcp(&self) -> bool {
        self.profile.tracks_tcp
    }

    /// Whether this packet ends its flow at once.
    #[inline]
    pub(super) const fn is_last(&self, packet: &Packet) -> bool {
        self.profile.ends_at_first_fin && packet.tcp_flags.has(TcpFlags::FIN)
    }

    /// Whether the source of a connection's first packet is the server that answers.
    #[inline]
    pub(super) const fn starts_with_answer(&self, packet: &Packet) -> bool {
        self.profile.tracks_tcp && packet.tcp_flags.has(TcpFlags::SYN | TcpFlags::ACK)
    }

    /// Whether the table keeps an idle connection of this protocol.
    pub(super) const fn remembers(&self, protocol: u8) -> bool {
        self.profile.tracks_tcp && protocol == TCP
    }

    /// Whether a connection continues after a timeout: the idle timeout, or else the active one.
    pub(super) const fn continues(&self, protocol: u8, is_idle: bool) -> bool {
        match self.profile.after_timeout {
            AfterTimeout::NewConnection => false,
            AfterTimeout::Continues => true,
            AfterTimeout::ByProtocol => protocol == TCP || (protocol == UDP && !is_idle),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_round_down_also_before_the_epoch() {
        let rules = Rules::new(&FlowMeterConfig::default());
        assert_eq!((rules.ticks(1_999_999), rules.ticks(-1), rules.idle), (1, -1, 120_000));
        let rules = Rules::new(&FlowMeterConfig { profile: Profile::Cic, ..Default::default() });
        assert_eq!((rules.ticks(1_999), rules.active), (1, 120_000_001));
    }

    #[test]
    fn each_profile_has_its_own_answer_after_a_timeout() {
        let continues = |profile| {
            let rules = Rules::new(&FlowMeterConfig { profile, ..Default::default() });
            [(TCP, true), (TCP, false), (UDP, true), (UDP, false), (1, false)]
                .map(|(protocol, is_idle)| rules.continues(protocol, is_idle))
        };
        assert_eq!(continues(Profile::Nfstream), [false; 5]);
        assert_eq!(continues(Profile::CicLegacy), [true; 5]);
        assert_eq!(continues(Profile::Cic), [true, true, false, true, false]);
    }
}
