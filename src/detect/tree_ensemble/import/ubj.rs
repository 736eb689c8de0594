//! UBJSON, the binary form of JSON that XGBoost writes by default.
//!
//! Source: *Universal Binary JSON Specification*, draft 12, <https://ubjson.org>; numbers are big-endian.

use std::fmt::{self, Display};

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Arrays and objects in each other that are read.
const MAX_DEPTH: usize = 128;

/// Reads one value after the other.
pub(super) struct Reader<'de> {
    bytes: &'de [u8],
    at: usize,
    depth: usize,
    /// The type of the next value, where its array has given it.
    marker: Option<u8>,
}

impl<'de> Reader<'de> {
    /// Reads from the first byte on.
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { bytes, at: 0, depth: 0, marker: None }
    }

    /// Bytes that have been read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Rejects what follows the value.
    pub(super) fn end(&self) -> Result<(), Error> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(Error("bytes after the model".into())) }
    }

    fn take(&mut self, n: usize) -> Result<&'de [u8], Error> {
        let part = self.at.checked_add(n).and_then(|end| self.bytes.get(self.at..end));
        let part = part.ok_or_else(|| Error(format!("the end of the data, {n} more bytes were expected")))?;
        self.at += n;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    /// The type of the next value; `N` is a no-op and is skipped.
    fn next_marker(&mut self) -> Result<u8, Error> {
        if let Some(marker) = self.marker.take() {
            return Ok(marker);
        }
        loop {
            match self.next()? {
                b'N' => {}
                marker => return Ok(marker),
            }
        }
    }

    fn integer(&mut self, marker: u8) -> Result<i64, Error> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(u8::from_be_bytes(self.array()?)),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            other => {
                return Err(Error(format!(
                    "{:?}, the type of a whole number was expected",
                    char::from(other)
                )));
            }
        })
    }

    fn length(&mut self) -> Result<usize, Error> {
        let marker = self.next()?;
        let length = self.integer(marker)?;
        usize::try_from(length).map_err(|_| Error(format!("the length {length}, it must be at least 0")))
    }

    fn string(&mut self) -> Result<&'de str, Error> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Error("text that is not UTF-8".into()))
    }

    /// The type and the number of entries in the header of an array or object.
    fn entries(&mut self, end: u8) -> Result<Entries, Error> {
        let mut entries = Entries { end, marker: None, left: None };
        if self.peek() == Some(b'$') {
            self.next()?;
            let marker = self.next()?;
            if !b"iUIlLdDCSH[{".contains(&marker) {
                return Err(Error(format!(
                    "{:?}, the type of an array's numbers was expected",
                    char::from(marker)
                )));
            }
            entries.marker = Some(marker);
            if self.peek() != Some(b'#') {
                return Err(Error("an array with a type and without a count".into()));
            }
        }
        if self.peek() == Some(b'#') {
            self.next()?;
            entries.left = Some(self.length()?);
        }
        Ok(entries)
    }

    /// Reads an array or object.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == MAX_DEPTH {
            return Err(Error(format!("more than {MAX_DEPTH} arrays and objects in each other")));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.next_marker()? {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'd' => visitor.visit_f32(f32::from_be_bytes(self.array()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(self.array()?)),
            b'C' => visitor.visit_char(char::from(self.next()?)),
            b'S' | b'H' => visitor.visit_borrowed_str(self.string()?),
            b'[' => self.nested(|reader| {
                let mut entries = reader.entries(b']')?;
                let value = visitor.visit_seq(Access { reader, entries: &mut entries })?;
                reader.close(&entries).map(|()| value)
            }),
            b'{' => self.nested(|reader| {
                let mut entries = reader.entries(b'}')?;
                let value = visitor.visit_map(Access { reader, entries: &mut entries })?;
                reader.close(&entries).map(|()| value)
            }),
            marker @ (b'i' | b'U' | b'I' | b'l' | b'L') => visitor.visit_i64(self.integer(marker)?),
            other => Err(Error(format!("{:?}, the type of a value was expected", char::from(other)))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.marker.is_none() && self.peek() == Some(b'Z') {
            self.next()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl Reader<'_> {
    /// Reads past the end of an array or object of which all entries have been read.
    fn close(&mut self, entries: &Entries) -> Result<(), Error> {
        match entries.left {
            Some(0) => Ok(()),
            None if self.peek() == Some(entries.end) => self.next().map(|_| ()),
            _ => Err(Error("more entries than were expected".into())),
        }
    }
}

struct Entries {
    end: u8,
    marker: Option<u8>,
    /// Entries that are still to come, where they are counted.
    left: Option<usize>,
}

impl Entries {
    /// Whether another entry follows.
    fn more(&mut self, next: Option<u8>) -> bool {
        match &mut self.left {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => next != Some(self.end),
        }
    }
}

struct Access<'a, 'de> {
    reader: &'a mut Reader<'de>,
    entries: &'a mut Entries,
}

impl<'de> Access<'_, 'de> {
    fn value<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        self.reader.marker = self.entries.marker;
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Access<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if !self.entries.more(self.reader.peek()) {
            return Ok(None);
        }
        self.value(seed).map(Some)
    }
}

impl<'de> MapAccess<'de> for Access<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if !self.entries.more(self.reader.peek()) {
            return Ok(None);
        }
        seed.deserialize(BorrowedStrDeserializer::new(self.reader.string()?)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        self.value(seed)
    }
}

/// What was found, and what was expected.
#[derive(Debug)]
pub(super) struct Error(String);

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(bytes: &[u8]) -> Result<Value, String> {
        let mut reader = Reader::new(bytes);
        let value = serde::Deserialize::deserialize(&mut reader).map_err(|error: Error| error.to_string())?;
        reader.end().map(|()| value).map_err(|error| error.to_string())
    }

    #[test]
    fn values_by_hand() {
        assert_eq!(
            read(b"{i\x01aSU\x02hii\x01b[ZTFi\xff]}"),
            Ok(json!({"a": "hi", "b": [null, true, false, -1]}))
        );
        assert_eq!(read(b"[$d#L\0\0\0\0\0\0\0\x02\x3f\0\0\0\xbf\x80\0\0"), Ok(json!([0.5, -1.0])));
        assert_eq!(read(b"[#i\x02I\x01\x00NCx"), Ok(json!([256, "x"])));
        assert_eq!(read(b"[$[#i\x02i\x01]]"), Ok(json!([[1], []])));
        assert_eq!(read(b"D\x3f\xe0\0\0\0\0\0\0"), Ok(json!(0.5)));
    }

    #[test]
    fn damage_is_rejected() {
        for (bytes, message) in [
            (&b"[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff"[..], "'Z', the type of an array's numbers"),
            (b"[$d#i\x02\0", "the end of the data"),
            (b"[$di\x02", "without a count"),
            (b"Si\xff", "the length -1"),
            (b"Sd", "'d', the type of a whole number"),
            (b"SL\x7f\xff\xff\xff\xff\xff\xff\xff", "the end of the data"),
            (b"q", "'q', the type of a value"),
            (b"i\x01i", "bytes after the model"),
            (b"{i\x01\xffZ}", "not UTF-8"),
            (b"", "the end of the data"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(message), "{error}, not {message}");
        }
        assert!(read(&vec![b'['; 100_000]).unwrap_err().contains("128 arrays"));
    }
}
