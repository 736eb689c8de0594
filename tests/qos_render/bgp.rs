//! `ExaBGP`, which checks a configuration with the routes.

use std::fs;
use std::process::Command;

use qosguard::qos::{RenderConfig, Renderer};
use tempfile::TempDir;

use super::every_kind;
use super::tools::find;

const NEIGHBOR: &str = "neighbor 127.0.0.1 {\n  router-id 10.0.0.2; local-address 127.0.0.1; local-as 64500; peer-as 64501;\n  family { ipv4 flow; ipv6 flow; ipv4 unicast; ipv6 unicast; }\n";

/// Whether `exabgp validate` accepts a configuration, and what it prints.
fn validates(configuration: &str) -> Option<(bool, String)> {
    let exabgp = find("exabgp")?;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("exabgp.conf");
    fs::write(&file, configuration).unwrap();
    let output = Command::new(exabgp).arg("validate").arg(&file).output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&printed).into_owned()))
}

#[test]
fn exabgp_accepts_the_routes() {
    let (plan, config) = (every_kind(), RenderConfig::default());
    let flows = plan.render(Renderer::ExaBgp, &config).unwrap();
    assert_eq!(flows.entries as usize + flows.skipped.len(), plan.entries().len());
    let routes: String = flows
        .text()
        .lines()
        .map(|line| format!("    {}\n", line.strip_prefix("announce flow ").unwrap()))
        .collect();
    let discards: String = plan
        .render(Renderer::Rtbh, &config)
        .unwrap()
        .text()
        .lines()
        .map(|line| format!("    {};\n", line.strip_prefix("announce ").unwrap()))
        .collect();
    let text = format!("{NEIGHBOR}  static {{\n{discards}  }}\n  flow {{\n{routes}  }}\n}}\n");
    let Some((is_valid, printed)) = validates(&text) else { return };
    assert!(is_valid, "{printed}\n{text}");
    // It does reject what is wrong.
    let wrong = text.replacen("then { discard; }", "then { discord; }", 1);
    assert!(!validates(&wrong).unwrap().0);
}
