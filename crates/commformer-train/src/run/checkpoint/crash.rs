//! What a power cut can leave of a run's checkpoints: every state of the disk that the log of file operations allows.
//!
//! The model is harsher than most file systems: of a file that was not synced after it was written there is nothing, a half or
//! all; of the changes to a folder's names since it was synced there is any beginning, whatever other folders have.

use super::disk::log::{self, Operation};
use super::{Checkpoint, CheckpointStore, TrainState, Which};
use crate::ValueNorm;
use commformer_torch::AdamState;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// A folder's entries: the numbers of nodes.
type Names = BTreeMap<String, usize>;

/// A change to a folder's names.
#[derive(Clone, Debug)]
enum Change {
    Set(String, usize),
    Unset(String),
    /// At once: the old name goes and the new one is there.
    Move(String, String, usize),
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Set(name, node) => drop(names.insert(name.clone(), *node)),
            Self::Unset(name) => drop(names.remove(name)),
            Self::Move(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Node {
    File {
        bytes: Vec<u8>,
        synced: bool,
    },
    Folder {
        synced: Names,
        /// Since then.
        changes: Vec<Change>,
    },
}

/// A disk whose root, node 0, is an empty folder at first.
#[derive(Clone, Debug)]
struct Disk(Vec<Node>);

impl Disk {
    fn new() -> Self {
        Self(vec![Node::empty()])
    }

    /// A folder's names as the program sees them.
    fn names(&self, folder: usize) -> Names {
        let Node::Folder { synced, changes } = &self.0[folder] else {
            panic!("no folder")
        };
        let mut names = synced.clone();
        changes.iter().for_each(|change| change.apply(&mut names));
        names
    }

    fn find(&self, path: &Path) -> usize {
        path.iter()
            .fold(0, |folder, name| self.names(folder)[name.to_str().unwrap()])
    }

    fn change(&mut self, folder: usize, change: Change) {
        let Node::Folder { changes, .. } = &mut self.0[folder] else {
            panic!("no folder")
        };
        changes.push(change);
    }

    fn add(&mut self, path: &Path, node: Node) {
        let (parent, number) = (self.find(path.parent().unwrap()), self.0.len());
        self.0.push(node);
        self.change(parent, Change::Set(name(path), number));
    }

    /// Carries out an operation; paths are below `root`.
    fn carry_out(&mut self, operation: &Operation, root: &Path) {
        let below = |path: &Path| path.strip_prefix(root).unwrap().to_owned();
        match operation {
            Operation::CreateFolder(path) => self.add(&below(path), Node::empty()),
            Operation::Write(path, bytes) => {
                let (bytes, synced) = (bytes.clone(), false);
                self.add(&below(path), Node::File { bytes, synced });
            }
            Operation::SyncFile(path) => {
                let found = self.find(&below(path));
                let Node::File { synced, .. } = &mut self.0[found] else {
                    panic!("no file")
                };
                *synced = true;
            }
            Operation::SyncFolder(path) => {
                let found = self.find(&below(path));
                let names = self.names(found);
                self.0[found] = Node::Folder {
                    synced: names,
                    changes: Vec::new(),
                };
            }
            Operation::Rename(from, to) => {
                let (from, to) = (below(from), below(to));
                let (parent, node) = (self.find(from.parent().unwrap()), self.find(&from));
                assert_eq!(from.parent(), to.parent());
                self.change(parent, Change::Move(name(&from), name(&to), node));
            }
            Operation::RemoveFolder(path) => {
                let path = below(path);
                let (parent, folder) = (self.find(path.parent().unwrap()), self.find(&path));
                for name in self.names(folder).into_keys() {
                    self.change(folder, Change::Unset(name));
                }
                self.change(parent, Change::Unset(name(&path)));
            }
        }
    }

    /// In how many ways a node can have come to the disk.
    fn ways(&self, node: usize) -> usize {
        match &self.0[node] {
            Node::File { synced: true, .. } => 1,
            Node::File { .. } => 3,
            Node::Folder { changes, .. } => changes.len() + 1,
        }
    }

    /// Writes what is left of a folder if its nodes came to the disk so.
    fn leave(&self, folder: usize, ways: &[usize], to: &Path) {
        let Node::Folder { synced, changes } = &self.0[folder] else {
            panic!("no folder")
        };
        let mut names = synced.clone();
        for change in &changes[..ways[folder]] {
            change.apply(&mut names);
        }
        for (name, node) in names {
            let path = to.join(name);
            match &self.0[node] {
                Node::Folder { .. } => {
                    fs::create_dir(&path).unwrap();
                    self.leave(node, ways, &path);
                }
                Node::File {
                    bytes,
                    synced: true,
                } => fs::write(path, bytes).unwrap(),
                Node::File { bytes, .. } => {
                    fs::write(path, &bytes[..bytes.len() * ways[node] / 2]).unwrap();
                }
            }
        }
    }

    /// Calls `each` with every choice of ways.
    fn states(&self, mut each: impl FnMut(&[usize])) {
        let most: Vec<usize> = (0..self.0.len()).map(|node| self.ways(node)).collect();
        let mut ways = vec![0; most.len()];
        loop {
            each(&ways);
            let Some(next) = (0..ways.len()).find(|&node| ways[node] + 1 < most[node]) else {
                return;
            };
            ways[..next].fill(0);
            ways[next] += 1;
        }
    }
}

impl Node {
    fn empty() -> Self {
        Self::Folder {
            synced: Names::new(),
            changes: Vec::new(),
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn checkpoint(iteration: u64) -> Checkpoint {
    let adam = AdamState {
        step: iteration,
        moments: Vec::new(),
    };
    let weight = Tensor::full([2], iteration as f64, (Kind::Float, Device::Cpu));
    Checkpoint {
        weights: vec![("weight".into(), weight)],
        state: TrainState {
            iteration,
            steps: iteration,
            obs_version: 1,
            lower: adam.clone(),
            upper: adam,
            value_norm: ValueNorm::default(),
            graph: Vec::new(),
            gated: false,
            budget: Vec::new(),
            best: None,
            envs: None,
            recurrent: Vec::new(),
        },
    }
}

#[test]
fn no_power_cut_costs_a_checkpoint_that_was_saved() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("root");
    fs::create_dir(&root).unwrap();
    let run = Path::new("new/run");
    log::begin();
    let store = CheckpointStore::create(&root.join(run), 1).unwrap();
    // How many operations were done when each was saved.
    let saved: Vec<(usize, u64)> = [1, 2, 3]
        .map(|iteration| {
            store.save(&checkpoint(iteration)).unwrap();
            (log::count(), iteration)
        })
        .into();
    let operations = log::end();

    let (mut disk, mut states) = (Disk::new(), 0);
    for done in 0..=operations.len() {
        if let Some(last) = done.checked_sub(1) {
            disk.carry_out(&operations[last], &root);
        }
        let sure = saved.iter().rev().find(|(after, _)| *after <= done);
        let sure = sure.map(|(_, iteration)| *iteration);
        disk.states(|ways| {
            states += 1;
            let left = scratch.path().join(format!("left-{states}"));
            fs::create_dir(&left).unwrap();
            disk.leave(0, ways, &left);
            let found =
                CheckpointStore::open(&left.join(run)).and_then(|store| store.load(Which::Latest));
            match (found, sure) {
                (Ok(found), _) => {
                    let found = found.checkpoint;
                    let iteration = found.state.iteration;
                    assert_eq!(
                        found.weights,
                        checkpoint(iteration).weights,
                        "{done} {ways:?}"
                    );
                    assert!(Some(iteration) >= sure, "{done} {ways:?}: only {iteration}");
                }
                (Err(_), None) => {}
                (Err(error), Some(sure)) => panic!("{done} {ways:?}: {sure} is lost: {error}"),
            }
            fs::remove_dir_all(&left).unwrap();
        });
    }
    println!(
        "{} operations, {states} states of the disk",
        operations.len()
    );
    assert!(states > 100);
}
