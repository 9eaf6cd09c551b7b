//! The notifiers of all specs.

use super::{Health, Notifier};
use crate::daemon::{Listener, Notice};
use async_trait::async_trait;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Hands news to the notifier of its spec. News of a spec that tells nobody is taken and forgotten.
#[derive(Default)]
pub struct Switchboard {
    notifiers: RwLock<BTreeMap<String, Arc<Notifier>>>,
}

impl Switchboard {
    /// Ends the notifier that a spec had and puts another in its place: both go on with the same outbox, one after the other.
    /// It is called between two checks of the spec, so that no news comes meanwhile.
    pub async fn set(&self, spec: &str, at_most: Duration, start: impl FnOnce() -> Notifier + Send) {
        let before = self.notifiers.write().unwrap_or_else(PoisonError::into_inner).remove(spec);
        if let Some(before) = before {
            before.stop(at_most).await;
        }
        self.notifiers.write().unwrap_or_else(PoisonError::into_inner).insert(spec.to_owned(), Arc::new(start()));
    }

    /// Lets every message that was not tried yet be tried, and ends.
    pub async fn finish(&self, at_most: Duration) {
        let all: Vec<Arc<Notifier>> = self.notifiers.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let end = |notifier: Arc<Notifier>| async move {
            notifier.settle(at_most).await;
            notifier.stop(at_most).await;
        };
        join_all(all.into_iter().map(end)).await;
    }

    fn of(&self, spec: &str) -> Option<Arc<Notifier>> {
        self.notifiers.read().unwrap_or_else(PoisonError::into_inner).get(spec).cloned()
    }
}

#[async_trait]
impl Listener for Switchboard {
    async fn take(&self, notices: &[Notice]) -> Result<(), String> {
        let mut by_spec: BTreeMap<&str, Vec<Notice>> = BTreeMap::new();
        notices.iter().for_each(|notice| by_spec.entry(&notice.spec).or_default().push(notice.clone()));
        for (spec, notices) in by_spec {
            if let Some(notifier) = self.of(spec) {
                notifier.take(&notices).await?;
            }
        }
        Ok(())
    }

    fn health(&self, spec: &str) -> Vec<Health> {
        self.of(spec).map(|notifier| notifier.health()).unwrap_or_default()
    }
}
