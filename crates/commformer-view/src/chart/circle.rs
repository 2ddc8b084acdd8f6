//! A picture of a communication graph: agents on a circle, an arrow from each sender to its
//! receivers.

use super::{escape, pair::Pair};
use std::f64::consts::TAU;
use std::fmt::Write;

const SIZE: f64 = 480.0;
const CENTRE: f64 = SIZE / 2.0;
const CIRCLE: f64 = 170.0;
const NODE: f64 = 22.0;
/// Space between an arrow's tip and the agent it points to.
const GAP: f64 = 5.0;

/// Colours follow the reader's light or dark theme.
const STYLE: &str = "\
  <style>
    .edge { fill: none; stroke: #4a6fa5; stroke-width: 2; opacity: .85 }
    .tip { fill: #4a6fa5 }
    .node { fill: #eef3fa; stroke: #33507c; stroke-width: 2 }
    text { font: 600 15px system-ui, sans-serif; fill: #1d2b44; text-anchor: middle }
    .note { font-weight: 400; font-size: 13px; fill: #5b677a }
    @media (prefers-color-scheme: dark) {
      .edge { stroke: #8fb3e8 }
      .tip { fill: #8fb3e8 }
      .node { fill: #22304a; stroke: #8fb3e8 }
      text { fill: #e8eefa }
      .note { fill: #a3afc4 }
    }
  </style>
  <defs>
    <marker id=\"tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">
      <path class=\"tip\" d=\"M0 1 L10 5 L0 9 z\"/>
    </marker>
  </defs>
";

/// Draws `graph`, (N, N) row by row, 1 where the receiver (row) hears the sender (column). Agents
/// hear themselves in any case, so the diagonal is not drawn. Arrows between two agents that hear
/// each other bend apart.
pub fn circle(graph: &[f32], labels: &[String], title: &str) -> String {
    let agents = labels.len();
    let hears = |receiver: usize, sender: usize| {
        Pair::of(graph.get(receiver * agents + sender), receiver, sender) == Pair::Hears
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIZE} {SIZE}\" role=\"img\">\n  \
         <title>{}</title>\n{STYLE}",
        escape(title)
    );
    for receiver in 0..agents {
        for sender in (0..agents).filter(|sender| hears(receiver, *sender)) {
            let bend = if hears(sender, receiver) { 0.12 } else { 0.0 };
            let path = arrow(place(sender, agents), place(receiver, agents), bend);
            push(
                &mut svg,
                format_args!(
                    "  <path class=\"edge\" d=\"{path}\" marker-end=\"url(#tip)\"><title>{} to {}</title></path>\n",
                    escape(&labels[sender]),
                    escape(&labels[receiver])
                ),
            );
        }
    }
    for (agent, label) in labels.iter().enumerate() {
        let (x, y) = place(agent, agents);
        push(
            &mut svg,
            format_args!(
                "  <circle class=\"node\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{NODE}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\">{}</text>\n",
                y + 5.0,
                escape(label)
            ),
        );
    }
    let (middle, low) = (CENTRE, SIZE - 14.0);
    push(
        &mut svg,
        format_args!(
            "  <text class=\"note\" x=\"{middle}\" y=\"{low}\">{}</text>\n</svg>\n",
            escape(title)
        ),
    );
    svg
}

/// Appends text. Writing to a `String` does not fail.
fn push(svg: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = svg.write_fmt(text);
}

/// Where an agent stands: the first at the top, the others clockwise.
fn place(agent: usize, agents: usize) -> (f64, f64) {
    let angle = TAU * agent as f64 / agents.max(1) as f64;
    // A little above the middle leaves room for the note.
    (
        CENTRE + CIRCLE * angle.sin(),
        CENTRE - 10.0 - CIRCLE * angle.cos(),
    )
}

/// A curve from one circle's edge to another's, its middle moved aside by `bend` of its length.
fn arrow(from: (f64, f64), to: (f64, f64), bend: f64) -> String {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let middle = (
        (from.0 + to.0) / 2.0 - dy * bend,
        (from.1 + to.1) / 2.0 + dx * bend,
    );
    let (start, end) = (towards(from, middle, NODE), towards(to, middle, NODE + GAP));
    format!(
        "M{:.1} {:.1} Q{:.1} {:.1} {:.1} {:.1}",
        start.0, start.1, middle.0, middle.1, end.0, end.1
    )
}

/// The point at `distance` from `from` on the way to `to`.
fn towards(from: (f64, f64), to: (f64, f64), distance: f64) -> (f64, f64) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let share = distance / dx.hypot(dy).max(f64::EPSILON);
    (from.0 + dx * share, from.1 + dy * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(agents: usize) -> Vec<String> {
        (0..agents).map(|agent| agent.to_string()).collect()
    }

    #[test]
    fn an_arrow_runs_from_sender_to_receiver() {
        // Receiver 0 hears sender 1; the diagonal does not show.
        let svg = circle(&[1.0, 1.0, 0.0, 1.0], &labels(2), "a & b <c>");
        assert_eq!(svg.matches("class=\"edge\"").count(), 1);
        assert!(svg.contains("<title>1 to 0</title>"));
        // Agent 0 stands at (240, 60), agent 1 at (240, 400): up the middle, from edge to edge.
        assert!(
            svg.contains("d=\"M240.0 378.0 Q240.0 230.0 240.0 87.0\""),
            "{svg}"
        );
        assert!(svg.contains("<title>a &amp; b &lt;c&gt;</title>"));
    }

    #[test]
    fn arrows_of_a_pair_bend_to_different_sides() {
        let there = arrow((0.0, 0.0), (100.0, 0.0), 0.12);
        let back = arrow((100.0, 0.0), (0.0, 0.0), 0.12);
        assert!(
            there.contains("Q50.0 12.0") && back.contains("Q50.0 -12.0"),
            "{there} {back}"
        );
    }

    #[test]
    fn what_no_xml_may_hold_is_not_drawn() {
        let labels = ["a\u{1}\u{ffff}".to_owned(), "\"b\"".to_owned()];
        let svg = circle(&[1.0, 1.0, 0.0, 1.0], &labels, "a \u{0} title");
        assert!(svg.contains("<title>&quot;b&quot; to a\u{fffd}\u{fffd}</title>"));
        assert_eq!(svg.matches(">a \u{fffd} title<").count(), 2, "{svg}");
        let refused = ['\u{0}', '\u{1}', '\u{ffff}'];
        assert!(!svg.contains(refused), "{svg}");
    }
}
