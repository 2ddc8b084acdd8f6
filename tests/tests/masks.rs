//! Agents that come and go: what belongs to one that is not active reaches nobody and teaches nothing.

mod common;

use commformer::compose;
use commformer_env::{Actions, Buffers, Rng, VecEnv};
use commformer_methods::TeamPolicy;
use commformer_train::{
    Act, Actor, EvaluateOptions, Evaluation, GateSamples, GateTargets, GateTerms, Gates,
    LearnedGraph, Level, Needs, ObsBatch, Policy, PpoConfig, Purpose, Samples, Targets, TeamGraphs,
    evaluate, loss,
};
use common::{config, resolve};
use tch::{Device, Kind, Tensor};

const NUM_ENVS: usize = 6;

/// Situations of Traffic Junction with who is active, (B, N, O) and (B, N): each step of some environments.
fn traffic() -> (Tensor, Tensor) {
    let task = resolve("traffic-junction-easy", &[]).env.build().unwrap();
    let (agents, width) = (task.spec().agents, task.spec().obs_dim);
    let envs = (0..NUM_ENVS).map(|_| resolve("traffic-junction-easy", &[]).env.build().unwrap());
    let mut envs = VecEnv::new(envs.collect(), 1).unwrap();
    let mut out = Buffers::of(&envs);
    let (mut all_obs, mut all_active) = (Vec::new(), Vec::new());
    let mut rng = Rng::new(2, 0);
    out.reset(&mut envs).unwrap();
    for _ in 0..12 {
        let actions: Vec<i64> = (0..NUM_ENVS * agents)
            .map(|_| rng.below(2).into())
            .collect();
        out.step(&mut envs, Actions::Discrete(&actions)).unwrap();
        all_obs.extend_from_slice(&out.obs);
        all_active.extend(out.active.iter().map(|is| f32::from(u8::from(*is))));
    }
    let agents = agents as i64;
    (
        Tensor::from_slice(&all_obs).view([-1, agents, width as i64]),
        Tensor::from_slice(&all_active).view([-1, agents]),
    )
}

/// All that is known of the samples.
struct Data {
    obs: Tensor,
    memory: Option<Tensor>,
    actions: Tensor,
    gate: Option<GateSamples>,
    targets: Targets,
}

/// `own` where an agent is active, else `other`.
fn mix(active: &Tensor, own: &Tensor, other: &Tensor) -> Tensor {
    let mut shape = active.size();
    shape.resize(own.dim(), 1);
    own.where_self(&active.gt(0.5).view(&shape[..]), other)
}

impl Data {
    fn new(policy: &TeamPolicy, obs: &Tensor, active: &Tensor, rng: &mut Rng) -> Self {
        let mut normals = |shape: &[i64]| {
            let count = shape.iter().product::<i64>();
            let numbers: Vec<f32> = (0..count).map(|_| rng.normal()).collect();
            Tensor::from_slice(&numbers).view(shape)
        };
        let size = active.size();
        let wide = |width: usize| [size[0], size[1], width as i64];
        let Needs { gate, memory, .. } = policy.needs();
        let mut one = || normals(&size);
        let [log_probs, values, advantages, returns] = [(); 4].map(|()| one());
        let of_gate = [(); 3].map(|()| one());
        let actions = one().gt(0.0).to_kind(Kind::Int64);
        Self {
            obs: obs.shallow_clone(),
            actions,
            memory: (memory > 0).then(|| normals(&wide(memory)).abs()),
            gate: (gate > 0).then(|| GateSamples {
                open: normals(&wide(gate)).gt(0.0).to_kind(Kind::Float),
                noise: normals(&wide(gate)).sigmoid(),
            }),
            targets: Targets {
                log_probs: log_probs * 0.1,
                values,
                advantages,
                returns,
                active: active.shallow_clone(),
                valued: active.shallow_clone(),
                gate: (gate > 0).then(|| {
                    let [log_probs, values, advantages] = of_gate;
                    GateTargets {
                        log_probs: log_probs * 0.1,
                        values,
                        advantages,
                    }
                }),
            },
        }
    }

    /// The same but for all that belongs to those who are not active.
    fn otherwise(&self, other: &Self) -> Self {
        let active = &self.targets.active;
        let mix = |own: &Tensor, other: &Tensor| mix(active, own, other);
        let memory = self.memory.as_ref().zip(other.memory.as_ref());
        let gate = self.gate.as_ref().zip(other.gate.as_ref());
        let of_gate = self.targets.gate.as_ref().zip(other.targets.gate.as_ref());
        let (own, others) = (&self.targets, &other.targets);
        Self {
            obs: mix(&self.obs, &other.obs),
            memory: memory.map(|(own, other)| mix(own, other)),
            actions: mix(&self.actions, &other.actions),
            gate: gate.map(|(own, other)| GateSamples {
                open: mix(&own.open, &other.open),
                noise: mix(&own.noise, &other.noise),
            }),
            targets: Targets {
                log_probs: mix(&own.log_probs, &others.log_probs),
                values: mix(&own.values, &others.values),
                advantages: mix(&own.advantages, &others.advantages),
                returns: mix(&own.returns, &others.returns),
                active: active.shallow_clone(),
                valued: active.shallow_clone(),
                gate: of_gate.map(|(own, others)| GateTargets {
                    log_probs: mix(&own.log_probs, &others.log_probs),
                    values: mix(&own.values, &others.values),
                    advantages: mix(&own.advantages, &others.advantages),
                }),
            },
        }
    }

    fn batch<'a>(&'a self, graph: &'a TeamGraphs) -> ObsBatch<'a> {
        ObsBatch {
            obs: &self.obs,
            available: None,
            graph,
            active: Some(&self.targets.active),
            state: None,
            memory: self.memory.as_ref(),
        }
    }

