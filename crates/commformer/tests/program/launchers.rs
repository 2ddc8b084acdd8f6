//! Processes that others start, as the recipes of `docs/src/distributed.md` say: the files that they leave are those of one.

use super::ports::port;
use super::{SMALL, metrics, printed, skip, train};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_commformer");
const SHARDS: [&str; 3] = ["signal", "--set", "rollout.shard=1"];
const RECIPES: &str = include_str!("../../../../docs/src/distributed.md");

fn arguments(run: &str) -> Vec<&str> {
    [&SHARDS[..], &SMALL, &["--run", run]].concat()
}

/// A command in `folder`, in which nothing of this process's own environment says who takes part.
fn command(folder: &Path, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder.join("state"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in [
        "MASTER_ADDR",
        "MASTER_PORT",
        "WORLD_SIZE",
        "RANK",
        "LOCAL_RANK",
    ] {
        command.env_remove(name);
    }
    command
}

/// All of them end well, and `run` is that of one process.
#[track_caller]
fn assert_like_one(folder: &Path, run: &str, all: Vec<Child>) {
    for child in all {
        printed(&child.wait_with_output().unwrap());
    }
    if !folder.join("one").exists() {
        printed(&train(folder, &[&SHARDS[..], &["--run", "one"]].concat()));
    }
    let [one, run] = ["one", run].map(|name| folder.join(name));
    assert_eq!(metrics(&one), metrics(&run));
    for name in ["weights.safetensors", "state.bin"] {
        let [one, run] =
            [&one, &run].map(|run| fs::read(run.join("checkpoints/00000004").join(name)).unwrap());
        assert!(one == run, "{name}");
    }
}

/// The torchrun of Python's torch; says so where there is none.
fn torchrun() -> Option<OsString> {
    const VARIABLE: &str = "COMMFORMER_TORCHRUN";
    let named = std::env::var_os(VARIABLE);
    let torchrun = named.clone().unwrap_or_else(|| "torchrun".into());
    let found = Command::new(&torchrun).arg("--help").output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(torchrun);
    }
    let lack = "no torchrun, which comes with Python's torch";
    assert_eq!(named, None, "{VARIABLE}: {lack}");
    skip::skipped(&format!("{lack} ({VARIABLE} can name one)"));
    None
}

/// The first block of a recipe, with our run instead of the page's.
fn recipe(title: &str, run: &str) -> String {
    const OF_PAGE: &str = "smac-3s5z --run runs/3s5z --threads 4 --set rollout.shard=8";
    let (_, recipe) = RECIPES.split_once(title).unwrap();
    let (_, recipe) = recipe.split_once("```sh\n").unwrap();
    let (recipe, _) = recipe.split_once("```").unwrap();
    replaced(recipe, OF_PAGE, &arguments(run).join(" "))
}

#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "no `{from}` in {text}");
    text.replace(from, to)
}

/// Runs a recipe as it is, with the programs of these folders, and our own.
fn shell(folder: &Path, recipe: &str, tools: &Path) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = [tools, Path::new(PROGRAM).parent().unwrap()].map(ToOwned::to_owned);
    let places = own.into_iter().chain(std::env::split_paths(&path));
    let mut shell = command(folder, "sh");
    shell
        .args(["-c", recipe])
        .env("PATH", std::env::join_paths(places).unwrap());
    shell
}

/// Two processes of one machine, and two of each of two machines, which are both this one.
#[test]
fn torchrun_starts_them() {
    let Some(torchrun) = torchrun() else { return };
    let scratch = tempfile::tempdir().unwrap();
    for nodes in [1, 2] {
        let run = format!("of-{nodes}");
        let recipe = recipe("**torchrun**", &run);
        let recipe = replaced(&recipe, "node0:29400", &format!("127.0.0.1:{}", port()));
        let recipe = replaced(&recipe, "--nnodes 2", &format!("--nnodes {nodes}"));
        // A name without a folder is found as it is.
        let tools = Path::new(&torchrun).parent().unwrap();
        let start = |_| shell(scratch.path(), &recipe, tools).spawn().unwrap();
        assert_like_one(scratch.path(), &run, (0..nodes).map(start).collect());
    }
}

/// The batch script with stand-ins for the two programs of Slurm that it calls.
#[test]
fn slurm_starts_them() {
    let recipe = recipe("**Slurm**", "slurm");
    let recipe = replaced(
        &recipe,
        "MASTER_PORT=29500",
        &format!("MASTER_PORT={}", port()),
    );
    let scratch = tempfile::tempdir().unwrap();
    let tools = scratch.path().join("tools");
    fs::create_dir(&tools).unwrap();
    let tool = |name: &str, text: &str| {
        let path = tools.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    // The script itself has the variables of the job, each task its own numbers.
    tool(
        "srun",
        "SLURM_PROCID=0 SLURM_LOCALID=0 \"$@\" & first=$!\n\
         SLURM_PROCID=1 SLURM_LOCALID=1 \"$@\" & second=$!\n\
         wait $first && wait $second\n",
    );
    tool(
        "scontrol",
        "[ \"$*\" = 'show hostnames node[0-1]' ] && printf '127.0.0.1\\nnode1\\n'\n",
    );
    let batch = shell(scratch.path(), &recipe, &tools)
        .env("SLURM_JOB_NODELIST", "node[0-1]")
        .env("SLURM_NTASKS", "2")
        .spawn()
        .unwrap();
    assert_like_one(scratch.path(), "slurm", vec![batch]);
}

/// With what the training operator sets in each container, and nothing else.
#[test]
fn kubernetes_starts_them() {
    let scratch = tempfile::tempdir().unwrap();
    let port = port().to_string();
    let start = |rank: usize| {
        command(scratch.path(), PROGRAM)
            .env("PYTHONUNBUFFERED", "1")
            .env("MASTER_ADDR", "localhost")
            .env("MASTER_PORT", &port)
            .env("WORLD_SIZE", "3")
            .env("RANK", rank.to_string())
            .arg("train")
            .args(arguments("kubernetes"))
            .spawn()
            .unwrap()
    };
    assert_like_one(scratch.path(), "kubernetes", (0..3).map(start).collect());
}
