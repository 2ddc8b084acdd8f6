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

/// All of them, the default first.
pub const ALL: [Preset; 16] = [
    Preset {
        name: DEFAULT,
        toml: include_str!("../../presets/predator-prey.toml"),
    },
    Preset {
        name: "predator-prey-10x10",
        toml: include_str!("../../presets/predator-prey-10x10.toml"),
    },
    Preset {
        name: "predator-prey-20x20",
        toml: include_str!("../../presets/predator-prey-20x20.toml"),
    },
    Preset {
        name: "predator-prey-gate",
        toml: include_str!("../../presets/predator-prey-gate.toml"),
    },
    Preset {
        name: "predator-capture-prey",
        toml: include_str!("../../presets/predator-capture-prey.toml"),
    },
    Preset {
        name: "predator-capture-prey-10x10",
        toml: include_str!("../../presets/predator-capture-prey-10x10.toml"),
    },
    Preset {
        name: "predator-capture-prey-20x20",
        toml: include_str!("../../presets/predator-capture-prey-20x20.toml"),
    },
    Preset {
        name: "predator-capture-prey-gate",
        toml: include_str!("../../presets/predator-capture-prey-gate.toml"),
    },
    Preset {
        name: "signal",
        toml: include_str!("../../presets/signal.toml"),
    },
    Preset {
        name: "signal-gate",
        toml: include_str!("../../presets/signal-gate.toml"),
    },
    Preset {
        name: "traffic-junction-easy",
        toml: include_str!("../../presets/traffic-junction-easy.toml"),
    },
    Preset {
        name: "traffic-junction-medium",
        toml: include_str!("../../presets/traffic-junction-medium.toml"),
    },
    Preset {
        name: "traffic-junction-hard",
        toml: include_str!("../../presets/traffic-junction-hard.toml"),
    },
    Preset {
        name: "smac-3m",
        toml: include_str!("../../presets/smac-3m.toml"),
    },
    Preset {
        name: "smac-8m",
        toml: include_str!("../../presets/smac-8m.toml"),
    },
    Preset {
        name: "released",
        toml: include_str!("../../presets/released.toml"),
    },
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
    ALL.into_iter()
        .find(|preset| preset.name == name)
        .ok_or_else(|| {
            let names = ALL.map(|preset| preset.name);
            ConfigError::UnknownPreset {
                name: name.to_owned(),
                hint: match nearest(name, names.into_iter()) {
                    Some(nearest) => {
                        format!("did you mean `{nearest}`? `commformer presets` lists all")
                    }
                    None => format!("there are {}", names.join(", ")),
                },
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EnvConfig;

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
        assert_eq!(sizes("released"), ("predator-prey", 3, 261));
    }

    #[test]
    fn the_release_trains_without_a_limit_and_is_judged_with_one() {
        let config = find("released").unwrap().config().unwrap();
        assert!(config.env.is_endless());
        assert!(
            !config
                .env
                .with_limit(config.eval.episode_limit)
                .is_endless()
        );
        assert!(matches!(config.env, EnvConfig::PredatorPrey(_)));
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
