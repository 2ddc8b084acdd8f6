//! Gives the shared library its name. Without one, a program that is linked by the library's path (as CMake does) looks for it
//! at that path, wherever either of them is by then.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let name = match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos") => "-Wl,-install_name,@rpath/libcommformer_c.dylib",
        Ok("windows") => return,
        _ => "-Wl,-soname,libcommformer_c.so",
    };
    println!("cargo:rustc-cdylib-link-arg={name}");
}
