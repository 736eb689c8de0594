//! NetFlow v9 and IPFIX messages: sets of templates and of data.

use super::columns::Origin;
use super::config::NetflowConfig;
use super::cursor::Cursor;
use super::domain::{Domain, DomainKey, Format};
use super::element::Element;
use super::flows::Flows;
use super::pending_sets::PendingSets;
use super::record::Clock;
use super::template::{Field, Purpose, Template};

/// Bit of an element's number that is set if an enterprise number follows (RFC 7011 section 3.2).
const ENTERPRISE: u16 = 1 << 15;

/// Smallest identifier of a template and of its data sets.
const MIN_TEMPLATE: u16 = 256;

/// Bytes of a set's header.
const SET_HEADER: usize = 4;

/// A datagram that contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Offset of the error, in bytes from the start of the message.
    pub(super) at: usize,
    /// The offending number.
    pub(super) value: usize,
    /// What was expected there.
    pub(super) expected: &'static str,
}

/// One message, with the state of its domain.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) key: DomainKey,
    pub(super) exporter: &'a str,
    pub(super) clock: Clock,
    pub(super) domain: &'a mut Domain,
    pub(super) flows: &'a mut Flows,
    pub(super) pending: &'a mut PendingSets,
    pub(super) config: &'a NetflowConfig,
    /// Number of data records; `None` if it is unknown.
    pub(super) records: Option<u32>,
}

