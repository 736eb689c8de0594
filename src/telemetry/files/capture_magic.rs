//! The numbers that packet captures begin with.

/// pcap with times in microseconds.
pub(crate) const PCAP_MICROSECONDS: u32 = 0xa1b2_c3d4;
/// pcap with times in nanoseconds.
pub(crate) const PCAP_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// A variant of pcap, written by Linux 2.2, with the interface and more in every record.
pub(crate) const PCAP_LINUX_2_2: u32 = 0xa1b2_cd34;
/// The section header of pcapng, the same in both byte orders.
pub(crate) const PCAPNG: u32 = 0x0a0d_0d0a;

/// Whether a file that begins with `head` is a capture. A pcap file has the byte order of the machine that wrote it.
pub(crate) fn is_capture(head: &[u8]) -> bool {
    let Some(&magic) = head.first_chunk::<4>() else { return false };
    let (big, little) = (u32::from_be_bytes(magic), u32::from_le_bytes(magic));
    let pcap = [PCAP_MICROSECONDS, PCAP_NANOSECONDS, PCAP_LINUX_2_2];
    big == PCAPNG || pcap.contains(&big) || pcap.contains(&little)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_found_in_both_byte_orders() {
        for magic in [PCAP_MICROSECONDS, PCAP_NANOSECONDS, PCAP_LINUX_2_2] {
            assert!(is_capture(&magic.to_be_bytes()) && is_capture(&magic.to_le_bytes()), "{magic:#x}");
        }
        assert!(is_capture(&PCAPNG.to_le_bytes()));
        assert!(!is_capture(b"a,b\n") && !is_capture(&[0xa1, 0xb2]));
    }
}
