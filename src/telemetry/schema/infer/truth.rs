//! Which columns are labels and attack classes, and which of their values mean clean traffic.

use super::profile::{Profile, Taken};
use crate::telemetry::cell::spelling::Spelling;
use crate::telemetry::schema::names::{
    ATTACK_PARTS, CLEAN, FAMILIES, INVERTED, LABELS, PERHAPS, TRUTH_PARTS,
};
use crate::telemetry::schema::{Column, Kind, Role};

/// First words of a label of clean traffic, and what may follow them: `Normal Traffic`.
const CLEAN_FIRST: [&str; 9] =
    ["normal", "benign", "clean", "legitimate", "legit", "background", "ok", "good", "harmless"];
const CLEAN_NEXT: [&str; 20] = [
    "traffic",
    "flow",
    "flows",
    "connection",
    "connections",
    "activity",
    "activities",
    "user",
    "users",
    "packet",
    "packets",
    "data",
    "behavior",
    "behaviour",
    "network",
    "communication",
    "request",
    "requests",
    "session",
    "sessions",
];

/// What a label of clean traffic may deny: `No Attack`.
const DENIALS: [&str; 3] = ["no", "not", "non"];
const DENIED: [&str; 8] =
    ["attack", "attacks", "anomaly", "anomalous", "intrusion", "malicious", "malware", "threat"];

impl Profile<'_> {
    /// Whether a value means clean traffic.
    fn is_clean(&self, value: &str) -> bool {
        let value = value.trim_end_matches('.').to_lowercase();
        let words: Vec<&str> = value.split([' ', '_', '-']).filter(|word| !word.is_empty()).collect();
        match &words[..] {
            ["no"] => true,
            ["none"] => ATTACK_PARTS.iter().any(|part| self.name.contains(part)),
            [first, rest @ ..] if CLEAN_FIRST.contains(first) => rest.iter().all(|w| CLEAN_NEXT.contains(w)),
            [denial, rest @ ..] if DENIALS.contains(denial) => {
                !rest.is_empty() && rest.iter().all(|word| DENIED.contains(word))
            }
            _ => false,
        }
    }

    /// Whether some value means clean traffic.
    fn has_clean_word(&self) -> bool {
        self.distinct.iter().any(|value| self.is_clean(value))
    }

    /// The different numbers, ascending; `None` where not all values are numbers, and for more than `most`.
    fn codes(&self, most: usize) -> Option<Vec<f64>> {
        let mut codes: Vec<f64> = Vec::new();
        for value in self.numbers.as_ref()? {
            if !codes.contains(value) {
                codes.push(*value);
            }
            if codes.len() > most {
                return None;
            }
        }
        codes.sort_by(f64::total_cmp);
        Some(codes)
    }

    /// Whether the values are two codes that labels are written with.
    fn has_two_codes(&self) -> bool {
        let codes = self.codes(2).unwrap_or_default();
        !codes.is_empty() && codes.iter().all(|code| *code == 0.0 || *code == 1.0)
            || codes == [-1.0, 1.0]
            || codes == [1.0, 2.0]
    }

    /// Whether the values are 0 and 1, or words for them.
    fn is_binary(&self) -> bool {
        let word = |value: &&str| {
            let value = value.to_lowercase();
            ["0", "1", "0.0", "1.0", "true", "false", "yes", "no"].contains(&value.as_str())
        };
        self.present > 0 && self.distinct.iter().all(word)
    }

    /// Whether the values can be labels.
    fn is_label(&self) -> bool {
        self.has_classes()
            && (!self.named(&PERHAPS)
                || if self.numbers.is_some() { self.has_two_codes() } else { self.has_clean_word() })
    }

    /// Whether the column is, or may be, what the verdict should be.
    pub(super) fn is_truth(&self, labelled: bool) -> bool {
        TRUTH_PARTS.iter().any(|part| self.name.contains(part))
            || (self.named(&FAMILIES) || self.named(&LABELS)) && !self.named(&PERHAPS)
            || self.named(&INVERTED) && self.is_binary()
            || labelled && self.named(&PERHAPS) && self.has_clean_word()
    }

    /// The label column, and its words for clean traffic.
    pub(super) fn label(&self) -> (Taken, Vec<String>) {
        let name = &self.sample.name;
        let text = |clean: &[&str], why: String| {
            let column = Column::new(name, Role::Label, Kind::Text);
            (Taken { column, why }, clean.iter().map(ToString::to_string).collect())
        };
        if self.named(&INVERTED) && self.is_binary() {
            return text(&["1", "yes"], "1 is clean".into());
        }
        match self.codes(2).as_deref() {
            // scikit-learn marks outliers with -1.
            Some([-1.0, 1.0]) if ATTACK_PARTS.iter().any(|part| self.name.contains(part)) => {
                return text(&["-1"], "-1 is clean".into());
            }
            Some([-1.0, 1.0] | [1.0, 2.0]) => return text(&["1"], "1 is clean".into()),
            _ => {}
        }
        if self.numbers.is_some() {
            let mut column = Column::new(name, Role::Label, Kind::Number);
            column.minimum = Some(0.0);
            return (Taken { column, why: "0 is clean".into() }, Vec::new());
        }
        let known = |value: &str| CLEAN.iter().any(|c| value.trim_end_matches('.').eq_ignore_ascii_case(c));
        let clean = self.distinct.iter().copied().filter(|value| known(value) || self.is_clean(value));
        let mut clean: Vec<&str> = clean.collect();
        clean.sort_unstable();
        let why = if clean.is_empty() {
            format!("no value up to record {} is known to be clean", self.sample.cells.len())
        } else {
            format!("clean: {}", clean.join(", "))
        };
        let mut words: Vec<String> = CLEAN.iter().map(ToString::to_string).collect();
        for value in clean.into_iter().filter(|value| !known(value)) {
            words.push(String::from_utf8_lossy(&Spelling::Truth.read(value.as_bytes())).into_owned());
        }
        (Taken { column: Column::new(name, Role::Label, Kind::Text), why }, words)
    }
}

/// The label: the first of the names that a column has whose values can be one.
pub(super) fn label(profiles: &[Profile<'_>]) -> Option<usize> {
    let find = |names: &[&str], fits: &dyn Fn(&Profile<'_>) -> bool| {
        names.iter().find_map(|name| profiles.iter().position(|p| p.name == *name && fits(p)))
    };
    find(&LABELS, &|p| p.is_label())
        .or_else(|| find(&INVERTED, &|p| p.is_binary()))
        // A class of attack with a word for clean traffic is a label too.
        .or_else(|| find(&FAMILIES, &|p| p.has_clean_word()))
}

/// The attack class next to a label.
pub(super) fn family(profiles: &[Profile<'_>], label: Option<usize>) -> Option<usize> {
    label?;
    let fits = |(i, p): (usize, &Profile<'_>), name: &str| {
        let text = p.numbers.is_none() && p.has_classes();
        (p.name == name && Some(i) != label && text && p.is_label()).then_some(i)
    };
    FAMILIES.iter().find_map(|name| profiles.iter().enumerate().find_map(|column| fits(column, name)))
}
