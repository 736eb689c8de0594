//! Writes frames byte by byte.

/// Concatenates parts.
pub(crate) fn chain(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub(crate) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    chain(&[&[2, 0, 0, 0, 0, 1], &[2, 0, 0, 0, 0, 2], &ether_type.to_be_bytes(), payload])
}

/// From 192.0.2.1 to 192.0.2.2.
pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16 + 20).to_be_bytes();
    chain(&[
        &[0x45, 0],
        &length,
        &[0, 0, 0, 0, 64, protocol, 0, 0],
        &[192, 0, 2, 1],
        &[192, 0, 2, 2],
        payload,
    ])
}

/// From `3fff::101` to `3fff::102`.
pub(crate) fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    let address = |last| [0x3f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, last];
    chain(&[&[0x60, 0, 0, 0], &length, &[next_header, 64], &address(1), &address(2), payload])
}

/// From port 40,000, in IPv4.
pub(crate) fn udp(dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16 + 8).to_be_bytes();
    ipv4(17, &chain(&[&40_000_u16.to_be_bytes(), &dst_port.to_be_bytes(), &length, &[0, 0], payload]))
}
