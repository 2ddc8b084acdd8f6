//! Configurations that come with the program.

use super::schema::nearest;
use super::{Config, ConfigError, Overrides};

/// A configuration with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// What the user types.
    pub name: &'static str,
    /// Its TOML; the first line is a comment that says what it is.
    pub toml: &'static str,
}

/// The one that is used when none is named.
pub const DEFAULT: &str = "predator-prey";

/// The presets of these names, each a file in `presets/`.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(Preset {
            name: $name,
            toml: include_str!(concat!("../../presets/", $name, ".toml")),
        }),*]
    };
}

/// All of them, the default first.
pub const ALL: &[Preset] = files![
    "predator-prey",
    "predator-prey-10x10",
    "predator-prey-20x20",
    "predator-prey-gate",
    "predator-capture-prey",
    "predator-capture-prey-10x10",
    "predator-capture-prey-20x20",
    "predator-capture-prey-gate",
    "signal",
    "signal-gate",
    "traffic-junction-easy",
    "traffic-junction-medium",
    "traffic-junction-hard",
    "smac-3m",
    "smac-8m",
    "smac-2s3z",
    "smac-1c3s5z",
    "smac-MMM",
    "smac-2c_vs_64zg",
    "smac-3s5z",
    "smac-5m_vs_6m",
    "smac-8m_vs_9m",
    "smac-10m_vs_11m",
    "smac-25m",
    "smac-27m_vs_30m",
    "smac-MMM2",
    "smac-6h_vs_8z",
    "smac-3s5z_vs_3s6z",
    "smac-3s_vs_5z",
    "smac-corridor",
    "smac-bane_vs_bane",
    "smac-1o_2r_vs_4r",
    "smac-5z_vs_1ul",
    "smac-1o_10b_vs_1r",
    "smac-1o_2r_vs_4r-position",
    "smac-1o_10b_vs_1r-position",
    "smac-3s5z-sight3",
    "smac-MMM-sight3",
    "smac-5m_vs_6m-sight3",
    "smac-terran_5_vs_5-hidden",
    "smac-protoss_5_vs_5-hidden",
    "smac-zerg_5_vs_5-hidden",
    "lbf-8x8-2p-2f-coop",
    "lbf-10x10-3p-3f",
    "rware-tiny-2ag",
    "rware-tiny-4ag",
    "simple-spread",
    "football-3_vs_1",
    "football-pass_and_shoot",
    "football-run_pass_and_shoot",
    "football-counterattack_easy",
    "football-counterattack_hard",
    "released",
];

impl Preset {
    /// What it is, in a line.
    pub fn description(&self) -> &'static str {
        self.toml
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches('#')
            .trim()
    }

    /// The configuration itself.
    ///
    /// # Errors
    ///
    /// None for the presets in [`ALL`].
    pub fn config(&self) -> Result<Config, ConfigError> {
        Config::resolve(Some(self.name), &Overrides::default())
    }
}

/// The preset of this name.
///
/// # Errors
///
/// [`ConfigError::UnknownPreset`], which names the nearest one.
pub fn find(name: &str) -> Result<Preset, ConfigError> {
    let found = ALL.iter().find(|preset| preset.name == name);
    found.copied().ok_or_else(|| {
        let names = ALL.iter().map(|preset| preset.name);
        ConfigError::UnknownPreset {
            name: name.to_owned(),
            hint: match nearest(name, names.clone()) {
                _ if name.ends_with(".toml") => format!("a file is named so: `--config {name}`"),
                Some(nearest) => {
                    format!("did you mean `{nearest}`? `commformer presets` lists all")
                }
                None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
            },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TaskConfig;
    use commformer_env::BuiltIn;

    #[test]
    fn every_preset_is_valid_described_and_reads_back() {
        for preset in ALL {
            let config = preset
                .config()
                .unwrap_or_else(|error| panic!("{}: {error}", preset.name));
            assert!(
                preset.toml.starts_with("# ") && preset.description().len() > 20,
                "{}",
                preset.name
            );
            let text = config.to_toml().unwrap();
            assert_eq!(
                Config::parse(&text, crate::config::Source::Default).unwrap(),
                config
            );
        }
    }

    #[test]
    fn sizes_are_those_of_the_literature() {
        let sizes = |name: &str| {
            let config = find(name).unwrap().config().unwrap();
            let spec = config.env.build().unwrap().spec().clone();
            (config.env.kind(), spec.agents, spec.obs_dim)
        };
        assert_eq!(sizes("predator-prey"), ("predator-prey", 3, 261));
        assert_eq!(sizes("predator-prey-10x10"), ("predator-prey", 5, 936));
        assert_eq!(sizes("predator-prey-20x20"), ("predator-prey", 10, 3636));
        assert_eq!(
            sizes("predator-capture-prey"),
            ("predator-capture-prey", 3, 261)
        );
        assert_eq!(
            sizes("predator-capture-prey-10x10"),
            ("predator-capture-prey", 5, 936)
        );
        assert_eq!(
            sizes("predator-capture-prey-20x20"),
            ("predator-capture-prey", 10, 3636)
        );
        assert_eq!(sizes("signal"), ("signal", 8, 13));
        assert_eq!(sizes("signal-gate"), ("signal", 8, 13));
        for (name, agents, obs_dim) in [
            ("traffic-junction-easy", 5, 137),
            ("traffic-junction-medium", 10, 533),
            ("traffic-junction-hard", 20, 1325),
        ] {
            assert_eq!(sizes(name), ("traffic-junction", agents, obs_dim));
        }
        assert_eq!(sizes("predator-prey-gate"), ("predator-prey", 3, 261));
        assert_eq!(sizes("smac-3m"), ("smac", 3, 64));
        assert_eq!(sizes("smac-8m"), ("smac", 8, 204));
        assert_eq!(sizes("lbf-8x8-2p-2f-coop"), ("lbf", 2, 12));
        assert_eq!(sizes("lbf-10x10-3p-3f"), ("lbf", 3, 18));
        assert_eq!(sizes("rware-tiny-2ag"), ("rware", 2, 71));
        assert_eq!(sizes("rware-tiny-4ag"), ("rware", 4, 71));
        assert_eq!(sizes("released"), ("predator-prey", 3, 261));
    }

    #[test]
    fn the_release_trains_without_a_limit_and_is_evaluated_with_one() {
        let config = find("released").unwrap().config().unwrap();
        assert!(config.env.is_endless());
        assert!(
            !config
                .env
                .with_limit(config.eval.episode_limit)
                .is_endless()
        );
        assert!(matches!(
            config.env.task,
            TaskConfig::BuiltIn(BuiltIn::PredatorPrey(_))
        ));
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let message = find("preditor-prey").unwrap_err().to_string();
        assert!(
            message.contains("did you mean `predator-prey`?"),
            "{message}"
        );
        let message = find("chess").unwrap_err().to_string();
        assert!(message.contains("there are predator-prey, "), "{message}");
    }
}
