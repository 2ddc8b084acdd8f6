//! What a run is estimated to take of memory: against what one took, as settings grow, and beyond what any machine has.
//!
//! Small runs are measured by all that the process holds, so that only one test at a time is at work.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use commformer::compose::ComposeError;
use commformer::compose::memory::{self, Estimate};
use commformer::config::{Config, Overrides};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tch::Device;

fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn config(preset: &str, set: &[&str]) -> Config {
    Config::resolve(Some(preset), &Overrides::set(set)).unwrap()
}

fn estimate(preset: &str, set: &[&str]) -> Estimate {
    let estimate = memory::estimate(&config(preset, set), Device::Cpu);
    estimate.unwrap().expect("glibc counts")
}

fn part_of(estimate: &Estimate, what: &str) -> f64 {
    let part = estimate.parts().iter().find(|part| part.what == what);
    part.map_or(0.0, |part| part.bytes)
}

/// The most that a run of the program had in memory, bytes.
fn peak(preset: &str, set: &[&str]) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_commformer"));
    program.args(["train", preset, "--device", "cpu", "--run", "run"]);
    for set in set {
        program.args(["--set", set]);
    }
    program.current_dir(folder.path()).stdout(Stdio::null());
    let mut child = program.stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let said = std::fs::read_to_string(&status).unwrap_or_default();
        let line = said.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
        peak = kib.unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(child.wait().unwrap().success());
    1024.0 * peak as f64
}

/// The smallest runs whose memory is mostly their own: rollouts, passes, a network, a graph.
#[test]
fn a_run_takes_what_was_estimated() {
    let _alone = alone();
    let small = [
        "ppo.epochs=2",
        "graph.upper_every=2",
        "eval.final_episodes=10",
        "run.threads=2",
    ];
    for (preset, set) in [
        (
            "predator-prey",
            &["rollout.num_envs=500", "run.steps=25000"][..],
        ),
        (
            "predator-prey",
            &[
                "ppo.chunk=2500",
                "ppo.minibatches=1",
                "rollout.num_envs=100",
                "run.steps=5000",
            ],
        ),
        ("predator-prey", &["policy.embed_dim=256", "run.steps=4000"]),
        (
            "signal",
            &[
                "env.agents=200",
                "graph.sparsity=0.02",
                "rollout.num_envs=20",
                "rollout.steps=20",
                "run.steps=400",
            ],
        ),
    ] {
        let set = [&small, set].concat();
        let (said, held) = (estimate(preset, &set), peak(preset, &set));
        let share = said.bytes() / held;
        assert!(
            (0.7..1.3).contains(&share),
            "{share} of {held}, {preset} {set:?}: {said}"
        );
    }
}

#[test]
fn it_grows_with_each_setting() {
    let _alone = alone();
    let small = [
        "rollout.num_envs=8",
        "rollout.steps=10",
        "run.threads=1",
        "eval.episodes=1",
        "eval.final_episodes=1",
    ];
    let part = |set: &str, what: &str| {
        let estimate = estimate("signal", &[&small[..], &[set]].concat());
        (estimate.bytes(), part_of(&estimate, what))
    };
    let weights = "weights, gradients and moments";
    for (setting, [few, many], what) in [
        ("rollout.num_envs", [100, 1000], "the environments"),
        ("rollout.steps", [100, 1000], "the rollout"),
        ("policy.embed_dim", [64, 256], weights),
        ("run.threads", [1, 8], "the network's passes"),
    ] {
        let [(all, one), (more, larger)] =
            [few, many].map(|size| part(&format!("{setting}={size}"), what));
        let told = format!("{setting}: {larger} after {one}, {more} after {all}");
        assert!(more > all && larger > one, "{told}");
    }
}

#[test]
fn an_evaluation_counts_where_it_takes_more_than_training() {
    let _alone = alone();
    for (set, what, setting) in [
        ("eval.episodes=100000", "evaluations", "`eval.episodes`"),
        (
            "eval.final_episodes=100000",
            "the last evaluation",
            "`eval.final_episodes`",
        ),
    ] {
        let estimate = estimate("predator-prey", &[set]);
        // Two rows of observations, the last of an episode, and the policy's own.
        let least = 100_000.0 * 3.0 * 261.0 * 4.0 * 4.0;
        assert!(part_of(&estimate, what) > least, "{estimate}");
        assert_eq!(estimate.largest_setting(), setting);
    }
}

#[test]
fn what_no_machine_has_is_refused_before_any_of_it_is_made() {
    let _alone = alone();
    let settings: [fn(&mut Config) -> &mut usize; 4] = [
        |config| &mut config.policy.embed_dim,
        |config| &mut config.policy.blocks,
        |config| &mut config.rollout.num_envs,
        |config| &mut config.rollout.steps,
    ];
    for setting in settings {
        let mut config = config("predator-prey", &[]);
        *setting(&mut config) = usize::MAX;
        let refused = memory::check(&config, Device::Cpu);
        let Err(ComposeError::Memory(shortage)) = refused else {
            panic!("{refused:?}");
        };
        assert!(shortage.estimate.bytes() > u64::MAX as f64, "{shortage}");
    }
}
