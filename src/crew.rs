//! Tasks with names, of which some are exchanged while the others go on.
//!
//! A room of its own because sources and sinks come, change and go alike: what stays the same notices
//! nothing, and a successor begins only when its predecessor has ended, so that no two ever do the
//! same work. It knows nothing of what its tasks do.

use std::collections::BTreeMap;

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::model::Name;

/// Named tasks. Each has a mark that tells whether it is still the one that is wanted.
#[derive(Debug)]
pub struct Crew<M> {
    stop: CancellationToken,
    /// Where they run.
    runtime: Handle,
    members: BTreeMap<Name, Member<M>>,
    /// Those that were asked to leave, until they have a successor.
    leaving: BTreeMap<Name, CancellationToken>,
    /// Each answers whether it was asked to end.
    tasks: JoinSet<bool>,
}

#[derive(Debug)]
struct Member<M> {
    mark: M,
    leave: CancellationToken,
    /// Cancelled once the task has ended.
    ended: CancellationToken,
}

impl<M: PartialEq> Crew<M> {
    /// No task yet; all of them run there and end with `stop`.
    #[must_use]
    pub fn new(stop: CancellationToken, runtime: Handle) -> Self {
        Self {
            stop,
            runtime,
            members: BTreeMap::new(),
            leaving: BTreeMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Whether there is a task of this name with this mark.
    #[must_use]
    pub fn has(&self, name: &Name, mark: &M) -> bool {
        self.members
            .get(name)
            .is_some_and(|member| member.mark == *mark)
    }

    /// Asks those to end that are not wanted any more.
    pub fn keep(&mut self, mut wanted: impl FnMut(&Name, &M) -> bool) {
        let unwanted = |name: &Name, member: &mut Member<M>| !wanted(name, &member.mark);
        for (name, member) in self.members.extract_if(.., unwanted) {
            member.leave.cancel();
            self.leaving.insert(name, member.ended);
        }
        self.leaving.retain(|_, ended| !ended.is_cancelled());
    }

    /// Adds a task. It begins once a task of the same name that was asked to end has ended; it is
    /// given the token that asks it to end.
    pub fn add<T>(&mut self, name: Name, mark: M, task: impl FnOnce(CancellationToken) -> T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let (leave, ended) = (self.stop.child_token(), CancellationToken::new());
        let earlier = self.leaving.remove(&name);
        // Boxed, since a future has room for what it begins with and once more for what it then waits for.
        let work = Box::pin(task(leave.clone()));
        let (left, done) = (leave.clone(), ended.clone());
        let member = async move {
            if let Some(earlier) = earlier {
                earlier.cancelled().await;
            }
            work.await;
            done.cancel();
            left.is_cancelled()
        };
        self.tasks.spawn_on(member, &self.runtime);
        self.members.insert(name, Member { mark, leave, ended });
    }

    /// Waits until a task ends that was not asked to; for ever, if none does.
    ///
    /// # Panics
    /// When a task does: a fault of ours, which must not leave its work undone in silence.
    pub async fn unasked(&mut self) {
        loop {
            let Some(ended) = self.tasks.join_next().await else {
                return std::future::pending().await;
            };
            if !was_asked(ended) {
                return;
            }
        }
    }

    /// Waits until every task has ended.
    ///
    /// # Panics
    /// When a task does.
    pub async fn all_ended(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            was_asked(ended);
        }
    }
}

fn was_asked(ended: Result<bool, JoinError>) -> bool {
    match ended {
        Ok(was_asked) => was_asked,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::FutureExt;

    use super::*;

    type Log = Arc<Mutex<Vec<String>>>;

    /// A task that says when it begins and, once it may, when it ends.
    fn add(crew: &mut Crew<u32>, log: &Log, name: &str, mark: u32, may_end: CancellationToken) {
        let log = Arc::clone(log);
        let said = format!("{name}{mark}");
        crew.add(Name::new(name).expect("a name"), mark, |leave| async move {
            let say = |what: &str| log.lock().expect("no panic").push(format!("{what} {said}"));
            say("begins");
            leave.cancelled().await;
            may_end.cancelled().await;
            say("ends");
        });
    }

    async fn turns() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_successor_begins_when_its_predecessor_has_ended_and_others_go_on() {
        let (stop, log) = (CancellationToken::new(), Log::default());
        let said = |log: &Log| std::mem::take(&mut *log.lock().expect("no panic"));
        let (first, free) = (CancellationToken::new(), CancellationToken::new());
        free.cancel();
        let mut crew = Crew::new(stop.clone(), Handle::current());
        add(&mut crew, &log, "a", 1, first.clone());
        add(&mut crew, &log, "b", 1, free.clone());
        turns().await;
        assert_eq!(said(&log), ["begins a1", "begins b1"]);

        crew.keep(|name, _| name.as_str() == "b");
        add(&mut crew, &log, "a", 2, free.clone());
        turns().await;
        assert!(said(&log).is_empty(), "the first one has not ended");
        assert!(crew.has(&Name::new("a").expect("a name"), &2));
        first.cancel();
        turns().await;
        assert_eq!(said(&log), ["ends a1", "begins a2"]);
        assert_eq!(crew.unasked().now_or_never(), None, "it was asked to");

        stop.cancel();
        crew.all_ended().await;
        let mut ends = said(&log);
        ends.sort();
        assert_eq!(ends, ["ends a2", "ends b1"]);
    }

    #[tokio::test]
    async fn an_end_that_nobody_asked_for_is_told() {
        let mut crew = Crew::new(CancellationToken::new(), Handle::current());
        crew.add(Name::new("a").expect("a name"), (), |_| async {});
        crew.unasked().await;
    }
}
