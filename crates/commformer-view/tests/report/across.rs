//! Reports of comparisons: several tasks, and methods under the names that they were given.

use crate::missing::rewrite;
use crate::{Sample, assert_well_formed, defaults, text};
use commformer_view::{Compared, Report, ReportError};
use std::collections::BTreeMap;
use std::path::Path;

/// Two methods on two tasks with two seeds; on the second task the second one has failed once.
pub fn comparison(parent: &Path) -> Vec<Compared> {
    let mut runs = Vec::new();
    for seed in [1, 2] {
        for (task, dim) in [("small", 5), ("large", 10)] {
            for (method, graph) in [("learned", "learned"), ("silent", "none")] {
                let sample = Sample {
                    graph: graph.into(),
                    task: ("predator-prey".into(), dim),
                    each: true,
                    ..Sample::seed(seed)
                };
                let failed = (task, method, seed) == ("large", "silent", 2);
                let name = format!("{task}/{method}/seed-{seed}");
                runs.push(Compared {
                    task: task.into(),
                    method: method.into(),
                    seed,
                    folder: sample.write(parent, &name),
                    failed: failed.then(|| "the loss was <not> finite".into()),
                });
            }
        }
    }
    runs
}

pub fn across(runs: &[Compared]) -> Report {
    Report::across("comparison", runs, &BTreeMap::new(), Vec::new(), defaults).unwrap()
}

pub const SUCCESS: &str = "Success, or the return where a task counts no success";

/// The cells of a method's line in the table with a caption, without its head; none if it has no line.
pub fn row(page: &str, caption: &str, method: &str) -> Option<Vec<String>> {
    let (_, table) = page.split_once(&format!("<caption>{caption}</caption>"))?;
    let (table, _) = table.split_once("</table>")?;
    let begin = format!("<tr><th scope=\"row\">{method}</th>");
    let line = table.lines().find(|line| line.starts_with(&begin))?;
    let cells = line[begin.len()..].split("<td>").skip(1);
    let cells = cells.map(|cell| cell.split('<').next().unwrap().to_owned());
    Some(cells.collect())
}

#[test]
fn a_page_over_all_tasks_has_every_task_method_and_failure() {
    let scratch = tempfile::tempdir().unwrap();
    let report = across(&comparison(scratch.path()));
    let page = text(&report, Report::PAGE);
    assert!(page.contains("2 tasks · 2 methods · 8 runs"), "{page}");
    // Successes are 0.7 and a hundredth of the seed, or 0.5 without a graph.
    let [learned, silent] = ["learned", "silent"].map(|name| row(&page, SUCCESS, name).unwrap());
    assert_eq!(
        learned[..2],
        ["0.715 (0.71 to 0.72)", "0.715 (0.71 to 0.72)"]
    );
    assert_eq!(silent[..2], ["0.515 (0.51 to 0.52)", "0.51, 1 failed"]);
    // Of 0.71, 0.71, 0.72 and 0.72 the middle; of 0.51 and 0.52, and of 0.51 on the other task, the mean of both tasks.
    assert!(
        learned[2].starts_with("0.715 (0.71 to 0.72)"),
        "{learned:?}"
    );
    // On one task there is one run of it, so that nothing says how sure that is.
    assert_eq!(silent[2], "0.512, 1 failed");
    let overall = text(&report, "tables/overall.csv");
    assert!(overall.contains("\r\nsilent,3,0,1,0,0.5125"), "{overall}");
    // Success, return, messages and bytes.
    let costs = row(&page, "large", "silent").unwrap();
    assert_eq!(costs, ["0.51, 1 failed", "-0.49", "1", "0"]);
    let failed = "<th scope=\"row\">large</th><td>silent</td><td>2</td><td>the loss was &#60;not&#62; finite</td>";
    assert!(page.contains(failed), "{page}");
    assert!(
        page.contains("1 run has failed; all others have come to their end."),
        "{page}"
    );
    // Both sections over all tasks say whose numbers are those of survivors.
    let survivors = "Runs that are in no number here: 1 failed of silent.";
    assert_eq!(page.matches(survivors).count(), 2, "{page}");
    let few = "There is one run on a task of silent: nothing says how sure these numbers are. There are fewer than 5 runs on a \
               task of learned: such intervals are too narrow (see What the numbers mean).";
    assert!(page.contains(few), "{page}");
    for link in ["small/report.html", "large/report.html"] {
        assert!(page.contains(&format!("<a href=\"{link}\">")), "{link}");
        let of_task = text(&report, link);
        assert!(
            of_task.contains("<strong>learned</strong>")
                && of_task.contains("<strong>silent</strong>")
        );
    }
    // A task's own page does not have the failed run's numbers, and says so.
    let missing = "silent: 1 of 2 runs failed (seed 2) and is in no number here.";
    let told = ["small", "large"]
        .map(|task| text(&report, &format!("{task}/report.html")).contains(missing));
    assert_eq!(told, [false, true]);
    assert!(page.contains("3 runs, 1 failed"), "{page}");
    // A learned graph wins on both tasks, whichever runs are drawn.
    let improvements = text(&report, "tables/improvements.csv");
    assert!(
        improvements.contains("\r\nlearned,silent,1,1,1\r\n"),
        "{improvements}"
    );
    let metrics = text(&report, "tables/metrics.csv");
    assert!(
        metrics.contains("\r\nlarge,silent,bytes,1,0,1,0,0,0,0,0\r\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\r\nlarge,learned,bytes,2,0,0,0,0,380,380,380\r\n"),
        "{metrics}"
    );
    let plots = report
        .files
        .iter()
        .filter(|(name, _)| name.starts_with("plots/"));
    let plots: Vec<&str> = plots.map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        plots,
        [
            "plots/overall-iqm.svg",
            "plots/overall-profile.svg",
            "plots/improvement-learned.svg",
            "plots/overall-efficiency.svg",
            "plots/bytes-small.svg",
            "plots/bytes-large.svg"
        ]
    );
    for plot in plots {
        assert_well_formed(&text(&report, plot));
    }
    assert_eq!(across(&comparison(scratch.path())), report);
}

