//! A report's page can be read, on any screen, by day and by night.

use crate::chromium::Chromium;
use crate::sample::Sample;
use commformer_view::Report;
use std::path::{Path, PathBuf};

const READY: &str = "document.querySelectorAll('section').length > 5";

/// The page of two methods of three seeds each, one of which is spoiled.
fn written(folder: &Path) -> PathBuf {
    let mut folders = Vec::new();
    for graph in ["learned", "none"] {
        for seed in 1..=3 {
            let sample = Sample {
                graph: graph.into(),
                iterations: 40,
                ..Sample::seed(seed)
            };
            folders.push(sample.write(folder, &format!("{graph}-{seed}")));
        }
    }
    std::fs::write(folders[0].join("metrics.jsonl"), "spoiled").expect("written");
    let report = Report::of(&folders, |_| toml::Table::new()).expect("a report");
    let page = folder.join(Report::PAGE);
    std::fs::write(&page, report.file(Report::PAGE).expect("a page")).expect("written");
    page
}

#[test]
fn a_report_fits_its_window_and_follows_light_and_dark() {
    let Some(mut browser) = Chromium::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let page = written(folder.path());
    let mut colours = Vec::new();
    for size in [[360, 740], [1920, 1080]] {
        for scheme in ["light", "dark"] {
            browser.open(&page, size, scheme, READY);
            let name = format!("report-{}-{scheme}", size[0]);
            browser.picture(&name);
            let fits = "document.documentElement.scrollWidth <= innerWidth";
            assert_eq!(browser.value(fits), true, "{name}");
            // Each plot is there, and its smallest text has ten pixels at least.
            let small = "[...document.querySelectorAll('.plot')].filter((plot) => { \
                         const scale = plot.getBoundingClientRect().width / plot.viewBox.baseVal.width; \
                         return !(scale * 52 >= 10); }).length";
            assert_eq!(browser.value(small), 0, "{name}");
            let plots = browser.value("document.querySelectorAll('.plot').length");
            assert!(plots.as_u64() > Some(15), "{plots}");
            let stroke =
                "getComputedStyle(document.querySelector('.plot [stroke=\"#0072B2\"]')).stroke";
            colours.push(browser.value(stroke));
        }
    }
    assert_eq!(colours[0], "rgb(0, 114, 178)");
    assert_eq!(colours[..2], colours[2..]);
    assert_ne!(colours[0], colours[1]);
    browser.has_no_complaints();
}

#[test]
fn contents_lead_to_their_sections_and_what_is_folded_opens() {
    let Some(mut browser) = Chromium::start() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let page = written(folder.path());
    browser.open(&page, [1920, 1080], "light", READY);
    let missing = browser.value("document.querySelector('aside').textContent");
    assert!(
        missing
            .as_str()
            .is_some_and(|text| text.contains("cannot be read")),
        "{missing}"
    );
    let lost = "[...document.querySelectorAll('nav a')].filter((a) => !document.querySelector(a.hash)).length";
    assert_eq!(browser.value(lost), 0);
    browser.click("nav a[href='#graph']");
    browser.wait("Math.abs(document.querySelector('#graph').getBoundingClientRect().top) < 5");
    let table = "document.querySelector('#metrics details table').checkVisibility()";
    assert_eq!(browser.value(table), false);
    browser.click("#metrics summary");
    assert_eq!(browser.value(table), true);
    browser.has_no_complaints();
}
