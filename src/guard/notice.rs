//! What a user should know before relying on a guard.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Stages;
use crate::calibrate::Interval;
use crate::detect::Classifier;
use crate::error::few;
use crate::features::DropReason;
use crate::qos::Policy;
use crate::telemetry::Field;

/// Clean calibration rows above the threshold that a rate needs: with fewer, the rate that a guard realises is off by more
/// than a third in every third guard.
const MIN_ALARMS: f64 = 10.0;

/// What a user should know before relying on a fitted guard; see [`Guard::notices`](super::Guard::notices).
///
/// # Examples
///
/// ```
/// use qosguard::guard::Notice;
/// use qosguard::{Guard, simulate};
///
/// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 400, ..Default::default() })?;
/// let guard = Guard::builder().false_positive_rate(0.01).fit(&flows)?;
/// let few = guard.notices().into_iter().find(|notice| matches!(notice, Notice::FewCalibrationRows { .. })).unwrap();
/// assert!(few.is_warning());
/// assert!(few.to_string().ends_with("calibration rows for a false-positive rate of 0.01; 1000 or more are needed"));
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// A warning: the interval of the false-positive rate on held-out clean rows excludes the rate that was asked for.
    RateMissed {
        /// False-positive rate that was asked for, in (0, 1).
        asked: f64,
        /// False-positive rate on the held-out clean rows.
        realised: f64,
        /// Its interval at 95 %.
        interval: Interval,
        /// Held-out clean rows.
        rows: usize,
    },
    /// A warning: too few clean rows calibrate the threshold for the rate that was asked for.
    FewCalibrationRows {
        /// Clean rows that calibrated it.
        rows: usize,
        /// Rows that the rate needs.
        needed: usize,
        /// False-positive rate that was asked for, in (0, 1).
        asked: f64,
    },
    /// A warning: a rule of the policy compares attack classes that the guard does not have, so it never applies.
    UnusedRule {
        /// Name of the rule.
        rule: String,
        /// The attack classes that the guard has.
        families: Vec<String>,
    },
    /// A warning: rules of the policy compare fields of which the records have no column, so they never apply.
    RulesWithoutColumns {
        /// Names of the rules.
        rules: Vec<String>,
        /// The fields without a column.
        fields: Vec<Field>,
    },
    /// A warning: the policy has an allow-list, and the records have no column of addresses. No record gets another action than
    /// `allow`.
    NoAddressColumn,
    /// A warning: records without any address did not get the action of the policy, because their addresses could be in its
    /// allow-list.
    NoAddress {
        /// Such records.
        rows: u64,
    },
    /// A warning: records with an address that cannot be read are allowed, because it could be in the allow-list of the policy.
    UnreadAddress {
        /// Such records.
        rows: u64,
    },
    /// A warning: feature columns have no usable value in any training row, so no verdict depends on them.
    ColumnsWithoutValues {
        /// Names of the columns.
        columns: Vec<String>,
    },
    /// A note: the detector learns no attacks and scores each record by itself.
    SingleRecords {
        /// Fraction of the held-out attack rows that it finds, where labels were given.
        recall: Option<f64>,
    },
}

