//! Templates, compiled into the reads that a record needs.

use std::collections::BTreeMap;

use super::cursor::{Cursor, unsigned};
use super::element::{Element, Slot, slot};
use super::record::Record;

/// The length of a field whose actual length is in the record (RFC 7011 section 7).
const VARIABLE: u16 = u16::MAX;

/// The fields of a NetFlow v5 record, by the numbers of v9; 0 is padding.
const NETFLOW5: [(u16, u16); 20] = [
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 2),
    (14, 2),
    (2, 4),
    (1, 4),
    (22, 4),
    (21, 4),
    (7, 2),
    (11, 2),
    (0, 1),
    (6, 1),
    (4, 1),
    (5, 1),
    (16, 2),
    (17, 2),
    (9, 1),
    (13, 1),
    (0, 2),
];

/// A field of a template record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) element: Element,
    /// Bytes, or [`VARIABLE`].
    pub(super) len: u16,
    /// Whether it is the scope of an options record.
    pub(super) scope: bool,
}

/// What the records of a template contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Flows and events.
    Data,
    /// Descriptions of the exporter.
    Options,
}

/// A compiled template.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) purpose: Purpose,
    layout: Layout,
    /// Elements with a slot and a fixed length that the slot cannot hold.
    unusable: Vec<Element>,
    /// Number of the datagram that last used it.
    pub(super) used: u64,
}

#[derive(Debug)]
enum Layout {
    /// All records have the same length.
    ///
    /// The slots of `reads` are always filled. The slots of `wide` are filled if the value is not too large.
    Fixed { len: usize, reads: Vec<Read>, wide: Vec<(Read, Element)>, present: u64 },
    /// The fields of each record are read one by one. `min_len` is the length of the shortest record.
    Variable { min_len: usize, steps: Vec<Step> },
}

/// The bytes of a fixed record for a slot.
#[derive(Clone, Copy, Debug)]
struct Read {
    start: u16,
    end: u16,
    slot: Slot,
}

/// A field of a variable record, or several consecutive skipped fields.
#[derive(Clone, Copy, Debug)]
struct Step {
    len: u16,
    slot: Option<(Slot, Element)>,
}

/// The result of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    /// Complete records.
    pub(super) records: u32,
    /// Whether a length pointed past the end of the set.
    pub(super) truncated: bool,
    /// Number of fields with an unusable length or value, by element.
    pub(super) unusable: UnusableFields,
}

/// Number of unusable fields by element. Only elements with a slot are counted.
pub(super) type UnusableFields = BTreeMap<Element, u64>;

impl Template {
    /// Compiles the fields of a template; `None` for records of zero bytes, or of more bytes than a set can hold.
    pub(super) fn compile(purpose: Purpose, fields: &[Field]) -> Option<Self> {
        let min_len: usize =
            fields.iter().map(|f| if f.len == VARIABLE { 1 } else { usize::from(f.len) }).sum();
        if min_len == 0 || min_len > usize::from(u16::MAX) {
            return None;
        }
        Some(Self::of(purpose, fields, min_len))
    }

    /// The fixed template of NetFlow v5 records.
    pub(super) fn netflow5() -> Self {
        Self::of(
            Purpose::Data,
            &NETFLOW5.map(|(id, len)| Field { element: Element { enterprise: 0, id }, len, scope: false }),
            48,
        )
    }

    /// Compiles fields whose shortest record has `min_len` bytes.
    fn of(purpose: Purpose, fields: &[Field], min_len: usize) -> Self {
        let (slots, unusable) = slots(purpose, fields);
        let layout = if fields.iter().any(|f| f.len == VARIABLE) {
            Layout::Variable { min_len, steps: steps(fields, &slots) }
        } else {
            let mut start = 0;
            let (mut reads, mut wide) = (Vec::new(), Vec::new());
            for (field, slot) in fields.iter().zip(slots) {
                let end = start + field.len;
                match slot {
                    Some(slot) if slot.overflows(field.len) => {
                        wide.push((Read { start, end, slot }, field.element));
                    }
                    Some(slot) => reads.push(Read { start, end, slot }),
                    None => {}
                }
                start = end;
            }
            let present = reads.iter().fold(0, |bits, read| bits | read.slot.bit());
            Layout::Fixed { len: min_len, reads, wide, present }
        };
        Self { purpose, layout, unusable, used: 0 }
    }

