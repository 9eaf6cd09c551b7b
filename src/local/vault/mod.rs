//! Values that functions are given without standing in a spec: parameters of the Systems Manager, and secrets of the
//! Secrets Manager. Only what it takes to set and to read them.

mod parameters;
mod secrets;

pub use parameters::Parameters;
pub use secrets::Secrets;

use super::common::Common;
use super::disk::{Batch, DiskError};
use super::error::ApiError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What stands on disk, and in memory by `REGION/NAME`.
struct Shelf<T> {
    common: Common,
    table: &'static str,
    items: Mutex<BTreeMap<String, T>>,
}

impl<T: Clone + Serialize + DeserializeOwned> Shelf<T> {
    fn open(common: Common, table: &'static str) -> Result<Self, DiskError> {
        let items = common.disk.load::<T>(table)?.into_iter().collect();
        Ok(Self { common, table, items: Mutex::new(items) })
    }

    fn get(&self, region: &str, name: &str) -> Option<T> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).get(&format!("{region}/{name}")).cloned()
    }

    /// Changes one, and answers once that is on disk. The change refuses before it touches anything.
    async fn change<A>(
        &self,
        region: &str,
        name: &str,
        change: impl FnOnce(&mut Option<T>) -> Result<A, ApiError> + Send,
    ) -> Result<A, ApiError> {
        let (answer, saved) = {
            let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
            let key = format!("{region}/{name}");
            let mut item = items.get(&key).cloned();
            let answer = change(&mut item)?;
            let batch = match item {
                Some(item) => {
                    let batch = Batch::new().put(self.table, &key, &item);
                    items.insert(key, item);
                    batch
                }
                None => {
                    items.remove(&key);
                    Batch::new().delete(self.table, &key)
                }
            };
            (answer, self.common.disk.commit(batch))
        };
        saved.wait().await?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests;
