//! Edits of the allow-list in the text of a TOML policy. What is not edited keeps its bytes.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::defaults;
use super::prefix::Prefix;

/// Where the allow-list is in a text.
enum Found {
    /// The list with its brackets, and its values.
    List(Range<usize>, Vec<(Range<usize>, String)>),
    /// One value without a list.
    One(Range<usize>),
    /// Nothing; a new line can start here.
    Nothing(usize),
}

/// The text with a prefix at the end of its allow-list; `None` where the list cannot be found.
pub(super) fn added(text: &str, prefix: Prefix) -> Option<String> {
    let new = quoted(prefix);
    Some(match find(text)? {
        Found::Nothing(at) => with_line(text, at, &[defaults::allow(), vec![prefix]].concat()),
        Found::One(span) => {
            let (before, one, after) = (&text[..span.start], &text[span.clone()], &text[span.end..]);
            format!("{before}[{one}, {new}]{after}")
        }
        Found::List(list, values) => {
            let end = values.last().map_or(list.start + 1, |(span, _)| span.end);
            let (head, tail, close) = (&text[..end], &text[end..list.end - 1], &text[list.end - 1..]);
            let comma = comma(tail);
            let separator = if values.is_empty() || comma.is_some() { "" } else { "," };
            // The last line of the list, where its comma is not in it.
            if let Some(at) = tail.rfind('\n').filter(|at| comma.is_none_or(|comma| comma < *at)) {
                let line_break = if tail[..at].ends_with('\r') { "\r\n" } else { "\n" };
                let (comments, before_close) = tail.split_at(at + 1);
                let indent = indent(text, &values);
                format!("{head}{separator}{comments}{indent}{new},{line_break}{before_close}{close}")
            } else {
                let space = if values.is_empty() { "" } else { " " };
                format!("{head}{separator}{}{space}{new}{close}", tail.trim_end())
            }
        }
    })
}

/// The text without a prefix in its allow-list; `None` where the list cannot be found.
pub(super) fn removed(text: &str, prefix: Prefix) -> Option<String> {
    let mut text = text.to_owned();
    loop {
        text = match find(&text)? {
            Found::Nothing(at) => {
                let mut rest = defaults::allow();
                rest.retain(|known| *known != prefix);
                with_line(&text, at, &rest)
            }
            Found::One(span) => format!("{}[]{}", &text[..span.start], &text[span.end..]),
            Found::List(list, values) => {
                let is_same = |value: &str| value.parse::<Prefix>().is_ok_and(|known| known == prefix);
                let Some((span, _)) = values.into_iter().find(|(_, value)| is_same(value)) else {
                    return Some(text);
                };
                without(&text, &span, &list)
            }
        };
    }
}

fn find(text: &str) -> Option<Found> {
    // A mark at the start of the text is not part of TOML.
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let table = DeTable::parse(&text[mark..]).ok()?;
    let table = table.get_ref();
    let moved = |span: Range<usize>| span.start + mark..span.end + mark;
    let Some(allow) = table.get("allow") else {
        let version = table.get("version")?.span().end + mark;
        return Some(Found::Nothing(text[version..].find('\n').map_or(text.len(), |at| version + at + 1)));
    };
    match allow.get_ref() {
        DeValue::String(_) => Some(Found::One(moved(allow.span()))),
        DeValue::Array(values) => {
            let value = |value: &toml::Spanned<DeValue<'_>>| {
                Some((moved(value.span()), value.get_ref().as_str()?.to_owned()))
            };
            Some(Found::List(moved(allow.span()), values.iter().map(value).collect::<Option<_>>()?))
        }
        _ => None,
    }
}

/// The text with a whole allow-list in a line of its own.
fn with_line(text: &str, at: usize, allow: &[Prefix]) -> String {
    let list: Vec<String> = allow.iter().copied().map(quoted).collect();
    let (before, after) = text.split_at(at);
    let line_break = if before.ends_with('\n') { "" } else { "\n" };
    format!("{before}{line_break}allow = [{}]\n{after}", list.join(", "))
}

/// The text without one value of the list, and without its line where nothing but a comment about it is left.
fn without(text: &str, value: &Range<usize>, list: &Range<usize>) -> String {
    let end = value.end + comma(&text[value.end..list.end - 1]).map_or(0, |at| at + 1);
    let line = text[..value.start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    let rest = text[end..line_end].trim();
    let is_alone = text[line..value.start].trim().is_empty() && (rest.is_empty() || rest.starts_with('#'));
    if is_alone && line > list.start && line_end < list.end {
        return format!("{}{}", &text[..line], &text[line_end..]);
    }
    let (mut before, after) = (&text[..value.start], text[end..].trim_start_matches(' '));
    if after.starts_with(']') {
        before = before.trim_end_matches(' ').trim_end_matches(',');
    }
    format!("{before}{after}")
}

/// What precedes the first value in its line, where that is white space.
fn indent<'a>(text: &'a str, values: &[(Range<usize>, String)]) -> &'a str {
    let before = values.first().map(|(span, _)| &text[..span.start]);
    let line = before.and_then(|before| Some(&before[before.rfind('\n')? + 1..]));
    line.filter(|line| line.trim().is_empty()).unwrap_or("    ")
}

/// The place of the comma that follows a value, outside of comments.
fn comma(tail: &str) -> Option<usize> {
    let mut is_comment = false;
    tail.bytes().position(|byte| {
        is_comment = byte == b'#' || (is_comment && byte != b'\n');
        byte == b',' && !is_comment
    })
}

fn quoted(prefix: Prefix) -> String {
    format!("\"{}\"", prefix.short())
}
