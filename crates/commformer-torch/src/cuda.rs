//! Choosing the device, and loading libtorch's CUDA half at run time.
//!
//! The program links against libtorch's CPU half alone, so that one binary runs everywhere. Where
//! a full libtorch is installed, `libtorch_cuda.so` lies beside the `libtorch_cpu.so` in use;
//! [`load`] brings it into the process. libtorch asks once, early, whether CUDA is there and
//! remembers the answer: **call [`load`], or [`device`], before any other function of tch.**

use crate::{TorchError, ffi, library};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tch::{Cuda, Device};

/// Loads `libtorch_cuda.so` if it lies beside the `libtorch_cpu.so` in use, and says whether it
/// is loaded. Later calls repeat the first one's answer and do nothing.
///
/// # Errors
///
/// [`TorchError::LoadCuda`], with the dynamic linker's words, when the library is there and cannot
/// be loaded. A libtorch without it is no error.
pub fn load() -> Result<bool, TorchError> {
    static LOADED: OnceLock<Result<bool, (PathBuf, String)>> = OnceLock::new();
    LOADED
        .get_or_init(|| match cuda_library() {
            Some(path) => open(&path)
                .map(|()| true)
                .map_err(|reason| (path.clone(), reason)),
            None => Ok(false),
        })
        .clone()
        .map_err(|(path, reason)| TorchError::LoadCuda { path, reason })
}

/// The device that a name means: `cpu`, `cuda` (the first GPU), `cuda:N`, or `auto` (the first
/// GPU if there is one, else the CPU). All but `cpu` [`load`] CUDA first.
///
/// # Errors
///
/// [`TorchError::UnknownDevice`] for any other name, [`TorchError::MissingDevice`] for a GPU that
/// is not there, and those of [`load`].
pub fn device(name: &str) -> Result<Device, TorchError> {
    device_of_rank(name, 0)
}

/// The same for one of several processes of a machine: its number among them counts through the GPUs that `auto` chooses
/// from.
///
/// # Errors
///
/// As [`device`].
pub fn device_of_rank(name: &str, local_rank: usize) -> Result<Device, TorchError> {
    match parse(name)? {
        Asked::Cpu => Ok(Device::Cpu),
        Asked::Auto => {
            load()?;
            let count = if Cuda::is_available() {
                Cuda::device_count()
            } else {
                0
            };
            Ok(share_out(local_rank, count))
        }
        Asked::Cuda(index) => {
            let loaded = load()?;
            choose(name, index, loaded, Cuda::device_count())
        }
    }
}

/// What a device's name asks for.
#[derive(Debug, PartialEq)]
enum Asked {
    Cpu,
    Auto,
    Cuda(usize),
}

fn parse(name: &str) -> Result<Asked, TorchError> {
    let index = match name {
        "cpu" => return Ok(Asked::Cpu),
        "auto" => return Ok(Asked::Auto),
        "cuda" => Some(0),
        _ => name
            .strip_prefix("cuda:")
            // `parse` alone would take a plus sign.
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok()),
    };
    index
        .map(Asked::Cuda)
        .ok_or_else(|| TorchError::UnknownDevice { asked: name.into() })
}

/// Which of `count` GPUs a process takes.
fn share_out(local_rank: usize, count: i64) -> Device {
    match usize::try_from(count) {
        Ok(count) if count > 0 => Device::Cuda(local_rank % count),
        _ => Device::Cpu,
    }
}

/// The GPU `index` out of `count`, or an error that says what is there.
fn choose(name: &str, index: usize, loaded: bool, count: i64) -> Result<Device, TorchError> {
    let there = match usize::try_from(count) {
        Ok(count) if index < count => return Ok(Device::Cuda(index)),
        Ok(1) => "the only GPU here is cuda:0".to_owned(),
        Ok(count) if count > 1 => {
            format!("the GPUs here are cuda:0 to cuda:{}", count - 1)
        }
        _ if loaded => "no GPU can be seen; check the driver with `nvidia-smi`, and \
                        CUDA_VISIBLE_DEVICES, or use cpu"
            .to_owned(),
        _ => "the libtorch in use has no CUDA part; put the `torch/lib` folder of a full \
              PyTorch on LD_LIBRARY_PATH, or use cpu"
            .to_owned(),
    };
    Err(TorchError::MissingDevice {
        asked: name.into(),
        there,
    })
}

/// The CUDA library beside the libtorch in use, if there is one.
fn cuda_library() -> Option<PathBuf> {
    let library = library::path()?.parent()?.join("libtorch_cuda.so");
    library.exists().then_some(library)
}

/// Loads a library for good; the error is the dynamic linker's.
fn open(path: &Path) -> Result<(), String> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
    // SAFETY: the path is a valid C string. The library's initialisers run: they are PyTorch's.
    let failure = unsafe { ffi::commformer_open_library(path.as_ptr()) };
    // SAFETY: the text comes from the call above.
    unsafe { ffi::take_text(failure) }.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_devices() {
        assert_eq!(parse("cpu").unwrap(), Asked::Cpu);
        assert_eq!(parse("auto").unwrap(), Asked::Auto);
        assert_eq!(parse("cuda").unwrap(), Asked::Cuda(0));
        assert_eq!(parse("cuda:0").unwrap(), Asked::Cuda(0));
        assert_eq!(parse("cuda:13").unwrap(), Asked::Cuda(13));
        let huge = "cuda:99999999999999999999";
        for name in [
            "", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:+1", "cuda: 1", huge,
        ] {
            let message = parse(name).unwrap_err().to_string();
            assert!(message.contains(&format!("{name:?}")), "{message}");
            assert!(message.contains("cuda:N"), "{message}");
        }
    }

    #[test]
    fn a_missing_gpu_is_told_with_what_is_there() {
        let check = |index, loaded, count, part: &str| {
            let message = choose("cuda:9", index, loaded, count)
                .unwrap_err()
                .to_string();
            assert!(message.contains("\"cuda:9\""), "{message}");
            assert!(message.contains(part), "{message}");
        };
        check(0, false, 0, "has no CUDA part");
        check(0, true, 0, "no GPU can be seen");
        check(1, true, 1, "the only GPU here is cuda:0");
        check(9, true, 4, "cuda:0 to cuda:3");
        assert_eq!(choose("cuda:3", 3, true, 4).unwrap(), Device::Cuda(3));
    }

    #[test]
    fn processes_take_gpus_in_turn() {
        assert_eq!(share_out(3, 0), Device::Cpu);
        let taken: Vec<Device> = (0..5).map(|rank| share_out(rank, 2)).collect();
        assert_eq!(taken, [0, 1, 0, 1, 0].map(Device::Cuda));
    }

    #[test]
    fn loading_twice_gives_the_same_answer_and_devices_follow_from_it() {
        let loaded = load().unwrap();
        assert_eq!(load().unwrap(), loaded);
        assert_eq!(device("cpu").unwrap(), Device::Cpu);
        let auto = device("auto").unwrap();
        match device("cuda") {
            Ok(found) => assert_eq!((found, auto), (Device::Cuda(0), Device::Cuda(0))),
            Err(error) => {
                assert!(matches!(error, TorchError::MissingDevice { .. }), "{error}");
                assert_eq!(auto, Device::Cpu);
            }
        }
    }

    #[test]
    fn a_library_that_is_none_is_refused_in_the_linkers_words() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let reason = open(&path).unwrap_err();
        assert!(reason.contains("Cargo.toml"), "{reason}");
    }
}
