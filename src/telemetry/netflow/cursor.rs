//! Reads big-endian numbers from a datagram of any length.

/// A position in a datagram. Every read returns `None` if too few bytes are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read up to now.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The unread bytes.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(n)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    /// The next byte.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// The next two bytes.
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// The next four bytes.
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }
}

/// An unsigned number of 1 to 8 bytes. Exporters may shorten numbers (RFC 7011 section 6.2).
#[inline]
pub(super) fn unsigned(bytes: &[u8]) -> u64 {
    if let &[byte] = bytes {
        return u64::from(byte);
    }
    if let Ok(bytes) = bytes.try_into() {
        return u64::from(u16::from_be_bytes(bytes));
    }
    if let Ok(bytes) = bytes.try_into() {
        return u64::from(u32::from_be_bytes(bytes));
    }
    if let Ok(bytes) = bytes.try_into() {
        return u64::from_be_bytes(bytes);
    }
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_past_the_end_returns_none_and_keeps_the_position() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.u16(), Some(0x0102));
        assert_eq!(cursor.u32(), None);
        assert_eq!(cursor.take(usize::MAX), None);
        assert_eq!((cursor.at(), cursor.rest()), (2, &[3][..]));
        assert_eq!(cursor.u8(), Some(3));
        assert_eq!(cursor.u8(), None);
    }

    #[test]
    fn numbers_of_1_to_8_bytes_are_read() {
        for n in 1..=8_usize {
            let bytes: Vec<u8> = (1..=n as u8).collect();
            let expected = bytes.iter().fold(0_u64, |a, &b| a * 256 + u64::from(b));
            assert_eq!(unsigned(&bytes), expected, "{n}");
        }
        assert_eq!(unsigned(&[]), 0);
    }
}