impl Notice {
    /// Whether something does not work as asked; otherwise it is a limit of the method.
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::SingleRecords { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateMissed { asked, realised, interval: Interval { low, high }, rows } => write!(
                f,
                "asked for a false-positive rate of {asked}, realised {realised:.4} [{low:.4}, {high:.4}] on {rows} held-out clean rows"
            ),
            Self::FewCalibrationRows { rows, needed, asked } => write!(
                f,
                "only {rows} calibration rows for a false-positive rate of {asked}; {needed} or more are needed"
            ),
            Self::UnusedRule { rule, families } if families.is_empty() => {
                write!(f, "rule `{rule}` never applies: it needs an attack class, and this guard gives none")
            }
            Self::UnusedRule { rule, families } => {
                write!(
                    f,
                    "rule `{rule}` never applies: the attack classes of this guard are {}",
                    families.join(", ")
                )
            }
            Self::RulesWithoutColumns { rules, fields } => {
                let rules: Vec<String> = rules.iter().map(|rule| format!("`{rule}`")).collect();
                let (subject, verb) =
                    if rules.len() == 1 { ("rule", "never applies") } else { ("rules", "never apply") };
                let fields: Vec<&str> = fields.iter().map(|field| field.name()).collect();
                write!(
                    f,
                    "{subject} {} {verb}: the records have no column of {}",
                    rules.join(", "),
                    fields.join(", ")
                )
            }
            Self::NoAddressColumn => f.write_str(
                "every action is `allow`: the records have no column of addresses to compare with the allow-list",
            ),
            Self::NoAddress { rows } => write!(
                f,
                "{rows} records allowed because they have no address, which could be in the allow-list (rule `no-address`)"
            ),
            Self::UnreadAddress { rows } => write!(
                f,
                "{rows} records allowed because one of their addresses cannot be read (rule `unread-address`)"
            ),
            Self::ColumnsWithoutValues { columns } => {
                let (subject, verb) =
                    if columns.len() == 1 { ("column", "gives") } else { ("columns", "give") };
                write!(
                    f,
                    "{subject} {} {verb} no feature: every value in the training rows is missing or infinite",
                    few(columns)
                )
            }
            Self::SingleRecords { recall } => {
                f.write_str("the detector learns no attacks and scores each record by itself: floods and scans, whose single flows look like clean ones, are mostly missed")?;
                match recall {
                    Some(recall) => {
                        write!(f, "; it finds {:.1} % of the held-out attack rows", 100.0 * recall)
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

/// The notices of a guard, warnings first.
pub(super) fn of(stages: &Stages, policy: &Policy) -> Vec<Notice> {
    let mut notices = Vec::new();
    let (threshold, rows) = (&stages.threshold, stages.training.calibrated);
    if let (Some(asked), Some(realised)) = (threshold.asked, threshold.realised) {
        let interval = realised.false_positive_interval;
        if !(interval.low..=interval.high).contains(&asked) {
            let (rows, realised) = (realised.clean_rows, realised.false_positive_rate);
            notices.push(Notice::RateMissed { asked, realised, interval, rows });
        }
    }
    if let Some(asked) = threshold.asked {
        // Rounded first, so that 10 / 0.01 does not become 1001.
        let needed = (MIN_ALARMS / asked * 1e6).round() / 1e6;
        let needed = needed.ceil() as usize;
        if rows < needed {
            notices.push(Notice::FewCalibrationRows { rows, needed, asked });
        }
    }
    let families = stages.families.as_ref().map_or(&[][..], |model| model.classes());
    for rule in &policy.config().rules {
        let wanted = &rule.when.family;
        let given = |word: &String| families.iter().any(|family| family.trim().eq_ignore_ascii_case(word));
        if !wanted.is_empty() && !wanted.iter().any(given) {
            notices.push(Notice::UnusedRule { rule: rule.name.clone(), families: families.to_vec() });
        }
    }
    let absent = absent(|field| stages.schema.index_of_field(field).is_some());
    notices.extend(of_columns(policy, &absent));
    let without_values =
        stages.featurizer.dropped().iter().filter(|column| column.reason == DropReason::Missing);
    let columns: Vec<String> = without_values.map(|column| column.column.clone()).collect();
    if !columns.is_empty() {
        notices.push(Notice::ColumnsWithoutValues { columns });
    }
    if stages.probability.is_none() && stages.contexts.is_empty() {
        let recall = threshold.realised.and_then(|realised| realised.true_positive_rate);
        notices.push(Notice::SingleRecords { recall });
    }
    notices
}

/// The fields that policies compare and that records have no column of.
pub(super) fn absent(has_column: impl Fn(Field) -> bool) -> Vec<Field> {
    let compared =
        [Field::SrcIp, Field::DstIp, Field::SrcPort, Field::DstPort, Field::Protocol, Field::Service];
    compared.into_iter().filter(|field| !has_column(*field)).collect()
}

/// What a policy cannot do with records that lack columns of these fields.
pub(super) fn of_columns(policy: &Policy, absent: &[Field]) -> Vec<Notice> {
    let mut notices = Vec::new();
    let has_addresses = !(absent.contains(&Field::SrcIp) && absent.contains(&Field::DstIp));
    let config = policy.config();
    let lists = [&config.allow, &config.never_act, &config.never_alert];
    if !has_addresses && lists.iter().any(|list| !list.is_empty()) {
        notices.push(Notice::NoAddressColumn);
    }
    // Rules that lack the same columns are one notice.
    let mut by_fields: BTreeMap<Vec<Field>, Vec<String>> = BTreeMap::new();
    for rule in &policy.config().rules {
        let mut fields = rule.when.fields();
        fields.retain(|field| absent.contains(field));
        if !fields.is_empty() {
            by_fields.entry(fields).or_default().push(rule.name.clone());
        }
    }
    notices
        .extend(by_fields.into_iter().map(|(fields, rules)| Notice::RulesWithoutColumns { rules, fields }));
    notices
}

/// Adds the notices of one more table: counts are summed, equal notices are kept once.
pub(super) fn merge(all: &mut Vec<Notice>, more: Vec<Notice>) {
    for notice in more {
        let is_counted = all.iter_mut().any(|old| match (old, &notice) {
            (Notice::NoAddress { rows }, Notice::NoAddress { rows: more })
            | (Notice::UnreadAddress { rows }, Notice::UnreadAddress { rows: more }) => {
                *rows += more;
                true
            }
            (old, notice) => old == notice,
        });
        if !is_counted {
            all.push(notice);
        }
    }
}
