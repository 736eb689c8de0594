//! The records that an exporter writes of one flow.

use crate::simulate::flow::{Exchange, Flags, Flow, Half};

/// Records of a flow with their start in seconds after the start of the flow. A flow longer than `timeout` seconds has
/// several at equal intervals, with at least one packet of the initiator each. If the flow has too few packets for a record
/// per `timeout`, it pauses between the records.
pub(super) fn records(flow: &Flow, timeout: f64) -> impl Iterator<Item = (f64, Flow)> {
    let whole = flow.exchange;
    let parts = ((flow.duration / timeout).ceil() as u64).min(whole.fwd.packets).max(1);
    let flow = *flow;
    (0..parts).map(move |part| {
        if parts == 1 {
            return (0.0, flow);
        }
        let half = |half: Half| {
            let below = |part: u64| (u128::from(half.packets) * u128::from(part) / u128::from(parts)) as u64;
            let packets = below(part + 1) - below(part);
            Half { packets, payload: half.payload * packets as f64 / half.packets.max(1) as f64 }
        };
        let (fwd, bwd) = (half(whole.fwd), half(whole.bwd));
        let packets = fwd.packets + bwd.packets;
        let flags = Flags {
            syn: if part == 0 { whole.flags.syn.min(packets) } else { 0 },
            fin: if part + 1 == parts { whole.flags.fin.min(packets) } else { 0 },
            rst: if part + 1 == parts {
                whole.flags.rst.min(packets.saturating_sub(whole.flags.fin))
            } else {
                0
            },
        };
        let length = flow.duration / parts as f64;
        let exchange = Exchange { fwd, bwd, flags, ..whole }.timed(length.min(timeout), whole.variation);
        (part as f64 * length, exchange.measured(flow.ends, flow.src_port, flow.family))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::rng::Stream;
    use crate::simulate::flow::Ends;

    #[test]
    fn a_long_flow_has_a_record_per_timeout_with_the_same_totals() {
        let ends = Ends { src: Ipv4Addr::LOCALHOST, dst: Ipv4Addr::LOCALHOST };
        let exchange = Exchange::tcp("web", 443, 1e6, 5e4).timed(250.0, 1.0);
        let flow = exchange.into_flow(&mut Stream::new(0, 0), ends, None);
        let parts: Vec<(f64, Flow)> = records(&flow, 60.0).collect();
        assert_eq!(parts.len(), 5);
        let sum = |value: fn(&Flow) -> f64| parts.iter().map(|(_, part)| value(part)).sum::<f64>();
        assert!((sum(|part| part.duration) - 250.0).abs() < 1e-6);
        assert!((sum(|part| part.fwd_bytes) - flow.fwd_bytes).abs() <= 5.0);
        assert!((sum(|part| part.bwd_bytes) - flow.bwd_bytes).abs() <= 5.0);
        assert!((sum(|part| part.exchange.packets() as f64) - flow.exchange.packets() as f64).abs() < 0.5);
        let syns: Vec<u64> = parts.iter().map(|(_, part)| part.exchange.flags.syn).collect();
        let fins: Vec<u64> = parts.iter().map(|(_, part)| part.exchange.flags.fin).collect();
        assert_eq!((syns, fins), (vec![2, 0, 0, 0, 0], vec![0, 0, 0, 0, 2]));
        assert!(parts.iter().all(|(_, part)| part.src_port == flow.src_port && part.duration <= 60.0));
        assert!(parts.windows(2).all(|pair| (pair[1].0 - pair[0].0 - 50.0).abs() < 1e-9));
        // A flow of two packets has at most two records.
        let idle = Exchange::udp("iot", 123, Half { packets: 2, payload: 9.0 }, Half::default());
        let flow = idle.timed(900.0, 0.0).into_flow(&mut Stream::new(0, 0), ends, None);
        let parts: Vec<(f64, Flow)> = records(&flow, 60.0).collect();
        assert_eq!(parts.iter().map(|part| part.0 as u64).collect::<Vec<_>>(), [0, 450]);
        assert!(parts.iter().all(|(_, part)| part.duration <= 60.0));
    }
}
