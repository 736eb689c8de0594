//! `DiffServ` code points of the classes that traffic is marked with.

use crate::qos::{Action, ServiceClass};

/// A code point, its name in nftables, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dscp {
    pub(super) number: u8,
    pub(super) name: &'static str,
}

/// Lower effort (RFC 8622).
const LOWER_EFFORT: Dscp = Dscp { number: 1, name: "lephb" };

/// The code point of an action that marks traffic (RFC 4594, section 2.3, figure 3; RFC 8622); `None` for others.
pub(super) const fn of(action: Action) -> Option<Dscp> {
    Some(match action {
        Action::Deprioritize { .. } => LOWER_EFFORT,
        Action::Prioritize { service_class, .. } => match service_class {
            ServiceClass::Telephony => Dscp { number: 46, name: "ef" },
            ServiceClass::Signaling => Dscp { number: 40, name: "cs5" },
            ServiceClass::MultimediaConferencing => Dscp { number: 34, name: "af41" },
            ServiceClass::RealTimeInteractive => Dscp { number: 32, name: "cs4" },
            ServiceClass::MultimediaStreaming => Dscp { number: 26, name: "af31" },
            ServiceClass::BroadcastVideo => Dscp { number: 24, name: "cs3" },
            ServiceClass::LowLatencyData => Dscp { number: 18, name: "af21" },
        },
        _ => return None,
    })
}
