//! A first contact, with real workers: options arrive as they are, and what is wrong is told in a sentence.

use crate::task;
use commformer_bridge::{Checked, PythonConfig, check, one, spec};
use std::time::{Duration, Instant};

#[test]
fn what_toml_can_say_arrives_as_it_is() {
    let options = "yes = true\nno = false\nwhole = 9007199254740993\nround = 2.0\n\
        odd = [inf, -inf, nan, 0.1]\nday = 1979-05-27\nat = 07:32:00.25\n\
        moment = 1979-05-27T07:32:00+01:30\ntext = \"ü\\n'\\\"\"\ndeep = { er = [{ when = 1979-05-27T07:32:00Z }], none = {} }";
    let Some(config) = task("Told", options) else {
        return;
    };
    let expected = [
        "at: datetime.time(7, 32, 0, 250000)",
        "day: datetime.date(1979, 5, 27)",
        "deep: {'er': [{'when': datetime.datetime(1979, 5, 27, 7, 32, tzinfo=datetime.timezone.utc)}], 'none': {}}",
        "moment: datetime.datetime(1979, 5, 27, 7, 32, \
         tzinfo=datetime.timezone(datetime.timedelta(seconds=5400)))",
        "no: False",
        "odd: [inf, -inf, nan, 0.1]",
        "round: 2.0",
        "text: 'ü\\n\\'\"'",
        "whole: 9007199254740993",
        "yes: True",
    ];
    assert_eq!(spec(&config).unwrap().notes, expected);
    assert_eq!(one(&config).unwrap().notes(), expected);
}

#[test]
fn a_file_is_a_module_by_any_path() {
    let folder = tempfile::tempdir().unwrap();
    let Some(config) = task("Told", "") else {
        return;
    };
    // Its name is one that the worker itself needs.
    let tasks = include_str!("tasks.py");
    let file = folder.path().join("signal.py");
    std::fs::write(&file, tasks).unwrap();
    for path in ["./tests/suite/tasks.py", file.to_str().unwrap()] {
        let config = PythonConfig {
            make: format!("{path}:Told"),
            ..config.clone()
        };
        assert_eq!(spec(&config).unwrap().agents, 2);
    }
}

#[test]
fn what_is_wrong_with_a_task_is_told_without_a_traceback() {
    for (function, parts) in [
        ("half_a_letter", ["agent_names has '\\ud800'", "is no text"]),
        (
            "Five",
            ["step returned 5 values", "expected 4, (obs, rewards"],
        ),
        (
            "Unmeasured",
            [
                "returned nan for the metric 'moves'",
                "step 4 of its environment",
            ],
        ),
    ] {
        let Some(config) = task(function, "") else {
            return;
        };
        let text = match commformer_bridge::envs(&config, 3) {
            Err(fault) => fault.to_string(),
            Ok(_) => crate::faults::broken(&config),
        };
        crate::faults::says(&text, &parts);
        assert!(!text.contains("Traceback"), "{text}");
    }
}

#[test]
fn a_python_without_numpy_is_told_with_the_remedy() {
    let Some(config) = task("Told", "") else {
        return;
    };
    // The same interpreter, without its packages.
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("python");
    let script = format!("#!/bin/sh\nexec '{}' -S \"$@\"\n", config.python);
    std::fs::write(&bare, script).unwrap();
    std::fs::set_permissions(&bare, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let config = PythonConfig {
        python: bare.to_str().unwrap().into(),
        ..config
    };
    let text = spec(&config).unwrap_err().to_string();
    crate::faults::says(
        &text,
        &["cannot import numpy", "-m pip install numpy", "env.python"],
    );
    assert!(!text.contains("Traceback"), "{text}");
}

#[test]
fn a_check_of_an_environment_that_hangs_comes_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let slow = format!("mark = '{}'", mark.display());
    for (function, options, expected) in [
        (
            "Counting",
            "fault = 'hang'",
            Checked::Hung(1.0, "env.timeout"),
        ),
        ("Child", &slow, Checked::Hung(1.0, "env.timeout")),
        ("asleep", "", Checked::Hung(5.0, "env.start_timeout")),
        ("Counting", "fault = 'sys.exit'", Checked::Wrong),
        ("Counting", "", Checked::Sound),
        ("slowly", "", Checked::Sound),
        ("Counting", "fault = 'nan'", Checked::Wrong),
    ] {
        let Some(config) = task(function, options) else {
            return;
        };
        let config = PythonConfig {
            timeout: 1.0,
            start_timeout: 5.0,
            ..config
        };
        let start = Instant::now();
        assert_eq!(check(&config, 3).unwrap(), expected, "{function} {options}");
        assert!(start.elapsed() < Duration::from_secs(12), "{function}");
    }
    // What it has started ends with it.
    let pids = std::fs::read_to_string(&mark).unwrap();
    for pid in pids.split_whitespace() {
        assert!(!crate::orphans::is_alive(pid), "{pid}");
    }
}

#[test]
fn a_check_whose_process_is_ended_by_the_environment_is_no_sound_one() {
    for (fault, code) in [("leave", 0), ("exit", 3)] {
        let Some(config) = task("Counting", &format!("fault = '{fault}'\nat = 6")) else {
            return;
        };
        let found = check(&config, 3).unwrap();
        let Checked::Ended(how) = &found else {
            panic!("{fault}: {found:?}")
        };
        // An episode has four steps.
        let parts = [
            "the environment ended the process in step 2 of an episode",
            &format!("(exit status: {code})"),
        ];
        crate::faults::says(how, &parts);
    }
    let Some(config) = task("Counting", "") else {
        return;
    };
    let config = PythonConfig {
        python: "true".into(),
        ..config
    };
    let found = check(&config, 3).unwrap();
    assert!(matches!(found, Checked::Ended(_)), "{found:?}");
}

/// Warnings go to stderr, which a process of its own has.
#[test]
fn who_is_listed_after_its_end_is_warned_of_once() {
    let Some(config) = task("Listed", "") else {
        return;
    };
    let own = "COMMFORMER_TEST_WARNS";
    if std::env::var_os(own).is_some() {
        let mut stage = crate::Stage::new(&config, 3);
        stage.reset().unwrap();
        for _ in 0..9 {
            stage.step(&[0; 6]).unwrap();
        }
        return;
    }
    let name = "first::who_is_listed_after_its_end_is_warned_of_once";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact"])
        .env(own, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let warning = "warning: `tests.suite.tasks:Listed`: a is in env.agents after it ended: its observations and \
                   rewards are ignored\n";
    assert_eq!(told.matches(warning).count(), 1, "{told}");
    assert_eq!(told.matches("warning").count(), 1, "{told}");
}