#[test]
fn profiles_count_every_task_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let profiles = text(&across(&comparison(scratch.path())), "tables/profiles.csv");
    let share = |method: &str, threshold: &str| {
        let begin = format!("{method},{threshold},");
        let line = profiles.lines().find(|line| line.starts_with(&begin));
        let line = line.unwrap_or_else(|| panic!("{begin}: {profiles}"));
        line[begin.len()..]
            .split(',')
            .next()
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    assert_eq!([share("learned", "0"), share("silent", "0")], [1.0, 1.0]);
    // 31 of 60 is 0.5167: above it lies one of two runs on the one task, and the run on the other does not.
    assert_eq!(share("silent", "0.5166666666666667"), 0.25);
    assert_eq!(share("learned", "0.5166666666666667"), 1.0);
    assert_eq!(share("learned", "1"), 0.0);
}

#[test]
fn efficiency_is_that_of_the_last_evaluation() {
    let scratch = tempfile::tempdir().unwrap();
    let efficiency = text(
        &across(&comparison(scratch.path())),
        "tables/efficiency.csv",
    );
    let at = |share: &str| {
        let begin = format!("learned,{share},");
        let line = efficiency.lines().find(|line| line.starts_with(&begin))?;
        line[begin.len()..].split(',').next()?.parse::<f64>().ok()
    };
    // Evaluations are after each 2,000 of 10,000 steps; the success grows by 0.05 for each thousand.
    assert_eq!(at("0.175"), None);
    let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-9;
    assert!(
        close(at("0.2"), 0.315) && close(at("0.375"), 0.315) && close(at("0.4"), 0.415),
        "{efficiency}"
    );
    assert!(close(at("1"), 0.715), "{efficiency}");
}

#[test]
fn marl_eval_gets_all_tasks_and_every_episode() {
    let scratch = tempfile::tempdir().unwrap();
    let report = across(&comparison(scratch.path()));
    let all: serde_json::Value =
        serde_json::from_slice(report.file("marl-eval.json").unwrap()).unwrap();
    let tasks = &all["predator-prey"];
    let names = |value: &serde_json::Value| -> Vec<String> {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(tasks), ["large", "small"]);
    assert_eq!(names(&tasks["large"]), ["learned", "silent"]);
    assert_eq!(names(&tasks["small"]["silent"]), ["seed_1", "seed_2"]);
    // The failed run is not there.
    assert_eq!(names(&tasks["large"]["silent"]), ["seed_1"]);
    let run = &tasks["small"]["silent"]["seed_2"];
    let list =
        |value: &serde_json::Value| -> Vec<f64> { serde_json::from_value(value.clone()).unwrap() };
    let close = |found: &[f64], expected: &[f64]| {
        found.len() == expected.len()
            && found
                .iter()
                .zip(expected)
                .all(|(one, other)| (one - other).abs() < 1e-9)
    };
    assert_eq!(run["step_0"]["step_count"], 2000);
    assert!(
        close(
            &list(&run["step_0"]["success"]),
            &[0.12 - 0.125, 0.12 + 0.125]
        ),
        "{run}"
    );
    assert!(
        close(
            &list(&run["absolute_metrics"]["success"]),
            &[0.52 - 0.125, 0.52 + 0.125]
        ),
        "{run}"
    );
    // Of what is not told episode by episode, the mean.
    assert!(
        close(&list(&run["absolute_metrics"]["return"]), &[0.52 - 1.0]),
        "{run}"
    );
}

