//! The techniques of MITRE ATT&CK that the kinds of incidents are.

use crate::stream::IncidentKind;

/// Version of the matrix.
pub(super) const VERSION: &str = "17.0";

/// An id and a name.
pub(super) type Named = (&'static str, &'static str);

/// A technique with its tactic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attack {
    pub(super) tactic: Named,
    pub(super) technique: Named,
    pub(super) sub_technique: Option<Named>,
}

/// The technique of a kind; `None` for anomalies, which no technique describes.
pub(super) const fn technique(kind: IncidentKind) -> Option<Attack> {
    let (tactic, technique, sub_technique) = match kind {
        IncidentKind::PortScan => (DISCOVERY, ("T1046", "Network Service Discovery"), None),
        IncidentKind::HostScan => (DISCOVERY, ("T1018", "Remote System Discovery"), None),
        IncidentKind::SynFlood => {
            (IMPACT, ("T1499", "Endpoint Denial of Service"), Some(("T1499.001", "OS Exhaustion Flood")))
        }
        IncidentKind::Flood => {
            (IMPACT, ("T1498", "Network Denial of Service"), Some(("T1498.001", "Direct Network Flood")))
        }
        IncidentKind::BruteForce => (("TA0006", "Credential Access"), ("T1110", "Brute Force"), None),
        IncidentKind::Beacon => {
            (("TA0011", "Command and Control"), ("T1071", "Application Layer Protocol"), None)
        }
        IncidentKind::Exfiltration => {
            (("TA0010", "Exfiltration"), ("T1048", "Exfiltration Over Alternative Protocol"), None)
        }
        IncidentKind::DistributedAnomaly | IncidentKind::Anomaly => return None,
    };
    Some(Attack { tactic, technique, sub_technique })
}

const DISCOVERY: Named = ("TA0007", "Discovery");
const IMPACT: Named = ("TA0040", "Impact");