    /// The gradients of the trainer's loss, as numbers.
    fn gradients(&self, policy: &TeamPolicy, level: Level) -> Vec<Vec<f32>> {
        let graph = TeamGraphs::new(match level {
            Level::Lower => policy.exact().unwrap().unsqueeze(0),
            Level::Upper => {
                let gumbel = policy.edge_logits().detach().sin().unsqueeze(0);
                policy.sample(&gumbel).unwrap().graphs
            }
        });
        let samples = Samples {
            sequence: None,
            batch: self.batch(&graph),
            actions: &self.actions,
            gate: self.gate.as_ref(),
        };
        let count = self.targets.active.sum(Kind::Double).double_value(&[]);
        let terms = GateTerms {
            entropy_coef: 0.01,
            message: 0.1,
            receiving: 0.1,
        };
        let of_gate = self.gate.is_some().then_some(&terms);
        let mut objective = |found: &Evaluation| {
            loss(&PpoConfig::default(), of_gate, found, &self.targets, count).total
        };
        let mut uniform = |shape: &[i64]| Tensor::full(shape, 0.9, (Kind::Float, Device::Cpu));
        let found = policy.gradients(level, &samples, &mut uniform, &mut objective);
        let numbers = |x: Tensor| Vec::try_from(x.contiguous().view([-1])).unwrap();
        found.unwrap().into_iter().map(numbers).collect()
    }

    fn act(&self, policy: &TeamPolicy) -> Act {
        let graph = TeamGraphs::new(policy.exact().unwrap().unsqueeze(0));
        let gates = match &self.gate {
            Some(gate) => Gates::Drawn(&gate.noise),
            None => Gates::Open,
        };
        tch::no_grad(|| policy.act(&self.batch(&graph), gates, None)).unwrap()
    }
}

/// By the kernels and by libtorch; with every way to learn a gate; with what agents carry.
const KINDS: [&[&str]; 7] = [
    &[],
    &["policy.previous_action='heard'", "policy.blocks=2"],
    &["run.precision='bfloat16'"],
    &["gate.mode='learned'"],
    &[
        "gate.mode='learned'",
        "gate.per='edge'",
        "gate.closed='stale'",
    ],
    &["gate.mode='learned'", "gate.estimator='straight-through'"],
    &[
        "gate.mode='learned'",
        "gate.per='edge'",
        "gate.estimator='straight-through'",
    ],
];

#[test]
fn what_belongs_to_an_inactive_car_changes_no_gradient_and_no_action_of_the_others() {
    let (obs, active) = traffic();
    let share = f64::try_from(active.mean(Kind::Float)).unwrap();
    assert!((0.3..0.9).contains(&share), "{share} are active");
    for set in KINDS {
        let config = config("traffic-junction-easy", set);
        let spec = config.env.spec().unwrap();
        let policy = &TeamPolicy::new(&config.team(), &spec, Device::Cpu).unwrap();
        let mut rng = Rng::new(3, 0);
        let data = Data::new(policy, &obs, &active, &mut rng);
        let strange = Tensor::from_slice(&[7.0f32]).expand(obs.size(), false);
        let other = data.otherwise(&Data::new(policy, &strange, &active, &mut rng));
        assert_ne!(data.obs, other.obs);
        for level in [Level::Lower, Level::Upper] {
            let found = data.gradients(policy, level);
            assert!(
                found.iter().flatten().any(|number| *number != 0.0),
                "{set:?}"
            );
            assert_eq!(found, other.gradients(policy, level), "{level:?} {set:?}");
        }
        let of_active = |act: Act| {
            let nothing = |x: &Tensor| mix(&active, x, &x.zeros_like());
            let actions = act.actions.to_kind(Kind::Float);
            [actions, act.log_probs, act.values].map(|x| nothing(&x))
        };
        assert_eq!(
            of_active(data.act(policy)),
            of_active(other.act(policy)),
            "{set:?}"
        );
        // And whoever comes next in their place begins with nothing.
        if let Some(memory) = data.act(policy).memory {
            let left = mix(
                &active.neg().g_add_scalar(1.0),
                &memory,
                &memory.zeros_like(),
            );
            assert_eq!(f64::try_from(left.abs().max()).unwrap(), 0.0, "{set:?}");
        }
    }
}

/// An agent alone on the road hears nobody, whatever the graph: no message is counted.
#[test]
fn only_messages_between_those_who_take_part_are_counted() {
    let set = ["env.agents=2", "graph.mode='full'"];
    let rates = |rate: &str| {
        let rates = ["env.add_rate_min=", "env.add_rate_max="].map(|key| format!("{key}{rate}"));
        let set: Vec<&str> = set
            .into_iter()
            .chain(rates.iter().map(String::as_str))
            .collect();
        let config = config("traffic-junction-easy", &set);
        let trainer = compose::trainer(&config, Device::Cpu).unwrap();
        let graph = trainer.execution_graph().unwrap();
        let options = EvaluateOptions {
            sampled: Some(4),
            max_steps: 100,
            ..EvaluateOptions::default()
        };
        let mut envs = compose::evaluation(&config, 5, 1, Purpose::FinalEvaluation).unwrap();
        let report = evaluate(trainer.policy(), &graph, &mut envs, &options).unwrap();
        report.message_stats()
    };
    let none = rates("0.0");
    assert_eq!(
        (none.active_steps, none.messages, none.bytes),
        (0.0, 0.0, 0.0)
    );
    // Everybody is there from the second observation to the end.
    let all = rates("1.0");
    assert_eq!(
        (all.agent_steps, all.active_steps),
        (5.0 * 20.0 * 2.0, 5.0 * 19.0 * 2.0)
    );
    assert_eq!(all.messages, all.active_steps);
}
