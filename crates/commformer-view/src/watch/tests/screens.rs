//! What stands on a screen of some size.

use super::{CONFIG, evaluation, iteration, log, view};
use crate::log::RunLog;
use crate::watch::curves::Curve;
use crate::watch::draw::draw;
use crate::watch::life::Life;
use crate::watch::seen::Seen;
use crate::watch::theme::COLOURED;
use crate::watch::view::View;
use crate::watch::{WatchError, print};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use std::path::Path;

const SIZES: [(u16, u16); 7] = [
    (60, 16),
    (80, 24),
    (100, 30),
    (109, 70),
    (110, 16),
    (150, 45),
    (300, 100),
];

/// What is seen of a run of these lines that trains.
fn seen(lines: &[String]) -> Seen {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut seen = Seen::new(Path::new("runs/signal-1"));
    seen.log = Some(log(&lines));
    seen.life = Life::Training("123".into());
    seen
}

/// Twelve iterations and two evaluations.
fn usual() -> Vec<String> {
    let mut lines: Vec<String> = (1..=12)
        .map(|number| iteration(number, number as f64 / 8.0))
        .collect();
    lines.insert(5, evaluation(5, 0.25));
    lines.push(evaluation(12, 1.25));
    lines
}

fn buffer(seen: &Seen, view: &View, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, seen, view)).unwrap();
    terminal.backend().buffer().clone()
}

fn screen(seen: &Seen, view: &View, size: (u16, u16)) -> String {
    let buffer = buffer(seen, view, size);
    let rows = buffer.content().chunks(usize::from(size.0));
    let text =
        |row: &[ratatui::buffer::Cell]| row.iter().map(|cell| cell.symbol()).collect::<String>();
    rows.map(text)
        .map(|row| row.trim_end().to_owned() + "\n")
        .collect()
}

#[track_caller]
fn assert_shows(screen: &str, texts: &[&str]) {
    for text in texts {
        assert!(screen.contains(text), "no {text:?} in\n{screen}");
    }
}

#[test]
fn everything_that_matters_is_there_at_every_size() {
    let seen = seen(&usual());
    for size in SIZES {
        let shown = screen(&seen, &view(), size);
        assert_shows(
            &shown,
            &[
                "runs/signal-1 trains; process 123",
                "12,000 of 60,000 steps  1,000/s  0:48 left",
                "time  environment 25 %  act 25 %  update 25 %  the rest 25 %",
                "return  ⣀ training  • evaluation",
                ">return               1.500",
                " steps               12.500",
                "evaluations: return (95 %)",
                "12,000  1.250  -9.500 to 9.500",
                " 5,000  0.250  -9.500 to 9.500",
                "a row hears columns",
                "0  \\ · ■ hears 2",
                "2  · · \\ hears nobody",
                "q leave",
            ],
        );
        // The axes of the curve.
        assert_shows(&shown, &["0.125│", "1.500│", "     0  "]);
        if size.1 >= 24 {
            assert_shows(
                &shown,
                &["success              0.750", "open rate            0.375"],
            );
        }
        if size.1 >= 45 {
            let latest = [
                "latest evaluation, 20 episodes",
                "success  0.500  0.250 to 0.625",
            ];
            assert_shows(&shown, &latest);
            assert_shows(
                &shown,
                &["steps  ⣀ training", "success  ⣀ training  • evaluation"],
            );
        }
    }
}

#[test]
fn the_chosen_curve_is_drawn_marked_and_evaluated() {
    let seen = seen(&usual());
    let mut view = view();
    view.curve = Some(Curve::new("metrics.success"));
    let shown = screen(&seen, &view, (60, 16));
    assert_shows(&shown, &["success  ⣀ training", ">success"]);
    assert_shows(
        &shown,
        &[
            "evaluations: success (95 %)",
            "12,000  0.500  0.250 to 0.625",
        ],
    );
    // Losses are not evaluated, and far down.
    view.curve = Some(Curve::new("losses.policy"));
    let shown = screen(&seen, &view, (60, 16));
    assert_shows(
        &shown,
        &["policy  ⣀ training", ">policy", "evaluations: return"],
    );
    assert!(!shown.contains("• evaluation"), "{shown}");
}

#[test]
fn a_window_that_is_too_small_says_so() {
    let seen = seen(&usual());
    for size in [(59, 16), (60, 15), (20, 4), (1, 1)] {
        let shown = screen(&seen, &view(), size);
        assert!(!shown.contains("runs/signal-1"), "{shown}");
        if size.0 > 50 {
            let text = format!(
                "The window is {} x {}; this view needs 60 x 16.",
                size.0, size.1
            );
            assert_shows(&shown, &[&text]);
        }
    }
}

#[test]
fn every_state_of_a_run_is_told() {
    let mut seen = seen(&usual());
    for (life, text) in [
        (Life::Ended, "has ended; final.json has its metrics"),
        (Life::Failed, "has failed; failure.json says why"),
        (Life::Unknown, "this disk does not tell whether it runs"),
        (
            Life::Stopped,
            "is not running; `commformer train --run runs/signal-1` goes on",
        ),
    ] {
        seen.life = life;
        assert_shows(&screen(&seen, &view(), (100, 30)), &[text]);
    }
    // Advice that has no room is left out, not cut.
    let shown = screen(&seen, &view(), (60, 16));
    assert_shows(
        &shown,
        &[
            "runs/signal-1 is not running\n",
            "12,000 of 60,000 steps",
            "in 0:12",
        ],
    );
    assert!(!shown.contains("left"), "{shown}");

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("my run");
    std::fs::create_dir(&folder).unwrap();
    let mut seen = Seen::new(&folder);
    seen.look();
    assert_shows(
        &screen(&seen, &view(), (200, 16)),
        &["Waiting for a run in /", "/my run'` makes."],
    );
    std::fs::write(folder.join("config.toml"), "[").unwrap();
    seen.look();
    assert_shows(&screen(&seen, &view(), (200, 16)), &["is damaged"]);
}

