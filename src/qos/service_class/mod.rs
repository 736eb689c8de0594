//! Service classes: what a flow needs from the network, and the code point that carries each class.

mod classify;

use serde::{Deserialize, Serialize};

pub use classify::Classified;

/// A service class of RFC 4594 with its amendments: what a flow needs from the network.
///
/// [`ServiceClass::of`] gives the class of a flow. Only delay-sensitive classes may be prioritized
/// ([`ServiceClass::is_delay_sensitive`]): the others gain nothing from being early, or must not be claimed by hosts.
///
/// # Source
///
/// RFC 4594, section 2.3, figure 3, for the classes and their `DiffServ` code points; RFC 5865 (admitted telephony), RFC 8622
/// (lower effort), and draft-ietf-tsvwg-nqb (non-queue-building).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceClass {
    /// Voice over IP (EF).
    Telephony,
    /// Call set-up such as SIP (CS5).
    Signaling,
    /// Video calls (`AF4x`).
    MultimediaConferencing,
    /// Games, remote control (CS4).
    RealTimeInteractive,
    /// Video on demand (`AF3x`).
    MultimediaStreaming,
    /// Live television (CS3).
    BroadcastVideo,
    /// Short transactions such as DNS (`AF2x`).
    LowLatencyData,
    /// Voice with admission control (VOICE-ADMIT, RFC 5865).
    AdmittedTelephony,
    /// Flows that do not build a queue (NQB).
    NonQueueBuilding,
    /// Routing protocols (CS6); hosts must not claim it.
    NetworkControl,
    /// Operation and management of the network (CS2).
    Oam,
    /// Large transfers that matter (`AF1x`).
    HighThroughputData,
    /// Everything else (DF).
    Standard,
    /// Traffic that may wait for all other traffic (LE, RFC 8622).
    LowerEffort,
}

impl ServiceClass {
    /// Every class.
    pub const ALL: [Self; 14] = [
        Self::Telephony,
        Self::Signaling,
        Self::MultimediaConferencing,
        Self::RealTimeInteractive,
        Self::MultimediaStreaming,
        Self::BroadcastVideo,
        Self::LowLatencyData,
        Self::AdmittedTelephony,
        Self::NonQueueBuilding,
        Self::NetworkControl,
        Self::Oam,
        Self::HighThroughputData,
        Self::Standard,
        Self::LowerEffort,
    ];

    /// The word that files and bindings use, such as `"telephony"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Telephony => "telephony",
            Self::Signaling => "signaling",
            Self::MultimediaConferencing => "multimedia_conferencing",
            Self::RealTimeInteractive => "real_time_interactive",
            Self::MultimediaStreaming => "multimedia_streaming",
            Self::BroadcastVideo => "broadcast_video",
            Self::LowLatencyData => "low_latency_data",
            Self::AdmittedTelephony => "admitted_telephony",
            Self::NonQueueBuilding => "non_queue_building",
            Self::NetworkControl => "network_control",
            Self::Oam => "oam",
            Self::HighThroughputData => "high_throughput_data",
            Self::Standard => "standard",
            Self::LowerEffort => "lower_effort",
        }
    }

    /// Whether traffic of the class may be prioritized: it suffers from delay, and hosts may claim the class.
    ///
    /// ```
    /// use qosguard::qos::ServiceClass;
    ///
    /// assert!(ServiceClass::Telephony.is_delay_sensitive());
    /// assert!(!ServiceClass::HighThroughputData.is_delay_sensitive());
    /// ```
    pub const fn is_delay_sensitive(self) -> bool {
        match self {
            Self::Telephony
            | Self::Signaling
            | Self::MultimediaConferencing
            | Self::RealTimeInteractive
            | Self::MultimediaStreaming
            | Self::BroadcastVideo
            | Self::LowLatencyData
            | Self::AdmittedTelephony
            | Self::NonQueueBuilding => true,
            Self::NetworkControl
            | Self::Oam
            | Self::HighThroughputData
            | Self::Standard
            | Self::LowerEffort => false,
        }
    }

    /// The `DiffServ` code point that marks the class, 0 to 63; of a group such as `AF4x`, the one of the lowest drop precedence.
    ///
    /// ```
    /// use qosguard::qos::ServiceClass;
    ///
    /// assert_eq!(ServiceClass::Telephony.dscp(), 46);
    /// assert_eq!(ServiceClass::LowerEffort.dscp(), 1);
    /// ```
    pub const fn dscp(self) -> u8 {
        match self {
            Self::Telephony => 46,
            Self::AdmittedTelephony => 44,
            Self::NonQueueBuilding => 45,
            Self::Signaling => 40,
            Self::MultimediaConferencing => 34,
            Self::RealTimeInteractive => 32,
            Self::MultimediaStreaming => 26,
            Self::BroadcastVideo => 24,
            Self::LowLatencyData => 18,
            Self::NetworkControl => 48,
            Self::Oam => 16,
            Self::HighThroughputData => 10,
            Self::Standard => 0,
            Self::LowerEffort => 1,
        }
    }

    /// The class that a code point marks; `None` for a code point without a class, and above 63.
    ///
    /// The drop precedences of an assured forwarding group mark the same class. CS1, the earlier mark of low priority, is
    /// lower effort.
    ///
    /// ```
    /// use qosguard::qos::ServiceClass;
    ///
    /// assert_eq!(ServiceClass::from_dscp(38), Some(ServiceClass::MultimediaConferencing)); // AF43
    /// assert_eq!(ServiceClass::from_dscp(63), None);
    /// ```
    pub const fn from_dscp(dscp: u8) -> Option<Self> {
        Some(match dscp {
            0 => Self::Standard,
            1 | 8 => Self::LowerEffort,
            10 | 12 | 14 => Self::HighThroughputData,
            16 => Self::Oam,
            18 | 20 | 22 => Self::LowLatencyData,
            24 => Self::BroadcastVideo,
            26 | 28 | 30 => Self::MultimediaStreaming,
            32 => Self::RealTimeInteractive,
            34 | 36 | 38 => Self::MultimediaConferencing,
            40 => Self::Signaling,
            44 => Self::AdmittedTelephony,
            45 => Self::NonQueueBuilding,
            46 => Self::Telephony,
            48 => Self::NetworkControl,
            _ => return None,
        })
    }
}