#[test]
fn what_has_not_begun_is_no_reason_to_refuse_but_nothing_at_all_is() {
    let scratch = tempfile::tempdir().unwrap();
    let mut runs = comparison(scratch.path());
    for run in runs
        .iter_mut()
        .filter(|run| run.method == "silent" && run.task == "large")
    {
        run.folder = scratch.path().join("none");
        run.failed = None;
    }
    let page = text(&across(&runs), Report::PAGE);
    let silent = row(&page, SUCCESS, "silent").unwrap();
    assert_eq!(silent[1..], ["2 to do", "not on all tasks, 2 to do"]);
    assert_eq!(row(&page, "large", "silent"), None);
    assert!(row(&page, "small", "silent").is_some());
    assert!(
        page.contains("No run has failed; 2 runs have not come to an end yet."),
        "{page}"
    );
    // A run that goes on is one of several remarks on the page of its task.
    std::fs::remove_file(runs[0].folder.join("final.json")).unwrap();
    let notes = across(&runs).notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].starts_with("small: 1 remark on its page; the first is: "),
        "{notes:?}"
    );
    assert!(notes[0].contains("has no final evaluation"), "{notes:?}");
    // Where a run has not been yet there is no score, however far the others are.
    let half = Sample {
        iterations: 5,
        ended: false,
        ..Sample::seed(1)
    };
    half.write(scratch.path(), "small/learned/seed-1");
    let report = across(&runs);
    let efficiency = text(&report, "tables/efficiency.csv");
    let of_method = efficiency
        .lines()
        .rfind(|line| line.starts_with("learned,"));
    let last = of_method.unwrap().split(',').nth(1);
    assert_eq!(last, Some("0.5"), "{efficiency}");
    // A method that is on one task only has its dot there.
    for (task, dots) in [("small", 2), ("large", 1)] {
        let svg = text(&report, &format!("plots/bytes-{task}.svg"));
        assert_eq!(svg.matches("<circle").count(), dots, "{task}");
    }
    for run in &mut runs {
        run.folder = scratch.path().join("none");
    }
    let error =
        Report::across("comparison", &runs, &BTreeMap::new(), Vec::new(), defaults).unwrap_err();
    assert!(matches!(error, ReportError::NoRun), "{error}");
}

#[test]
fn a_run_at_its_end_without_a_number_is_counted() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = comparison(scratch.path());
    let metrics = ["success", "bytes"];
    let spoil = |place: &str| {
        rewrite(&scratch.path().join(place), "final.json", |text| {
            let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
            for metric in metrics {
                json[metric] = serde_json::json!({"mean": null, "low": null, "high": null});
            }
            json.to_string()
        });
    };
    spoil("large/learned/seed-2");
    spoil("large/silent/seed-1");
    spoil("small/silent/seed-1");
    spoil("small/silent/seed-2");
    let report = across(&runs);
    let page = text(&report, Report::PAGE);
    let [learned, silent] =
        ["learned", "silent"].map(|method| row(&page, "large", method).unwrap());
    let one = "1 run without a number";
    assert_eq!(
        learned,
        [
            format!("0.71, {one}"),
            "-0.285 (-0.29 to -0.28)".into(),
            "1 (1 to 1)".into(),
            format!("380, {one}")
        ]
    );
    assert_eq!(silent, [&format!("{one}, 1 failed"), "-0.49", "1", one]);
    let [learned, silent] = ["learned", "silent"].map(|name| row(&page, SUCCESS, name).unwrap());
    assert_eq!(learned[1], format!("0.71, {one}"));
    assert_eq!(silent[0], "2 runs without a number");
    let csv = text(&report, "tables/metrics.csv");
    for line in [
        "large,learned,bytes,1,0,0,0,1,380,380,380",
        "large,silent,bytes,0,0,1,0,1,,,",
        "small,silent,bytes,0,0,0,0,2,,,",
        "large,silent,messages,1,0,1,0,0,1,1,1",
    ] {
        assert!(csv.lines().any(|known| known == line), "{line}: {csv}");
    }
    // The page of the task says the same.
    assert!(text(&report, "large/report.html").contains(&format!("0.71, {one}")));
}

