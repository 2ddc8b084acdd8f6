//! What agents say to each other, and the graph that they say it on.

use super::curves::{Source, evaluated, iterated, legend, plots};
use super::methods::Methods;
use super::names;
use super::page::{Plot, Section};
use super::run::{Run, count};
use crate::chart::{ChartError, Matrices, MatrixRow, steps};
use crate::log::OPEN_RATE;
use crate::record::Evaluation;

/// Messages, bytes and gates over steps.
pub(super) fn section(methods: &Methods) -> Result<Section, ChartError> {
    let trained = iterated(methods, |name| name.starts_with("receiving."));
    let measured = evaluated(methods, names::is_communication);
    let gated = (methods.runs()).any(|run| run.log.is_gated(&run.log.iterations));
    let shown = |path: &str| gated || path != OPEN_RATE;
    let (mut drawn, training) = plots(methods, "receiving", &trained, Source::Iterations, shown)?;
    // Where training says it, evaluations would say it twice.
    let unsaid = |name: &str| {
        !trained
            .iter()
            .any(|known| known.ends_with(&format!(".{name}")))
    };
    let (others, evaluations) = plots(
        methods,
        "evaluation",
        &measured,
        Source::Evaluations,
        unsaid,
    )?;
    drawn.extend(others);
    let text = match drawn.is_empty() {
        true => "No run has counted its messages yet.".to_owned(),
        false => format!(
            "In training. An agent hears another along an open edge of the graph, while its gate is open. {} {}",
            Source::Iterations.point(methods),
            legend(methods)
        ),
    };
    Ok(Section {
        id: "communication".to_owned(),
        title: "Communication".to_owned(),
        text: vec![text],
        plots: drawn,
        tables: vec![
            ("communication-training".to_owned(), training),
            ("communication-evaluations".to_owned(), evaluations),
        ],
        ..Section::default()
    })
}

/// The graph at several evaluations of every run, how often it changed, and how decided it was.
pub(super) fn graph(methods: &Methods) -> Result<Section, ChartError> {
    let changes = iterated(methods, |name| name.starts_with("graph_"));
    let (mut drawn, table) = plots(methods, "graph", &changes, Source::Iterations, |_| true)?;
    for (index, method) in methods.list.iter().enumerate() {
        let rows: Vec<MatrixRow<'_>> = method
            .runs
            .iter()
            .map(row)
            .filter(|row| !row.matrices.is_empty())
            .collect();
        let title = format!("Graph: {}", method.name);
        let svg = Matrices {
            title: &title,
            series: index,
            rows,
        }
        .draw()?;
        drawn.extend(
            svg.map(|svg| Plot::new("graph", &format!("method-{}", index + 1), svg, &drawn)),
        );
    }
    let text = match drawn.is_empty() {
        true => "No run has an evaluation, and with it a graph, yet.",
        false => {
            "A row is a receiver, a column a sender: a filled square says that the receiver hears the sender. \
             Below each matrix stand the steps of training behind it; a graph that never changed is shown once."
        }
    };
    Ok(Section {
        id: "graph".to_owned(),
        title: "The graph".to_owned(),
        text: vec![text.to_owned()],
        plots: drawn,
        tables: vec![("graph-changes".to_owned(), table)],
        ..Section::default()
    })
}

fn row(run: &Run) -> MatrixRow<'_> {
    let square = |at: &&Evaluation| {
        !at.graph.is_empty() && at.graph.iter().all(|row| row.len() == at.graph.len())
    };
    let all: Vec<&Evaluation> = run.log.evaluations.iter().filter(square).collect();
    let constant = all.windows(2).all(|pair| pair[0].graph == pair[1].graph);
    let (shown, name): (Vec<&Evaluation>, String) = match (constant, all.last()) {
        (true, Some(last)) => (
            vec![last],
            format!(
                "{}, the same in {}",
                run.seed(),
                count(all.len(), "evaluation")
            ),
        ),
        _ => (evenly_chosen(&all, Matrices::ACROSS), run.seed()),
    };
    let matrices = shown
        .into_iter()
        .map(|at| (steps(at.steps as f64), at.graph.as_slice()));
    MatrixRow {
        name,
        matrices: matrices.collect(),
    }
}

/// So many of all, with the first and the last.
fn evenly_chosen<T: Copy>(all: &[T], most: usize) -> Vec<T> {
    if all.len() <= most {
        return all.to_vec();
    }
    let last = all.len() - 1;
    (0..most)
        .map(|index| all[index * last / (most - 1)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_chosen() {
        assert_eq!(
            evenly_chosen(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 5),
            [1, 3, 5, 7, 9]
        );
        assert_eq!(evenly_chosen(&[1, 2], 5), [1, 2]);
        assert!(evenly_chosen::<u8>(&[], 5).is_empty());
    }
}
