//! The picture of a graph, which stands beside the reports in a run's folder.

use crate::assert_well_formed;
use commformer_view::chart::circle;

#[test]
fn every_element_is_closed() {
    for agents in 1..12_usize {
        let labels: Vec<String> = (0..agents).map(|agent| agent.to_string()).collect();
        let svg = circle(&vec![1.0; agents * agents], &labels, "full");
        assert_well_formed(&svg);
        assert_eq!(svg.matches("class=\"edge\"").count(), agents * (agents - 1));
        assert_eq!(svg.matches("<circle").count(), agents);
    }
}
