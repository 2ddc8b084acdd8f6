//! Lets the agents of a team decide each by itself, and counts what they send. The weights are a new policy's; those of
//! a checkpoint are read with `Weights::of_parts`.
//!
//! ```sh
//! cargo run -p commformer-model --example alone
//! ```

use commformer_model::decentralised::{Action, OpenEdges, Team, Weights};
use commformer_model::{ActionSpace, CommFormer, Input, PolicyConfig};
use std::error::Error;
use tch::{Device, Tensor};

fn main() -> Result<(), Box<dyn Error>> {
    let config = PolicyConfig::new(3, 4, ActionSpace::Discrete(5));
    let mut state = 0.0f32;
    let mut numbers = || {
        state += 1.0;
        state.sin()
    };
    let policy = CommFormer::new(&config, Device::Cpu, &mut numbers)?;
    let obs: Vec<f32> = (0..12).map(|at| (at as f32).cos()).collect();
    // Row the receiver, column the sender: 0 hears 2, 1 hears 0, 2 hears 1.
    let graph = [0f32, 0., 1., 1., 0., 0., 0., 1., 0.];

    let weights = Weights::new(&policy)?;
    let mut team = Team::new(weights, 3)?;
    let turns = team.perceive(&obs, None)?;
    let step = team.act(turns, &OpenEdges::new(&graph)?, None)?;
    for (agent, action) in step.actions.iter().enumerate() {
        println!("agent {agent}: {action:?}");
    }
    let sent = &step.delivered;
    println!("{} messages, {} bytes", sent.messages(), sent.bytes());

    // The same by the policy that acts for all agents of many teams.
    let embedding = policy.embed(&Tensor::from_slice(&obs).view([1, 3, 4]))?;
    let graph = Tensor::from_slice(&graph).view([1, 3, 3]);
    let act = policy.act(&Input::new(&embedding, &graph), None)?;
    let together = Vec::<i64>::try_from(act.actions.view([-1]))?;
    let together: Vec<Action> = (together.iter())
        .map(|action| Action::Discrete(*action as usize))
        .collect();
    assert_eq!(step.actions, together);
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Box<dyn Error>> {
    main()
}
