//! An executable's key-value store as one call sees it: what was committed when it first looked,
//! and on top of it what the call itself has stored. Nothing here touches a disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::error::{Code, Failure};

/// Keys and values are shared between the snapshots that have them in common.
pub type Bytes = Arc<[u8]>;

/// What a key that holds nothing loads as: a count, an i32 or an i64 of zero. It lets a guest tell
/// that it is the first to use a key, which the original's host ended the call over.
const NOTHING: [u8; 8] = [0; 8];

/// What was committed at one time; it never changes.
#[derive(Default)]
pub struct Snapshot {
    entries: HashMap<Bytes, Bytes>,
    bytes: usize,
}

impl Snapshot {
    /// This snapshot with `changes` made to it: a value to hold, or nothing.
    pub fn with(&self, changes: impl IntoIterator<Item = (Bytes, Option<Bytes>)>) -> Self {
        let (mut entries, mut bytes) = (self.entries.clone(), self.bytes);
        for (key, value) in changes {
            let added = value.as_ref().map_or(0, |value| size(&key, value));
            let key_bytes = key.len();
            let before = match value {
                Some(value) => entries.insert(key, value),
                None => entries.remove(&key),
            };
            bytes = bytes + added - before.map_or(0, |before| key_bytes + before.len());
        }
        Snapshot { entries, bytes }
    }

    /// The size of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

fn size(key: &[u8], value: &[u8]) -> usize {
    key.len() + value.len()
}

/// The newest snapshot of one executable's store.
#[derive(Default)]
pub struct Store(Mutex<Arc<Snapshot>>);

impl Store {
    /// What calls see that begin to use their store now.
    pub fn newest(&self) -> Arc<Snapshot> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes a newer snapshot known.
    pub fn publish(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

/// What one call may do with its executable's store.
#[derive(Clone)]
pub struct StoreAccess {
    /// What it reads: its newest snapshot at the call's first use of it. A call that waits for a
    /// thread pins none, so that old ones do not gather.
    pub store: Arc<Store>,
    /// Whether it is this call's turn to write. A call that begins to store out of turn is ended,
    /// to be made again when it is: it has done nothing yet that anybody could see.
    pub in_turn: bool,
    /// The most bytes of keys and values.
    pub bytes_max: usize,
    /// The most keys.
    pub keys_max: usize,
}

/// What a call leaves behind that used its store.
pub struct StoreReport {
    /// Whether it began to store.
    pub began: bool,
    /// What it stored; to be committed if the call succeeded.
    pub stored: BTreeMap<Bytes, Bytes>,
}

/// One call's use of its store. At most one sequence is read and one written at a time; beginning
/// another drops the one before.
pub struct Session {
    access: StoreAccess,
    snapshot: Arc<Snapshot>,
    loading: Option<(Bytes, usize)>,
    storing: Option<(Bytes, Vec<u8>)>,
    report: StoreReport,
    bytes: usize,
    keys: usize,
}

impl Session {
    /// A session that has done nothing yet.
    pub fn new(access: StoreAccess) -> Self {
        let snapshot = access.store.newest();
        Session {
            bytes: snapshot.bytes,
            keys: snapshot.entries.len(),
            access,
            snapshot,
            loading: None,
            storing: None,
            report: StoreReport {
                began: false,
                stored: BTreeMap::new(),
            },
        }
    }

    /// Ends the session. A sequence that was begun and not ended is not stored.
    pub fn finish(self) -> StoreReport {
        self.report
    }

    /// Begins to read what `key` holds.
    pub fn begin_load(&mut self, key: &[u8]) {
        let value = self.get(key).cloned();
        self.loading = Some((value.unwrap_or_else(|| Bytes::from(NOTHING)), 0));
    }

    /// The next bytes of the sequence being read.
    pub fn load<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let Some((value, at)) = &mut self.loading else {
            return Err(misuse("loaded a number outside of a load transaction"));
        };
        let Some(bytes) = value.get(*at..*at + N) else {
            return Err(misuse("loaded past the end of what the key holds"));
        };
        *at += N;
        Ok(bytes.try_into().expect("N bytes"))
    }

    /// Ends reading.
    pub fn end_load(&mut self) {
        self.loading = None;
    }

    /// Begins a new sequence for `key`.
    pub fn begin_store(&mut self, key: &[u8]) -> Result<(), Failure> {
        self.report.began = true;
        if !self.access.in_turn {
            // Nobody sees it: `began` says what to do.
            return Err(Failure::internal(&"a call stored out of turn"));
        }
        self.storing = Some((Bytes::from(key), Vec::new()));
        Ok(())
    }

    /// Adds to the sequence being written.
    pub fn store<const N: usize>(&mut self, bytes: [u8; N]) -> Result<(), Failure> {
        let Some((key, value)) = &mut self.storing else {
            return Err(misuse("stored a number outside of a store transaction"));
        };
        // No longer one can be held, and the guest shall not use up our memory to be told so later.
        if size(key, value) + N > self.access.bytes_max {
            return Err(self.too_many_bytes());
        }
        value.extend_from_slice(&bytes);
        Ok(())
    }

    /// Ends the sequence being written: from now on the key holds it, as far as this call goes.
    pub fn end_store(&mut self) -> Result<(), Failure> {
        let Some((key, value)) = self.storing.take() else {
            return Err(misuse("ended a store transaction that it had not begun"));
        };
        let before = self.get(&key).map(|before| size(&key, before));
        let bytes = self.bytes - before.unwrap_or(0) + size(&key, &value);
        let keys = self.keys + usize::from(before.is_none());
        if bytes > self.access.bytes_max {
            return Err(self.too_many_bytes());
        }
        if keys > self.access.keys_max {
            return Err(self.too_many_keys());
        }
        (self.bytes, self.keys) = (bytes, keys);
        self.report.stored.insert(key, value.into());
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Option<&Bytes> {
        let own = self.report.stored.get(key);
        own.or_else(|| self.snapshot.entries.get(key))
    }

    fn too_many_bytes(&self) -> Failure {
        self.full(format!("{} bytes", self.access.bytes_max))
    }

    fn too_many_keys(&self) -> Failure {
        self.full(format!("{} keys", self.access.keys_max))
    }

    fn full(&self, most: String) -> Failure {
        Failure::new(
            Code::StoreFull,
            format!(
                "The function's storage may hold {most}; nothing was stored. Delete keys with \
                 DELETE /api/executables/:id/storage/:key."
            ),
        )
        .with(json!({
            "store_bytes": self.access.bytes_max,
            "store_keys": self.access.keys_max,
        }))
    }
}

fn misuse(what: &str) -> Failure {
    Failure::new(Code::GuestAbi, format!("The function {what}."))
}
