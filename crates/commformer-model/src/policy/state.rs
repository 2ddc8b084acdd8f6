//! The policy's tensors: what of them is trained, what is saved and loaded, and what it learns of observations.

use tch::Tensor;

use crate::network::EDGE_LOGITS;
use crate::{CommFormer, ModelError};
use commformer_nn::torch::take_in;

impl CommFormer {
    /// The edge logits (N, N), the parameter of the upper level: a leaf of its own, in the policy's memory. Nobody may
    /// write through it while the policy or a replica is in a call: the kernels read parameters as slices.
    pub fn edge_logits(&self) -> &Tensor {
        &self.leaves()[self.network.edge_logits.index()]
    }

    /// The parameters of the lower level: every trained leaf but the edge logits, in a fixed
    /// order. Some leaves pack several tensors of [`CommFormer::state`], and are named after them.
    ///
    /// Without relation terms (`relation: false`), the tensors that only those read are not
    /// trained, and so not listed.
    ///
    /// They share the policy's memory. Nobody may write through them while the policy or a replica is in a call: the
    /// kernels read parameters as slices.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        let layout = self.network.layout.leaves();
        let named = |slot: usize| {
            (
                layout[slot].name.clone(),
                self.leaves()[slot].shallow_clone(),
            )
        };
        self.network.trained().map(named).collect()
    }

    /// Contiguous copies of all tensors under their names on disk, edge logits included.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.parameters.state()
    }

    /// Copies saved tensors into the parameters, in place. Nothing is changed unless all fit.
    ///
    /// Under a shared head only the edge logits depend on the number of agents, and weights of a team of another size
    /// fit: agents keep their places, and what no agent of the saved team was for another keeps its present logit.
    ///
    /// # Errors
    /// An error that names the missing, unexpected, misshapen or doubled tensor, or one of another kind.
    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<(), ModelError> {
        let fitted: Vec<_> = (state.iter())
            .map(|(name, saved)| {
                let saved = match self.config().shared_head && name == EDGE_LOGITS {
                    true => self.fit_logits(saved)?,
                    false => saved.shallow_clone(),
                };
                Ok((name.clone(), saved))
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(self.parameters.load_state(&fitted)?)
    }

    /// Edge logits of a team of another size for this one; what are none stay as they are.
    fn fit_logits(&self, saved: &Tensor) -> Result<Tensor, ModelError> {
        // Left as it is, it is refused under its name; made to fit, it would be cast.
        if !saved.defined() || !saved.f_is_floating_point()? {
            return Ok(saved.shallow_clone());
        }
        let own = self.config().agents as i64;
        let both = match saved.size()[..] {
            [rows, columns] if rows == columns && rows != own && rows > 0 => rows.min(own),
            _ => return Ok(saved.shallow_clone()),
        };
        let fitted = self.edge_logits().detach().copy();
        let corner = |of: &Tensor| of.f_narrow(0, 0, both)?.f_narrow(1, 0, both);
        corner(&fitted)?.f_copy_(&corner(saved)?)?;
        Ok(fitted)
    }

    /// Adds observations, rows of O numbers, to what the policy knows of each feature's mean and variance, under
    /// [`crate::ObsNorm::Running`]; those count whose agent is `active`. A replica sees it, too. Between two calls the
    /// policy is a fixed function: a trainer calls it when it has learned from a rollout, an evaluation never.
    ///
    /// # Errors
    /// [`ModelError::Input`] when there is not one flag for each row.
    pub fn take_in(&mut self, rows: &[f32], active: &[bool]) -> Result<(), ModelError> {
        let Some(moments) = self.network.encoder.moments else {
            return Ok(());
        };
        let (found, expected) = (rows.len(), active.len() * self.config().obs_dim);
        if found != expected {
            return Err(ModelError::Input {
                input: "rows",
                problem: format!(
                    "found {found} numbers, expected {expected}, obs_dim for each flag"
                ),
            });
        }
        take_in(
            moments.map(|slot| &self.leaves()[slot.index()]),
            rows,
            active,
        );
        Ok(())
    }
}
