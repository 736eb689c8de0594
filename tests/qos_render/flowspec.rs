//! `FlowSpec` bytes: vectors that `ExaBGP` decodes, and UPDATE messages that it publishes (`qa/encoding/conf-flow.ci`).

use qosguard::qos::flowspec::{Component, FlowRoute, Operator, Term, TrafficAction};
use qosguard::qos::{Action, Prefix, RenderConfig, Renderer};
use serde_json::Value;

use super::{every_kind, plan, propose};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn any(terms: &[(Operator, u64)]) -> Vec<Term> {
    terms.iter().map(|&(operator, value)| Term { operator, value, and: false }).collect()
}

fn and(operator: Operator, value: u64) -> Term {
    Term { operator, value, and: true }
}

fn route(components: Vec<Component>) -> FlowRoute {
    FlowRoute { is_v6: false, components, actions: Vec::new() }
}

#[test]
fn nlri_is_what_exabgp_decodes() {
    use Component::{
        Destination, DestinationPort, Fragment, PacketLength, Port, Protocol, Source, SourcePort,
    };
    use Operator::{AtLeast, AtMost, Equal, Greater, Less, NotEqual};
    let range =
        vec![Term { operator: AtLeast, value: 137, and: false }, and(AtMost, 139), any(&[(Equal, 8080)])[0]];
    let lengths = vec![any(&[(Greater, 200)])[0], and(Less, 300), any(&[(Greater, 400)])[0], and(Less, 500)];
    let several = |source: &str| {
        vec![
            Destination(prefix("192.168.0.1")),
            Source(prefix(source)),
            Protocol(any(&[(Equal, 17), (Equal, 6)])),
            Port(any(&[(Equal, 80), (Equal, 8080)])),
            DestinationPort(vec![any(&[(Greater, 8080)])[0], and(Less, 8088), any(&[(Equal, 3128)])[0]]),
            SourcePort(any(&[(Greater, 1024)])),
        ]
    };
    for (components, bytes) in [
        (
            // Written in the order of their numbers, whichever order is given.
            vec![
                Port(any(&[(Equal, 25)])),
                Protocol(any(&[(Equal, 6)])),
                Destination(prefix("192.0.2.0/24")),
            ],
            "0B0118C00002038106048119",
        ),
        (
            vec![Destination(prefix("192.0.2.0/24")), Source(prefix("203.0.0.0/8")), Port(range)],
            "100118C000020208CB040389458B911F90",
        ),
        (vec![Destination(prefix("192.0.2.1")), Fragment(5)], "090120C00002010C8005"),
        (vec![Fragment(8)], "030C8008"),
        (
            vec![
                Destination(prefix("10.0.0.2")),
                Source(prefix("10.0.0.1")),
                Protocol(any(&[(Equal, 6)])),
                DestinationPort(any(&[(Equal, 3128)])),
            ],
            "1301200A00000202200A00000103810605910C38",
        ),
        (vec![PacketLength(lengths)], "0C0A02C854012C120190D401F4"),
        (several("10.0.0.2"), "250120C0A8000102200A0000020301118106040150911F9005121F90541F98910C3806920400"),
        (
            vec![
                Destination(prefix("192.168.0.1")),
                Source(prefix("10.0.0.10")),
                Protocol(any(&[(NotEqual, 6)])),
                Port(any(&[(NotEqual, 0)])),
                DestinationPort(any(&[(NotEqual, 443)])),
                SourcePort(any(&[(NotEqual, 80), (NotEqual, 8080)])),
            ],
            "1C0120C0A8000102200A00000A038606048600059601BB060650961F90",
        ),
    ] {
        assert_eq!(hex(&route(components).nlri().unwrap()), bytes);
    }
    let v6 = FlowRoute {
        is_v6: true,
        components: vec![
            Destination(prefix("2a02:b80:15::7aca:39ff:feae:a87a")),
            Protocol(any(&[(Equal, 17)])),
        ],
        actions: Vec::new(),
    };
    assert_eq!(hex(&v6.nlri().unwrap()), "160180002A020B80001500007ACA39FFFEAEA87A038111");
}

#[test]
fn communities_are_what_exabgp_decodes() {
    let local_as = 64_500;
    for (action, bytes) in [
        (TrafficAction::RateBytes { local_as, bytes_per_second: 1_000_000 }, "8006FBF449742400"),
        (TrafficAction::RateBytes { local_as: 0, bytes_per_second: 0 }, "8006000000000000"),
        (TrafficAction::RateBytes { local_as: 0, bytes_per_second: 9_600 }, "8006000046160000"),
        (TrafficAction::RatePackets { local_as, packets_per_second: 1_000 }, "800CFBF4447A0000"),
        (TrafficAction::Filter { go_on: true, sample: true }, "8007000000000003"),
        (TrafficAction::Mark { dscp: 1 }, "8009000000000001"),
        (TrafficAction::Redirect { target_as: 64_500, number: 100 }, "8008FBF400000064"),
        (TrafficAction::Redirect { target_as: 258, number: 33_756_718 }, "800801020203162E"),
    ] {
        assert_eq!(hex(&action.bytes()), bytes, "{action:?}");
    }
}

