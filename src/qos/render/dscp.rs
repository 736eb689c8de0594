//! `DiffServ` code points of the classes that traffic is marked with.

use crate::qos::{Action, ServiceClass};

/// A code point, its name in nftables, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dscp {
    pub(super) number: u8,
    pub(super) name: &'static str,
}

/// The code point of an action that marks traffic; `None` for others.
pub(super) const fn of(action: Action) -> Option<Dscp> {
    let class = match action {
        Action::Deprioritize { .. } => ServiceClass::LowerEffort,
        Action::Prioritize { service_class, .. } => service_class,
        _ => return None,
    };
    Some(Dscp { number: class.dscp(), name: name(class) })
}

/// The name in nftables, or the number where older versions have no name.
const fn name(class: ServiceClass) -> &'static str {
    match class {
        ServiceClass::Telephony => "ef",
        ServiceClass::Signaling => "cs5",
        ServiceClass::MultimediaConferencing => "af41",
        ServiceClass::RealTimeInteractive => "cs4",
        ServiceClass::MultimediaStreaming => "af31",
        ServiceClass::BroadcastVideo => "cs3",
        ServiceClass::LowLatencyData => "af21",
        ServiceClass::AdmittedTelephony => "0x2c",
        ServiceClass::NonQueueBuilding => "0x2d",
        ServiceClass::NetworkControl => "cs6",
        ServiceClass::Oam => "cs2",
        ServiceClass::HighThroughputData => "af11",
        ServiceClass::Standard => "cs0",
        ServiceClass::LowerEffort => "lephb",
    }
}
