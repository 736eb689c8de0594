//! Writes datagrams field by field.

/// Export time of the datagrams, seconds since the Unix epoch.
pub(super) const SENT: u32 = 1_700_000_000;

/// Uptime of the exporter at that time, milliseconds.
pub(super) const UPTIME: u32 = 3_600_000;

/// The length of a field with its length in the record.
pub(super) const VARIABLE: u16 = 65_535;

/// Numbers in network byte order.
#[derive(Clone, Default)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Bytes {
    pub(super) fn u8(mut self, number: u8) -> Self {
        self.0.push(number);
        self
    }

    pub(super) fn u16(mut self, number: u16) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn u32(mut self, number: u32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn u64(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn put(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

pub(super) fn bytes() -> Bytes {
    Bytes::default()
}

/// A set with its header.
pub(super) fn set(id: u16, body: &[u8]) -> Vec<u8> {
    bytes().u16(id).u16(body.len() as u16 + 4).put(body).0
}

/// A template record of IANA's elements.
pub(super) fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let header = bytes().u16(id).u16(fields.len() as u16);
    fields.iter().fold(header, |bytes, &(element, len)| bytes.u16(element).u16(len)).0
}

/// An IPFIX message of some sets.
pub(super) fn ipfix(sequence: u32, domain: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    let header = bytes().u16(10).u16(body.len() as u16 + 16).u32(SENT).u32(sequence).u32(domain);
    header.put(&body).0
}

/// A NetFlow v9 datagram of some sets.
pub(super) fn netflow9(sequence: u32, source: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let header = bytes().u16(9).u16(sets.len() as u16).u32(UPTIME).u32(SENT).u32(sequence).u32(source);
    header.put(&sets.concat()).0
}

/// A NetFlow v5 datagram; `sampling` is the mode and the interval.
pub(super) fn netflow5(sequence: u32, sampling: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let header = bytes().u16(5).u16(records.len() as u16).u32(UPTIME).u32(SENT).u32(250_000_000);
    header.u32(sequence).u8(1).u8(2).u16(sampling).put(&records.concat()).0
}

/// A NetFlow v5 record from 10.0.0.1 to 10.0.0.2 that took 1.5 s.
pub(super) fn netflow5_record(ports: [u16; 2], protocol: u8, packets: u32, octets: u32) -> Vec<u8> {
    let record = bytes().put(&[10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0]).u16(3).u16(4).u32(packets).u32(octets);
    let record = record.u32(UPTIME - 2_000).u32(UPTIME - 500).u16(ports[0]).u16(ports[1]);
    record.u8(0).u8(0x1b).u8(protocol).u8(0x10).put(&[0; 8]).0
}

/// Fields of a minimal flow, [`plain_record`].
pub(super) const PLAIN: [(u16, u16); 7] = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (2, 4), (1, 4)];

/// Addresses 10.0.0.1 and 10.0.0.2, ports 40000 and 443, TCP.
pub(super) fn plain_record(packets: u32, octets: u32) -> Vec<u8> {
    let record = bytes().put(&[10, 0, 0, 1, 10, 0, 0, 2]).u16(40_000).u16(443).u8(6);
    record.u32(packets).u32(octets).0
}
