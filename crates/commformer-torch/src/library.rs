//! The libtorch that this process runs with. It need not be the one that was built with: whatever
//! lies first on `LD_LIBRARY_PATH` is loaded.

use crate::{TorchError, ffi};
use std::path::PathBuf;
use std::ptr::null_mut;

/// What a libtorch says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its version, such as `2.11.0`; `None` if it does not say.
    pub version: Option<String>,
    /// The CPU's instructions that its operations use, such as `AVX2`, `AVX512` or `DEFAULT`.
    pub cpu_capability: String,
}

/// What the libtorch in use says of itself. As any other function of libtorch, it must not come
/// before [`cuda::load`](crate::cuda::load), if that is to be called.
///
/// # Errors
///
/// [`TorchError::Libtorch`] if libtorch refuses.
pub fn build() -> Result<Build, TorchError> {
    let (mut config, mut capability) = (null_mut(), null_mut());
    // SAFETY: the shim writes two texts of its own, or leaves the nulls.
    let called = unsafe {
        let failure = ffi::commformer_libtorch_build(&mut config, &mut capability);
        ffi::check("tell how it was built", failure)
    };
    // SAFETY: both come from the call above; nulls are allowed.
    let (config, capability) = unsafe { (ffi::take_text(config), ffi::take_text(capability)) };
    called?;
    Ok(Build {
        version: config.as_deref().and_then(version_in),
        cpu_capability: capability.unwrap_or_default(),
    })
}

/// The file of the `libtorch_cpu.so` in use; `None` where there is none, as on another system than
/// Linux or with a libtorch that is linked statically.
pub fn path() -> Option<PathBuf> {
    let mut text = null_mut();
    // SAFETY: the shim writes a text of its own, or leaves the null; it calls nothing of libtorch.
    let failure = unsafe { ffi::commformer_libtorch_path(&mut text) };
    // SAFETY: both texts come from the call above.
    let (failure, path) = unsafe { (ffi::take_text(failure), ffi::take_text(text)) };
    path.filter(|_| failure.is_none()).map(PathBuf::from)
}

/// The version in a text such as `..., TORCH_VERSION=2.11.0, USE_CUDA=0, ...`.
fn version_in(config: &str) -> Option<String> {
    let (_, rest) = config.split_once("TORCH_VERSION=")?;
    let version = rest.split([',', ' ', '\n']).next()?;
    (!version.is_empty()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_in_use_is_the_one_that_tch_is_made_for() {
        let build = build().unwrap();
        // tch 0.24 is made for this one and no other.
        let version = build.version.expect("a version");
        assert!(version.starts_with("2.11.0"), "{version}");
        assert!(!build.cpu_capability.is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_library_in_use_is_a_file() {
        let path = path().expect("a path");
        assert!(path.is_file(), "{}", path.display());
    }

    #[test]
    fn versions_are_found_in_what_libtorch_says() {
        assert_eq!(
            version_in("A=1, TORCH_VERSION=2.11.0, B=2").as_deref(),
            Some("2.11.0")
        );
        assert_eq!(
            version_in("TORCH_VERSION=2.12.0+cu130\n").as_deref(),
            Some("2.12.0+cu130")
        );
        assert_eq!(version_in("PyTorch built with:"), None);
        assert_eq!(version_in("TORCH_VERSION=, "), None);
    }
}
