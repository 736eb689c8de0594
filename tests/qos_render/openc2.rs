//! The `OpenC2` commands against what the published JSON Schema (bberliner/openc2-json-schema, `command.json`) requires, written by hand:
//! its actions, one target with a known name, its arguments, and no other keys.

use qosguard::qos::{Plan, RenderConfig, Renderer};
use serde_json::Value;

use super::every_kind;

fn commands(plan: &Plan, rollback: bool) -> Vec<Value> {
    let config = RenderConfig::default();
    let rendered = if rollback {
        plan.rollback(Renderer::OpenC2, &config)
    } else {
        plan.render(Renderer::OpenC2, &config)
    };
    rendered.unwrap().text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn commands_have_the_keys_of_the_schema() {
    let plan = every_kind();
    for rollback in [false, true] {
        let commands = commands(&plan, rollback);
        assert_eq!(commands.len(), plan.entries().len());
        for command in &commands {
            check(command);
            assert_eq!(command["args"].get("duration").is_some(), !rollback);
        }
    }
}

fn check(command: &Value) {
    let object = command.as_object().unwrap();
    assert!(object.keys().all(|key| ["action", "target", "args", "command_id"].contains(&key.as_str())));
    let actions = ["deny", "allow", "contain", "set", "redirect", "investigate", "restore"];
    assert!(actions.contains(&command["action"].as_str().unwrap()));
    let target = command["target"].as_object().unwrap();
    assert_eq!(target.len(), 1, "{command}");
    let (name, value) = target.iter().next().unwrap();
    match name.as_str() {
        "ipv4_net" => {
            let (address, length) =
                value.as_str().unwrap().split_once('/').unwrap_or((value.as_str().unwrap(), "31"));
            assert!(address.parse::<std::net::Ipv4Addr>().is_ok());
            // The pattern of the schema ends at 31.
            assert!((0..=31).contains(&length.parse::<u8>().unwrap()), "{command}");
        }
        "ipv6_net" => {
            let address = value.as_str().unwrap().split('/').next().unwrap();
            assert!(address.parse::<std::net::Ipv6Addr>().is_ok());
        }
        "ipv4_connection" | "ipv6_connection" => {
            let known = ["src_addr", "src_port", "dst_addr", "dst_port", "protocol"];
            assert!(value.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{command}");
            assert!(["icmp", "tcp", "udp", "sctp"].contains(&value["protocol"].as_str().unwrap()));
        }
        name => {
            assert!(["x-qosguard:priority", "x-qosguard:rate_limit"].contains(&name) && value.is_object());
        }
    }
    let args = command["args"].as_object().unwrap();
    assert!(args.keys().all(|key| ["duration", "response_requested", "slpf"].contains(&key.as_str())));
    assert!(args.get("duration").is_none_or(Value::is_u64));
    assert_eq!(args["response_requested"], "complete");
}
