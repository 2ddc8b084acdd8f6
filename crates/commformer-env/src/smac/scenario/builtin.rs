//! The scenarios that come with the crate.

use super::Scenario;
use std::sync::{Arc, OnceLock};

/// Names and files, from `smac/maps`.
macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../smac/maps/", $name, ".toml")))),*]
    };
}

/// SMAC's maps in its order, the three of CommFormer's authors, and SMACv2's.
const FILES: [(&str, &str); 41] = files! {
    "3m"
    "8m"
    "25m"
    "5m_vs_6m"
    "8m_vs_9m"
    "10m_vs_11m"
    "27m_vs_30m"
    "MMM"
    "MMM2"
    "2s3z"
    "3s5z"
    "3s5z_vs_3s6z"
    "3s_vs_3z"
    "3s_vs_4z"
    "3s_vs_5z"
    "1c3s5z"
    "2m_vs_1z"
    "corridor"
    "6h_vs_8z"
    "2s_vs_1sc"
    "so_many_baneling"
    "bane_vs_bane"
    "2c_vs_64zg"
    "1o_10b_vs_1r"
    "1o_2r_vs_4r"
    "5z_vs_1ul"
    "terran_5_vs_5"
    "terran_10_vs_10"
    "terran_10_vs_11"
    "terran_20_vs_20"
    "terran_20_vs_23"
    "protoss_5_vs_5"
    "protoss_10_vs_10"
    "protoss_10_vs_11"
    "protoss_20_vs_20"
    "protoss_20_vs_23"
    "zerg_5_vs_5"
    "zerg_10_vs_10"
    "zerg_10_vs_11"
    "zerg_20_vs_20"
    "zerg_20_vs_23"
};

/// Each file's scenario, once it was asked for.
static PARSED: [OnceLock<Option<Arc<Scenario>>>; FILES.len()] =
    [const { OnceLock::new() }; FILES.len()];

/// The built-in scenarios' names.
pub fn names() -> impl ExactSizeIterator<Item = &'static str> {
    FILES.iter().map(|&(name, _)| name)
}

/// The built-in scenario of this name.
pub fn builtin(name: &str) -> Option<Arc<Scenario>> {
    let index = names().position(|known| known == name)?;
    let parse = || Scenario::parse(FILES[index].1).ok().map(Arc::new);
    PARSED[index].get_or_init(parse).clone()
}

/// The text of a built-in scenario's file, to begin one's own with.
pub fn builtin_text(name: &str) -> Option<&'static str> {
    FILES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|&(_, text)| text)
}
