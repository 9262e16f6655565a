//! Why a command stopped before it was done.

use std::time::Duration;

/// How long a command may take, and what to print if it takes longer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) time: Duration,
    /// Whether the next run continues from what this one leaves.
    pub(super) resumes: bool,
    /// Whether errors are printed as JSON.
    pub(super) json: bool,
}

/// Why a command stops before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Interrupt,
    Terminate,
    Deadline,
}

/// The command stopped before it was done.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{}{}", .reason.what_happened(.limit), .reason.what_to_do(.limit))]
pub(super) struct Stopped {
    pub(super) reason: Reason,
    pub(super) limit: Option<Limit>,
}

impl Reason {
    fn what_happened(self, limit: &Option<Limit>) -> String {
        match (self, limit) {
            (Self::Interrupt, _) => "interrupted".to_owned(),
            (Self::Terminate, _) => "terminated".to_owned(),
            (Self::Deadline, limit) => {
                let seconds = limit.map_or(0, |limit| limit.time.as_secs());
                format!("the command did not end by its deadline of {seconds} s")
            }
        }
    }

    fn what_to_do(self, limit: &Option<Limit>) -> &'static str {
        match (self, limit) {
            (Self::Deadline, Some(Limit { resumes: true, .. })) => {
                "; run the same command again to resume from the files that end in .part, or give it more time with \
                 --deadline"
            }
            (Self::Deadline, _) => "; run it again, or give it more time with --deadline",
            (_, Some(Limit { resumes: true, .. })) => {
                "; run the same command again to resume from the files that end in .part"
            }
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_next_depends_on_the_command() {
        let text = |reason, resumes| {
            let limit = Some(Limit {
                time: Duration::from_secs(240),
                resumes,
                json: false,
            });
            Stopped { reason, limit }.to_string()
        };
        assert_eq!(text(Reason::Interrupt, false), "interrupted");
        assert_eq!(
            text(Reason::Terminate, true),
            "terminated; run the same command again to resume from the files that end in .part"
        );
        assert_eq!(
            text(Reason::Deadline, false),
            "the command did not end by its deadline of 240 s; run it again, or give it more time with --deadline"
        );
    }
}
