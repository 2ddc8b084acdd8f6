//! The learned graph as text: its matrix, and beside each receiver whom it hears.

use super::panels::Panel;
use crate::chart::pair::Pair;
use crate::numbers::grouped;
use ratatui::text::{Line, Span};

/// Columns that the list of whom an agent hears needs beside a matrix.
const LIST: usize = 10;

impl Panel<'_> {
    /// The graph of the newest evaluation.
    pub fn graph(&self) -> Vec<Line<'static>> {
        let Some(evaluation) = self.log.evaluations.last() else {
            let what = "not known before the first evaluation";
            return vec![self.title("graph"), Line::raw(what)];
        };
        let graph = &evaluation.graph;
        let width = usize::from(self.width);
        let label = graph.len().saturating_sub(1).to_string().len();
        let steps = grouped(evaluation.steps);
        let titles = [
            format!("graph after {steps} steps: a row hears columns"),
            "graph: a row hears columns".into(),
        ];
        let title = titles.into_iter().find(|title| title.len() <= width);
        let mut lines = vec![self.title(title.as_deref().unwrap_or("graph"))];
        // As wide as there is room for; without room for a matrix, the list alone.
        let between = [" ", ""]
            .into_iter()
            .find(|between| label + 3 + graph.len() * (1 + between.len()) + LIST <= width);
        let rows = self
            .height
            .saturating_sub(lines.len() + usize::from(between.is_some()));
        if let Some(between) = between {
            // The last digits suffice as a ruler.
            let columns = (0..graph.len()).map(|sender| format!("{between}{}", sender % 10));
            lines.push(Line::raw(format!(
                "{:label$} {}",
                "",
                columns.collect::<String>()
            )));
        }
        let shown = match graph.len() <= rows {
            true => graph.len(),
            false => rows.saturating_sub(1),
        };
        for (receiver, row) in graph.iter().enumerate().take(shown) {
            let mut spans = vec![Span::raw(format!("{receiver:label$} "))];
            if let Some(between) = between {
                spans.extend(
                    (0..graph.len()).map(|sender| self.cell(row, receiver, sender, between)),
                );
                spans.push(Span::raw(" "));
            }
            let used: usize = spans.iter().map(Span::width).sum();
            spans.push(Span::raw(hears(
                row,
                receiver,
                graph.len(),
                width.saturating_sub(used),
            )));
            lines.push(Line::from(spans));
        }
        if shown < graph.len() {
            let more = graph.len() - shown;
            let advice = if self.view.graph {
                ""
            } else {
                "; g: more room"
            };
            lines.push(Line::raw(format!("… {more} more{advice}")));
        }
        lines
    }

    fn cell(&self, row: &[f32], receiver: usize, sender: usize, between: &str) -> Span<'static> {
        let (cell, style) = match Pair::of(row.get(sender), receiver, sender) {
            Pair::Itself => ("\\", Default::default()),
            Pair::Hears => ("■", self.view.theme.blue),
            Pair::Apart => ("·", Default::default()),
        };
        Span::styled(format!("{between}{cell}"), style)
    }
}

/// Whom a receiver hears, in at most `width` columns.
fn hears(row: &[f32], receiver: usize, agents: usize, width: usize) -> String {
    let heard: Vec<String> = (row.iter().enumerate())
        .filter(|(sender, edge)| Pair::of(Some(edge), receiver, *sender) == Pair::Hears)
        .map(|(sender, _)| sender.to_string())
        .collect();
    if heard.is_empty() {
        return "hears nobody".into();
    }
    if heard.len() > 2 && heard.len() + 1 == agents {
        return "hears all".into();
    }
    let whole = format!("hears {}", heard.join(", "));
    if whole.len() <= width {
        return whole;
    }
    // So many as there is room for, and how many others.
    (0..heard.len())
        .rev()
        .map(|shown| {
            let more = format!("+{}", heard.len() - shown);
            let some = heard.iter().take(shown).chain([&more]);
            format!("hears {}", some.cloned().collect::<Vec<_>>().join(", "))
        })
        .find(|text| text.len() <= width)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{log, printed, view};
    use super::*;

    fn shown(graph: &[Vec<f32>], width: u16, height: usize) -> Vec<String> {
        let graph = serde_json::to_string(graph).unwrap();
        let line = format!(
            r#"{{"kind":"evaluation","steps":4000,"episodes":2,"metrics":{{}},"graph":{graph},"seconds":{{"elapsed":1.0}}}}"#
        );
        let (log, view) = (log(&[&line]), view());
        let panel = Panel {
            log: &log,
            view: &view,
            width,
            height,
        };
        let lines = printed(panel.graph());
        for line in &lines {
            assert!(line.chars().count() <= usize::from(width), "{line}");
        }
        assert!(lines.len() <= height, "{lines:?}");
        lines
    }

    #[test]
    fn a_small_graph_is_a_matrix_with_its_list() {
        let graph = [
            vec![1.0, 1.0, 0.0],
            vec![0.0, 1.0, 0.0],
            vec![1.0, 1.0, 1.0],
        ];
        let expected = [
            "graph after 4,000 steps: a row hears columns",
            "   0 1 2",
            "0  \\ ■ · hears 1",
            "1  · \\ · hears nobody",
            "2  ■ ■ \\ hears 0, 1",
        ];
        assert_eq!(shown(&graph, 60, 10), expected);
        assert_eq!(shown(&graph, 26, 10)[0], "graph: a row hears columns");
    }

    #[test]
    fn a_large_graph_says_what_it_leaves_out() {
        let graph = vec![vec![1.0; 30]; 30];
        let lines = shown(&graph, 60, 8);
        assert_eq!(lines[1], "   012345678901234567890123456789");
        assert_eq!(lines[2], " 0 \\■■■■■■■■■■■■■■■■■■■■■■■■■■■■■ hears all");
        assert!(lines[7].starts_with("… 25 more"), "{lines:?}");
        // Only the list.
        let mut graph = graph;
        graph[0][1] = 0.0;
        assert_eq!(shown(&graph, 30, 40)[1], " 0 hears 2, 3, 4, 5, 6, 7, +22");
    }

    #[test]
    fn a_graph_without_sense_does_no_harm() {
        for graph in [vec![], vec![vec![]], vec![vec![1.0; 9], vec![f32::MAX]]] {
            for height in 4..6 {
                shown(&graph, 30, height);
            }
        }
    }
}
