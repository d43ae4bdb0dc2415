//! Who may dial a host right now: few connects at once, and the first ones of a start spread out.
//!
//! A file of its own because it is the one thing that sources share with each other. It limits only
//! connects that are under way; open streams are not counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Connects to one host that may be under way at once.
const IN_FLIGHT: usize = 2;

/// All hosts. Clones are handles to the same ones.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    hosts: Arc<Mutex<BTreeMap<String, Arc<Host>>>>,
}

#[derive(Debug)]
struct Host {
    slots: Semaphore,
    sources: AtomicUsize,
}

/// One source's place at the gate of its host, given back when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Dial(Arc<Place>);

#[derive(Debug)]
struct Place(Arc<Host>);

impl Gate {
    /// A gate that no source has a place at yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a place for one more source of this host. Taken for every source before the first one
    /// runs, so that each knows whether it is alone.
    #[must_use]
    pub fn dial(&self, host: &str) -> Dial {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, host| host.sources.load(Ordering::Relaxed) > 0);
        let host = hosts.entry(host.to_owned()).or_insert_with(|| {
            Arc::new(Host {
                slots: Semaphore::new(IN_FLIGHT),
                sources: AtomicUsize::new(0),
            })
        });
        host.sources.fetch_add(1, Ordering::Relaxed);
        Dial(Arc::new(Place(Arc::clone(host))))
    }
}

impl Dial {
    /// Waits until one more connect may be under way; it is until what this returns is dropped.
    pub(super) async fn slot(&self) -> SemaphorePermit<'_> {
        let slot = self.0.0.slots.acquire().await;
        slot.expect("the gate is never closed")
    }

    /// Whether another source dials the same host.
    pub(super) fn is_shared(&self) -> bool {
        self.0.0.sources.load(Ordering::Relaxed) > 1
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.sources.fetch_sub(1, Ordering::Relaxed);
    }
}
