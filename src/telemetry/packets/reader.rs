//! The reader of captures.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::counts::CaptureCounts;
use super::decode::{DecodeOptions, Decoder};
use super::input::Input;
use super::packet::Packet;
use super::pcap::Pcap;
use super::pcapng::PcapNg;
use super::record::{MAX_WIRE, Record};
use crate::error::{Error, Result};

/// Reads the packets of a capture, in the order of the capture.
///
/// Reads pcap (microseconds and nanoseconds, either byte order) and pcapng (any number of sections and interfaces),
/// plain or gzipped. The first bytes decide the format. The reader never reads further ahead in a stream than the next
/// packet needs, so `tcpdump -w - | …` works as a live capture. It buffers at most about 1 MiB of a stream.
///
/// Every record is a packet, or [`PacketReader::counts`] counts it under the reason why it is not. An incomplete record
/// at the end of the capture is counted and is not an error, because a capture that is still being written ends that way.
///
/// # Errors
///
/// As an iterator, [`Error::BadBytes`] if the length of a record is impossible or contradicts another length: the next
/// record cannot be found. The packets before the error are returned first, and nothing is returned after it.
/// [`Error::Io`].
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::packets::{DecodeOptions, PacketReader};
///
/// let mut capture = Vec::new();
/// for word in [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 65_535, 101] {
///     capture.extend(word.to_be_bytes()); // file header: version 2.4, link type 101, raw IP
/// }
/// for word in [1_700_000_000_u32, 250_000, 20, 20] {
///     capture.extend(word.to_be_bytes()); // record header: seconds, microseconds, lengths
/// }
/// capture.extend([0x45, 0, 0, 20, 0, 0, 0, 0, 64, 89, 0, 0, 10, 0, 0, 1, 224, 0, 0, 5]);
///
/// let mut reader = PacketReader::from_bytes(&capture, "inline", &DecodeOptions::default())?;
/// let packet = reader.next().expect("one packet")?;
/// assert_eq!((packet.time_ns, packet.protocol), (1_700_000_000_250_000_000, 89));
/// assert!(reader.next().is_none());
/// assert_eq!((reader.counts().records, reader.counts().packets), (1, 1));
/// # Ok::<(), qosguard::Error>(())
/// ```
pub struct PacketReader<'a> {
    input: Input<'a>,
    format: Format,
    decoder: Decoder,
    place: String,
    /// Time of the last record.
    time_ns: i64,
    is_done: bool,
}

#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

impl std::fmt::Debug for PacketReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PacketReader")
            .field("place", &self.place)
            .field("format", &self.format)
            .field("counts", self.counts())
            .finish_non_exhaustive()
    }
}

impl PacketReader<'static> {
    /// Reads a capture file; `-` is standard input.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::BadBytes`] if it is not a capture.
    pub fn open(path: impl AsRef<Path>, options: &DecodeOptions) -> Result<Self> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Self::new(std::io::stdin(), "standard input", options);
        }
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        Self::new(file, &path.display().to_string(), options)
    }
}

impl<'a> PacketReader<'a> {
    /// Reads a capture from any source; errors name it `place`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::BadBytes`] if it is not a capture.
    pub fn new(read: impl Read + Send + 'a, place: &str, options: &DecodeOptions) -> Result<Self> {
        Self::of(Input::stream(Box::new(read), place)?, place, options)
    }

    /// Reads a capture in memory; errors name it `place`. Only a gzipped capture is copied.
    ///
    /// # Errors
    ///
    /// [`Error::BadBytes`] if it is not a capture, [`Error::Io`] if its gzip data is damaged.
    pub fn from_bytes(bytes: &'a [u8], place: &str, options: &DecodeOptions) -> Result<Self> {
        Self::of(Input::memory(bytes, place), place, options)
    }

    fn of(mut input: Input<'a>, place: &str, options: &DecodeOptions) -> Result<Self> {
        let format = if let Some(pcap) = Pcap::open(&mut input)? {
            Format::Pcap(pcap)
        } else if let Some(pcapng) = PcapNg::open(&mut input)? {
            Format::PcapNg(pcapng)
        } else {
            let head = input.rest().get(..4).unwrap_or(input.rest());
            let value = format!("{head:02x?}");
            return Err(input.error(0, value, "the start of a pcap or pcapng capture"));
        };
        let decoder = Decoder::new(options);
        Ok(Self { input, format, decoder, place: place.to_owned(), time_ns: 0, is_done: false })
    }

    /// The name of the capture in errors.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The counters of the records up to now.
    pub fn counts(&self) -> &CaptureCounts {
        self.decoder.counts()
    }

    /// The records with an unsupported link type or encapsulation, by name; see [`Decoder::unsupported`].
    pub fn unsupported(&self) -> impl Iterator<Item = (String, u64)> {
        self.decoder.unsupported()
    }

    /// Reads the next packet into `packet`; false at the end.
    #[inline(always)]
    fn next_into(&mut self, packet: &mut Packet) -> Result<bool> {
        loop {
            let record = match &mut self.format {
                Format::Pcap(pcap) => pcap.next(&mut self.input)?,
                Format::PcapNg(pcapng) => pcapng.next(&mut self.input)?,
            };
            let counts = &mut self.decoder.counts;
            match record {
                Record::Frame { wire_bytes: MAX_WIRE.., .. } | Record::Malformed => {
                    counts.records += 1;
                    counts.malformed += 1;
                }
                Record::Frame { link, captured, wire_bytes, time_ns } => {
                    let time_ns = time_ns.unwrap_or_else(|| {
                        counts.rejected_times += 1;
                        self.time_ns
                    });
                    self.time_ns = time_ns;
                    if self.decoder.decode_into(link, captured, wire_bytes, time_ns, packet).is_ok() {
                        return Ok(true);
                    }
                }
                Record::UnknownInterface { captured_bytes, wire_bytes } => {
                    counts.records += 1;
                    counts.unknown_interface += 1;
                    counts.frame_bytes += u64::from(wire_bytes);
                    counts.captured_bytes += u64::from(captured_bytes);
                }
                Record::CutOff { at } => {
                    counts.records += 1;
                    counts.cut_off += 1;
                    counts.cut_off_at = Some(at);
                    return Ok(false);
                }
                Record::End => return Ok(false),
            }
        }
    }
}

impl Iterator for PacketReader<'_> {
    type Item = Result<Packet>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let mut packet = Packet::default();
        match self.next_into(&mut packet) {
            Ok(true) => Some(Ok(packet)),
            Ok(false) => {
                self.is_done = true;
                None
            }
            Err(error) => {
                self.is_done = true;
                Some(Err(error))
            }
        }
    }
}
