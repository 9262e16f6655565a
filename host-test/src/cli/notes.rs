//! What a command adds to the errors of its calls: the component knows neither this machine nor the command line.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use mv_clip_host::{CallError, FailureKind, Reply};

use super::clock;
use super::key::Source;
use super::output::print_message;

/// The notes of a command, each once.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<BTreeSet<String>>);

impl Notes {
    /// Returns the result of a call with a key from this source, and keeps the notes about its failure.
    pub(super) fn observe<T>(&self, reply: Reply<T>, key: &Source) -> Result<T, CallError> {
        if let Err(error) = &reply.result {
            let of_clock = clock::note(error, &reply.report);
            let is_refused = error
                .failure()
                .is_some_and(|failure| failure.kind == FailureKind::Unauthorized);
            let of_key = is_refused.then(|| key.to_string());
            let Self(notes) = self;
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.extend(of_clock.into_iter().chain(of_key));
        }
        reply.result
    }

    /// Prints the notes.
    pub(super) fn print(self) {
        let Self(notes) = self;
        for note in notes.into_inner().unwrap_or_else(PoisonError::into_inner) {
            print_message("note", &note);
        }
    }
}
