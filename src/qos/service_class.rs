//! The service classes that traffic may be prioritized into.

use serde::{Deserialize, Serialize};

/// A delay-sensitive service class of RFC 4594; the only kind of traffic that may be prioritized.
///
/// Classes that gain nothing from being early (bulk data, standard, lower effort) and those that hosts
/// must not claim (network control) are not among them.
///
/// # Source
///
/// RFC 4594, section 2.3, figure 3, for the classes and their `DiffServ` code points.
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
}

impl ServiceClass {
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
        }
    }
}
