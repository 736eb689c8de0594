//! The texts of the renderers, in full.

use qosguard::qos::{Action, NftablesConfig, PlanConfig, Policy, Proposal, RenderConfig, Renderer, TcConfig};
use serde_json::{Value, json};

use super::{NOW, every_kind, plan, propose};

fn two() -> qosguard::qos::Plan {
    plan(&[
        propose(0xa1, "203.0.113.7", Action::Drop { ttl_s: 600 }),
        propose(
            0xa2,
            "2001:db8::7",
            Action::RateLimit { bytes_per_second: 125_000, burst: 256_000, ttl_s: 60 },
        ),
    ])
}

#[test]
fn bgp_texts() {
    let config = RenderConfig::default();
    let up = |renderer| two().render(renderer, &config).unwrap();
    let down = |renderer| two().rollback(renderer, &config).unwrap().text();
    let flows = "announce flow route { match { source 203.0.113.7/32; } then { discard; } }\nannounce flow route { match { source 2001:db8::7/128; } then { rate-limit 125000; } }\n";
    assert_eq!(up(Renderer::ExaBgp).text(), flows);
    assert_eq!(down(Renderer::ExaBgp), flows.replace("announce", "withdraw"));
    let lines = "gobgp global rib add -a ipv4-flowspec match source 203.0.113.7/32 then discard\ngobgp global rib add -a ipv6-flowspec match source 2001:db8::7/128 then rate-limit 125000\n";
    assert_eq!(up(Renderer::GoBgp).text(), lines);
    assert_eq!(down(Renderer::GoBgp), lines.replace(" add ", " del "));
    let discard = "announce route 203.0.113.7/32 next-hop 192.0.2.1 community [65535:666 65535:65281]\n";
    assert_eq!(up(Renderer::Rtbh).text(), discard);
    assert_eq!(up(Renderer::Rtbh).skip_counts(), [("RTBH can only discard", 1)]);
    assert_eq!(down(Renderer::Rtbh), discard.replace("announce", "withdraw"));
}

#[test]
fn tc_text_has_rates_in_bits_and_one_class_for_each_limit() {
    let tc = TcConfig { bytes_per_second: 1_000_000, ..TcConfig::default() };
    let config = RenderConfig { tc, ..RenderConfig::default() };
    let text = two().render(Renderer::Tc, &config).unwrap().text();
    let expected = "\
qdisc replace dev eth0 root handle 1: htb default 2
class replace dev eth0 parent 1: classid 1:1 htb rate 8000000bit ceil 8000000bit quantum 1514
class replace dev eth0 parent 1:1 classid 1:2 htb rate 4800000bit ceil 8000000bit prio 3 quantum 1514
class replace dev eth0 parent 1:1 classid 1:3 htb rate 2400000bit ceil 4000000bit prio 0 quantum 1514
class replace dev eth0 parent 1:1 classid 1:4 htb rate 80000bit ceil 8000000bit prio 7 quantum 1514
filter add dev eth0 parent 1: protocol ip prio 337 u32 match ip src 203.0.113.7/32 action drop
class replace dev eth0 parent 1:1 classid 1:10 htb rate 1000000bit ceil 1000000bit burst 256000b quantum 1514
filter add dev eth0 parent 1: protocol ipv6 prio 801 u32 match ip6 src 2001:db8::7/128 flowid 1:10
";
    assert_eq!(text, expected);
    assert_eq!(two().rollback(Renderer::Tc, &config).unwrap().text(), "qdisc del dev eth0 root\n");
    let wrong = |device: &str| {
        let tc = TcConfig { device: device.into(), ..TcConfig::default() };
        two().render(Renderer::Tc, &RenderConfig { tc, ..RenderConfig::default() })
    };
    for device in ["", "eth0; reboot", "-x", "a name", "0123456789abcdef"] {
        assert!(wrong(device).unwrap_err().to_string().starts_with("`tc.device` must be the name of"));
    }
}

#[test]
fn openc2_and_webhook_are_json_lines() {
    let config = RenderConfig::default();
    let lines = |renderer| -> Vec<Value> {
        let text = two().render(renderer, &config).unwrap().text();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(
        lines(Renderer::OpenC2)[0],
        json!({
            "action": "deny", "target": { "ipv4_net": "203.0.113.7" }, "command_id": "qg-00000000000000a1",
            "args": { "duration": 600_000, "response_requested": "complete",
                      "slpf": { "drop_process": "none", "direction": "ingress" } },
        })
    );
    assert_eq!(lines(Renderer::OpenC2)[1]["action"], "set");
    let first = &lines(Renderer::Webhook)[0];
    assert_eq!((&first["event"], &first["until"]), (&json!("apply"), &json!("2023-11-14T22:23:20Z")));
    assert_eq!((&first["ids"], &first["rest_s"]), (&json!(["00000000000000a1"]), &json!(600)));
    let undone = two().rollback(Renderer::Webhook, &config).unwrap().text();
    assert!(undone.lines().all(|line| line.contains(r#""event":"withdraw""#)));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&lines(Renderer::Webhook)[0]), keys(&lines(Renderer::Webhook)[1]));
}

#[test]
fn nftables_text_holds_typed_addresses_with_timeouts() {
    let text = two().render(Renderer::Nftables, &RenderConfig::default()).unwrap().text();
    assert!(text.contains("    203.0.113.7 timeout 600s comment \"qg:00000000000000a1\"\n"), "{text}");
    assert!(text.contains("add element inet qosguard limit_125000_256000_6 {\n"));
    let part = |elements_per_transaction| {
        let nftables = NftablesConfig { elements_per_transaction, ..NftablesConfig::default() };
        two().render(Renderer::Nftables, &RenderConfig { nftables, ..RenderConfig::default() })
    };
    assert_eq!(part(1).unwrap().documents.len(), 2);
    assert!(part(0).unwrap_err().to_string().starts_with("`nftables.elements_per_transaction` must be"));
    // Every action in an interval or hash set has a timeout.
    let all = every_kind().render(Renderer::Nftables, &RenderConfig::default()).unwrap();
    let elements =
        all.text().lines().filter(|line| line.starts_with("    ")).map(str::to_owned).collect::<Vec<_>>();
    assert!(
        elements.len() > 20 && elements.iter().all(|line| line.contains(" timeout ") && line.contains("qg:"))
    );
}

#[test]
fn renderers_have_names_and_skip_only_with_reasons() {
    let config = PlanConfig { per_service: true, ..PlanConfig::default() };
    let gre = Proposal { protocol: Some(47), ..propose(1, "203.0.113.7", Action::Drop { ttl_s: 60 }) };
    let plan = qosguard::qos::Plan::new(&[gre], NOW, &Policy::default(), &config).unwrap();
    for renderer in Renderer::ALL {
        assert_eq!(json!(renderer), renderer.as_str());
        let rendered = plan.render(renderer, &RenderConfig::default()).unwrap();
        assert_eq!(rendered.entries as usize + rendered.skipped.len(), 1, "{}", renderer.as_str());
    }
    let empty = super::plan(&[]);
    for renderer in Renderer::ALL {
        let rendered = empty.render(renderer, &RenderConfig::default()).unwrap();
        assert_eq!((rendered.entries, rendered.skipped.len()), (0, 0));
    }
}
