//! `poll_oneoff`: how a guest sleeps. The sleep ends with the call at the latest.

use std::time::Duration;

use wasmtime::{Caller, Linker};

use super::wasi::{EBADF, EINVAL, SUCCESS, with_memory};
use super::{Host, memory};

const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: usize = 32;
/// The most subscriptions of one call; it bounds the host's loop.
const SUBSCRIPTIONS_MAX: u32 = 1024;
const CLOCK: u8 = 0;
const ABSOLUTE: u16 = 1;

struct Subscription {
    userdata: [u8; 8],
    kind: u8,
    errno: i32,
    /// How long until it is due; nothing for streams, which are always ready.
    after: Duration,
}

impl Subscription {
    fn read(bytes: &[u8], host: &Host) -> Self {
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight"));
        let userdata = bytes[..8].try_into().expect("eight bytes");
        let kind = bytes[8];
        let (errno, after) = if kind == CLOCK {
            let absolute = u16::from_le_bytes([bytes[40], bytes[41]]) & ABSOLUTE != 0;
            match host.wasi.clock(u32_at(16) as i32) {
                Some(now) if absolute => (SUCCESS, u64_at(24).saturating_sub(now)),
                Some(_) => (SUCCESS, u64_at(24)),
                None => (EINVAL, 0),
            }
        } else if kind > 2 {
            (EINVAL, 0)
        } else if host.wasi.is_open(u32_at(16) as i32) {
            (SUCCESS, 0)
        } else {
            (EBADF, 0)
        };
        Subscription {
            userdata,
            kind,
            errno,
            after: Duration::from_nanos(after),
        }
    }

    fn event(&self) -> [u8; EVENT_BYTES] {
        let mut event = [0; EVENT_BYTES];
        event[..8].copy_from_slice(&self.userdata);
        event[8..10].copy_from_slice(&(self.errno as u16).to_le_bytes());
        event[10] = self.kind;
        if self.kind != CLOCK {
            // One byte is ready, or the end of the stream: a read never blocks.
            event[16] = 1;
        }
        event
    }
}

/// Defines `poll_oneoff`. Only preview 1: the older layout differs and nothing today emits it.
pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "wasi_snapshot_preview1",
        "poll_oneoff",
        |mut caller: Caller<'_, Host>, subscriptions: u32, events: u32, count: u32, out: u32| {
            if count == 0 || count > SUBSCRIPTIONS_MAX {
                return Ok(EINVAL);
            }
            let mut all = Vec::new();
            let errno = with_memory(&mut caller, |memory, host| {
                let bytes = memory::slice(memory, subscriptions, count * SUBSCRIPTION_BYTES)?;
                let pieces = bytes.chunks_exact(SUBSCRIPTION_BYTES as usize);
                all.extend(pieces.map(|piece| Subscription::read(piece, host)));
                Some(Ok(SUCCESS))
            })?;
            let Some(first) = all.iter().map(|subscription| subscription.after).min() else {
                return Ok(errno);
            };
            if !first.is_zero() {
                caller
                    .data()
                    .deadline
                    .sleep(first)
                    .map_err(wasmtime::Error::new)?;
            }
            with_memory(&mut caller, |memory, _| {
                let mut at = events;
                let mut due = 0u32;
                for subscription in all.iter().filter(|each| each.after <= first) {
                    memory::write(memory, at, &subscription.event())?;
                    at = at.checked_add(EVENT_BYTES as u32)?;
                    due += 1;
                }
                memory::write(memory, out, &due.to_le_bytes())?;
                Some(Ok(SUCCESS))
            })
        },
    )?;
    Ok(())
}
