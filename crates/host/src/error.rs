//! Why a call has no result, and why a component is not loaded.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use mv_clip_core::error::FailureKind;
use mv_clip_core::text::{duration, printable};

use crate::limits::Limit;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The component ran, and says why there is no clip.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// [`Limits::wall_time`](crate::Limits::wall_time) ended before the call did.
    #[error("{} {limit:?} (Limits::wall_time){}", .phase.what_happened(), .phase.what_to_do())]
    WallTime {
        /// The wall time.
        limit: Duration,
        /// How far the call came.
        phase: Phase,
    },
    /// The host shut down ([`ClipHost::shut_down`](crate::ClipHost::shut_down)) before the call ended. The
    /// clip of `save_clip` is not stored, unless its destination had all of it already. The same call may
    /// succeed on another host, or later.
    #[error("the host shut down before the call ended; repeat the call on another host")]
    ShuttingDown,
    /// The guest exceeded one of its [`Limits`](crate::Limits).
    #[error("the component was stopped: it needs more than {0}")]
    Limit(Limit),
    /// The guest trapped.
    #[error("the component trapped: {0}")]
    Trap(EngineError),
    /// The component returned a clip of another camera or window than it was asked for, or not one outcome for each clip.
    #[error(
        "the component returned a clip that was not requested, or left one out; use the newest mv-clip.wasm"
    )]
    OtherClip,
    /// The component does not export the interface that the call needs: its world is `clips-only`.
    #[error(
        "this component has no interface meraki-mv:clips/{0}; load one of the world clip-plugin, such as \
         mv-clip.wasm"
    )]
    NotExported(&'static str),
}

impl CallError {
    /// The failure that the component reports. None if the host ended the call.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Clip(error) => error.failure(),
            _ => None,
        }
    }

    /// Whether the same call may succeed later, without a change of its arguments, the settings or the limits.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Clip(error) => error.is_transient(),
            Self::ShuttingDown => true,
            Self::WallTime { phase, .. } => *phase != Phase::Running,
            Self::Limit(_) | Self::Trap(_) | Self::OtherClip | Self::NotExported(_) => false,
        }
    }

    /// After what time the same call may succeed, counted from the call's end. None if that is not known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.failure()?.retry_after_seconds?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// One word for logs and metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Clip(error) => error
                .failure()
                .map_or("execution-failed", |failure| failure.kind.name()),
            Self::WallTime { .. } => "wall-time",
            Self::ShuttingDown => "shutting-down",
            Self::Limit(_) => "limit",
            Self::Trap(_) => "trap",
            Self::OtherClip => "other-clip",
            Self::NotExported(_) => "not-exported",
        }
    }
}

/// How far a call came before its wall time ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// It waited while [`Limits::concurrent_calls`](crate::Limits::concurrent_calls) other calls ran.
    Waiting,
    /// The component was being instantiated.
    Starting,
    /// The guest ran.
    Running,
}

impl Phase {
    fn what_happened(self) -> &'static str {
        match self {
            Self::Waiting => "the call did not start within",
            Self::Starting => "the component was not instantiated within",
            Self::Running => "the component was stopped after",
        }
    }

    fn what_to_do(self) -> &'static str {
        match self {
            Self::Waiting => {
                ", because too many other calls ran; call again later, or raise Limits::concurrent_calls"
            }
            Self::Starting => "; lower Limits::concurrent_calls, or check the component",
            Self::Running => {
                "; set the component's own deadline, MV_CLIP_DEADLINE_SECONDS, to less than that"
            }
        }
    }
}

/// Why there is no clip, as the component says it: the variant `clip-error` of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClipError {
    /// The same call will fail again: change the argument, the setting or the rights first.
    Permanent(Failure),
    /// The same call may succeed later.
    Transient(Failure),
    /// This component never returns it. Durable engines record a lost execution with it.
    ExecutionFailed,
}

impl ClipError {
    /// What went wrong.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Permanent(failure) | Self::Transient(failure) => Some(failure),
            Self::ExecutionFailed => None,
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_) | Self::ExecutionFailed)
    }
}

impl std::error::Error for ClipError {}

impl fmt::Display for ClipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permanent(failure) => f.write_str(&failure.message),
            Self::Transient(failure) => {
                f.write_str(&failure.message)?;
                match failure.retry_after_seconds {
                    Some(seconds) => {
                        let wait = duration(Duration::from_secs(seconds.into()));
                        write!(f, " Try again in {wait}.")
                    }
                    None => Ok(()),
                }
            }
            Self::ExecutionFailed => f.write_str("the execution was lost"),
        }
    }
}

