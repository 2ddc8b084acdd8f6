//! Success against bytes, task by task.

use crate::chart::{ChartError, Curve, Curves, number};
use crate::report::across::scores::TaskScores;
use crate::report::across::{Across, tables};
use crate::report::curves::SEED;
use crate::report::names::Name;
use crate::report::page::Section;
use crate::statistics::{interval, iqm};

/// What success costs: a plot for each task that counts bytes, a cross for each method.
pub(super) fn section(
    across: &Across<'_>,
    scores: &[TaskScores<'_>],
    drawn: &[usize],
) -> Result<Section, ChartError> {
    let mut section = Section {
        id: "bytes".to_owned(),
        title: "Success against bytes".to_owned(),
        ..Section::default()
    };
    for scores in scores.iter().filter(|scores| tables::has_bytes(scores)) {
        let mut curves = Vec::new();
        let methods = across.methods.iter().enumerate();
        for (method, name) in methods.filter(|(method, _)| drawn.contains(method)) {
            let runs = &scores.task.methods.list[method].runs;
            let metric = |name: &str| {
                let found = scores.finals.scores(runs, name);
                interval(&[&found], SEED, |groups| iqm(&groups[0]))
            };
            let at = metric("bytes").zip(metric(&scores.metric));
            let dot = at.map(|(bytes, score)| Curve {
                name: (*name).to_owned(),
                series: method,
                thin: vec![
                    vec![(bytes.low, score.value), (bytes.high, score.value)],
                    vec![(bytes.value, score.low), (bytes.value, score.high)],
                ],
                thick: vec![(bytes.value, score)],
            });
            curves.extend(dot);
        }
        let Name { title, range, .. } = Name::of(&scores.metric);
        let drawing = Curves {
            title: &scores.task.name,
            x: ("bytes per agent and step", number),
            y: &title,
            range,
            curves,
        };
        section.push("bytes", &scores.task.name, drawing.draw()?);
    }
    section.text = vec![match section.plots.is_empty() {
        true if scores.iter().any(|scores| scores.finals.names.is_empty()) => {
            "No run at its end counts what agents say yet.".to_owned()
        }
        true => "No task counts what its agents say.".to_owned(),
        false => "A method is a dot: how well it does, and what its agents receive for it, each with its 95 % interval. Up \
                  and to the left is better."
            .to_owned(),
    }];
    Ok(section)
}