    /// Maximum number of records in a data set.
    pub(super) fn max_records(&self, set: &[u8]) -> usize {
        match self.layout {
            Layout::Fixed { len, .. } | Layout::Variable { min_len: len, .. } => set.len() / len,
        }
    }

    /// Decodes the records of a data set one by one. The rest at the end of the set is padding.
    pub(super) fn decode(&self, set: &[u8], record: &mut Record, mut each: impl FnMut(&Record)) -> Decoded {
        let mut decoded = Decoded::default();
        match &self.layout {
            Layout::Fixed { len, reads, wide, present } => {
                for bytes in set.chunks_exact(*len) {
                    record.present = *present;
                    for read in reads {
                        if let Some(value) = read.of(bytes) {
                            record.put(read.slot, value);
                        }
                    }
                    for (read, element) in wide {
                        if read.of(bytes).is_some_and(|value| record.put(read.slot, value)) {
                            record.present |= read.slot.bit();
                        } else {
                            *decoded.unusable.entry(*element).or_default() += 1;
                        }
                    }
                    each(record);
                    decoded.records += 1;
                }
            }
            Layout::Variable { min_len, steps } => {
                let mut cursor = Cursor::new(set);
                while cursor.rest().len() >= *min_len {
                    record.present = 0;
                    if read_fields(&mut cursor, steps, record, &mut decoded.unusable).is_none() {
                        decoded.truncated = true;
                        break;
                    }
                    each(record);
                    decoded.records += 1;
                }
            }
        }
        if decoded.records > 0 {
            for element in &self.unusable {
                *decoded.unusable.entry(*element).or_default() += u64::from(decoded.records);
            }
        }
        decoded
    }
}

impl Read {
    /// Its bytes in a record.
    #[inline]
    fn of(self, record: &[u8]) -> Option<&[u8]> {
        record.get(usize::from(self.start)..usize::from(self.end))
    }
}

/// Decodes one record field by field; `None` if the set ends earlier.
fn read_fields(
    cursor: &mut Cursor<'_>,
    steps: &[Step],
    record: &mut Record,
    unusable: &mut UnusableFields,
) -> Option<()> {
    for step in steps {
        let len = match step.len {
            VARIABLE => match cursor.u8()? {
                255 => cursor.u16()?,
                len => u16::from(len),
            },
            len => len,
        };
        let value = cursor.take(usize::from(len))?;
        // A field of zero bytes has no value.
        let Some((slot, element)) = step.slot.filter(|_| len > 0) else { continue };
        if slot.holds(len) && record.put(slot, value) {
            record.present |= slot.bit();
        } else {
            *unusable.entry(element).or_default() += 1;
        }
    }
    Some(())
}

/// The slot that each field fills, and the elements with a length that their slot cannot hold. If several fields have the
/// same slot, the field with the lowest rank fills it.
fn slots(purpose: Purpose, fields: &[Field]) -> (Vec<Option<Slot>>, Vec<Element>) {
    let mut best: [Option<(u8, usize)>; 64] = [None; 64];
    let mut slots = vec![None; fields.len()];
    let mut unusable = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        let Some((slot, rank)) = slot(field.element) else { continue };
        let holds = field.len == VARIABLE || slot.holds(field.len);
        // An interface in the scope is the subject of the options. Other interfaces are ignored.
        let ignored = purpose == Purpose::Options && slot == Slot::Input && !field.scope;
        // A field of zero bytes has no value.
        if !holds && !ignored && field.len > 0 {
            unusable.push(field.element);
        }
        let taken = &mut best[slot as usize];
        if holds && !ignored && taken.is_none_or(|(lowest, _)| rank < lowest) {
            if let Some((_, before)) = taken.replace((rank, i)) {
                slots[before] = None;
            }
            slots[i] = Some(slot);
        }
    }
    (slots, unusable)
}

/// The steps through a variable record. Consecutive skipped fields become one step.
fn steps(fields: &[Field], slots: &[Option<Slot>]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (field, &slot) in fields.iter().zip(slots) {
        let skipped = |s: &&mut Step| s.slot.is_none() && s.len != VARIABLE;
        match steps.last_mut().filter(skipped) {
            Some(last) if slot.is_none() && field.len != VARIABLE && last.len < VARIABLE - field.len => {
                last.len += field.len;
            }
            _ => steps.push(Step { len: field.len, slot: slot.map(|slot| (slot, field.element)) }),
        }
    }
    steps
}

