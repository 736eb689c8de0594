//! The live table: from the state of a watch to lines of text.

use std::borrow::Cow;

use console::{measure_text_width, truncate_str};
use qosguard::verdict::Severity;

use super::text::clock;

/// What the table shows.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Newest event time, in seconds since the epoch.
    pub(super) time: Option<f64>,
    /// Name and state of each source.
    pub(super) sources: Vec<String>,
    pub(super) records: u64,
    /// Records per second.
    pub(super) rate: f64,
    /// Records that are late, too far ahead, without a valid time, and rejected.
    pub(super) left_out: [u64; 4],
    /// What the guard is doing.
    pub(super) state: String,
    /// Records that the warm-up has, and how many it needs.
    pub(super) progress: Option<(usize, usize)>,
    /// Open incidents.
    pub(super) open: Vec<Row>,
    /// Closed incidents, the last one first, and how many there are.
    pub(super) closed: Vec<Row>,
    pub(super) n_closed: u64,
    /// Messages, the last one last.
    pub(super) notes: Vec<String>,
}

/// One incident.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) severity: Severity,
    pub(super) kind: String,
    pub(super) attackers: String,
    pub(super) victims: String,
    /// Time of its first record.
    pub(super) since: f64,
    pub(super) flows: u64,
    pub(super) action: String,
}

/// Messages that are shown.
const NOTES: usize = 3;
/// Characters of the bar of the warm-up.
const BAR: usize = 20;
/// Columns of text from which a column of the table is shown.
const WITH_FLOWS: usize = 60;
const WITH_SINCE: usize = 70;
const WITH_ACTION: usize = 100;

/// The table in at most so many lines of at most so many columns, worst open incidents first.
pub(super) fn lines(view: &View, width: usize, height: usize) -> Vec<String> {
    let mut lines = head(view);
    let notes: Vec<String> = view.notes.iter().rev().take(NOTES).rev().cloned().collect();
    let room = height.saturating_sub(lines.len() + notes.len());
    let mut open: Vec<&Row> = view.open.iter().collect();
    open.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.since.total_cmp(&a.since)));
    // Closed incidents have a third of the room, or what the open ones leave.
    let wanted = if view.closed.is_empty() { 0 } else { view.closed.len() + 3 };
    let for_closed = wanted.min((room / 3).max(room.saturating_sub(open.len() + 3)));
    let for_closed = if for_closed > 3 { for_closed } else { 0 };
    lines.push(String::new());
    lines.extend(section("open", open.len() as u64, &open, width, room.saturating_sub(for_closed + 1)));
    if for_closed > 0 {
        let closed: Vec<&Row> = view.closed.iter().collect();
        lines.push(String::new());
        lines.extend(section("closed", view.n_closed, &closed, width, for_closed - 1));
    }
    lines.truncate(height.saturating_sub(notes.len()));
    lines.extend(notes);
    lines.truncate(height);
    lines.iter().map(|line| truncate_str(&clean(line), width, "…").into_owned()).collect()
}

/// Time, counts and state.
fn head(view: &View) -> Vec<String> {
    let time =
        view.time.map_or_else(|| "waiting for records".to_owned(), |time| format!("{} UTC", date(time)));
    let [late, ahead, invalid, rejected] = view.left_out;
    let mut lines = vec![
        format!("qosguard watch  {time}"),
        format!(
            "{} records  {:.0}/s  {late} late  {ahead} ahead  {invalid} without time  {rejected} rejected",
            view.records, view.rate
        ),
        state(view),
    ];
    if view.sources.len() > 1 {
        lines.push(view.sources.join("  "));
    }
    lines
}

fn state(view: &View) -> String {
    let Some((done, needed)) = view.progress else { return view.state.clone() };
    let filled = (done * BAR).checked_div(needed).unwrap_or(BAR).min(BAR);
    format!("warming [{}{}] {done} of {needed} records", "#".repeat(filled), "-".repeat(BAR - filled))
}

/// A title, the names of the columns, and rows.
fn section(title: &str, count: u64, rows: &[&Row], width: usize, room: usize) -> Vec<String> {
    let mut lines = vec![format!("{title} incidents: {count}")];
    if rows.is_empty() || room < 3 {
        return lines;
    }
    lines.push(columns("SEVERITY", "KIND", "ATTACKERS → VICTIMS", "SINCE", "FLOWS", "ACTION", width));
    let shown = if rows.len() > room - 2 { room - 3 } else { rows.len() };
    for row in &rows[..shown] {
        let between = format!("{} → {}", row.attackers, row.victims);
        let flows = row.flows.to_string();
        lines.push(columns(
            row.severity.as_str(),
            &row.kind,
            &between,
            &clock(row.since),
            &flows,
            &row.action,
            width,
        ));
    }
    if shown < rows.len() {
        lines.push(format!("and {} more", rows.len() - shown));
    }
    lines
}

/// One line of cells; narrow terminals have fewer of them.
fn columns(
    severity: &str,
    kind: &str,
    between: &str,
    since: &str,
    flows: &str,
    action: &str,
    width: usize,
) -> String {
    let mut after = String::new();
    if width >= WITH_SINCE {
        after = format!("  {}", fit(since, 8));
    }
    if width >= WITH_FLOWS {
        after = format!("{after}  {flows:>7}");
    }
    if width >= WITH_ACTION {
        after = format!("{after}  {}", fit(action, (width - WITH_ACTION + 20).min(64)));
    }
    let before = format!("{}  {}  ", fit(severity, 8), fit(kind, 11));
    let left = width.saturating_sub(measure_text_width(&before) + measure_text_width(&after));
    format!("{before}{}{after}", fit(between, left))
}