/// What went wrong, for programs and for people: the record `failure` of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The kind of failure, to branch on.
    pub kind: FailureKind,
    /// One or two sentences that say what happened and what to do next, without characters that control a terminal.
    /// Never contains the API key or the URL of a clip. The text may change between releases.
    pub message: String,
    /// The HTTP status of the reply to the last attempt. None if there was no reply.
    pub status: Option<u16>,
    /// The `X-Request-Id` of Meraki's last reply, by which its support finds the request.
    pub request_id: Option<String>,
    /// The number of attempts to get the URL. For `save_clip`, once it has the URL: the number of attempts to save the
    /// clip.
    pub attempts: u32,
    /// After how many seconds the same call may succeed. Only with [`ClipError::Transient`], and only if it
    /// is known.
    pub retry_after_seconds: Option<u32>,
}

/// Why a host cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The component's file cannot be read.
    #[error("cannot read the component {}: {error}", path.display())]
    Read {
        /// The file, as an absolute path.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file cannot be a component.
    #[error("{} is not a WebAssembly component: {problem}; name the file mv-clip.wasm", path.display())]
    NotAComponentFile {
        /// The file, as an absolute path.
        path: PathBuf,
        /// Why not.
        problem: &'static str,
    },
    /// The engine cannot be set up with these limits.
    #[error("cannot set up the engine: {0}")]
    Engine(EngineError),
    /// The bytes are not a component that this host can run: not a component at all, one that imports more
    /// than the world `clip-plugin` or exports less than the world `clips-only`, or one that is larger than
    /// its [`Limits`](crate::Limits). Some limits are the same for every host: 1000 core modules, components and instances
    /// of components, 32 components inside each other, 30 000 functions, and 16 MiB of code, of which one function has at
    /// most 512 KiB. Such a component is not compiled.
    #[error(
        "not a component of the world meraki-mv:clips/clip-plugin or clips-only within its Limits: {0}"
    )]
    Component(EngineError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The process may not open as many files as [`Limits::sockets`](crate::Limits::sockets) needs.
    #[error(transparent)]
    OpenFiles(#[from] OpenFiles),
}

/// More sockets than the process may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{sockets} sockets (Limits::sockets) need a limit of {needed} open files, and this process has {limit}: raise it \
     (`ulimit -n {needed}`, or LimitNOFILE={needed} in systemd), or ask for fewer sockets"
)]
#[non_exhaustive]
pub struct OpenFiles {
    /// The number that was requested.
    pub sockets: usize,
    /// The limit on open files that they need, with what is open already.
    pub needed: usize,
    /// The limit that the process has.
    pub limit: usize,
}

/// Why a folder cannot hold compiled components.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// This user has no cache folder: neither `XDG_CACHE_HOME` nor a home folder is known.
    #[error("this user has no cache folder: choose one with CodeCache::at")]
    NoFolder,
    /// The folder cannot be made or read.
    #[error("cannot use {} for compiled components", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another user could have written to it: see [`CodeCache`](crate::CodeCache).
    #[error(
        "another user could have written to {}, and what is in it would run here: {} {problem}; remove {}, or use \
         another folder", folder.display(), entry.display(), folder.display()
    )]
    NotPrivate {
        /// The folder.
        folder: PathBuf,
        /// The folder, or what in it gives it away.
        entry: PathBuf,
        /// What is wrong with the entry.
        problem: &'static str,
    },
    /// Another user could replace it.
    #[error(
        "another user could replace {}, and what is in it would run here: {} {problem}; use another folder",
        folder.display(), parent.display()
    )]
    Replaceable {
        /// The folder.
        folder: PathBuf,
        /// A folder above it.
        parent: PathBuf,
        /// What is wrong with the folder above it.
        problem: &'static str,
    },
    /// The engine refuses it.
    #[error("cannot use {} for compiled components: {error}", folder.display())]
    Refused {
        /// The folder.
        folder: PathBuf,
        /// What the engine says.
        error: EngineError,
    },
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The root certificates cannot be read, or are not PEM.
    #[error("cannot read root certificates from {origin}: {reason}")]
    Unreadable {
        /// The file, or `the given bytes`.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no `CERTIFICATE` section.
    #[error("{origin} holds no certificate: it must be PEM, with BEGIN CERTIFICATE lines")]
    Empty {
        /// The file, or `the given bytes`.
        origin: String,
    },
    /// A certificate cannot serve as a root.
    #[error("{origin} holds a certificate that cannot serve as a root: {reason}")]
    Unusable {
        /// The file, or `the given bytes`.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// The cryptography provider offers no usable protocol version.
    #[error("TLS cannot be set up: {0}")]
    Provider(String),
}

/// An error of the WebAssembly engine: its message, and those of its causes, in one line of at most 1 KiB.
pub struct EngineError(String);

/// The most bytes of a message that are kept of each end. That of a trap begins with where it occurred, with names from
/// the guest of any length, and ends with what it was.
const KEPT: usize = 500;

impl EngineError {
    // Not `From`, which would make the engine's type part of this library's interface.
    pub(crate) fn new(error: wasmtime::Error) -> Self {
        // The message has names of the guest's functions. In one line, they cannot pass for messages of their own.
        let message = format!("{error:#}");
        let lines: Vec<_> = message.lines().map(str::trim).collect();
        Self(shortened(&printable(&lines.join(" "))))
    }
}

/// The text without its middle, if it is long.
pub(crate) fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(KEPT);
    let start = text.ceil_char_boundary(text.len().saturating_sub(KEPT));
    match (text.get(..end), text.get(start..)) {
        (Some(first), Some(last)) if end < start => format!("{first} … {last}"),
        _ => text.to_owned(),
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EngineError({self})")
    }
}

