//! What becomes of a source whose key, or its access, is in doubt.
//!
//! A file of its own because here nothing is dialled: REST alone tells whether a key is gone for good,
//! gone for a time, or good after all.

use tokio::time::sleep;

use super::super::report::Withdrawn;
use super::super::words;
use super::{Course, Refused, shown};
use crate::sources::policy::Next;
use crate::sources::ttmt_rest::Probe;

impl Course<'_, '_> {
    /// One request tells what became of the key.
    pub(super) async fn probe(&mut self) -> Result<(), Refused> {
        let Some(account) = &self.parts.account else {
            return self.resume("access in doubt").await;
        };
        self.report.activity("asking what became of the key");
        match account.probe().await {
            Probe::Revoked => Err(Refused(Withdrawn::Revoked)),
            Probe::Suspended => Err(Refused(Withdrawn::AccessDisabled)),
            Probe::Valid => self.resume("the key is good after all").await,
            Probe::Unknown(reason) => self.resume(&reason).await,
        }
    }

    async fn resume(&mut self, why: &str) -> Result<(), Refused> {
        let parts = self.parts;
        self.desk.set_withdrawn(None);
        match self.policy.resume(&mut || (parts.jitter)()) {
            Next::Wait(wait) => self.wait(wait, why).await,
            _ => Ok(()),
        }
    }

    /// The key is refused: for good, or until a slow probe finds it good again.
    pub(super) async fn withdrawn(&mut self, how: Withdrawn) {
        self.desk.poll(None);
        self.desk.set_withdrawn(Some(how));
        self.report.withdrawn(how);
        if how == Withdrawn::Revoked || !self.is_back().await {
            self.report.withdrawn(Withdrawn::Revoked);
            if let Some(budget) = &self.parts.budget {
                budget.close();
            }
            self.park(words::PARKED).await
        }
        self.desk.set_withdrawn(None);
    }

    /// Probes slowly until access is back; false once the key is refused for good.
    async fn is_back(&mut self) -> bool {
        let parts = self.parts;
        loop {
            let wait = self.policy.probe_wait(&mut || (parts.jitter)());
            self.report.activity(format!(
                "asking again in {} s: {}",
                shown(wait),
                words::SUSPENDED
            ));
            sleep(wait).await;
            let Some(account) = &parts.account else {
                return true;
            };
            match account.probe().await {
                Probe::Valid => return true,
                Probe::Revoked => return false,
                Probe::Suspended | Probe::Unknown(_) => {}
            }
        }
    }

    /// Nothing more is sent until the configuration changes, which starts the source anew.
    pub(super) async fn park<T>(&mut self, reason: &str) -> T {
        self.desk.poll(None);
        self.report.fault(reason);
        self.report.activity(format!("stopped: {reason}"));
        tracing::error!(source = %self.parts.name, reason, "source parked");
        std::future::pending().await
    }
}