impl Message<'_> {
    /// Decodes the sets of a message, after its header.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let format = self.key.format;
        while !cursor.rest().is_empty() {
            let at = cursor.at();
            // Some exporters pad their datagrams with zeros.
            if cursor.rest().iter().all(|&byte| byte == 0) {
                return Ok(());
            }
            let (Some(id), Some(len)) = (cursor.u16(), cursor.u16()) else {
                return Err(Malformed {
                    at,
                    value: cursor.rest().len(),
                    expected: "the 4 bytes of a set's header",
                });
            };
            let len = usize::from(len);
            let Some(body) = len.checked_sub(SET_HEADER) else {
                return Err(Malformed { at, value: len, expected: "a set's length of at least 4" });
            };
            let Some(set) = cursor.take(body) else {
                self.records = None;
                return Err(Malformed { at, value: len, expected: "the length of a set within its message" });
            };
            match (format, id) {
                (Format::Netflow9, 0) | (Format::Ipfix, 2) => self.read_templates(set, at, Purpose::Data)?,
                (Format::Netflow9, 1) | (Format::Ipfix, 3) => {
                    self.read_templates(set, at, Purpose::Options)?;
                }
                (_, MIN_TEMPLATE..) => self.read_data(id, set),
                _ => self.flows.counts.skipped_sets += 1,
            }
        }
        Ok(())
    }

    /// Decodes a set of template records that starts at byte `at` of the message.
    fn read_templates(&mut self, set: &[u8], at: usize, purpose: Purpose) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(set);
        // Fewer than 4 bytes, or zeros, are padding.
        let padding = set.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        while cursor.rest().len() >= SET_HEADER && cursor.at() < padding {
            let at = at + SET_HEADER + cursor.at();
            let Some((id, fields)) = self.read_template(&mut cursor, purpose) else {
                self.flows.counts.rejected_templates += 1;
                let expected = "a template within its set";
                return Err(Malformed { at, value: set.len(), expected });
            };
            match fields {
                Fields::Withdrawn => self.withdraw(id, purpose),
                Fields::Rejected => {
                    self.flows.counts.rejected_templates += 1;
                    self.domain.templates.remove(&id);
                }
                Fields::Valid(template) => {
                    self.flows.counts.templates += 1;
                    self.domain.keep(id, template, self.config.max_templates, &mut self.flows.counts);
                    self.replay(id);
                }
            }
        }
        Ok(())
    }

    /// Decodes one template record; `None` if its set ends earlier.
    fn read_template(&self, cursor: &mut Cursor<'_>, purpose: Purpose) -> Option<(u16, Fields)> {
        let ipfix = self.key.format == Format::Ipfix;
        let id = cursor.u16()?;
        let first = cursor.u16()?;
        if ipfix && first == 0 {
            return Some((id, Fields::Withdrawn));
        }
        let (count, scopes, is_valid) = match purpose {
            Purpose::Data => (usize::from(first), 0, true),
            Purpose::Options if ipfix => {
                let (count, scopes) = (usize::from(first), usize::from(cursor.u16()?));
                (count, scopes, (1..=count).contains(&scopes))
            }
            // NetFlow v9 has the lengths of the scope fields and of the other fields in bytes, 4 per field.
            Purpose::Options => {
                let (scope, options) = (usize::from(first), usize::from(cursor.u16()?));
                let is_valid = scope.is_multiple_of(4) && options.is_multiple_of(4);
                (scope / 4 + options / 4, scope / 4, is_valid)
            }
        };
        if !is_valid && !ipfix {
            // The end of the record is unknown.
            return None;
        }
        let wanted = is_valid && id >= MIN_TEMPLATE && count <= self.config.max_fields;
        let mut fields = Vec::with_capacity(if wanted { count } else { 0 });
        for index in 0..count {
            let (mut number, len) = (cursor.u16()?, cursor.u16()?);
            let mut enterprise = 0;
            if ipfix && number & ENTERPRISE != 0 {
                number &= !ENTERPRISE;
                enterprise = cursor.u32()?;
            }
            let scope = index < scopes;
            if scope && !ipfix {
                // Scopes have their own numbers in NetFlow v9; 2 is the interface (RFC 3954 section 6.1).
                number = if number == 2 { 10 } else { 0 };
            }
            if wanted {
                fields.push(Field { element: Element { enterprise, id: number }, len, scope });
            }
        }
        let template = Template::compile(purpose, &fields).filter(|_| wanted);
        Some((id, template.map_or(Fields::Rejected, Fields::Valid)))
    }

    /// Removes a template, or all templates of a purpose if `id` is the identifier of the set (RFC 7011 section 8.1).
    fn withdraw(&mut self, id: u16, purpose: Purpose) {
        let before = self.domain.templates.len();
        if id < MIN_TEMPLATE {
            self.domain.templates.retain(|_, template| template.purpose != purpose);
        } else {
            self.domain.templates.remove(&id);
        }
        self.flows.counts.withdrawn_templates += (before - self.domain.templates.len()) as u64;
    }

    /// Decodes a data set, or keeps it until its template arrives.
    fn read_data(&mut self, id: u16, set: &[u8]) {
        if let Some(records) = self.decode(id, set, self.clock) {
            self.records = self.records.map(|before| before.saturating_add(records));
        } else {
            self.records = None;
            self.pending.keep(self.key, id, self.clock, set, self.config, &mut self.flows.counts);
        }
    }

    /// Decodes the data sets that waited for a template.
    fn replay(&mut self, id: u16) {
        let waited = self.pending.take(&self.key, id, self.clock, self.config.keep_s, &mut self.flows.counts);
        for set in waited {
            self.decode(id, &set.bytes, set.clock);
        }
    }

    /// Decodes a data set and returns its number of records; `None` without a template.
    fn decode(&mut self, id: u16, set: &[u8], clock: Clock) -> Option<u32> {
        let Domain { templates, options, last_datagram, .. } = &mut *self.domain;
        let template = templates.get_mut(&id)?;
        template.used = *last_datagram;
        if template.purpose == Purpose::Options {
            let Flows { counts, record, .. } = &mut *self.flows;
            let decoded = template.decode(set, record, |record| options.update(record, self.config, counts));
            return Some(self.flows.count(decoded));
        }
        let origin = Origin {
            exporter: self.exporter,
            format: self.key.format.name(),
            domain: self.key.domain,
            clock: options.clock(clock),
        };
        Some(self.flows.read_set(template, set, &origin, |record| options.interval(record)))
    }
}

/// The contents of a template record.
enum Fields {
    /// The exporter withdrew the template.
    Withdrawn,
    /// The template is unusable.
    Rejected,
    /// The compiled template.
    Valid(Template),
}
