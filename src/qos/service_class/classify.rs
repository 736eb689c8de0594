//! The service class of a flow, from its service, ports, mark and shape.

use super::ServiceClass;
use crate::qos::recommend::{Protocol, Subject};
use crate::telemetry::protocol_number;

/// A service class with the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Classified {
    /// The class.
    pub class: ServiceClass,
    /// Why, as a sentence.
    pub reason: String,
}

/// What a class is based on.
enum Ground<'a> {
    Service(&'a str),
    Port(u16, &'static str),
    Protocol(&'static str),
    Mark(u8),
    Shape { bytes: u32, variation: u16, what: &'static str },
    Bulk(u32),
    Nothing,
}

impl ServiceClass {
    /// What a clean flow needs from the network.
    ///
    /// The first of these that gives a class decides: the application service, a well-known port of TCP or UDP (the destination before
    /// the source), the routing protocol, the `DiffServ` code point of the record unless it is 0 or the one for routing protocols, and the shape
    /// of the flow: UDP in small packets at regular intervals is telephony, UDP in larger ones at nearly regular intervals is a video call, TCP in
    /// full packets is high-throughput data. Everything else is standard. Rules of a policy (`classes`) come before all of this:
    /// [`Recommender::service_class`](crate::qos::Recommender::service_class).
    ///
    /// ```
    /// use qosguard::qos::{Protocol, ServiceClass, Subject};
    ///
    /// let udp = Subject { protocol: Some(Protocol::Number(17)), ..Subject::default() };
    /// let sip = ServiceClass::of(&Subject { dst_port: Some(5060), ..udp });
    /// assert_eq!(sip.class, ServiceClass::Signaling);
    /// assert_eq!(sip.reason, "port 5060 is SIP");
    ///
    /// let voice = Subject { mean_packet_bytes: Some(214), interval_variation: Some(8), dst_port: Some(20_012), ..udp };
    /// let voice = ServiceClass::of(&voice);
    /// assert_eq!(voice.class, ServiceClass::Telephony);
    /// assert_eq!(voice.reason, "UDP packets of 214 bytes at regular intervals (variation 8 %) are voice");
    /// ```
    pub fn of(subject: &Subject<'_>) -> Classified {
        let (class, ground) = guess(subject);
        let reason = match ground {
            Ground::Service(name) => format!("the service is {}", name.trim()),
            Ground::Port(port, what) => format!("port {port} is {what}"),
            Ground::Protocol(what) => format!("the protocol is {what}"),
            Ground::Mark(dscp) => format!("the packets have the code point {dscp}"),
            Ground::Shape { bytes, variation, what } => {
                format!(
                    "UDP packets of {bytes} bytes at regular intervals (variation {variation} %) are {what}"
                )
            }
            Ground::Bulk(bytes) => format!("TCP packets of {bytes} bytes on average are a large transfer"),
            Ground::Nothing => "nothing about the flow asks for another class".to_owned(),
        };
        Classified { class, reason }
    }

    /// The class alone; allocates nothing.
    pub(in crate::qos) fn class_of(subject: &Subject<'_>) -> Self {
        guess(subject).0
    }
}

fn guess<'a>(subject: &Subject<'a>) -> (ServiceClass, Ground<'a>) {
    if let Some(name) = subject.service
        && let Some(class) = of_service(name.trim())
    {
        return (class, Ground::Service(name));
    }
    let protocol = subject.protocol.and_then(|protocol| match protocol {
        Protocol::Number(number) => Some(number),
        Protocol::Name(name) => name.trim().parse().ok().or_else(|| protocol_number(name.trim())),
    });
    match protocol {
        Some(88) => return (ServiceClass::NetworkControl, Ground::Protocol("EIGRP")),
        Some(89) => return (ServiceClass::NetworkControl, Ground::Protocol("OSPF")),
        Some(112) => return (ServiceClass::NetworkControl, Ground::Protocol("VRRP")),
        _ => {}
    }
    if matches!(protocol, None | Some(6 | 17)) {
        let ports = [subject.dst_port, subject.src_port];
        let known = ports.into_iter().flatten().find_map(|port| Some((port, of_port(port)?)));
        if let Some((port, (class, what))) = known {
            return (class, Ground::Port(port, what));
        }
    }
    // Hosts must not claim the class of routing protocols by a mark.
    if let Some(dscp) = subject.dscp.filter(|dscp| *dscp != 0)
        && let Some(class) = ServiceClass::from_dscp(dscp)
        && class != ServiceClass::NetworkControl
    {
        return (class, Ground::Mark(dscp));
    }
    by_shape(protocol, subject).unwrap_or((ServiceClass::Standard, Ground::Nothing))
}

/// The class of a flow by the size and the regularity of its packets.
fn by_shape<'a>(protocol: Option<u8>, subject: &Subject<'a>) -> Option<(ServiceClass, Ground<'a>)> {
    let bytes = subject.mean_packet_bytes?;
    if protocol == Some(6) {
        return (bytes >= 1200).then_some((ServiceClass::HighThroughputData, Ground::Bulk(bytes)));
    }
    let variation = subject.interval_variation.filter(|_| protocol == Some(17))?;
    // A codec sends a packet each 10 to 60 ms; 8 to 64 kbit/s with headers are 40 to 320 bytes.
    let (class, what) = match (bytes, variation) {
        (40..=320, 0..=35) => (ServiceClass::Telephony, "voice"),
        (321..=1400, 0..=60) => (ServiceClass::MultimediaConferencing, "a video call"),
        _ => return None,
    };
    Some((class, Ground::Shape { bytes, variation, what }))
}

fn of_service(name: &str) -> Option<ServiceClass> {
    let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    Some(if is(&["rtp", "voip", "srtp"]) {
        ServiceClass::Telephony
    } else if is(&["sip", "sips", "h323", "mgcp"]) {
        ServiceClass::Signaling
    } else if is(&["rdp", "vnc"]) {
        ServiceClass::RealTimeInteractive
    } else if is(&["rtsp", "rtmp"]) {
        ServiceClass::MultimediaStreaming
    } else if is(&["dns", "domain", "domain_u", "ntp", "ntp_u", "dhcp", "ldap", "krb", "krb_tcp"]) {
        ServiceClass::LowLatencyData
    } else if is(&["snmp", "syslog", "ssh", "telnet"]) {
        ServiceClass::Oam
    } else if is(&["bgp"]) {
        ServiceClass::NetworkControl
    } else if is(&["ftp", "ftp_data", "ftp-data", "smtp", "nfs", "rsync"]) {
        ServiceClass::HighThroughputData
    } else {
        return None;
    })
}

/// The class of a well-known port, and its name (IANA registry of service names and port numbers).
const fn of_port(port: u16) -> Option<(ServiceClass, &'static str)> {
    Some(match port {
        5060 => (ServiceClass::Signaling, "SIP"),
        5061 => (ServiceClass::Signaling, "SIP over TLS"),
        1720 => (ServiceClass::Signaling, "H.323"),
        3478..=3481 => (ServiceClass::MultimediaConferencing, "STUN or TURN, which video calls use"),
        3389 => (ServiceClass::RealTimeInteractive, "remote desktop"),
        554 => (ServiceClass::MultimediaStreaming, "RTSP"),
        1935 => (ServiceClass::MultimediaStreaming, "RTMP"),
        53 => (ServiceClass::LowLatencyData, "DNS"),
        853 => (ServiceClass::LowLatencyData, "DNS over TLS"),
        67 | 68 | 546 | 547 => (ServiceClass::LowLatencyData, "DHCP"),
        123 => (ServiceClass::LowLatencyData, "NTP"),
        88 => (ServiceClass::LowLatencyData, "Kerberos"),
        22 => (ServiceClass::Oam, "SSH"),
        161 | 162 => (ServiceClass::Oam, "SNMP"),
        514 | 6514 => (ServiceClass::Oam, "syslog"),
        830 => (ServiceClass::Oam, "NETCONF"),
        179 => (ServiceClass::NetworkControl, "BGP"),
        520 | 521 => (ServiceClass::NetworkControl, "RIP"),
        646 => (ServiceClass::NetworkControl, "LDP"),
        3784 => (ServiceClass::NetworkControl, "BFD"),
        20 | 21 => (ServiceClass::HighThroughputData, "FTP"),
        25 => (ServiceClass::HighThroughputData, "SMTP"),
        873 => (ServiceClass::HighThroughputData, "rsync"),
        2049 => (ServiceClass::HighThroughputData, "NFS"),
        6881..=6889 => (ServiceClass::LowerEffort, "BitTorrent"),
        _ => return None,
    })
}
