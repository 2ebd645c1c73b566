//! The committed content of executables' stores, as JavaScript has read or written it last.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use wasmhook_engine::store::{self, Snapshot, Store, StoreAccess};

/// One key of an executable's store, and what it holds.
#[napi(object, object_to_js = false)]
pub struct StoreChange {
    /// The key.
    pub key: Buffer,
    /// What it holds; left out where it goes.
    pub value: Option<Buffer>,
}

/// What one call may do with its executable's store.
#[napi(object, object_to_js = false)]
pub struct StoreOptions {
    /// Whether it is the call's turn to write. One that begins to store out of turn is ended, and
    /// its outcome says so.
    pub in_turn: bool,
    /// The most bytes of keys and values.
    pub bytes_max: u32,
    /// The most keys.
    pub keys_max: u32,
}

/// What a call stored, as it crosses: for each key the lengths of key and value (each four bytes,
/// little endian), the key and the value.
pub(crate) fn encode(stored: &BTreeMap<store::Bytes, store::Bytes>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in stored {
        for part in [key, value] {
            // Each is within STORE_BYTES, far below four gigabytes.
            bytes.extend((part.len() as u32).to_le_bytes());
        }
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
    }
    bytes
}

/// The stores that are known, by group.
#[derive(Default)]
pub struct Stores(Mutex<HashMap<u64, Arc<Store>>>);

impl Stores {
    /// Replaces what is known of a group's store; the size of all keys and values, in bytes.
    pub fn load(&self, group: u64, content: Vec<StoreChange>) -> usize {
        let snapshot = Snapshot::default().with(changes(content));
        let bytes = snapshot.bytes();
        self.lock().entry(group).or_default().publish(snapshot);
        bytes
    }

    /// Makes committed changes known; nothing where the group's store is not.
    pub fn apply(&self, group: u64, committed: Vec<StoreChange>) -> Option<usize> {
        let store = self.find(group)?;
        let snapshot = store.newest().with(changes(committed));
        let bytes = snapshot.bytes();
        store.publish(snapshot);
        Some(bytes)
    }

    /// Forgets a group's store; calls under way keep it.
    pub fn forget(&self, group: u64) {
        self.lock().remove(&group);
    }

    /// What a call of the group may do, where its store is known.
    pub fn access(&self, group: u64, options: &StoreOptions) -> Option<StoreAccess> {
        Some(StoreAccess {
            store: self.find(group)?,
            in_turn: options.in_turn,
            bytes_max: options.bytes_max as usize,
            keys_max: options.keys_max as usize,
        })
    }

    fn find(&self, group: u64) -> Option<Arc<Store>> {
        self.lock().get(&group).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Store>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn changes(list: Vec<StoreChange>) -> impl Iterator<Item = (store::Bytes, Option<store::Bytes>)> {
    list.into_iter().map(|change| {
        let value = change.value.map(|value| store::Bytes::from(&*value));
        (store::Bytes::from(&*change.key), value)
    })
}
