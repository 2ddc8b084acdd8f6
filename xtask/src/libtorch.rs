//! Which libtorch the workspace builds with, and whether ours is complete.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Which libtorch the build will use.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The user's own, as `VARIABLE=value`.
    Users(String),
    /// The one that set-up got.
    Ours,
    /// None yet.
    Missing,
}

impl Found {
    /// Looks at the environment and at [`folder`].
    pub fn look(root: &Path) -> Self {
        let choice = users_choice(
            root,
            env::var_os("LIBTORCH").as_deref(),
            env::var_os("LIBTORCH_USE_PYTORCH").as_deref(),
        );
        match choice {
            Some(choice) => Self::Users(choice),
            None if is_complete(&folder(root)) => Self::Ours,
            None => Self::Missing,
        }
    }
}

/// The packages that hold libtorch, with their hashes: what pip downloads, and the stamp of a
/// finished set-up.
pub const PINS: &str = include_str!("../libtorch-cpu.txt");

/// What torch-sys compares with the version that it was made for.
pub const VERSION: &str = "2.11.0+cpu";

/// [`VERSION`] without the device that it is for.
pub fn release() -> &'static str {
    VERSION.split('+').next().unwrap_or(VERSION)
}

/// Where set-up puts libtorch.
pub fn folder(root: &Path) -> PathBuf {
    root.join(".libtorch")
}

/// Written last into [`folder`] before it gets its name.
pub fn stamp(folder: &Path) -> PathBuf {
    folder.join("stamp")
}

/// Whether the folder holds what [`PINS`] names.
pub fn is_complete(folder: &Path) -> bool {
    fs::read_to_string(stamp(folder)).is_ok_and(|text| text == PINS)
}

/// Whether a value of `LIBTORCH` comes from the project's `.cargo/config.toml` and not from the
/// user. An empty value is nobody's choice, and would keep cargo from setting the right one.
pub fn is_projects(root: &Path, value: &OsStr) -> bool {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let value = Path::new(value);
    value.as_os_str().is_empty()
        || [folder(root), root.join(".cargo/libtorch-missing")]
            .iter()
            .any(|ours| real(ours) == real(value))
}

/// How the user chose a libtorch of their own, as `VARIABLE=value`, given the values of
/// `LIBTORCH` and `LIBTORCH_USE_PYTORCH`.
fn users_choice(
    root: &Path,
    libtorch: Option<&OsStr>,
    use_pytorch: Option<&OsStr>,
) -> Option<String> {
    // torch-sys asks only whether LIBTORCH_USE_PYTORCH is set, and asks it first.
    let choice = |variable, value: &OsStr| format!("{variable}={}", value.to_string_lossy());
    use_pytorch
        .map(|value| choice("LIBTORCH_USE_PYTORCH", value))
        .or_else(|| {
            libtorch
                .filter(|value| !is_projects(root, value))
                .map(|value| choice("LIBTORCH", value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn choice(libtorch: Option<&str>, use_pytorch: Option<&str>) -> Option<String> {
        let root = Path::new("/repo");
        users_choice(root, libtorch.map(OsStr::new), use_pytorch.map(OsStr::new))
    }

    #[test]
    fn the_projects_own_values_are_no_choice_of_the_user() {
        assert_eq!(choice(None, None), None);
        assert_eq!(choice(Some(""), None), None);
        assert_eq!(choice(Some("/repo/.libtorch"), None), None);
        assert_eq!(choice(Some("/repo/.cargo/libtorch-missing"), None), None);
    }

    #[test]
    fn any_other_value_is_the_users() {
        let of = |text: &str| Some(text.to_owned());
        assert_eq!(
            choice(Some("/opt/libtorch"), None),
            of("LIBTORCH=/opt/libtorch")
        );
        assert_eq!(
            choice(Some("/other/.libtorch"), None),
            of("LIBTORCH=/other/.libtorch")
        );
        let ours = Some("/repo/.libtorch");
        assert_eq!(choice(ours, Some("1")), of("LIBTORCH_USE_PYTORCH=1"));
        assert_eq!(choice(None, Some("")), of("LIBTORCH_USE_PYTORCH="));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_repository_does_not_hide_the_projects_value() {
        let scratch = Scratch::new("link");
        let root = scratch.join("repo");
        fs::create_dir_all(folder(&root)).expect("a folder");
        let link = scratch.join("link");
        std::os::unix::fs::symlink(&root, &link).expect("a link");
        assert!(is_projects(&link, folder(&root).as_os_str()));
    }

    #[test]
    fn only_a_stamp_with_todays_pins_means_complete() {
        let scratch = Scratch::new("stamp");
        assert!(!is_complete(&scratch), "no stamp");
        fs::write(stamp(&scratch), &PINS[..PINS.len() - 1]).expect("written");
        assert!(!is_complete(&scratch), "half a stamp");
        fs::write(stamp(&scratch), PINS).expect("written");
        assert!(is_complete(&scratch));
    }

    #[test]
    fn every_package_is_pinned_to_one_version_and_one_hash() {
        let packages = PINS.lines().filter(|line| !line.starts_with('#'));
        for line in packages {
            let (package, hash) = line.split_once(" --hash=sha256:").expect(line);
            assert!(package.contains("=="), "{line}");
            assert_eq!(hash.len(), 64, "{line}");
            assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
        }
    }

    #[test]
    fn the_pins_and_the_version_name_the_same_libtorch() {
        assert!(VERSION.starts_with(&format!("{}+", release())));
        assert!(PINS.contains(&format!("\ntorch=={} --hash=sha256:", release())));
    }
}
