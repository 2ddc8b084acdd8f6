//! What the program is and what it runs on.

use super::report::Report;
use commformer_torch::{TorchError, cuda, library};
use commformer_train::workers;
use commformer_view::numbers::grouped;
use std::path::Path;
use std::{env, io};
use sysinfo::{
    CpuRefreshKind, Disk, Disks, MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate,
    RefreshKind, System,
};

/// Environment variables that change what the program does or how fast.
const VARIABLES: [&str; 19] = [
    "ATEN_CPU_CAPABILITY",
    "COMMFORMER_ANSWER_SECONDS",
    "COMMFORMER_INTERFACE",
    "COMMFORMER_MEETING_SECONDS",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LIBTORCH",
    "LIBTORCH_USE_PYTORCH",
    "LOCAL_RANK",
    "MASTER_ADDR",
    "MASTER_PORT",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "RANK",
    "RAYON_NUM_THREADS",
    "RUSTFLAGS",
    "WORLD_SIZE",
];

/// Writes a line for each; runs go to `folder`. It looks for CUDA before it uses tensors, as all must.
pub(super) fn tell(report: &mut Report<'_>, folder: &Path) -> io::Result<()> {
    let gpus = gpus();
    let build = match cfg!(debug_assertions) {
        true => "debug build",
        false => "optimised build",
    };
    report.line(
        "commformer",
        &format!("{}, {build}", env!("CARGO_PKG_VERSION")),
    )?;
    report.line("libtorch", &libtorch())?;
    report.line("CUDA", &gpus)?;

    let kinds = RefreshKind::nothing()
        .with_memory(MemoryRefreshKind::nothing().with_ram())
        .with_cpu(CpuRefreshKind::nothing());
    let mut system = System::new_with_specifics(kinds).ok();
    let unknown = || "not known".to_owned();
    let operating = System::long_os_version().unwrap_or_else(|_| env::consts::OS.to_owned());
    let kernel = System::kernel_version().unwrap_or_else(|_| unknown());
    let arch = System::cpu_arch();
    report.line("system", &format!("{operating}, kernel {kernel}, {arch}"))?;
    report.line(
        "processor",
        &system.as_ref().map_or_else(unknown, processor),
    )?;
    let vectors = commformer_model::kernel_vectors();
    report.line("vectors", &format!("{vectors} in the program's kernels"))?;
    report.line("threads", &format!("{} in training", workers(0)))?;
    report.line("memory", &system.as_mut().map_or_else(unknown, memory))?;
    report.line("disk", &disk(folder))?;
    report.line("environment", &environment())
}

fn libtorch() -> String {
    let path = library::path().map_or_else(String::new, |path| format!(", {}", path.display()));
    match library::build() {
        Ok(build) => format!(
            "{}, {} in its operations{path}",
            build
                .version
                .as_deref()
                .unwrap_or("of a version that it does not say"),
            vectors(&build.cpu_capability)
        ),
        Err(error) => error.to_string(),
    }
}

/// The name of a CPU's instructions as the program's kernels have it.
fn vectors(capability: &str) -> String {
    capability.replace("AVX512", "AVX-512")
}

/// How many GPUs can be used, or why none.
fn gpus() -> String {
    match cuda::device("cuda") {
        Ok(_) => match tch::Cuda::device_count() {
            1 => "1 GPU".to_owned(),
            count => format!("{count} GPUs"),
        },
        Err(TorchError::MissingDevice { there, .. }) => format!("none: {there}"),
        Err(error) => error.to_string(),
    }
}

/// Its name and cores. The cores that this process may use are those it is allowed to run on.
fn processor(system: &System) -> String {
    let cpus = system.cpus();
    let brand = cpus.first().map_or("", |cpu| cpu.brand());
    let name = if brand.is_empty() {
        "of unknown name"
    } else {
        brand
    };
    let usable = workers(0);
    format!("{name}, {} cores, {usable} for this process", cpus.len())
}

/// How much there is, is free, and is allowed.
fn memory(system: &mut System) -> String {
    let megabytes = |bytes: u64| grouped(bytes / 1_000_000);
    let (total, free) = (system.total_memory(), system.available_memory());
    let mut text = format!("{} MB, {} MB available", megabytes(total), megabytes(free));
    let own = Pid::from_u32(std::process::id());
    let processes = ProcessesToUpdate::Some(&[own]);
    system.refresh_processes_specifics(processes, false, ProcessRefreshKind::nothing());
    let limits = system.process(own).and_then(|own| own.cgroup_limits());
    if let Some(limits) = limits.filter(|limits| limits.total_memory < total) {
        let (limit, left) = (limits.total_memory, limits.free_memory);
        text += &format!(
            "; its group may use {} MB, {} MB of them still free",
            megabytes(limit),
            megabytes(left)
        );
    }
    text
}

/// What is free where runs are written.
fn disk(folder: &Path) -> String {
    let disks = Disks::new_with_refreshed_list().ok();
    let disk = disks.as_ref().and_then(|disks| holding(disks, folder));
    let Some(disk) = disk else {
        return format!("free space in {} not known", folder.display());
    };
    format!(
        "{} MB free in {} ({} on {})",
        grouped(disk.available_space() / 1_000_000),
        folder.display(),
        disk.file_system().to_string_lossy(),
        disk.mount_point().display()
    )
}

/// The disk that a folder lies on. Not all are in the list (those of a network are not): the one
/// whose name fits best may be another than the folder's.
fn holding<'a>(disks: &'a Disks, folder: &Path) -> Option<&'a Disk> {
    let around = disks
        .iter()
        .filter(|disk| folder.starts_with(disk.mount_point()));
    let nearest = around.max_by_key(|disk| disk.mount_point().components().count())?;
    is_same_device(nearest.mount_point(), folder).then_some(nearest)
}

fn is_same_device(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| path.metadata().ok().map(|data| data.dev());
    device(one).is_some_and(|one| device(other) == Some(one))
}

/// The variables that are set, a line each.
fn environment() -> String {
    let set = VARIABLES.iter().filter_map(|name| {
        let value = env::var_os(name)?;
        Some(format!("{name}={}", value.to_string_lossy()))
    });
    let set: Vec<_> = set.collect();
    match set.is_empty() {
        true => "nothing set that matters".to_owned(),
        false => set.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_have_one_name() {
        let named = ["AVX512", "AVX2", "DEFAULT"].map(vectors);
        assert_eq!(named, ["AVX-512", "AVX2", "DEFAULT"]);
    }
}
