//! The `commformer` program.

fn main() -> std::process::ExitCode {
    commformer::cli::run()
}
