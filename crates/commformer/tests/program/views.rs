//! What people are shown of a run: replays, reports, and `watch` where there is no terminal.

use crate::{command, complaint, json, printed, program, read, train, words};

#[test]
fn a_run_is_played_again_in_a_page_and_a_film() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &["signal"]));
    let arguments = words("replay --run runs/signal-1 --episodes 2 --gif film.gif");
    let said = printed(&program(folder, &arguments));
    assert!(
        said.contains("runs/signal-1/replay.html: 2 episodes"),
        "{said}"
    );
    let page = read(&folder.join("runs/signal-1/replay.html"));
    assert!(page.starts_with("<!doctype html>") && page.contains("<title>signal: 2 episodes"));
    assert!(
        std::fs::read(folder.join("film.gif"))
            .unwrap()
            .starts_with(b"GIF89a")
    );

    // The film would take the page's place.
    for two in [
        "--out x --gif x",
        "--gif ./runs/signal-1/../signal-1/replay.html",
    ] {
        let line = format!("replay --run runs/signal-1 --episodes 1 {two}");
        let said = complaint(&program(folder, &words(&line)), 1);
        assert!(said.contains("name two files"), "{said}");
    }
    assert!(!folder.join("x").exists());
    assert_eq!(read(&folder.join("runs/signal-1/replay.html")), page);

    // Beside another run of the same task, but of no other.
    printed(&train(folder, &["signal", "--seed", "2"]));
    let against = |run: &str| {
        let line =
            format!("replay --run runs/signal-1 --against {run} --episodes 1 --out both.html");
        program(folder, &words(&line))
    };
    printed(&against("runs/signal-2"));
    assert!(folder.join("both.html").is_file());
    printed(&train(folder, &["predator-prey"]));
    printed(&train(
        folder,
        &words("signal --run short --set eval.episode_limit=7"),
    ));
    for other in ["runs/predator-prey-1", "short"] {
        let said = complaint(&against(other), 1);
        assert!(said.contains("other tasks"), "{said}");
    }

    std::fs::remove_dir_all(folder.join("runs/signal-1/checkpoints")).unwrap();
    let said = complaint(&against("runs/signal-2"), 1);
    assert!(said.contains("checkpoint"), "{said}");
}

#[test]
fn a_report_lies_in_the_folder_of_its_run() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &["signal"]));
    let said = printed(&program(folder, &["report", "--run", "runs/signal-1"]));
    assert!(said.contains("runs/signal-1/report/report.html"), "{said}");
    let report = folder.join("runs/signal-1/report");
    let page = read(&report.join("report.html"));
    for part in [
        "<h1>signal</h1>",
        "Right answers",
        "Traffic",
        "seed 1",
        "The graph",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("What is missing"), "{page}");
    // What is listed as not by default is what the test sets.
    assert!(page.contains("<th scope=\"row\">run.steps</th><td>600000</td><td>160</td>"));
    assert!(read(&report.join("plots/evaluation-return.svg")).starts_with("<svg"));
    assert!(read(&report.join("tables/metrics.csv")).contains("signal,runs/signal-1,accuracy,1,"));
    assert!(json(&read(&report.join("marl-eval.json")))["signal"].is_object());
    let said = complaint(&program(folder, &["report", "--run", "nowhere"]), 1);
    assert!(said.contains("nowhere/config.toml"), "{said}");
    let taken = "report --run runs/signal-1 --out runs/signal-1/final.json";
    let said = complaint(&program(folder, &words(taken)), 1);
    assert!(said.contains("final.json: found a file"), "{said}");
}

