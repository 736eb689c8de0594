//! Gzip streams of any number of members, with zeros between and behind them.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;

/// The first two bytes of every gzip member.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Whether a file that begins with `head` is gzipped.
pub(crate) fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

/// Unpacks the members of a gzip stream one after the other.
///
/// Zeros behind a member are padding, as `gzip` itself reads them: tapes and block devices fill up their last block.
/// Other bytes there are [`ErrorKind::InvalidData`].
pub(crate) struct Gunzip<R> {
    state: State<R>,
}

enum State<R> {
    /// Within a member.
    Member(GzDecoder<R>),
    /// Behind a member: padding, another member or the end.
    Behind(R),
    /// The input ended, or failed.
    Done,
}

impl<R: BufRead> Gunzip<R> {
    /// Unpacks an input that begins with a member.
    pub(crate) fn new(input: R) -> Self {
        Self { state: State::Member(GzDecoder::new(input)) }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.state {
                State::Member(member) => {
                    let bytes = member.read(buffer)?;
                    if bytes > 0 {
                        return Ok(bytes);
                    }
                    if let State::Member(member) = std::mem::replace(&mut self.state, State::Done) {
                        self.state = State::Behind(member.into_inner());
                    }
                }
                State::Behind(input) => {
                    let held = input.fill_buf()?;
                    let (length, zeros) = (held.len(), held.iter().take_while(|&&byte| byte == 0).count());
                    let next = held.get(zeros).copied();
                    input.consume(zeros);
                    match next {
                        Some(byte) if byte == MAGIC[0] => {
                            if let State::Behind(input) = std::mem::replace(&mut self.state, State::Done) {
                                self.state = State::Member(GzDecoder::new(input));
                            }
                        }
                        Some(byte) => {
                            self.state = State::Done;
                            let message = format!("byte {byte:#04x} behind a gzip member is not padding");
                            return Err(io::Error::new(ErrorKind::InvalidData, message));
                        }
                        None if length == 0 => self.state = State::Done,
                        None => {}
                    }
                }
                State::Done => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn member(text: &[u8]) -> Vec<u8> {
        let mut member = GzEncoder::new(Vec::new(), Compression::fast());
        member.write_all(text).unwrap();
        member.finish().unwrap()
    }

    fn unpack(bytes: &[u8], window: usize) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Gunzip::new(BufReader::with_capacity(window, bytes)).read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn zeros_behind_and_between_members_are_padding() {
        let (one, two) = (member(b"one"), member(b"two"));
        for window in [1, 7, 4_096] {
            for padding in [0, 1, 511, 20_000] {
                let zeros = vec![0; padding];
                assert_eq!(unpack(&[&one[..], &zeros].concat(), window).unwrap(), b"one");
                let both = [&one[..], &zeros, &two, &zeros].concat();
                assert_eq!(unpack(&both, window).unwrap(), b"onetwo", "{window} {padding}");
            }
        }
    }

    #[test]
    fn what_is_not_padding_is_an_error() {
        let one = member(b"one");
        for tail in [&b"x"[..], &[0, 0, 7], &[0x1f, 0x00, 0, 0, 0, 0, 0, 0, 0, 0]] {
            let error = unpack(&[&one[..], tail].concat(), 64).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput), "{error}");
        }
        let cut = unpack(&[&one[..], &[0, 0], &one[..one.len() - 3]].concat(), 64).unwrap_err();
        assert_eq!(cut.kind(), ErrorKind::UnexpectedEof);
    }
}
