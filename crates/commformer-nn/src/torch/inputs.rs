//! Whether tensors fit a network.

use crate::NetworkError;
use tch::{Device, Kind, Tensor};

/// Whose inputs are checked, and where they are to be.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    /// What messages call the network, such as `policy`.
    pub of: &'static str,
    /// Where its parameters are.
    pub device: Device,
}

impl Inputs {
    /// Refuses a tensor of another kind, or on another device than the network.
    ///
    /// # Errors
    /// [`NetworkError::Input`].
    pub fn check_kind(
        &self,
        input: &'static str,
        x: &Tensor,
        expected: Kind,
    ) -> Result<(), NetworkError> {
        let problem = match (x.kind(), x.device()) {
            (kind, _) if kind != expected => {
                format!("has elements of kind {kind:?}, expected {expected:?}")
            }
            (_, device) if device != self.device => format!(
                "is on {device:?}, expected {:?}, where the {} is",
                self.device, self.of
            ),
            _ => return Ok(()),
        };
        Err(NetworkError::Input { input, problem })
    }

    /// Refuses what is no tensor (B, N, `width`) of f32 for teams of `agents`, or of any size (`None`), and returns B and N.
    ///
    /// # Errors
    /// [`NetworkError::Shape`] or [`NetworkError::Input`].
    pub fn check_agents(
        &self,
        input: &'static str,
        x: &Tensor,
        agents: Option<usize>,
        width: usize,
    ) -> Result<[i64; 2], NetworkError> {
        let found = x.size();
        let fits = |team: i64| agents.map_or(team > 0, |agents| team == agents as i64);
        match found[..] {
            [batch, team, wide] if batch > 0 && fits(team) && wide == width as i64 => {
                self.check_kind(input, x, Kind::Float)?;
                Ok([batch, team])
            }
            _ => {
                let agents = agents.map_or("N".to_owned(), |agents| agents.to_string());
                Err(NetworkError::Shape {
                    input,
                    expected: format!("(B, {agents}, {width}) with B at least 1"),
                    found,
                })
            }
        }
    }
}