/// In one that cannot move its cursor lines are told one after the other, as where there is none.
#[cfg(target_os = "linux")]
#[test]
fn a_dumb_terminal_is_told_how_training_goes() {
    let script = || std::process::Command::new("script");
    if !script()
        .arg("--version")
        .output()
        .is_ok_and(|known| known.status.success())
    {
        crate::skip::skipped("no `script`, of util-linux");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let program = [env!("CARGO_BIN_EXE_commformer"), "train", "signal"];
    let line = [&program[..], &crate::SMALL].concat().join(" ");
    for (terminal, is_told_in_lines) in [("dumb", true), ("xterm", false)] {
        let output = script()
            .args(["-q", "-e", "-c", &line, "/dev/null"])
            .current_dir(scratch.path())
            .env("TERM", terminal)
            .output()
            .unwrap();
        let said = printed(&output);
        for part in [" of 160 steps", "evaluation after 80 steps: "] {
            assert!(said.contains(part), "{terminal}: no {part:?} in\n{said}");
        }
        assert_eq!(
            !said.contains('\u{1b}'),
            is_told_in_lines,
            "{terminal}: {said:?}"
        );
    }
}

#[test]
fn a_run_can_be_looked_at_without_a_terminal() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let missing = program(folder, &["watch", "--run", "run"]);
    let told = complaint(&missing, 1);
    assert!(told.contains("run/config.toml"), "{told}");
    printed(&train(folder, &["signal", "--run", "run"]));
    let once = printed(&program(folder, &["watch", "--run", "run", "--once"]));
    for part in [
        "run has ended; final.json has its metrics",
        "160 of 160 steps",
        "time  environment ",
        ">return ",
        " accuracy ",
        "latest evaluation, 3 episodes",
        "graph after 160 steps: a row hears columns",
    ] {
        assert!(once.contains(part), "no {part:?} in\n{once}");
    }
    // Its gates are off.
    assert!(!once.contains("open rate"), "{once}");
    // Output into a pipe is no terminal.
    let piped = printed(&program(folder, &["watch", "--run", "run"]));
    assert_eq!(piped, once);
}

#[test]
fn a_method_that_was_renamed_leaves_nothing_in_the_report_and_its_runs_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let write = |silent: &str| {
        let text = format!(
            "seeds = [1]\nfolder = 'compared'\n[settings]\npolicy.embed_dim = 16\nrollout.num_envs = 4\n\
             rollout.steps = 10\neval.episodes = 3\neval.final_episodes = 5\nrun.steps = 80\n[tasks.signal]\n\
             [methods.learned]\n[methods.{silent}]\ngraph.mode = 'none'\n"
        );
        std::fs::write(folder.join("comparison.toml"), text).unwrap();
    };
    write("none");
    printed(&program(folder, &["compare", "comparison.toml"]));
    let report = folder.join("compared/report");
    let of_two = ["tables/improvements.csv", "plots/improvement-learned.svg"];
    for file in of_two {
        assert!(report.join(file).exists(), "{file}");
    }
    std::fs::write(report.join("plots/own.svg"), "own").unwrap();
    write("silent");
    const TOLD: &str =
        "compared/signal/none holds runs of `none` (1), which the file does not name";
    let listed = program(folder, &["compare", "comparison.toml", "--dry-run"]);
    assert!(complaint(&listed, 0).contains(TOLD), "{listed:?}");
    let made = program(folder, &["compare", "comparison.toml", "--report"]);
    assert!(complaint(&made, 0).contains(TOLD), "{made:?}");
    assert!(read(&report.join("report.html")).contains("which the file does not name"));
    for file in of_two {
        assert!(!report.join(file).exists(), "{file}");
    }
    assert_eq!(read(&report.join("plots/own.svg")), "own");
}

#[test]
fn what_interrupted_reports_were_writing_is_removed_by_a_later_one() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &["signal"]));
    let report = || command(folder, &words("report --run runs/signal-1"));
    let left = || {
        let folder = folder.join("runs/signal-1/report");
        let folders = [folder.join("plots"), folder.join("tables"), folder];
        let entries = folders.iter().flat_map(|folder| folder.read_dir().unwrap());
        let paths = entries.map(|entry| entry.unwrap().path());
        let hidden = paths.filter(|path| path.extension().is_some_and(|end| end == "tmp"));
        hidden.collect::<Vec<_>>()
    };
    printed(&report().output().unwrap());
    for at in ["kill:1", "kill:4"] {
        let killed = report().env("COMMFORMER_FAULT", at).output().unwrap();
        assert_eq!(killed.status.code(), None);
    }
    // Another report may be writing them.
    printed(&report().output().unwrap());
    assert_eq!(left().len(), 2);
    for path in left() {
        let hour = std::time::Duration::from_secs(3600);
        let file = std::fs::File::options().append(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::now() - hour)
            .unwrap();
    }
    printed(&report().output().unwrap());
    assert_eq!(left().len(), 0);
}
