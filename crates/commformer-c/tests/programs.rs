//! Programs in C and C++ that are linked to the library.

use commformer_env::Rng;
use commformer_methods::alone::{Shown, TrainedTeam};
use commformer_model::decentralised::Action;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Where the teams of `tests/scratch` are: of CommFormer, and of SLIM. That of this crate is of TarMAC, untrained, with a memory
/// and continuous actions.
const TEAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/scratch/networks");

/// Where cargo put the libraries: beside this test.
fn libraries() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    test.parent().expect("its folder").to_owned()
}

const SHARED: &str = if cfg!(target_os = "macos") {
    "libcommformer_c.dylib"
} else {
    "libcommformer_c.so"
};

/// A compiled program, and the folder that it is in.
struct Program {
    folder: tempfile::TempDir,
}

impl Program {
    /// Compiles a source of this crate with `compiler` and links it to the library, to the static or the shared one.
    fn new(compiler: [&str; 2], source: &str, is_static: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let libraries = libraries();
        let [default, standard] = compiler;
        let variable = if default == "cc" { "CC" } else { "CXX" };
        let compiler = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
        let mut command = Command::new(compiler);
        command.args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        command
            .args(["-I", "include", source, "-o"])
            .current_dir(ROOT);
        command.arg(folder.path().join("program"));
        if is_static {
            command.arg(libraries.join("libcommformer_c.a"));
            command.args(["-lpthread", "-ldl", "-lm"]);
        } else {
            // By its path, at which it is no longer when the program runs.
            let build = folder.path().join("build");
            fs::create_dir(&build).expect("a folder");
            let library = build.join(SHARED);
            fs::copy(libraries.join(SHARED), &library).expect("the library");
            command.arg(library);
        }
        let output = command.output().expect("a compiler");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{source}: {errors}");
        let _ = fs::remove_dir_all(folder.path().join("build"));
        Self { folder }
    }

    fn run(&self, argument: &Path, input: &str) -> Output {
        let mut program = Command::new(self.folder.path().join("program"));
        program.arg(argument).env("LD_LIBRARY_PATH", libraries());
        program.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = (program.stderr(Stdio::piped()).spawn()).expect("the program");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        child.wait_with_output().expect("its end")
    }
}

/// What a program reads, and what it is to print.
fn expected(file: &Path) -> (String, String) {
    let file = fs::read(file).expect("a team");
    let mut team = TrainedTeam::read(&file).expect("a team");
    let (mut input, mut printed, mut rng) = (String::new(), String::new(), Rng::new(1, 0));
    for step in 0..50 {
        let sizes = team.sizes();
        let mut draws = Rng::new(2, step);
        let obs: Vec<f32> = (0..sizes.agents * sizes.obs_dim)
            .map(|_| draws.uniform())
            .collect();
        input.extend(obs.iter().map(|number| format!("{number} ")));
        let step = team.act(&Shown::new(&obs), &mut rng).expect("a step");
        for action in step.actions {
            match action {
                Action::Discrete(action) => printed += &format!("{action} "),
                Action::Continuous(numbers) => {
                    printed.extend(numbers.iter().map(|number| format!("{number} ")));
                }
            }
        }
        printed += &format!("for {} bytes\n", step.delivered.bytes());
    }
    (input, printed)
}

/// What was printed, numbers as numbers: they are written in several ways.
fn words(printed: &str) -> Vec<String> {
    let word = |word: &str| match word.parse::<f32>() {
        Ok(number) => number.to_string(),
        Err(_) => word.to_owned(),
    };
    printed.split_whitespace().map(word).collect()
}

/// The examples do what the same team does in Rust, and are sent as many bytes, together and apart, with either library.
#[test]
fn programs_in_c_do_what_the_team_does() {
    for (source, is_static) in [("examples/team.c", false), ("examples/apart.c", true)] {
        let program = Program::new(["cc", "-std=c99"], source, is_static);
        for file in [
            Path::new(TEAMS).join("team.safetensors"),
            Path::new(TEAMS).join("actors.safetensors"),
            Path::new(ROOT).join("tests/continuous.safetensors"),
        ] {
            let (input, printed) = expected(&file);
            let output = program.run(&file, &input);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{source}, {file:?}: {errors}");
            let found = String::from_utf8_lossy(&output.stdout);
            assert_eq!(words(&found), words(&printed), "{source}, {file:?}");
        }
    }
}

#[test]
fn what_cannot_be_taken_is_refused_with_a_reason() {
    let program = Program::new(["cc", "-std=c99"], "tests/calls.c", true);
    let output = program.run(&Path::new(TEAMS).join("team.safetensors"), "");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

#[test]
fn the_header_is_read_by_c_plus_plus() {
    let program = Program::new(["c++", "-std=c++11"], "tests/header.cpp", true);
    assert!(program.run(Path::new(""), "").status.success());
}
