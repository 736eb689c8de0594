//! The decoder: it turns frames into [`Packet`]s.

use std::collections::BTreeMap;

use super::counts::{CaptureCounts, Skipped};
use super::fragments::FragmentCache;
use super::link::{self, Encapsulation, LinkType};
use super::packet::Packet;
use super::part::Part;
use super::{ip, transport, tunnel};

/// Maximum depth of nested tunnels.
const MAX_TUNNELS: usize = 8;

/// Maximum number of unsupported link types that are counted by name. [`CaptureCounts::unsupported_link`] counts all.
const MAX_NAMED_LINKS: usize = 32;

/// Which IP header of a tunnelled packet is decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// The outermost header: flows between the ends of the tunnel, as routers count them.
    #[default]
    Outer,
    /// The innermost readable header: flows between the hosts that use the tunnel.
    ///
    /// Decodes 4in4, 4in6, 6in4, 6in6, GRE (with ERSPAN), VXLAN, Geneve and GTP-U, to a depth of 8.
    Inner,
}

/// How frames are decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// Which IP header of a tunnelled packet is decoded. Default: the outermost.
    pub layer: Layer,
}

impl DecodeOptions {
    /// The same options with another layer.
    #[must_use]
    pub fn with_layer(mut self, layer: Layer) -> Self {
        self.layer = layer;
        self
    }
}

/// The result for one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// An IP packet.
    Packet(Packet),
    /// Not an IP packet, or not readable.
    Skipped(Skipped),
}

/// Decodes frames one by one and counts the results.
///
/// The only state is the ports of fragmented datagrams: at most 8,192 of them, for at most one minute.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::packets::{DecodeOptions, Decoded, Decoder, LinkType};
///
/// let mut frame = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]; // IPv4, 28 bytes, UDP
/// frame.extend([10, 0, 0, 1, 10, 0, 0, 2]); // addresses
/// frame.extend([0x30, 0x39, 0, 53, 0, 8, 0, 0]); // port 12345 to port 53, no payload
/// let mut decoder = Decoder::new(&DecodeOptions::default());
/// let Decoded::Packet(packet) = decoder.decode_frame(LinkType::RAW, &frame, 28, 0) else { panic!() };
/// assert_eq!((packet.src_port, packet.dst_port, packet.protocol), (12345, 53, 17));
/// assert_eq!((packet.ip_bytes, packet.header_bytes, packet.payload_bytes), (28, 8, 0));
/// assert_eq!(decoder.counts().packets, 1);
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    layer: Layer,
    fragments: FragmentCache,
    pub(super) counts: CaptureCounts,
    unsupported: Unsupported,
}

/// Counters of what is not decoded.
#[derive(Clone, Debug, Default)]
struct Unsupported {
    links: BTreeMap<u16, u64>,
    encapsulations: BTreeMap<Encapsulation, u64>,
}

impl Decoder {
    /// Creates a decoder.
    pub fn new(options: &DecodeOptions) -> Self {
        Self {
            layer: options.layer,
            fragments: FragmentCache::default(),
            counts: CaptureCounts::default(),
            unsupported: Unsupported::default(),
        }
    }

    /// Decodes one frame.
    ///
    /// `captured` holds the captured bytes of the frame from its start. `wire_bytes` is the frame's length on the wire;
    /// the larger of it and the captured length is used. `time_ns` is the time of capture in nanoseconds since the Unix
    /// epoch. The packet has sizes on the wire. If the length in an IP header exceeds the frame, the size is what the
    /// frame can hold.
    #[inline]
    pub fn decode_frame(
        &mut self,
        link: LinkType,
        captured: &[u8],
        wire_bytes: u32,
        time_ns: i64,
    ) -> Decoded {
        let mut packet = Packet::default();
        match self.decode_into(link, captured, wire_bytes, time_ns, &mut packet) {
            Ok(()) => Decoded::Packet(packet),
            Err(reason) => Decoded::Skipped(reason),
        }
    }