#[test]
fn more_methods_than_can_be_told_apart_are_in_the_tables() {
    let scratch = tempfile::tempdir().unwrap();
    let run = |number: u64| Compared {
        task: "small".into(),
        method: format!("method-{number}"),
        seed: number,
        folder: Sample::seed(number).write(scratch.path(), &number.to_string()),
        failed: None,
    };
    let runs: Vec<Compared> = (1..=24).map(run).collect();
    let report = across(&runs);
    let page = text(&report, Report::PAGE);
    for number in 1..=24 {
        let cells = row(&page, "small", &format!("method-{number}")).unwrap();
        // With one run each, nothing says how sure it is.
        assert!(cells.iter().all(|cell| !cell.contains(" to ")), "{cells:?}");
    }
    // Of a single task, its table says it all.
    assert!(!page.contains(SUCCESS));
    assert!(report.file("small/report.html").is_none());
    assert!(
        report.notes[0].contains("small: has no page of its own"),
        "{:?}",
        report.notes
    );
    let profile = text(&report, "plots/overall-profile.svg");
    assert!(
        profile.contains("method-24") && !profile.contains(" method-1,"),
        "{profile}"
    );
    assert_eq!(text(&report, "tables/overall.csv").lines().count(), 25);
    // Of the first method over 23 others, and of the 21 best over each other.
    let improvements = text(&report, "tables/improvements.csv");
    assert_eq!(improvements.lines().count(), 1 + 23 + 21 * 20 / 2);
    // From the first evaluation, after 8 of 40 parts of the training, to its end.
    let efficiency = text(&report, "tables/efficiency.csv");
    assert_eq!(efficiency.lines().count(), 1 + 24 * 33);
    let efficiency = text(&report, "plots/overall-efficiency.svg");
    assert!(efficiency.contains("method-24") && !efficiency.contains(" method-1,"));
}

#[test]
fn with_one_seed_there_is_no_interval_and_the_page_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let mut runs = comparison(scratch.path());
    let caption = "Probability that a run of one method is better than one of another on a task, over all tasks";
    const ALONE: &str =
        "There is one run on a task of every method: nothing says how sure these numbers are.";
    let of = |runs: &[Compared]| {
        let page = text(&across(runs), Report::PAGE);
        (row(&page, caption, "learned").unwrap(), page)
    };
    runs.iter_mut().for_each(|run| run.failed = None);
    let (cells, page) = of(&runs);
    assert_eq!(cells, ["silent", "1 (1 to 1)"]);
    assert!(!page.contains("There is one run"));
    runs.retain(|run| run.seed == 1);
    let (cells, page) = of(&runs);
    assert_eq!(cells, ["silent", "1"]);
    assert!(page.contains(ALONE), "{page}");
}

#[test]
fn methods_that_are_not_measured_alike_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = comparison(scratch.path());
    assert!(!text(&across(&runs), Report::PAGE).contains("not measured alike"));
    // A method with half of the steps of the other, and more episodes at its end.
    for run in runs.iter().filter(|run| run.method == "silent") {
        let (task, dim) = if run.task == "small" {
            ("small", 5)
        } else {
            ("large", 10)
        };
        let half = Sample {
            graph: "none".into(),
            task: ("predator-prey".into(), dim),
            iterations: 5,
            ..Sample::seed(run.seed)
        };
        half.write(scratch.path(), &format!("{task}/silent/seed-{}", run.seed));
        rewrite(&run.folder, "config.toml", |text| {
            text.replace("steps = 10000", "steps = 5000") + "[eval]\nfinal_episodes = 500\n"
        });
    }
    let report = across(&runs);
    let told = [
        "Methods are not measured alike: run.steps is 10000 for learned, 5000 for silent.",
        "Methods are not measured alike: eval.final_episodes is 500 for silent, not set for learned.",
    ];
    let page = text(&report, Report::PAGE);
    let of_task = text(&report, "small/report.html");
    for told in told {
        assert!(
            page.contains(&format!("small: {told}")) && of_task.contains(told),
            "{page}"
        );
    }
    // Half of the longest training is all that it has had.
    let efficiency = text(&report, "tables/efficiency.csv");
    let last = |method: &str| {
        let line = efficiency.lines().rfind(|line| line.starts_with(method));
        line.unwrap().split(',').nth(1).unwrap().to_owned()
    };
    assert_eq!([last("learned,"), last("silent,")], ["1", "0.5"]);
}
