//! Methods whose agents talk, against PyTorch: `tests/golden/talk.py` wrote what it makes of small teams.

use commformer_env::{ActionSpace, Spec};
use commformer_methods::{MethodConfig, Team, TeamConfig};
use commformer_train::{
    Evaluation, GateEvaluation, GateSamples, Gates, Level, ObsBatch, Samples, Sequence, TeamGraphs,
    by_autograd,
};
use safetensors::SafeTensors;
use serde_json::{Map, Value};
use std::collections::HashMap;
use tch::{Device, Kind, Tensor};

/// Largest difference of a number from PyTorch's, as a share of the largest number, of outputs and of gradients.
const OUTPUT: f64 = 1e-5;
const GRADIENT: f64 = 1e-4;

const SCORES: [&str; 6] = [
    "log_probs",
    "entropy",
    "values",
    "gate_log_probs",
    "gate_entropy",
    "gate_values",
];

/// The tensors of one case.
struct Case<'a> {
    name: &'a str,
    tensors: &'a HashMap<String, Tensor>,
}

impl Case<'_> {
    fn get(&self, what: &str) -> Option<&Tensor> {
        self.tensors.get(&format!("{}.{what}", self.name))
    }

    fn of(&self, what: &str) -> &Tensor {
        self.get(what)
            .unwrap_or_else(|| panic!("{}: no {what}", self.name))
    }

    /// A team with the case's parameters.
    fn team(&self, method: &Value) -> Box<dyn Team> {
        let config = TeamConfig {
            method: serde_json::from_value::<MethodConfig>(method.clone()).unwrap(),
            known_scales: true,
            ..TeamConfig::default()
        };
        let obs = self.of("obs").size();
        let spec = Spec::new(obs[1] as usize, obs[2] as usize, ActionSpace::Discrete(4));
        let mut team = config
            .method
            .method()
            .team(&config, &spec, Device::Cpu)
            .unwrap();
        let state = team.state().into_iter();
        let theirs = state.map(|(name, own)| {
            let theirs = self.of(&format!("param/{name}"));
            assert_eq!(theirs.size(), own.size(), "{name}");
            (name, theirs.shallow_clone())
        });
        team.load_state(&theirs.collect::<Vec<_>>()).unwrap();
        team
    }

    #[track_caller]
    fn assert_close(&self, what: &str, found: &Tensor, tolerance: f64) {
        let expected = self.of(what);
        assert_eq!(found.size(), expected.size(), "{} {what}", self.name);
        let most = |x: &Tensor| x.detach().abs().max().double_value(&[]);
        let off = most(&(found - expected)) / most(expected).max(1.0);
        assert!(off < tolerance, "{} {what}: {off}", self.name);
    }

    fn graph(&self, of: Tensor) -> TeamGraphs {
        TeamGraphs {
            graphs: self.of("graphs").shallow_clone(),
            of: Some(of),
        }
    }

    /// Scores and gradients on either backend.
    fn check_training(&self, team: &dyn Team, autograd: bool) {
        let begins = self.of("begins");
        let open = self.get("open");
        let gate = open.map(|open| GateSamples {
            open: open.shallow_clone(),
            noise: open.zeros_like(),
        });
        let samples = Samples {
            sequence: Some(Sequence {
                steps: begins.size()[0] as usize,
                begins,
            }),
            batch: ObsBatch {
                obs: self.of("obs"),
                available: None,
                graph: &self.graph(self.of("graph_of").shallow_clone()),
                active: Some(self.of("active")),
                state: None,
                memory: Some(self.of("memory")),
            },
            actions: self.of("actions"),
            gate: gate.as_ref(),
        };
        let mut loss = |found: &Evaluation| {
            let mut scores = vec![&found.log_probs, &found.entropy, &found.values];
            if let Some(GateEvaluation::Action {
                log_probs,
                entropy,
                values,
                ..
            }) = &found.gate
            {
                scores.extend([log_probs, entropy, values]);
            }
            assert_eq!(scores.len(), if open.is_some() { 6 } else { 3 });
            let terms = scores.into_iter().zip(SCORES).map(|(score, name)| {
                self.assert_close(&format!("score/{name}"), score, OUTPUT);
                (score * self.of(&format!("weight/{name}"))).sum(Kind::Float)
            });
            terms.sum()
        };
        let mut noise = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        let gradients = match autograd {
            true => by_autograd(team, Level::Lower, &samples, &mut noise, &mut loss),
            false => team.gradients(Level::Lower, &samples, &mut noise, &mut loss),
        };
        self.check_gradients(team, &gradients.unwrap());
    }

    /// A leaf's gradient has its parts one below the other, as the leaf has the parameters.
    fn check_gradients(&self, team: &dyn Team, gradients: &[Tensor]) {
        let mut parts = team.state().into_iter();
        for ((leaf, _), gradient) in team.parameters().iter().zip(gradients) {
            let mut rest = gradient.size()[0];
            while rest > 0 {
                let (name, part) = parts.next().unwrap();
                let (start, rows) = (gradient.size()[0] - rest, part.size()[0]);
                let found = gradient.narrow(0, start, rows);
                self.assert_close(&format!("gradient/{name}"), &found, GRADIENT);
                rest -= rows;
                assert!(rest >= 0, "{leaf}");
            }
        }
        assert!(parts.next().is_none());
    }

    /// What is remembered after the last step of acting, together or with every agent alone.
    fn check_acting(&self, team: &dyn Team, alone: bool) {
        let begins = self.of("begins");
        let (steps, teams) = (begins.size()[0], begins.size()[1]);
        let mut memory = self.of("memory").shallow_clone();
        for step in 0..steps {
            let part = |what: &str| self.of(what).narrow(0, step * teams, teams);
            memory *= 1.0 - begins.get(step).unsqueeze(-1);
            let active = part("active");
            let batch = ObsBatch {
                obs: &part("obs"),
                available: None,
                graph: &self.graph(part("graph_of")),
                active: Some(&active),
                state: None,
                memory: Some(&memory),
            };
            // Noise that makes gates decide as they did.
            let noise = self.get("open").map(|_| part("open") * (1.0 - 2e-6) + 1e-6);
            let gates = noise.as_ref().map_or(Gates::Open, Gates::Drawn);
            let act = match alone {
                true => team.act_apart(&batch, gates, None).unwrap().act,
                false => team.act(&batch, gates, None).unwrap(),
            };
            memory = act.memory.unwrap();
        }
        self.assert_close("after", &memory, OUTPUT);
    }
}

#[test]
fn teams_that_talk_do_what_pytorch_does() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/talk.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let cases = &metadata.metadata().as_ref().unwrap()["cases"];
    let cases: Map<String, Value> = serde_json::from_str(cases).unwrap();
    let tensors = Tensor::read_safetensors(path)
        .unwrap()
        .into_iter()
        .collect();
    assert!(cases.len() >= 11);
    for (name, method) in &cases {
        let case = Case {
            name,
            tensors: &tensors,
        };
        let team = case.team(method);
        for autograd in [false, true] {
            case.check_training(&*team, autograd);
        }
        for alone in [false, true] {
            case.check_acting(&*team, alone);
        }
    }
}
