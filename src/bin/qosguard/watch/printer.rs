//! Where incidents go: lines on standard output, or the live table.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use qosguard::Result;
use qosguard::stream::{Incident, IncidentChange, IncidentEvent, IncidentFormat, Stream, StreamState};

use super::live::SourceState;
use super::screen::Screen;
use super::sources::Sources;
use super::table::{Row, View, lines};
use super::text;
use crate::arguments::EventFormat;
use crate::message::print_message;
use crate::output;

/// Time between two drawings.
const REDRAW: Duration = Duration::from_millis(200);
/// Time over which the rate is measured.
const RATE: Duration = Duration::from_secs(1);
/// Closed incidents and messages that are kept.
const KEPT: usize = 100;

/// Prints incidents.
pub(super) enum Printer {
    /// A line of text for each change.
    Text,
    /// A line of a format for each change.
    Lines(IncidentFormat),
    /// The live table.
    Table(Box<LiveTable>),
}

/// The state of the live table that the stream does not have.
pub(super) struct LiveTable {
    screen: Option<Screen>,
    closed: VecDeque<Row>,
    n_closed: u64,
    notes: VecDeque<String>,
    drawn: Option<Instant>,
    /// When the rate was measured, the records until then, and the rate.
    rate: (Instant, u64, f64),
}

impl Printer {
    /// The table on a terminal, JSON elsewhere, or the format that is asked for.
    pub(super) fn new(format: Option<EventFormat>) -> Result<Self> {
        Ok(match format {
            Some(EventFormat::Text) => Self::Text,
            Some(EventFormat::Json) => Self::Lines(IncidentFormat::Json),
            Some(EventFormat::Ocsf) => Self::Lines(IncidentFormat::Ocsf),
            Some(EventFormat::Ecs) => Self::Lines(IncidentFormat::Ecs),
            Some(EventFormat::Cef) => Self::Lines(IncidentFormat::Cef),
            None if !console::Term::stdout().is_term() => Self::Lines(IncidentFormat::Json),
            None => match Screen::open()? {
                Some(screen) => Self::Table(Box::new(LiveTable::new(screen))),
                None => Self::Text,
            },
        })
    }

    /// Whether people read the output.
    pub(super) const fn is_for_people(&self) -> bool {
        !matches!(self, Self::Lines(_))
    }

    /// Prints changes of incidents.
    pub(super) fn events(&mut self, events: &[IncidentEvent]) -> Result<()> {
        if let Self::Table(table) = self {
            for event in events.iter().filter(|event| event.event == IncidentChange::Closed) {
                table.n_closed += 1;
                table.closed.push_front(row(&event.incident));
                table.closed.truncate(KEPT);
            }
            return Ok(());
        }
        for event in events {
            let line = match self {
                Self::Lines(format) => event.export(*format),
                _ => text::line(event),
            };
            output::print(format!("{line}\n").as_bytes())?;
        }
        Ok(())
    }

    /// Prints messages; the table shows them, and they are printed again at the end.
    pub(super) fn notes(&mut self, notes: Vec<String>) {
        match self {
            Self::Table(table) => {
                table.notes.extend(notes);
                let more = table.notes.len().saturating_sub(KEPT);
                table.notes.drain(..more);
            }
            _ => notes.into_iter().for_each(print_message),
        }
    }

    /// Draws the table, where it is time to.
    pub(super) fn draw(&mut self, stream: &Stream, sources: &Sources) {
        if let Self::Table(table) = self {
            table.draw(stream, sources);
        }
    }

    /// Restores the terminal, and leaves the last table on it.
    pub(super) fn finish(&mut self, stream: &Stream, sources: &Sources) -> Result<()> {
        let Self::Table(table) = self else { return Ok(()) };
        let view = table.view(stream, sources);
        table.screen = None;
        let (width, _) = Screen::size();
        let text: String = lines(&View { notes: Vec::new(), ..view }, width, 3 * KEPT)
            .iter()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect();
        output::print(text.as_bytes())?;
        for note in table.notes.drain(..) {
            print_message(super::table::clean(&note));
        }
        Ok(())
    }
}

impl LiveTable {
    fn new(screen: Screen) -> Self {
        Self {
            screen: Some(screen),
            closed: VecDeque::new(),
            n_closed: 0,
            notes: VecDeque::new(),
            drawn: None,
            rate: (Instant::now(), 0, 0.0),
        }
    }

    fn draw(&mut self, stream: &Stream, sources: &Sources) {
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < REDRAW) {
            return;
        }
        self.drawn = Some(Instant::now());
        let view = self.view(stream, sources);
        let (width, height) = Screen::size();
        if let Some(screen) = &self.screen {
            screen.draw(&lines(&view, width, height));
        }
    }

    fn view(&mut self, stream: &Stream, sources: &Sources) -> View {
        let counts = stream.counts();
        let (since, records, rate) = self.rate;
        if since.elapsed() >= RATE || rate == 0.0 {
            let rate =
                counts.records.saturating_sub(records) as f64 / since.elapsed().as_secs_f64().max(1e-3);
            self.rate = if since.elapsed() >= RATE {
                (Instant::now(), counts.records, rate)
            } else {
                (since, records, rate)
            };
        }
        let needed = stream.config().warm_up;
        let progress = match stream.state() {
            StreamState::Warming { missing } => Some((needed.saturating_sub(missing), needed)),
            _ => None,
        };
        View {
            time: stream.watermark().map(|mark| mark + stream.config().time.delay_s),
            sources: sources.states().iter().map(source).collect(),
            records: counts.records,
            rate: self.rate.2,
            left_out: [counts.late, counts.future, counts.invalid_time, sources.rejected()],
            state: text::state(stream),
            progress,
            open: stream.incidents().map(row).collect(),
            closed: self.closed.iter().cloned().collect(),
            n_closed: self.n_closed,
            notes: self.notes.iter().cloned().collect(),
        }
    }
}

/// One source in words.
fn source(state: &SourceState) -> String {
    let end = match state {
        SourceState { is_failed: true, .. } => ", failed",
        SourceState { is_running: false, .. } => ", ended",
        _ => "",
    };
    // The name of a file without its folder.
    let name = Path::new(&state.name).file_name().filter(|_| !state.name.contains("://"));
    let name = name.map_or_else(|| state.name.as_str().into(), |name| name.to_string_lossy());
    format!("{name}: {} records{end}", state.records)
}

fn row(incident: &Incident) -> Row {
    Row {
        severity: incident.severity,
        kind: incident.kind.as_str().to_owned(),
        attackers: incident.attackers.to_string(),
        victims: incident.victims.to_string(),
        since: incident.onset,
        flows: incident.flows,
        action: text::action(incident),
    }
}