#[test]
fn a_run_without_an_iteration_is_an_empty_view() {
    for size in SIZES {
        let shown = screen(&seen(&[]), &view(), size);
        assert_shows(
            &shown,
            &[
                "0 of 60,000 steps",
                "no iteration has ended yet",
                "none yet; one every 2,000 steps",
                "graph",
            ],
        );
    }
}

#[test]
fn what_is_not_finite_is_a_dash_and_no_point() {
    let lines = [
        iteration(1, f64::NAN),
        iteration(2, f64::NAN),
        evaluation(2, f64::NAN),
    ];
    for size in SIZES {
        let shown = screen(&seen(&lines), &view(), size);
        assert_shows(&shown, &[">return                   –", "no number yet"]);
        assert_shows(&shown, &["2,000  –  -9.500 to 9.500"]);
    }
    let lines = [
        iteration(1, f64::MAX),
        iteration(2, f64::MIN),
        iteration(3, 1.0),
    ];
    assert_shows(
        &screen(&seen(&lines), &view(), (80, 24)),
        &["0.500│", "1.500│"],
    );
}

#[test]
fn hostile_lines_are_counted_and_draw_nothing_strange() {
    let hostile = [
        "\u{0}\u{1b}[2J".to_owned(),
        "{\"kind\":\"iteration\"}".into(),
        "[".repeat(500),
        iteration(1, 0.5)
            .replace("success", "a\\u001b[2J\\nb")
            .replace("1000", "18446744073709551615"),
        iteration(2, 0.5).replace("0.25", "-1e308"),
        iteration(3, 0.5).replace("\"success\"", &format!("\"{}\"", "long ".repeat(100))),
        evaluation(1, 0.5).replace("[1.0,0.0,1.0]", "[]"),
        evaluation(3, 0.5)
            .replace("success", &"\\u001b".repeat(3))
            .replace("[0.0,0.0,1.0]", "[1e30]"),
    ];
    let seen = seen(&hostile);
    for size in SIZES {
        let mut view = view();
        for (graph, help) in [(false, false), (true, false), (false, true)] {
            (view.graph, view.help) = (graph, help);
            let shown = screen(&seen, &view, size);
            assert!(!shown.contains('\u{1b}'), "{shown}");
            assert_shows(&shown, &["3 spoiled lines"]);
        }
    }
}

#[test]
fn a_large_team_has_its_graph_in_all_the_room() {
    let graph = serde_json::to_string(&vec![vec![1.0; 27]; 27]).unwrap();
    let line = format!(
        r#"{{"kind":"evaluation","steps":9,"episodes":1,"metrics":{{}},"graph":{graph},"seconds":{{"elapsed":1.0}}}}"#
    );
    let seen = seen(&[line]);
    let mut view = view();
    assert_shows(
        &screen(&seen, &view, (80, 24)),
        &["… 20 more; g: more room"],
    );
    view.graph = true;
    let shown = screen(&seen, &view, (80, 40));
    assert_shows(&shown, &["graph after 9 steps: a row hears columns"]);
    assert_eq!(shown.matches("hears all").count(), 27, "{shown}");
    assert!(!shown.contains("training"), "{shown}");
}

#[test]
fn help_names_the_keys() {
    let mut view = view();
    view.help = true;
    for size in SIZES {
        let shown = screen(&seen(&usual()), &view, size);
        assert_shows(
            &shown,
            &["Keys", "the next curve", "leave; the run goes on", "itself"],
        );
    }
}

#[test]
fn colours_are_there_unless_they_are_unwanted() {
    let seen = seen(&usual());
    let colours = |view: &View| {
        let cells = buffer(&seen, view, (150, 45)).content().to_vec();
        assert!(cells.iter().all(|cell| cell.bg == Color::Reset));
        cells.iter().any(|cell| cell.fg != Color::Reset)
    };
    assert!(!colours(&view()));
    assert!(colours(&View::new("commformer", COLOURED)));
}

#[test]
fn a_run_is_printed_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    let missing = print(folder.path(), "commformer", &mut out);
    assert!(matches!(missing, Err(WatchError::Log(_))), "{missing:?}");
    assert!(out.is_empty());
    std::fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
    let lines = usual().join("\n") + "\n";
    std::fs::write(folder.path().join(RunLog::METRICS), lines).unwrap();
    print(folder.path(), "commformer", &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_shows(
        &text,
        &[
            " is not running; `commformer train --run /",
            "12,000 of 60,000 steps  1,000/s  in 0:12\n",
            ">return               1.500\n",
            "12,000  1.250  -9.500 to 9.500\n 5,000  0.250  -9.500 to 9.500\n",
            "success  0.500  0.250 to 0.625\n",
            "1  ■ \\ · hears 0\n",
        ],
    );
}
