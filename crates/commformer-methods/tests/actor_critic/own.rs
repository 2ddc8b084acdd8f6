//! A method of one's own, whose agents decide whether to send by what they see in this step.

use crate::happened::{off, spec};
use crate::{config, of_team};
use commformer_env::ActionSpace;
use commformer_methods::{
    ActorCriticConfig, ActorCriticMethod, Critic, Decides, Heard, Method, Mind, Talk,
};
use commformer_nn::Ops;
use commformer_nn::layers::Gru;
use commformer_nn::layout::{Init, Layout};
use schemars::JsonSchema;
use serde::Serialize;
use tch::{Device, Tensor};

#[derive(Serialize, JsonSchema)]
struct Eager {}

impl ActorCriticMethod for Eager {
    const ABOUT: &str = "agents send where they see something to tell";
    type Talk = Told;

    fn sizes(&self) -> ActorCriticConfig {
        ActorCriticConfig {
            hidden: 8,
            layers: 1,
            ..ActorCriticConfig::default()
        }
    }

    fn critic(&self) -> Critic {
        Critic::Trunk
    }

    fn talk(&self, layout: &mut Layout, name: &str) -> Told {
        Told(Gru::new(layout, name, [8, 8], Init::Orthogonal(1.0)))
    }

    fn decides(&self, _: usize) -> Option<Decides> {
        Some(Decides::Send)
    }
}

#[derive(Clone, Debug)]
struct Told(Gru);

impl Talk for Told {
    fn memory(&self) -> usize {
        8
    }

    fn width(&self) -> usize {
        8
    }

    fn rounds(&self) -> usize {
        1
    }

    fn message(&self) -> usize {
        8
    }

    fn begin<O: Ops>(&self, ops: &mut O, x: O::Value, memory: O::Value) -> Mind<O::Value> {
        let memory = ops.gru(&self.0, &x, &memory);
        let h = ops.same(&memory);
        Mind { x, memory, h }
    }

    fn hear<O: Ops>(
        &self,
        ops: &mut O,
        _: usize,
        mind: &mut Mind<O::Value>,
        said: &O::Value,
        heard: &Heard<O>,
    ) {
        let mean = ops.mean_of_senders(said, &heard.links);
        mind.h = ops.add(&mind.h, &mean);
    }
}

#[test]
fn a_gate_may_decide_by_what_its_agent_sees() {
    let spec = spec(ActionSpace::Discrete(4), 0);
    let team = Eager {}
        .team(&config("ippo", &[]), &spec, Device::Cpu)
        .unwrap();
    let happened = of_team(&*team, &spec, 5);
    let acts = happened.act(&*team);
    let (scores, _) = happened.evaluate(&*team, &acts, false);
    let agree = |of_learning: usize, of_acting: usize| {
        let found = off(&scores[of_learning], &acts[of_acting]);
        assert!(found < 1e-4, "{of_learning}: {found}");
    };
    agree(0, 1);
    agree(3, 4);
    agree(5, 5);
    let real = |x: &Tensor| x.to_kind(tch::Kind::Float);
    happened.walk(|batch, gates, noise| {
        let act = team.act(batch, gates, Some(noise)).unwrap();
        let apart = team.act_apart(batch, gates, Some(noise)).unwrap().act;
        assert_eq!(off(&real(&apart.actions), &real(&act.actions)), 0.0);
        assert_eq!(off(&apart.gate.unwrap().open, &act.gate.unwrap().open), 0.0);
        act.memory
    });
}
