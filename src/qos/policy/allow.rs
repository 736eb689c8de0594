//! The allow-list of a policy: what is in it, and edits of a policy file that keep its comments.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::allow_text::{added, removed};
use super::prefix::Prefix;
use super::text::refuse;
use super::{Policy, PolicyConfig};
use crate::error::{Error, Result};
use crate::replace::Replacement;

impl Policy {
    /// The first prefix of `allow`, `never_act` and `never_alert` that has an address in common with an address or a prefix.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::qos::Policy;
    ///
    /// let policy = Policy::from_toml("version = 1\nallow = ['10.0.0.0/8']")?;
    /// let found = policy.allowed_by("::ffff:10.1.2.3".parse()?);
    /// assert_eq!(found.unwrap().to_string(), "10.0.0.0/8");
    /// assert_eq!(policy.allowed_by("192.0.2.1".parse()?), None);
    ///
    /// let policy = Policy::from_toml("version = 1\nnever_act = ['192.0.2.0/24']")?;
    /// assert!(policy.allowed_by("192.0.2.1".parse()?).is_some());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn allowed_by(&self, entity: Prefix) -> Option<Prefix> {
        self.config.without_action().copied().find(|allowed| entity.overlaps(*allowed))
    }

    /// Adds a prefix to the allow-list of a TOML file, and returns the new policy and whether the file changed. Comments and
    /// the rest of the file stay as they are. The file is replaced when the new one is complete.
    ///
    /// A file without an allow-list gets the one of [`Policy::default`] with the prefix.
    ///
    /// # Errors
    ///
    /// As [`Policy::load`]; [`Error::Policy`] for a file that is not TOML; [`Error::Io`].
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::qos::Policy;
    ///
    /// # let folder = std::env::temp_dir().join(format!("qosguard-doc-allow-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("policy.toml");
    /// std::fs::write(&path, "version = 1 # the first\nallow = ['10.0.0.0/8'] # ours\n").unwrap();
    /// let (policy, changed) = Policy::add_allowed(&path, "192.0.2.53".parse()?)?;
    /// assert!(changed && policy.config().allow.len() == 2);
    /// let text = std::fs::read_to_string(&path).unwrap();
    /// assert_eq!(text, "version = 1 # the first\nallow = ['10.0.0.0/8', \"192.0.2.53\"] # ours\n");
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn add_allowed(path: impl AsRef<Path>, prefix: Prefix) -> Result<(Self, bool)> {
        edit(
            path.as_ref(),
            |allow| {
                if !allow.contains(&prefix) {
                    allow.push(prefix);
                }
            },
            |text| added(text, prefix),
        )
    }

    /// Removes a prefix from the allow-list of a TOML file, as [`Policy::add_allowed`] adds it. Only the same prefix is removed: an
    /// address in a wider one stays allowed.
    ///
    /// # Errors
    ///
    /// As [`Policy::add_allowed`].
    pub fn remove_allowed(path: impl AsRef<Path>, prefix: Prefix) -> Result<(Self, bool)> {
        edit(path.as_ref(), |allow| allow.retain(|known| *known != prefix), |text| removed(text, prefix))
    }
}

/// Changes a file where its allow-list changes, and checks that nothing else does.
fn edit(
    path: &Path,
    change: impl Fn(&mut Vec<Prefix>),
    rewrite: impl Fn(&str) -> Option<String>,
) -> Result<(Policy, bool)> {
    let place = path.display().to_string();
    let known = Policy::load(path)?;
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
        return Err(refuse(&place, "file", "a .toml file: edits of other files would lose comments", &place));
    }
    let mut allow = known.config.allow.clone();
    change(&mut allow);
    if allow == known.config.allow {
        return Ok((known, false));
    }
    let text = fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
    let unwritable =
        || refuse(&place, "allow", "a list that can be edited in its place; edit the file", "another");
    let new = rewrite(&text).ok_or_else(unwritable)?;
    let policy = Policy::from_toml(&new)?;
    let sorted = |mut list: Vec<Prefix>| {
        list.sort_by_key(Prefix::to_string);
        list
    };
    let expected = PolicyConfig { allow: sorted(allow), ..known.config };
    if (PolicyConfig { allow: sorted(policy.config.allow.clone()), ..policy.config.clone() }) != expected {
        return Err(unwritable());
    }
    let io = |error| Error::io(path, error);
    let mut file = Replacement::create(path).map_err(io)?;
    file.write_all(new.as_bytes()).map_err(io)?;
    file.commit().map_err(io)?;
    Ok((policy, true))
}