#[test]
fn update_messages_are_the_published_ones() {
    use Component::{DestinationPort, Fragment, PacketLength, Protocol, Source};
    use Operator::{Equal, Greater, Less};
    let lengths = vec![any(&[(Greater, 200)])[0], and(Less, 300), any(&[(Greater, 400)])[0], and(Less, 500)];
    let to_proxy = |source: &str| {
        vec![Source(prefix(source)), Protocol(any(&[(Equal, 6)])), DestinationPort(any(&[(Equal, 3128)]))]
    };
    let head = "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
    for (components, action, rest) in [
        (
            vec![Fragment(8)],
            TrafficAction::Filter { go_on: true, sample: true },
            "003C0200000025800E090001850000030C80084001010040020040050400000064C010088007000000000003",
        ),
        (
            to_proxy("10.0.0.0/24"),
            TrafficAction::RateBytes { local_as: 0, bytes_per_second: 9_600 },
            "0045020000002E800E1200018500000C02180A000003810605910C384001010040020040050400000064C010088006000046160000",
        ),
        (
            to_proxy("10.0.1.0/24"),
            TrafficAction::RatePackets { local_as: 0, packets_per_second: 1_000 },
            "0045020000002E800E1200018500000C02180A000103810605910C384001010040020040050400000064C01008800C0000447A0000",
        ),
        (
            vec![PacketLength(lengths)],
            TrafficAction::Mark { dscp: 10 },
            "0045020000002E800E1200018500000C0A02C854012C120190D401F44001010040020040050400000064C01008800900000000000A",
        ),
    ] {
        let route = FlowRoute { is_v6: false, components, actions: vec![action] };
        assert_eq!(hex(&route.update().unwrap()), format!("{head}{rest}"));
    }
    let withdrawn = route(vec![Source(prefix("10.0.0.1"))]).withdraw().unwrap();
    assert_eq!(hex(&withdrawn), format!("{head}0024020000000D800F0A00018506{}", "02200A000001"));
}

#[test]
fn a_rate_is_never_above_what_is_asked_for_and_only_zero_is_zero() {
    for rate in [1, 3, 16_777_217, 16_777_219, 999_999_999_999, 1_000_000_000_000, u64::MAX - 1, u64::MAX] {
        let bytes = TrafficAction::RateBytes { local_as: 0, bytes_per_second: rate }.bytes();
        let written = f32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        assert!(written.is_finite() && written > 0.0, "{rate}: {written}");
        assert!(f64::from(written) as u128 <= u128::from(rate), "{rate}: {written}");
        assert!(f64::from(written) > rate as f64 * (1.0 - 1e-6), "{rate}: {written}");
    }
}

#[test]
fn an_nlri_that_is_too_long_is_an_error() {
    let ports = |count: u64| {
        Component::Port((0..count).map(|port| any(&[(Operator::Equal, 1_000 + port)])[0]).collect())
    };
    assert_eq!(route(vec![ports(79)]).nlri().unwrap().len(), 239);
    let error = route(vec![ports(80)]).nlri().unwrap_err();
    assert_eq!(error.to_string(), "`components` must be less than 240 bytes as NLRI, got 241");
    for wrong in [vec![], vec![ports(0)], vec![ports(1), ports(2)], vec![Component::Source(prefix("::1"))]] {
        assert!(route(wrong).update().is_err());
    }
}

#[test]
fn every_entry_is_a_route_or_is_skipped_with_a_reason() {
    let (plan, config) = (every_kind(), RenderConfig::default());
    for renderer in [Renderer::FlowSpec, Renderer::ExaBgp, Renderer::GoBgp] {
        let (up, down) = (plan.render(renderer, &config).unwrap(), plan.rollback(renderer, &config).unwrap());
        assert_eq!(up.entries as usize + up.skipped.len(), plan.entries().len());
        assert_eq!((up.entries, &up.skipped), (down.entries, &down.skipped));
        assert_eq!(up.text().lines().count(), up.entries as usize);
    }
    let line = plan.render(Renderer::FlowSpec, &config).unwrap().text().lines().next().unwrap().to_owned();
    let first: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&first["afi"], &first["safi"]), (&1.into(), &133.into()));
    assert!(first["update"].as_str().unwrap().contains(first["nlri"].as_str().unwrap()));
}

#[test]
fn a_milder_rule_inside_a_stricter_one_is_left_out() {
    let plan = plan(&[
        propose(1, "203.0.113.0/24", Action::Drop { ttl_s: 60 }),
        propose(2, "203.0.113.7", Action::Deprioritize { ttl_s: 600 }),
        propose(3, "203.0.113.8", Action::Drop { ttl_s: 600 }),
    ]);
    let rendered = plan.render(Renderer::GoBgp, &RenderConfig::default()).unwrap();
    assert_eq!((rendered.entries, rendered.skipped.len()), (2, 1));
    assert_eq!(rendered.skipped[0].id, "0000000000000002");
    assert!(rendered.skipped[0].reason.starts_with("overlaps a stricter entry"));
}