/// Text in exactly so many columns.
fn fit(text: &str, width: usize) -> String {
    let cut = truncate_str(&clean(text), width, "…").into_owned();
    let missing = width.saturating_sub(measure_text_width(&cut));
    format!("{cut}{}", " ".repeat(missing))
}

/// Text without characters that control a terminal or the direction of text.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    let is_bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if text.contains(is_bad) { text.replace(is_bad, "\u{fffd}").into() } else { text.into() }
}

/// Date and time in UTC.
fn date(seconds: f64) -> String {
    let days = (seconds / 86_400.0).floor() as i64;
    // Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {}", clock(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(severity: Severity, at: u32) -> Row {
        Row {
            severity,
            kind: "port_scan".into(),
            attackers: format!("10.0.{}.{}", at / 250, at % 250),
            victims: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff and 12345 more".into(),
            since: 1_700_000_000.0 + f64::from(at),
            flows: u64::from(at) * 1_000,
            action: "rate-limit to 12500000 B/s, burst 15000 B, for 300 s (dry run)".into(),
        }
    }

    fn view(open: u32, closed: u32) -> View {
        let severity = |at| if at % 7 == 3 { Severity::Critical } else { Severity::Medium };
        View {
            time: Some(1_700_000_123.0),
            sources: vec!["conn.log: 1200".into(), "udp://0.0.0.0:2055: 7".into()],
            records: 123_456,
            rate: 1_234.5,
            left_out: [1, 2, 3, 4],
            state: "12 anomalies".into(),
            progress: None,
            open: (0..open).map(|at| row(severity(at), at)).collect(),
            closed: (0..closed).map(|at| row(Severity::High, at)).collect(),
            n_closed: closed.into(),
            notes: vec!["source eve.json: ended".into()],
        }
    }

    #[test]
    fn every_table_is_inside_the_terminal() {
        for width in [1, 20, 40, 80, 200] {
            for height in [1, 4, 10, 24, 50] {
                for (open, closed) in [(0, 0), (1, 0), (3, 2), (0, 60), (200, 60)] {
                    let lines = lines(&view(open, closed), width, height);
                    assert!(lines.len() <= height, "{width}x{height}: {}", lines.len());
                    for line in &lines {
                        assert!(measure_text_width(line) <= width, "{width}: {line}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_worst_incidents_are_shown_first_and_the_others_are_counted() {
        let lines = lines(&view(200, 60), 80, 24);
        let text = lines.join("\n");
        assert!(lines[0].starts_with("qosguard watch  2023-11-14 22:15:23 UTC"), "{text}");
        assert!(lines[1].starts_with("123456 records  "), "{text}");
        assert!(text.contains("open incidents: 200") && text.contains("closed incidents: 60"), "{text}");
        assert!(lines[7].starts_with("critical  port_scan    10.0.0.199 → "), "{text}");
        assert!(
            text.contains("\nand 1") && lines.last().is_some_and(|line| line == "source eve.json: ended")
        );
        let short = super::lines(&view(200, 60), 40, 10).join("\n");
        assert!(short.contains("critical  port_scan    10.0.0.199 → "), "{short}");
    }

    #[test]
    fn one_closed_incident_has_its_row() {
        for (height, rows) in [(24, 3), (4_096, 60)] {
            let lines = lines(&view(0, rows), 80, height);
            assert_eq!(
                lines.iter().filter(|line| line.starts_with("high ")).count(),
                rows as usize,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn wide_terminals_show_the_action() {
        let lines = lines(&view(2, 0), 200, 50);
        assert!(
            lines[7].contains("rate-limit to 12500000 B/s, burst 15000 B, for 300 s (dry run)"),
            "{}",
            lines.join("\n")
        );
        assert_eq!(measure_text_width(&lines[7]), 200);
    }

    #[test]
    fn hostile_names_do_not_reach_the_terminal() {
        let mut view = view(1, 1);
        let hostile = "a\x1b[2J\x1b]0;title\x07\r\nb\u{9b}31m\u{202e}c";
        view.sources = vec![hostile.into(), hostile.into()];
        view.notes = vec![hostile.into()];
        view.state = hostile.into();
        view.open[0].kind = hostile.into();
        view.open[0].victims = hostile.into();
        for line in lines(&view, 200, 50) {
            assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        }
        assert_eq!(clean("日本 → é"), "日本 → é");
    }

    #[test]
    fn the_warm_up_has_a_bar() {
        let mut view = view(0, 0);
        view.progress = Some((1_250, 5_000));
        assert_eq!(lines(&view, 80, 24)[2], "warming [#####---------------] 1250 of 5000 records");
        view.progress = Some((0, 0));
        assert!(lines(&view, 80, 24)[2].contains("0 of 0"));
    }

    #[test]
    fn dates_of_leap_years_are_right() {
        for (seconds, text) in [
            (0.0, "1970-01-01 00:00:00"),
            (951_782_400.0, "2000-02-29 00:00:00"),
            (1_709_251_199.0, "2024-02-29 23:59:59"),
            (7_258_118_399.0, "2199-12-31 23:59:59"),
        ] {
            assert_eq!(date(seconds), text);
        }
    }
}