impl std::error::Error for EngineError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(retry_after_seconds: Option<u32>) -> Failure {
        Failure {
            kind: FailureKind::RateLimited,
            message: "Too many requests.".to_owned(),
            status: Some(429),
            request_id: None,
            attempts: 1,
            retry_after_seconds,
        }
    }

    #[test]
    fn an_error_says_whether_and_when_to_try_again() {
        let second = Duration::from_secs(1);
        let out_of_time = |phase| CallError::WallTime {
            limit: second,
            phase,
        };
        let cases = [
            (ClipError::Permanent(failure(None)).into(), false, None),
            (ClipError::Transient(failure(None)).into(), true, None),
            (
                ClipError::Transient(failure(Some(1))).into(),
                true,
                Some(second),
            ),
            (ClipError::ExecutionFailed.into(), true, None),
            (CallError::ShuttingDown, true, None),
            (out_of_time(Phase::Waiting), true, None),
            (out_of_time(Phase::Starting), true, None),
            (out_of_time(Phase::Running), false, None),
            (CallError::Limit(Limit::Memory(1)), false, None),
            (CallError::OtherClip, false, None),
            (CallError::NotExported("events"), false, None),
        ];
        for (error, is_transient, retry_after) in cases {
            assert_eq!(error.is_transient(), is_transient, "{error:?}");
            assert_eq!(error.retry_after(), retry_after, "{error:?}");
        }
    }

    #[test]
    fn a_failure_has_the_message_of_the_component() {
        let error = CallError::from(ClipError::Transient(failure(Some(3))));
        assert_eq!(error.failure().unwrap().kind.to_string(), "rate-limited");
        assert_eq!(error.to_string(), "Too many requests. Try again in 3 s.");
        let never = ClipError::Transient(failure(Some(u32::MAX))).to_string();
        assert_eq!(never, "Too many requests. Try again in more than a year.");
    }

    #[test]
    fn a_long_error_keeps_its_ends() {
        let error = |text: String| EngineError::new(wasmtime::Error::msg(text)).to_string();
        let short = "é".repeat(KEPT);
        assert_eq!(error(short.clone()), short);
        let long = error(format!("at {}: no stack", "é".repeat(1 << 20)));
        assert!(long.len() <= 1 << 10, "{}", long.len());
        assert!(long.starts_with("at éé") && long.ends_with("éé: no stack"));
        assert!(long.contains("é … é"), "{long}");
    }

    #[test]
    fn the_wall_time_is_printed_exactly_and_with_the_phase() {
        let text = |phase| {
            let limit = Duration::from_millis(1_500);
            CallError::WallTime { limit, phase }.to_string()
        };
        assert_eq!(
            text(Phase::Waiting),
            "the call did not start within 1.5s (Limits::wall_time), because too many other calls ran; \
             call again later, or raise Limits::concurrent_calls"
        );
        assert!(
            text(Phase::Starting).starts_with("the component was not instantiated within 1.5s")
        );
        assert!(text(Phase::Running).starts_with("the component was stopped after 1.5s"));
    }
}
