//! Addresses as numbers of entities.

use std::net::IpAddr;

use crate::arrow::array::{Array, StringArray};
use crate::telemetry::read_address;

/// An address as the number of its entity: all of IPv4, the first 64 bits of IPv6.
pub(super) fn entity(texts: Option<&StringArray>, row: usize) -> Option<u64> {
    let texts = texts.filter(|texts| texts.is_valid(row))?;
    let text = texts.value(row);
    let address = match ipv4(text) {
        Some(address) => return Some(v4(address)),
        None => read_address(text)?,
    };
    Some(match address.to_canonical() {
        IpAddr::V4(address) => v4(address.to_bits()),
        // No global address begins with 16 zero bits, so that no IPv6 prefix equals an IPv4 address.
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    })
}

fn v4(address: u32) -> u64 {
    1 << 32 | u64::from(address)
}

/// Four decimal numbers without leading zeros, which is how nearly every address is written.
fn ipv4(text: &str) -> Option<u32> {
    let (mut address, mut number, mut digits, mut dots) = (0_u32, 0_u32, 0, 0);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if digits == 0 || (number != 0 && digits < 3) => {
                number = number * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && dots < 3 && number < 256 => {
                address = address << 8 | number;
                (number, digits, dots) = (0, 0, dots + 1);
            }
            _ => return None,
        }
    }
    (dots == 3 && digits > 0 && number < 256).then_some(address << 8 | number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_entities() {
        let texts = StringArray::from(vec![
            Some("10.0.0.1"),
            Some(" 10.0.0.1"),
            Some("::ffff:10.0.0.1"),
            Some("2001:db8::1"),
            Some("2001:db8::ffff"),
            Some("2001:db8:0:1::1"),
            Some("printer"),
            Some("10.0.0.256"),
            Some("10.0.0.10"),
            None,
        ]);
        let of = |row| entity(Some(&texts), row);
        assert_eq!(of(0), Some(0x1_0A00_0001));
        assert!((0..3).all(|row| of(row) == of(0)));
        assert!(of(3) == of(4) && of(3) != of(5) && of(3).is_some());
        assert_eq!((of(6), of(7), of(9)), (None, None, None));
        assert_ne!(of(8), of(0));
    }
}
