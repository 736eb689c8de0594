//! Addresses as data sources write them.

use std::net::{IpAddr, Ipv4Addr};

/// Reads an address in the spellings that sources use, or `None` where none or more than one address could be meant.
///
/// Accepted: blanks around it, one trailing dot, upper case, brackets, a zone (`fe80::1%eth0`, RFC 4007), a port
/// (`10.1.2.3:443`, `[2001:db8::1]:443`) and the full prefix length (`10.1.2.3/32`, `2001:db8::1/128`). An IPv4 number
/// with leading zeros is accepted below 8 only: some parsers read `010` as octal 8, others as 10.
pub(crate) fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    if let Some((address, length)) = text.rsplit_once('/') {
        let address = unbracketed(address)?;
        let full = if address.is_ipv4() { "32" } else { "128" };
        return (length == full).then_some(address);
    }
    unbracketed(text).or_else(|| {
        let (address, port) = text.rsplit_once(':')?;
        let address = if address.starts_with('[') { unbracketed(address)? } else { ipv4(address)?.into() };
        is_port(port).then_some(address)
    })
}

/// An address without port and length, in brackets or not, with a zone or not.
fn unbracketed(text: &str) -> Option<IpAddr> {
    let inner = text.strip_prefix('[').map_or(Some(text), |rest| rest.strip_suffix(']'))?;
    let inner = inner.split_once('%').map_or(inner, |(address, _)| address);
    inner.parse().ok().or_else(|| ipv4(inner).map(IpAddr::V4))
}

/// An IPv4 address whose numbers may have leading zeros where their octal and decimal values agree.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let number = |digits: &str| {
        let padded = digits.len() > 1 && digits.starts_with('0');
        let value: u8 = decimal(digits, 3)?.try_into().ok()?;
        (!padded || value < 8).then_some(value)
    };
    let mut numbers = text.split('.').map(number);
    let octets = [numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then(|| octets.into())
}

fn is_port(digits: &str) -> bool {
    decimal(digits, 5).is_some_and(|port| u16::try_from(port).is_ok())
}

/// A number of 1 to `most` decimal digits; `u32::from_str` would accept a sign.
fn decimal(digits: &str, most: usize) -> Option<u32> {
    let fits = (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unambiguous_spellings_are_read() {
        let v4 = [
            "10.1.2.3",
            " 10.1.2.3\t",
            "10.1.2.3.",
            "10.1.2.3/32",
            "10.1.2.3:443",
            "10.1.2.3:0",
            "[10.1.2.3]",
            "[10.1.2.3]:80",
            "10.001.002.003",
            "10.1.2.3%eth0",
        ];
        for text in v4 {
            assert_eq!(read_address(text), Some([10, 1, 2, 3].into()), "{text}");
        }
        let v6 = [
            "2001:db8::1",
            "2001:DB8:0:0::1",
            "[2001:db8::1]",
            "[2001:db8::1]:443",
            "2001:db8::1/128",
            "[2001:db8::1]/128",
            "2001:db8::1%3",
            "[2001:db8::1%eth0]:443",
            "2001:db8::1.",
            " [2001:0DB8::0001] ",
        ];
        for text in v6 {
            assert_eq!(read_address(text), "2001:db8::1".parse().ok(), "{text}");
        }
        let mapped = read_address("[::FFFF:0a01:0203]:443").map(|address| address.to_canonical());
        assert_eq!(mapped, Some([10, 1, 2, 3].into()));
    }

    #[test]
    fn what_could_mean_another_address_is_not_read() {
        for text in [
            "",
            ".",
            "-",
            "host",
            "010.001.002.003",
            "10.1.2.010",
            "10.1.2.08",
            "10.1.2.3/24",
            "10.1.2.3/032",
            "10.0.0.0/8",
            "2001:db8::/32",
            "167838211",
            "0x0a010203",
            "0x0a.1.2.3",
            "10.1.2",
            "10.1.2.3.4",
            "10.1.2.256",
            "10.1.2.3:",
            "10.1.2.3:65536",
            "10.1.2.3:http",
            "10.1.2.3:+1",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]x",
            "10.1.2.3,10.1.2.4",
            "10.1.2.3 10.1.2.4",
            "10.1.2.3..",
            "00:1b:44:11:3a:b7",
            "::ffff:010.1.2.3",
            "[]",
            "[]:443",
            ":443",
            "/32",
            "%eth0",
        ] {
            assert_eq!(read_address(text), None, "{text}");
        }
    }
}
