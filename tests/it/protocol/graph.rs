//! Every state that can be reached, and every step between two.

use std::collections::{HashMap, HashSet, VecDeque};

use super::Bound;
use super::reference::Reference;
use super::steps::Step;

/// Steps that lead to others that have not been taken cost less than a new start up to here.
const NEAR: usize = 6;

/// A state, and the steps that lead on from it.
pub(crate) struct Node {
    pub(crate) reference: Reference,
    pub(crate) steps: Vec<(Step, usize)>,
    /// Which of them have been taken.
    taken: Vec<bool>,
    /// The state before it on a shortest way to it, and the step from there.
    before: Option<(usize, usize)>,
    /// How long that way is.
    depth: usize,
}

/// All of them, those that are nearest to the beginning first.
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// In all before it every step has been taken.
    finished: usize,
}

impl Graph {
    pub(crate) fn new(bound: &Bound) -> Self {
        let mut nodes = vec![Node::new(Reference::new(bound), None, 0)];
        let mut known = HashMap::from([(nodes[0].reference.clone(), 0)]);
        let mut next = 0;
        while next < nodes.len() {
            let reference = nodes[next].reference.clone();
            let depth = nodes[next].depth;
            if depth == bound.steps {
                break;
            }
            for (choice, step) in reference.steps().into_iter().enumerate() {
                let after = reference.after(step);
                let place = *known.entry(after.clone()).or_insert_with(|| {
                    nodes.push(Node::new(after, Some((next, choice)), depth + 1));
                    nodes.len() - 1
                });
                nodes[next].steps.push((step, place));
                nodes[next].taken.push(false);
            }
            next += 1;
        }
        Self { nodes, finished: 0 }
    }

    /// The reference leaves nothing undone: where no step is possible, all has come to its end.
    pub(crate) fn always_comes_to_an_end(&self) {
        for node in &self.nodes {
            let reference = &node.reference;
            let is_stuck = reference.steps().is_empty() && !reference.is_done();
            assert!(!is_stuck, "nothing leads on from {reference:#?}");
        }
    }

    /// The steps of a shortest way to a state.
    pub(crate) fn story(&self, target: usize) -> Vec<Step> {
        let mut at = 0;
        let take = |choice: usize| {
            let (step, next) = self.nodes[at].steps[choice];
            at = next;
            step
        };
        self.way_to(target).into_iter().map(take).collect()
    }

    /// How many steps there are in all.
    pub(crate) fn steps(&self) -> usize {
        self.nodes.iter().map(|node| node.steps.len()).sum()
    }

    /// Notes that a step is taken; answers whether it is for the first time.
    pub(crate) fn take(&mut self, from: usize, choice: usize) -> bool {
        !std::mem::replace(&mut self.nodes[from].taken[choice], true)
    }

    /// The nearest state from which a step has not been taken.
    pub(crate) fn unfinished(&mut self) -> Option<usize> {
        let rest = &self.nodes[self.finished..];
        self.finished += rest.iter().position(Node::is_unfinished)?;
        Some(self.finished)
    }

    /// The shortest way to a state from the beginning.
    pub(crate) fn way_to(&self, target: usize) -> Vec<usize> {
        let mut way = Vec::new();
        let mut at = target;
        while let Some((before, choice)) = self.nodes[at].before {
            way.push(choice);
            at = before;
        }
        way.reverse();
        way
    }

    /// The shortest way on to a step that has not been taken, which is its last one; nothing where there is
    /// none near.
    pub(crate) fn way_on(&self, from: usize) -> Vec<usize> {
        let mut line = VecDeque::from([(from, Vec::new())]);
        let mut seen = HashSet::from([from]);
        while let Some((at, way)) = line.pop_front() {
            let node = &self.nodes[at];
            if let Some(choice) = node.taken.iter().position(|taken| !taken) {
                return [way, vec![choice]].concat();
            }
            if way.len() == NEAR {
                continue;
            }
            for (choice, (_, next)) in node.steps.iter().enumerate() {
                if seen.insert(*next) {
                    line.push_back((*next, [&way[..], &[choice]].concat()));
                }
            }
        }
        Vec::new()
    }
}

impl Node {
    const fn new(reference: Reference, before: Option<(usize, usize)>, depth: usize) -> Self {
        Self {
            reference,
            steps: Vec::new(),
            taken: Vec::new(),
            before,
            depth,
        }
    }

    fn is_unfinished(&self) -> bool {
        self.taken.contains(&false)
    }
}