impl Record {
    /// Puts the bytes of a field into its slot; false if the number is larger than the slot allows.
    #[inline]
    fn put(&mut self, slot: Slot, bytes: &[u8]) -> bool {
        let number = match (slot, bytes.try_into()) {
            (Slot::SrcV6, Ok(address)) => {
                self.v6[0] = address;
                return true;
            }
            (Slot::DstV6, Ok(address)) => {
                self.v6[1] = address;
                return true;
            }
            (Slot::SamplingProbability, _) => probability(bytes),
            _ => unsigned(bytes),
        };
        self.values[slot as usize] = number;
        number <= slot.max()
    }
}

/// The bits of a probability, a floating-point number of 4 or 8 bytes.
fn probability(bytes: &[u8]) -> u64 {
    let number = unsigned(bytes);
    if bytes.len() == 4 { f64::from(f32::from_bits(number as u32)).to_bits() } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(id: u16, len: u16) -> Field {
        Field { element: Element { enterprise: 0, id }, len, scope: false }
    }

    fn decode(fields: &[Field], set: &[u8]) -> (Vec<(u64, Option<u64>)>, Decoded) {
        let template = Template::compile(Purpose::Data, fields).unwrap();
        let mut rows = Vec::new();
        let decoded = template.decode(set, &mut Record::default(), |r| {
            rows.push((r.present, r.get(Slot::Bytes)));
        });
        (rows, decoded)
    }

    #[test]
    fn a_template_of_zero_or_too_many_bytes_is_rejected() {
        assert!(Template::compile(Purpose::Data, &[]).is_none());
        assert!(Template::compile(Purpose::Data, &[field(1, 0), field(2, 0)]).is_none());
        assert!(Template::compile(Purpose::Data, &[field(1, 40_000), field(2, 40_000)]).is_none());
        assert!(Template::compile(Purpose::Data, &[field(1, 0), field(2, 1)]).is_some());
    }

    #[test]
    fn deltas_are_preferred_to_totals_in_any_order() {
        let bits = Slot::Bytes.bit();
        let fields = [field(85, 1), field(1, 2), field(23, 1), field(1, 1)];
        let (rows, decoded) = decode(&fields, &[9, 0, 7, 8, 6, 0, 0]);
        assert_eq!(rows, [(bits, Some(7))]);
        assert_eq!(decoded, Decoded { records: 1, ..Decoded::default() });
    }

    #[test]
    fn variable_lengths_of_one_and_three_bytes_are_read() {
        let fields = [field(96, VARIABLE), field(1000, 1), field(1001, 2), field(1, VARIABLE)];
        let set = [2, b'o', b'k', 0, 0, 0, 1, 5, 255, 0, 3, b'a', b'b', b'c', 0, 0, 0, 0];
        let (rows, decoded) = decode(&fields, &set);
        assert_eq!(rows, [(Slot::Bytes.bit(), Some(5)), (0, None)]);
        assert_eq!(decoded, Decoded { records: 2, ..Decoded::default() });
        let (rows, decoded) = decode(&fields, &[200, b'o', b'k', 0, 0, 0, 1, 5]);
        assert_eq!((rows.len(), decoded.truncated), (0, true));
    }

    #[test]
    fn a_number_of_more_than_eight_bytes_is_skipped_and_counted() {
        let (rows, decoded) = decode(&[field(1, 9), field(2, 1)], &[0; 20]);
        assert_eq!(rows, [(Slot::Packets.bit(), None); 2]);
        assert_eq!(decoded.unusable, [(field(1, 9).element, 2)].into());
    }

    #[test]
    fn a_number_has_the_length_of_the_template() {
        for (id, slot, max) in
            [(4, Slot::Protocol, 255_u64), (7, Slot::SrcPort, 65_535), (10, Slot::Input, u64::from(u32::MAX))]
        {
            for len in 1..=8_u16 {
                let largest = if len == 8 { u64::MAX } else { (1 << (8 * len)) - 1 };
                for value in [0, 1, max.min(largest), largest] {
                    let bytes = value.to_be_bytes();
                    let set = &bytes[8 - usize::from(len)..];
                    let template = Template::compile(Purpose::Data, &[field(id, len)]).unwrap();
                    let mut got = None;
                    let decoded = template.decode(set, &mut Record::default(), |r| got = r.get(slot));
                    let expected = (value <= max).then_some(value);
                    assert_eq!(
                        (got, decoded.unusable.len()),
                        (expected, usize::from(value > max)),
                        "{id} {len} {value}"
                    );
                }
            }
        }
    }
}
