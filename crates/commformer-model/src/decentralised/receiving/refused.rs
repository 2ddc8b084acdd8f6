//! What an agent refuses of its messages.

use super::Receiving;
use crate::ModelError;
use crate::config::PreviousAction;
use crate::decentralised::mail::Inbox;

impl Receiving {
    /// Refuses letters of those whom it does not hear now.
    pub(super) fn check_senders(
        &self,
        inbox: &Inbox<'_>,
        now: impl Fn(usize) -> bool,
    ) -> Result<(), ModelError> {
        let heard = |sender| sender != self.agent && self.links.hears(sender) && now(sender);
        let mut senders = inbox.letters().iter().map(|(sender, _)| *sender);
        match senders.find(|sender| !heard(*sender)) {
            None => Ok(()),
            Some(sender) => Err(ModelError::Input {
                input: "inbox",
                problem: format!(
                    "agent {} found a message of agent {sender}, whom it does not hear in this round",
                    self.agent
                ),
            }),
        }
    }

    /// Refuses the action of the agent before it where there is no such agent, and, if the action is for those who hear
    /// that agent, where this one does not.
    pub(super) fn check_previous(&self, inbox: &Inbox<'_>) -> Result<(), ModelError> {
        let heard = self.config().previous_action == PreviousAction::Heard;
        let problem = match self.agent.checked_sub(1) {
            _ if inbox.previous().is_none() => return Ok(()),
            None => {
                "agent 0 found the action of the agent before it, expected none: it is the first"
                    .to_owned()
            }
            Some(before) if heard && !self.links.hears(before) => format!(
                "agent {} found the action of agent {before}, whom it does not hear in this step",
                self.agent
            ),
            Some(_) => return Ok(()),
        };
        Err(ModelError::Input {
            input: "inbox",
            problem,
        })
    }
}

/// Refuses what an agent made of its observation and its messages when that is not finite.
pub(super) fn check_made(numbers: &[f32]) -> Result<(), ModelError> {
    match numbers.iter().all(|number| number.is_finite()) {
        true => Ok(()),
        false => Err(ModelError::Input {
            input: "inbox",
            problem: "what the agent makes of its observation and its messages is not finite, expected numbers of the \
                      size that it saw in training"
                .to_owned(),
        }),
    }
}
