//! Edits of the allow-list in a policy file.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use proptest::prelude::*;
use qosguard::qos::{Policy, Prefix};
use qosguard::{Error, ErrorKind};

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// The text of a policy file after an edit; `None` where the file did not change.
fn edited(text: &str, edit: impl Fn(&std::path::Path) -> qosguard::Result<(Policy, bool)>) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    fs::write(&path, text).unwrap();
    let (policy, changed) = edit(&path).unwrap();
    assert_eq!(Policy::load(&path).unwrap(), policy);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let new = fs::read_to_string(&path).unwrap();
    assert_eq!(changed, new != text);
    changed.then_some(new)
}

fn add(text: &str, new: &str) -> Option<String> {
    edited(text, |path| Policy::add_allowed(path, prefix(new)))
}

fn remove(text: &str, old: &str) -> Option<String> {
    edited(text, |path| Policy::remove_allowed(path, prefix(old)))
}

#[test]
fn a_prefix_is_added_and_everything_else_keeps_its_bytes() {
    let host = "192.0.2.53";
    for (text, expected) in [
        ("allow = []", r#"allow = ["192.0.2.53"]"#),
        ("allow = [ ]", r#"allow = ["192.0.2.53"]"#),
        ("allow = ['10.0.0.0/8'] # ours", r#"allow = ['10.0.0.0/8', "192.0.2.53"] # ours"#),
        ("allow = ['10.0.0.0/8', ]", r#"allow = ['10.0.0.0/8', "192.0.2.53"]"#),
        ("allow = '10.0.0.0/8' # ours", r#"allow = ['10.0.0.0/8', "192.0.2.53"] # ours"#),
        (
            "allow = [ # all, of them\n  # one, [two]\n  '10.0.0.0/8', # ours\n]",
            "allow = [ # all, of them\n  # one, [two]\n  '10.0.0.0/8', # ours\n  \"192.0.2.53\",\n]",
        ),
        (
            "allow = [\r\n\t'10.0.0.0/8' # a, b\r\n]\r\n",
            "allow = [\r\n\t'10.0.0.0/8', # a, b\r\n\t\"192.0.2.53\",\r\n]\r\n",
        ),
        ("allow = [\n  # nothing yet\n]", "allow = [\n  # nothing yet\n    \"192.0.2.53\",\n]"),
    ] {
        for (start, end) in [
            ("version = 1\n", ""),
            ("\u{feff}# ü\nversion = 1\n\n", "\n[bands] # b\nmedium = 1e-3\nhigh = 1e-4\ncritical = 1e-5\n"),
        ] {
            let new = add(&format!("{start}{text}{end}"), host).unwrap();
            assert_eq!(new, format!("{start}{expected}{end}"));
            assert_eq!(add(&new, "::ffff:192.0.2.53"), None);
        }
    }
}

#[test]
fn a_prefix_is_removed_with_its_line() {
    for (text, expected) in [
        ("allow = ['10.0.0.0/8']", "allow = []"),
        ("allow = '10.0.0.0/8'", "allow = []"),
        ("allow = ['192.0.2.1', '10.0.0.0/8'] # x", "allow = ['192.0.2.1'] # x"),
        ("allow = ['10.0.0.0/8', '192.0.2.1']", "allow = ['192.0.2.1']"),
        ("allow = ['10.0.0.0/8', '192.0.2.1', '10.0.0.0/8']", "allow = ['192.0.2.1']"),
        (
            "allow = [\n  '192.0.2.1', # dns\n  '10.0.0.0/8', # ours\n  # the next\n  '192.0.2.2'\n]",
            "allow = [\n  '192.0.2.1', # dns\n  # the next\n  '192.0.2.2'\n]",
        ),
        ("allow = [\n  '192.0.2.1',\n  '10.0.0.0/8'\n]", "allow = [\n  '192.0.2.1',\n]"),
    ] {
        let text = format!("version = 1\n{text}\ndry_run = false\n");
        assert_eq!(
            remove(&text, "10.0.0.0/8").unwrap(),
            format!("version = 1\n{expected}\ndry_run = false\n")
        );
        assert_eq!(remove(&text, "10.0.0.0/9"), None);
    }
}

#[test]
fn a_file_without_a_list_keeps_the_default_one() {
    let defaults = Policy::default().config().allow.len();
    for text in [
        "version = 1",
        "dry_run = true\nversion = 1 # first\n[bands]\nmedium = 1e-3\nhigh = 1e-4\ncritical = 1e-5\n",
    ] {
        let new = add(text, "192.0.2.53").unwrap();
        let policy = Policy::from_toml(&new).unwrap();
        assert_eq!(policy.config().allow.len(), defaults + 1, "{new}");
        let less = Policy::from_toml(&remove(text, "127.0.0.0/8").unwrap()).unwrap();
        assert_eq!(less.config().allow.len(), defaults - 1);
    }
}

#[test]
fn other_formats_and_wrong_files_are_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("policy.json", r#"{"version": 1}"#),
        ("broken.toml", "version = 2\n"),
        ("syntax.toml", "version = "),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let error = Policy::add_allowed(&path, prefix("192.0.2.1")).unwrap_err();
        assert!(matches!(error, Error::Policy { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let missing = Policy::add_allowed(folder.path().join("none.toml"), prefix("192.0.2.1")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io);
}

#[test]
fn what_is_allowed_is_found_in_every_form() {
    let policy = Policy::from_toml("version = 1\nallow = ['10.0.0.0/8', '2001:db8::/32']").unwrap();
    for entity in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "10.0.0.0/7", "0.0.0.0/0"] {
        assert_eq!(policy.allowed_by(prefix(entity)), Some(prefix("10.0.0.0/8")), "{entity}");
    }
    assert_eq!(policy.allowed_by(prefix("2001:db8::1")), Some(prefix("2001:db8::/32")));
    assert_eq!(policy.allowed_by(prefix("11.0.0.1")), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_of_any_layout_change_the_list_and_keep_the_comments(
        hosts in prop::collection::vec((0..20_u8, 0..4_u8), 0..6),
        open in 0..2_u8,
        new in 0..20_u8,
    ) {
        let ends = [", ", ",\n  ", ", # it's, a ] \"comment\n  ", "\n  , "];
        let values: String = hosts.iter().map(|(host, end)| format!("'192.0.2.{host}'{}", ends[usize::from(*end)])).collect();
        let open = ["[", "[ # first ,\n  "][usize::from(open)];
        let text = format!("version = 1\nallow = {open}{values}] # last\n[bands]\nmedium = 1e-3\nhigh = 1e-4\ncritical = 1e-5\n");
        let comments = |text: &str| text.matches('#').count();
        let host = format!("192.0.2.{new}");
        let known = hosts.iter().any(|(host, _)| *host == new);
        if let Some(added) = add(&text, &host) {
            prop_assert!(!known);
            prop_assert_eq!(comments(&added), comments(&text));
            let policy = Policy::from_toml(&added).unwrap();
            prop_assert_eq!(policy.config().allow.len(), hosts.len() + 1);
            let back = Policy::from_toml(&remove(&added, &host).unwrap()).unwrap();
            prop_assert_eq!(back, Policy::from_toml(&text).unwrap());
        } else {
            prop_assert!(known);
            let less = Policy::from_toml(&remove(&text, &host).unwrap()).unwrap();
            prop_assert_eq!(less.config().allow.len(), hosts.iter().filter(|(host, _)| *host != new).count());
        }
    }
}
