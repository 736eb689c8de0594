//! Commands for `tc -batch`: HTB classes, and u32 filters by source address.
//!
//! A class of HTB belongs to one entry, so that the limit of a source is not shared with other sources.

use std::fmt::Write;

use super::config::TcConfig;
use super::output::Rendered;
use crate::qos::{Action, Plan, PlanEntry};

/// Class of traffic that no filter matches.
const DEFAULT: u32 = 0x2;
/// Class of prioritized traffic.
const PRIORITY: u32 = 0x3;
/// Class of deprioritized traffic.
const LOWER_EFFORT: u32 = 0x4;
/// First class of a rate limit.
const FIRST_LIMIT: u32 = 0x10;
/// Largest class number.
const MAX_CLASS: u32 = 0xffff;
/// Packet size in bytes from which HTB computes its quantum.
const QUANTUM: u32 = 1514;

/// What a filter does with its traffic.
enum Verdict {
    Class(u32),
    Drop,
}

pub(super) fn render(plan: &Plan, config: &TcConfig) -> Rendered {
    let device = &config.device;
    let mut next_class = FIRST_LIMIT;
    let mut base = base(config);
    let mut rendered = Rendered::of_entries(plan, |entry| {
        let mut text = String::new();
        let verdict = match entry.action {
            Action::Drop { .. } => Verdict::Drop,
            Action::Isolate { .. } => {
                let filter = filter(entry, &Verdict::Drop, "dst", device);
                text += &filter;
                Verdict::Drop
            }
            Action::RateLimit { bytes_per_second, burst, .. } => {
                if next_class > MAX_CLASS {
                    return Err("tc has no more classes");
                }
                let class = next_class;
                next_class += 1;
                let (rate, burst) = (bits(bytes_per_second), u32::try_from(burst).unwrap_or(u32::MAX));
                let _ = writeln!(
                    text,
                    "class replace dev {device} parent 1:1 classid 1:{class:x} htb rate {rate} ceil {rate} burst {burst}b quantum {QUANTUM}"
                );
                Verdict::Class(class)
            }
            Action::Prioritize { .. } => Verdict::Class(PRIORITY),
            Action::Deprioritize { .. } => Verdict::Class(LOWER_EFFORT),
            Action::Inspect { .. } => return Err("tc has no queue to an inspector"),
            Action::Allow => return Err("allow changes nothing"),
        };
        text += &filter(entry, &verdict, "src", device);
        Ok(text)
    });
    base.extend(rendered.documents);
    rendered.documents = vec![base.concat()];
    rendered
}

pub(super) fn rollback(plan: &Plan, config: &TcConfig) -> Rendered {
    let mut rendered = render(plan, config);
    rendered.documents = vec![format!("qdisc del dev {} root\n", config.device)];
    rendered
}

/// The queueing discipline and the classes that do not depend on the entries.
fn base(config: &TcConfig) -> Vec<String> {
    let TcConfig { device, bytes_per_second, cake } = config;
    let all = bits(*bytes_per_second);
    let share = |percent: u64| bits((bytes_per_second / 100 * percent).max(1));
    let class = |class: u32, rate: &str, ceil: &str, priority: u8| {
        format!(
            "class replace dev {device} parent 1:1 classid 1:{class:x} htb rate {rate} ceil {ceil} prio {priority} quantum {QUANTUM}\n"
        )
    };
    let mut lines = vec![
        format!("qdisc replace dev {device} root handle 1: htb default {DEFAULT:x}\n"),
        format!(
            "class replace dev {device} parent 1: classid 1:1 htb rate {all} ceil {all} quantum {QUANTUM}\n"
        ),
        class(DEFAULT, &share(60), &all, 3),
        // Prioritized traffic without a ceiling would starve all other traffic.
        class(PRIORITY, &share(30), &share(50), 0),
        class(LOWER_EFFORT, &share(1), &all, 7),
    ];
    if *cake {
        lines.push(format!(
            "qdisc replace dev {device} parent 1:{DEFAULT:x} handle 2: cake bandwidth {all} diffserv4 triple-isolate\n"
        ));
    }
    lines
}

/// A filter of the traffic of an entry, by its source or its destination.
fn filter(entry: &PlanEntry, verdict: &Verdict, end: &str, device: &str) -> String {
    let key = &entry.key;
    // The strictest first; IPv4 and IPv6 filters cannot share a priority, nor can prefixes around others.
    let rung = 5 - u32::from(entry.action.rung());
    let (protocol, family, offset) = if key.source.is_v6() { ("ipv6", "ip6", 200) } else { ("ip", "ip", 40) };
    let preference = 1 + offset + rung * 200 + (128 - u32::from(key.source.length()));
    let mut text = format!(
        "filter add dev {device} parent 1: protocol {protocol} prio {preference} u32 match {family} {end} {}",
        key.source
    );
    if let Some(number) = key.protocol {
        let _ = write!(text, " match {family} protocol {number} 0xff");
    }
    if let Some(port) = key.dst_port {
        let _ = write!(text, " match {family} dport {port} 0xffff");
    }
    let _ = match verdict {
        Verdict::Class(class) => writeln!(text, " flowid 1:{class:x}"),
        Verdict::Drop => writeln!(text, " action drop"),
    };
    text
}

/// A rate in bits per second, the one unit of tc that no suffix changes by a power of two.
fn bits(bytes_per_second: u64) -> String {
    format!("{}bit", bytes_per_second.saturating_mul(8))
}
