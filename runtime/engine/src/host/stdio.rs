//! The standard streams of one call: standard input from the request, output into buffers.

use serde_json::json;

use crate::error::{Code, Failure};

/// What a guest wrote for people to read, up to a cap. A guest is never told of the cap: a
/// function must not fail because it talks too much.
#[derive(Default)]
pub struct Log {
    bytes: Vec<u8>,
    limit: usize,
    truncated: bool,
}

impl Log {
    /// An empty log that keeps `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Log {
            bytes: Vec::new(),
            limit,
            truncated: false,
        }
    }

    /// Keeps as much of `bytes` as fits.
    pub fn write(&mut self, bytes: &[u8]) {
        let room = self.limit.saturating_sub(self.bytes.len());
        let kept = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..kept]);
        self.truncated |= kept < bytes.len();
    }

    /// What was kept, and whether anything was not.
    pub fn take(&mut self) -> (Vec<u8>, bool) {
        (std::mem::take(&mut self.bytes), self.truncated)
    }
}

/// Where standard output goes.
pub enum Stdout {
    /// Into the log, beside standard error.
    Log,
    /// Into the call's result: the guest is a command.
    Result {
        /// What was written so far.
        bytes: Vec<u8>,
        /// The most that a result may have, in bytes.
        limit: usize,
    },
}

impl Stdout {
    /// Writes to the result, or to `log`. Fails when a result grows too long.
    pub fn write(&mut self, log: &mut Log, piece: &[u8]) -> Result<(), Failure> {
        match self {
            Stdout::Log => log.write(piece),
            Stdout::Result { bytes, limit } => {
                if piece.len() > limit.saturating_sub(bytes.len()) {
                    return Err(too_large(*limit));
                }
                bytes.extend_from_slice(piece);
            }
        }
        Ok(())
    }
}

/// The failure of a result longer than `limit` bytes.
pub fn too_large(limit: usize) -> Failure {
    Failure::new(
        Code::OutputTooLarge,
        format!("The result is longer than the {limit} bytes that a call may return."),
    )
    .with(json!({ "output_bytes": limit }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_its_first_bytes_and_says_that_more_came() {
        let mut log = Log::new(5);
        log.write(b"abc");
        log.write(b"defg");
        assert_eq!(log.take(), (b"abcde".to_vec(), true));
    }

    #[test]
    fn a_result_may_fill_its_limit_but_not_pass_it() {
        let mut log = Log::new(0);
        let mut stdout = Stdout::Result {
            bytes: Vec::new(),
            limit: 3,
        };
        stdout.write(&mut log, b"abc").unwrap();
        assert_eq!(
            stdout.write(&mut log, b"d").unwrap_err().code,
            Code::OutputTooLarge
        );
    }
}
