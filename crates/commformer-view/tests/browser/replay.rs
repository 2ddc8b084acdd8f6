//! A replay's page plays what it was given.

use crate::chromium::Chromium;
use crate::fixture;
use commformer_view::replay::{Number, Replay, page};
use std::path::PathBuf;

const READY: &str = "'ready' in document.documentElement.dataset";
const SIZES: [[u32; 2]; 2] = [[360, 740], [1920, 1080]];

fn written(folder: &tempfile::TempDir, name: &str, replay: &Replay) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, page(replay).expect("a page")).expect("written");
    path
}

/// The step that the first world shows.
const STEP: &str = "document.querySelector('.world.picked, .world').dataset.step";

#[test]
fn episodes_are_played_stepped_and_scrubbed_by_day_and_by_night() {
    let Some(mut browser) = Chromium::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let replay = fixture::hunts();
    let page = written(&folder, "hunts.html", &replay);
    for size in SIZES {
        for scheme in ["light", "dark"] {
            browser.open(&page, size, scheme, READY);
            let name = format!("replay-{}-{scheme}", size[0]);
            browser.picture(&name);
            // Nothing is wider than the window.
            assert_eq!(
                browser.value("document.documentElement.scrollWidth <= innerWidth"),
                true,
                "{name}"
            );

            let cut = "[...document.querySelectorAll('.scroll, .choice')].filter((e) => e.scrollWidth > e.clientWidth).length";
            assert_eq!(browser.value(cut), 0, "{name}");

            assert_eq!(browser.value(STEP), "0");
            browser.click("#on");
            assert_eq!(browser.value(STEP), "1");
            browser.key("ArrowRight");
            browser.key("ArrowRight");
            browser.key("ArrowLeft");
            assert_eq!(browser.value(STEP), "2");
            let messages = replay.runs[0].episodes[0].steps[2].delivered.len();
            let drawn =
                "document.querySelectorAll('.world')[0].querySelectorAll('path.tip').length";
            assert_eq!(browser.value(drawn), messages);
            assert_eq!(
                browser.value("document.querySelector('#clock').textContent"),
                "3 / 20"
            );

            // To the end by the time line, and from there played from the beginning.
            browser.value("(() => { const t = document.querySelector('#time'); t.value = t.max; t.dispatchEvent(new Event('input')); })()");
            assert_eq!(browser.value(STEP), "20");
            browser.value("document.querySelector('#speed').value = '16'");
            browser.click("#play");
            browser.wait(&format!("+{STEP} > 1 && +{STEP} < 20"));
            browser.key(" ");
            let stopped = browser.value(STEP);
            browser.value("new Promise((done) => setTimeout(done, 300))");
            assert_eq!(browser.value(STEP), stopped);
            browser.key("End");
            assert_eq!(
                browser.value("document.querySelector('#clock').textContent"),
                "end of 20"
            );
        }
    }
    browser.has_no_complaints();
}

#[test]
fn layers_runs_agents_and_heads_are_chosen() {
    let Some(mut browser) = Chromium::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let page = written(&folder, "hunts.html", &fixture::hunts());
    browser.open(&page, [1920, 1080], "light", READY);
    let shown = "getComputedStyle(document.querySelector('.world .closed')).display";
    assert_eq!(browser.value(shown), "inline");
    browser.click("#show-gates");
    assert_eq!(browser.value(shown), "none");
    browser.key("g");
    assert_eq!(browser.value(shown), "inline");

    let picked = "document.querySelector('.world.picked strong').textContent";
    assert_eq!(browser.value(picked), "gated");
    browser.click("#runs button:last-child");
    assert_eq!(browser.value(picked), "always receiving");
    browser.key("r");
    assert_eq!(browser.value(picked), "gated");

    browser.key("ArrowRight");
    browser.click("#team tbody tr:nth-child(2) button");
    let considered = "document.querySelector('#choice-title').textContent";
    assert_eq!(browser.value(considered), "What agent 1 considers");
    assert_eq!(
        browser.value("document.querySelectorAll('.world .marks circle').length"),
        2
    );
    // Whoever stands on an agent's button stays there from step to step.
    browser.value("document.querySelector('#team tbody tr:nth-child(3) button').focus()");
    browser.key("ArrowRight");
    let focused = browser.value("document.activeElement.textContent");
    assert_eq!(focused, "agent 2");
    let weights = "[...document.querySelectorAll('#matrix .weight')].map((w) => w.getAttribute('fill-opacity')).join()";
    let of_first = browser.value(weights);
    browser.value("(() => { const h = document.querySelector('#attention-head'); h.selectedIndex = 2; h.dispatchEvent(new Event('change')); })()");
    assert_ne!(browser.value(weights), of_first);
    browser.picture("replay-1920-agent");

    browser.key("]");
    assert_eq!(
        browser.value("document.querySelector('#episode').selectedIndex"),
        1
    );
    browser.key("t");
    assert_eq!(
        browser.value("document.documentElement.dataset.theme"),
        "dark"
    );
    browser.has_no_complaints();
}

