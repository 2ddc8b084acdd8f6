//! An agent on a machine of its own.

use crate::Sizes;
use crate::call::{
    Failure, attempt, exclusive, first, flags, free, handle, numbers, of_file, output, shared,
};
use commformer_env::Rng;
use commformer_methods::alone::{self, TrainedAgent};
use commformer_model::decentralised::{Action, Packet};
use std::ffi::c_char;

/// `commformer_agent` of the header.
#[derive(Debug)]
pub struct Agent {
    agent: TrainedAgent,
    rng: Rng,
    /// What the last call handed out, and the letters that it points to.
    packets: Vec<Packet>,
    outgoing: Vec<Letter>,
    awaited: Vec<Awaited>,
    continuous: Vec<f32>,
}

/// `commformer_letter` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct Letter {
    pub round: usize,
    pub other: usize,
    pub content: *const u8,
    pub bytes: usize,
}

/// `commformer_awaited` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct Awaited {
    pub round: usize,
    pub sender: usize,
}

/// `commformer_exchange` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct Exchange {
    pub outgoing: *const Letter,
    pub outgoing_count: usize,
    pub awaited: *const Awaited,
    pub awaited_count: usize,
    pub decided: bool,
    pub action: i64,
    pub continuous: *const f32,
}

impl Agent {
    fn new(file: &[u8], number: usize, seed: u64) -> Result<Self, Failure> {
        Ok(Self {
            agent: TrainedAgent::read(file, number)?,
            rng: Rng::new(seed, number as u64),
            packets: Vec::new(),
            outgoing: Vec::new(),
            awaited: Vec::new(),
            continuous: Vec::new(),
        })
    }

    /// Hands out what it says and waits for.
    fn hand_out(&mut self, exchange: alone::Exchange) -> Exchange {
        self.packets.clear();
        self.outgoing.clear();
        for alone::Letter {
            round,
            other,
            packet,
        } in exchange.outgoing
        {
            // A packet's bytes stay where they are when it is moved.
            let content: &[u8] = packet.as_ref();
            self.outgoing.push(Letter {
                round,
                other,
                content: content.as_ptr(),
                bytes: content.len(),
            });
            self.packets.push(packet);
        }
        self.awaited.clear();
        let awaited = exchange.awaited.into_iter();
        (self.awaited).extend(awaited.map(|(round, sender)| Awaited { round, sender }));
        let decided = exchange.action.is_some();
        self.continuous.clear();
        let mut action = -1;
        match exchange.action {
            Some(Action::Discrete(chosen)) => action = chosen as i64,
            Some(Action::Continuous(numbers)) => self.continuous = numbers,
            None => {}
        }
        Exchange {
            outgoing: first(&self.outgoing),
            outgoing_count: self.outgoing.len(),
            awaited: first(&self.awaited),
            awaited_count: self.awaited.len(),
            decided,
            action,
            continuous: first(&self.continuous),
        }
    }
}

/// # Safety
/// `path` is NULL or a text that ends with a 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_agent_open(
    path: *const c_char,
    agent: usize,
    seed: u64,
) -> *mut Agent {
    // SAFETY: by the caller's promise.
    handle(|| unsafe { of_file(path, |file| Agent::new(file, agent, seed)) })
}

/// # Safety
/// `file` is NULL or points to so many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_agent_read(
    file: *const u8,
    bytes: usize,
    agent: usize,
    seed: u64,
) -> *mut Agent {
    // SAFETY: by the caller's promise.
    handle(|| Agent::new(unsafe { numbers("file", file, bytes) }?, agent, seed))
}

/// # Safety
/// `agent` is NULL or an agent that is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_agent_close(agent: *mut Agent) {
    // SAFETY: by the caller's promise.
    unsafe { free(agent) }
}

/// # Safety
/// Each is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_agent_sizes(agent: *const Agent, sizes: *mut Sizes) -> bool {
    attempt(false, || {
        // SAFETY: by the caller's promise.
        let (agent, sizes) = unsafe { (shared("agent", agent)?, output("sizes", sizes)?) };
        sizes.write(Sizes::new(agent.agent.sizes(), agent.agent.obs_version()));
        Ok(true)
    })
}

/// # Safety
/// `agent` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_agent_forget(agent: *mut Agent) -> bool {
    attempt(false, || {
        // SAFETY: by the caller's promise.
        unsafe { exclusive("agent", agent) }?.agent.forget();
        Ok(true)
    })
}

/// # Safety
/// Each is NULL or valid, with the numbers that the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_agent_begin(
    agent: *mut Agent,
    obs: *const f32,
    available: *const u8,
    exchange: *mut Exchange,
) -> bool {
    attempt(false, || {
        // SAFETY: by the caller's promise.
        let (agent, exchange) =
            unsafe { (exclusive("agent", agent)?, output("exchange", exchange)?) };
        let sizes = agent.agent.sizes();
        // SAFETY: by the caller's promise.
        let (obs, available) = unsafe {
            let available = flags(available, sizes.actions.width());
            (numbers("obs", obs, sizes.obs_dim)?, available)
        };
        let next = (agent.agent).begin(obs, available.as_deref(), &mut agent.rng)?;
        exchange.write(agent.hand_out(next));
        Ok(true)
    })
}

/// # Safety
/// Each is NULL or valid; `letters` points to so many, and the content of each to its bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_agent_receive(
    agent: *mut Agent,
    letters: *const Letter,
    count: usize,
    exchange: *mut Exchange,
) -> bool {
    attempt(false, || {
        // SAFETY: by the caller's promise.
        let (agent, exchange, letters) = unsafe {
            let letters = numbers("letters", letters, count)?;
            (
                exclusive("agent", agent)?,
                output("exchange", exchange)?,
                letters,
            )
        };
        let mut received = Vec::with_capacity(count);
        for letter in letters {
            // SAFETY: by the caller's promise.
            let content = unsafe { numbers("a letter's content", letter.content, letter.bytes) }?;
            received.push(alone::Letter {
                round: letter.round,
                other: letter.other,
                packet: Packet::from(content.to_vec()),
            });
        }
        let next = agent.agent.receive(&received)?;
        exchange.write(agent.hand_out(next));
        Ok(true)
    })
}
