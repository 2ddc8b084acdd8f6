//! Compiles the C++ shim against libtorch's headers and tells the linker where libtorch lies, so
//! that binaries, tests and examples start without `LD_LIBRARY_PATH`.
use std::path::{Path, PathBuf};

fn main() {
    for file in ["shim.cpp", "group.cpp", "guarded.h", "gloo"] {
        println!("cargo::rerun-if-changed=src/{file}");
    }
    println!("cargo::rerun-if-env-changed=LIBTORCH_INCLUDE");
    // torch-sys finds libtorch, whichever of its own ways was chosen, and says where.
    let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") else {
        println!("cargo::error=torch-sys did not say where libtorch is; run `cargo xtask setup`");
        return;
    };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");

    let include = include_folder(Path::new(&folder));
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // The names of Gloo's types, whose headers libtorch comes without.
        .include("src/gloo")
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        // The warnings would be those of libtorch's headers.
        .warnings(false)
        .files(["src/shim.cpp", "src/group.cpp"])
        .compile("commformer_torch_shim");
}

/// The headers lie beside the libraries unless the user says otherwise, in the way of torch-sys.
fn include_folder(lib: &Path) -> PathBuf {
    match std::env::var_os("LIBTORCH_INCLUDE") {
        Some(root) => PathBuf::from(root).join("include"),
        None => lib.join("../include"),
    }
}