#[test]
fn a_network_without_attention_shows_none() {
    let Some(mut browser) = Chromium::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut replay = fixture::hunts();
    let run = &mut replay.runs[0];
    run.attention.clear();
    let steps = run
        .episodes
        .iter_mut()
        .flat_map(|episode| &mut episode.steps);
    steps.for_each(|step| step.weights.clear());
    let page = written(&folder, "hunts.html", &replay);
    browser.open(&page, [1920, 1080], "light", READY);
    let chosen = "['#layer', '#attention-head'].filter((id) => document.querySelector(id).checkVisibility()).length";
    let titles = "[...document.querySelectorAll('#matrix title, .world .messages title')].map((title) => title.textContent)";
    let numbers = format!("{titles}.filter((title) => /\\d\\.\\d/.test(title)).length");
    assert_eq!(browser.value(chosen), 0);
    assert_eq!(browser.value(&numbers), 0);
    assert_eq!(browser.value(&format!("{titles}.length > 0")), true);
    // The other run has its attention.
    browser.key("r");
    assert_eq!(browser.value(chosen), 2);
    assert_ne!(browser.value(&numbers), 0);
    browser.has_no_complaints();
}

#[test]
fn every_control_has_a_name() {
    let Some(mut browser) = Chromium::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let page = written(&folder, "hunts.html", &fixture::hunts());
    browser.open(&page, [1920, 1080], "light", READY);
    let nameless = "[...document.querySelectorAll('button, input, select, svg[role=img]')].filter((e) => \
        !(e.getAttribute('aria-label') || e.textContent.trim() && e.tagName === 'BUTTON' || e.closest('label')?.textContent.trim())).length";
    assert_eq!(browser.value(nameless), 0);
}

#[test]
fn battles_play_on() {
    let Some(mut browser) = Chromium::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    for map in ["MMM2", "2c_vs_64zg"] {
        let page = written(&folder, "battles.html", &fixture::battles(map, 2));
        browser.open(&page, [1920, 1080], "light", READY);
        browser.value("document.querySelector('#speed').value = '8'");
        browser.key(" ");
        browser.wait(&format!("+{STEP} > 5"));
        browser.key(" ");
        browser.picture(&format!("replay-{map}"));
    }
    browser.has_no_complaints();
}

#[test]
fn what_cannot_be_played_is_said() {
    let Some(mut browser) = Chromium::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let fault = "document.querySelector('#fault').textContent";
    let failed = "!document.querySelector('#fault').hidden";

    let mut other = fixture::hunts();
    other.version = 99;
    let path = written(&folder, "other.html", &other);
    browser.open(&path, [1920, 1080], "light", failed);
    let said = browser.value(fault);
    assert!(
        said.as_str()
            .is_some_and(|said| said.contains("version 99")),
        "{said}"
    );
    assert_eq!(
        browser.value("document.querySelector('#main').checkVisibility()"),
        false
    );

    let whole = std::fs::read_to_string(&path).expect("the page");
    let damaged = whole.replacen("id=\"data\">eN", "id=\"data\">xx", 1);
    assert_ne!(whole, damaged);
    std::fs::write(&path, damaged).expect("written");
    browser.open(&path, [1920, 1080], "light", failed);
    let said = browser.value(fault);
    assert!(
        said.as_str().is_some_and(|said| said.contains("damaged")),
        "{said}"
    );

    let mut odd = fixture::hunts();
    let step = &mut odd.runs[0].episodes[0].steps[0];
    step.values[1] = Number(f32::NAN);
    step.rewards[2] = Number(f32::INFINITY);
    step.probabilities[0][0] = Number(f32::NAN);
    step.weights[0][0][1] = Number(f32::NAN);
    browser.open(
        &written(&folder, "odd.html", &odd),
        [1920, 1080],
        "light",
        READY,
    );
    let odd = "[...document.querySelectorAll('#team .odd')].map((cell) => cell.textContent).join()";
    assert_eq!(browser.value(odd), "NaN,∞");
    browser.has_no_complaints();
}