    /// Decodes one frame into `packet`, without a copy.
    #[inline(always)]
    pub(super) fn decode_into(
        &mut self,
        link: LinkType,
        captured: &[u8],
        wire_bytes: u32,
        time_ns: i64,
        packet: &mut Packet,
    ) -> Result<(), Skipped> {
        let frame = Part::frame(captured, wire_bytes);
        self.counts.records += 1;
        self.counts.frame_bytes += frame.wire as u64;
        self.counts.captured_bytes += captured.len() as u64;
        *packet = Packet { time_ns, frame_bytes: frame.wire as u32, ..Packet::default() };
        let outcome = self.decode(link, frame, packet);
        match outcome {
            Ok(()) => self.counts.packets += 1,
            Err(reason) => self.skip(reason, link, frame),
        }
        outcome
    }

    #[cold]
    fn skip(&mut self, reason: Skipped, link: LinkType, frame: Part<'_>) {
        self.counts.skip(reason);
        let Unsupported { links, encapsulations } = &mut self.unsupported;
        match reason {
            Skipped::UnsupportedLink => {
                let link = link::unsupported(link, frame).0;
                if links.len() < MAX_NAMED_LINKS || links.contains_key(&link) {
                    *links.entry(link).or_default() += 1;
                }
            }
            Skipped::Encapsulated(encapsulation) => *encapsulations.entry(encapsulation).or_default() += 1,
            _ => {}
        }
    }

    /// The records skipped as [`Skipped::UnsupportedLink`] and [`Skipped::Encapsulated`], counted by the name of the link
    /// type or encapsulation. It returns at most 32 link types; [`Decoder::counts`] counts all records.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::packets::{DecodeOptions, Decoder, LinkType};
    ///
    /// let mut decoder = Decoder::new(&DecodeOptions::default());
    /// decoder.decode_frame(LinkType(127), &[0; 40], 40, 0);
    /// let names: Vec<(String, u64)> = decoder.unsupported().collect();
    /// assert_eq!(names, [("unsupported_link 127 (IEEE 802.11 with radiotap)".to_owned(), 1)]);
    /// ```
    pub fn unsupported(&self) -> impl Iterator<Item = (String, u64)> {
        let link = |(&link, &records): (&u16, &u64)| {
            let name =
                LinkType(link).unsupported_name().map_or_else(String::new, |name| format!(" ({name})"));
            (format!("unsupported_link {link}{name}"), records)
        };
        let links = self.unsupported.links.iter().map(link);
        let encapsulations = self.unsupported.encapsulations.iter();
        links.chain(
            encapsulations.map(|(kind, &records)| (format!("encapsulated {}", kind.as_str()), records)),
        )
    }

    /// The counters of the frames up to now.
    pub fn counts(&self) -> &CaptureCounts {
        &self.counts
    }

    #[inline(always)]
    fn decode(&mut self, link: LinkType, frame: Part<'_>, packet: &mut Packet) -> Result<(), Skipped> {
        let network = link::network(link, frame)?;
        packet.vlan_id = network.vlan_id;
        let mut payload = ip::read(network.ip, packet)?;
        if self.layer == Layer::Inner {
            for _ in 0..MAX_TUNNELS {
                let Ok(network) = tunnel::inside(packet, &payload) else { break };
                let mut inner = Packet {
                    time_ns: packet.time_ns,
                    frame_bytes: packet.frame_bytes,
                    vlan_id: packet.vlan_id,
                    ..Packet::default()
                };
                let Ok(inner_payload) = ip::read(network.ip, &mut inner) else { break };
                (*packet, payload) = (inner, inner_payload);
            }
        }
        match payload.fragment {
            Some(fragment) if !fragment.is_first => {
                packet.payload_bytes = payload.part.wire as u32;
                self.counts.fragments += 1;
                if !self.fragments.recall(packet, fragment) {
                    self.counts.fragments_without_first += 1;
                }
            }
            Some(fragment) => {
                transport::read(payload.part, packet);
                self.counts.fragments += 1;
                self.fragments.remember(packet, fragment);
            }
            None => transport::read(payload.part, packet),
        }
        Ok(())
    }
}
