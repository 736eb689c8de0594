//! Writes captures byte by byte.

#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// A classic pcap file.
pub(crate) struct Pcap {
    pub(crate) bytes: Vec<u8>,
    /// Bytes between the header of a record and its frame.
    pub(crate) extra: usize,
    order: Order,
}

impl Pcap {
    pub(crate) fn new(order: Order, magic: u32, link: u16) -> Self {
        let words = [magic, 0x0002_0004, 0, 0, 65_535, u32::from(link)];
        Self { bytes: words.map(|word| order.u32(word)).concat(), extra: 0, order }
    }

    pub(crate) fn record(&mut self, seconds: u32, fraction: u32, frame: &[u8]) {
        let length = frame.len() as u32;
        self.bytes.extend([seconds, fraction, length, length].map(|word| self.order.u32(word)).concat());
        self.bytes.extend(vec![0; self.extra]);
        self.bytes.extend(frame);
    }
}

/// A pcapng file of one section.
pub(crate) struct PcapNg {
    pub(crate) bytes: Vec<u8>,
    order: Order,
}

impl PcapNg {
    pub(crate) fn new(order: Order) -> Self {
        let mut capture = Self { bytes: Vec::new(), order };
        let magic = order.u32(0x1a2b_3c4d);
        capture.block(0x0a0d_0d0a, &[&magic, &order.u16(1)[..], &order.u16(0), &[0xff; 8]].concat());
        capture
    }

    /// Any block; its body is padded to 4 bytes.
    pub(crate) fn block(&mut self, kind: u32, body: &[u8]) {
        let length = self.order.u32(body.len().next_multiple_of(4) as u32 + 12);
        self.bytes.extend([self.order.u32(kind), length].concat());
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.bytes.extend(length);
    }

    /// An interface with options: their codes and values.
    pub(crate) fn interface(&mut self, link: u16, snap_bytes: u32, options: &[(u16, &[u8])]) {
        let mut body = [&self.order.u16(link)[..], &[0, 0], &self.order.u32(snap_bytes)].concat();
        for (code, value) in options {
            body.extend([self.order.u16(*code), self.order.u16(value.len() as u16)].concat());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, &body);
    }

    pub(crate) fn packet(&mut self, interface: u32, ticks: u64, frame: &[u8]) {
        let length = frame.len() as u32;
        let words = [interface, (ticks >> 32) as u32, ticks as u32, length, length];
        self.block(6, &[&words.map(|word| self.order.u32(word)).concat(), frame].concat());
    }

    pub(crate) fn old_packet(&mut self, interface: u16, ticks: u64, frame: &[u8]) {
        let length = frame.len() as u32;
        let words = [(ticks >> 32) as u32, ticks as u32, length, length].map(|word| self.order.u32(word));
        self.block(2, &[&self.order.u16(interface)[..], &[0xff, 0xff], &words.concat(), frame].concat());
    }

    pub(crate) fn simple_packet(&mut self, frame: &[u8]) {
        self.block(3, &[&self.order.u32(frame.len() as u32), frame].concat());
    }
}
