//! What one call may use.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// What one call may use of the host, how many calls run at once, and what they share.
///
/// The values of [`Limits::default`] suit every function of the component, which needs a fraction of them.
/// Start from that or from a preset, and change what you need:
///
/// ```
/// use std::time::Duration;
/// use mv_clip_host::Limits;
///
/// let limits = Limits::one_clip().wall_time(Duration::from_secs(60));
/// ```
///
/// | | `default` | `one_clip` | `transfer` | `batch` | `one_shot` |
/// | --- | --- | --- | --- | --- | --- |
/// | for | all functions | `get_clip`, `request_clip`, `get_incident` | these and `save_clip` | `get_range`, `get_coverage` | all functions, in a program that makes one call |
/// | `memory` | 16 MiB | 8 MiB | 8 MiB | 16 MiB | 16 MiB |
/// | `resources` | 2048 | 64 | 64 | 2048 | 2048 |
/// | `requests` | 512 | 8 | 8 | 512 | 512 |
/// | `hostcall_bytes` | 2 MiB | 256 KiB | 256 KiB | 2 MiB | 2 MiB |
/// | `wall_time` | 180 s | 180 s | 900 s | 900 s | 180 s |
/// | `concurrent_calls` | 100 | 100 | 100 | 20 | 1 |
/// | `compact` | no | no | no | no | yes |
///
/// A guest that exceeds a limit fails only that call, and [`CallError::Limit`](crate::CallError::Limit) names
/// the limit. A component with more or larger core modules, memories or tables than these is not loaded. A
/// guest that asks for more than 4 KiB of random bytes at once traps.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The guest's linear memory, in bytes. 16 MiB.
    pub memory: usize,
    /// The elements of each of the guest's tables. 4096; the component's has under 200.
    pub table_elements: usize,
    /// The core instances of the component. 3: its code, and two small ones with which the component linker
    /// connects its imports.
    pub core_instances: u32,
    /// The tables of the component. 2: its own, and one through which it calls its imports.
    pub tables: u32,
    /// Maximum live resource handles: requests, replies, bodies, streams, field lists, timers. 2048; a range
    /// of 288 clips, all of them in flight, needs under 1200. All handles together may be twice as many: those of resources
    /// of the component's own, and those that one host call borrows.
    pub resources: usize,
    /// Maximum requests in flight. Each counts until its reply is read or dropped, and holds at most 464 KiB of it: 256 KiB
    /// on the connection, and 208 KiB of a reply that the host reads whole before the guest gets it (the API's to a
    /// request for a clip, of at most 192 KiB). 512; a range of 24 h is 288 clips.
    pub requests: usize,
    /// One list of header fields that the guest makes, in bytes, with about 60 more for each field. Also the
    /// method and the authority of a request, each. 16 KiB.
    pub header_bytes: usize,
    /// What the guest passes to the host in one host call, and as its result, in bytes. 2 MiB; the host makes
    /// a copy.
    pub hostcall_bytes: usize,
    /// The longest time of a call, whatever the guest does: waiting, starting and running. It has to be
    /// longer than the guest's own deadline (`MV_CLIP_DEADLINE_SECONDS`), which ends a call with a better
    /// error. 180 s.
    pub wall_time: Duration,
    /// Maximum calls that run at once; more wait. 100.
    pub concurrent_calls: NonZeroU32,
    /// Maximum requests in flight, and maximum open connections, of all calls, tenants and media clients of the
    /// host together. None: as many as the process may open files for (`ulimit -n`), and at most 2048, or four for
    /// each of the concurrent calls if that is more.
    ///
    /// Half of them are reserved, in equal parts for the calls that may run at once. The calls share the other half: one
    /// gets at most half of it, two get at most a third each, and so on. A request above that waits for its connect
    /// timeout, and then fails with `connection-limit-reached`. Take at least four for each concurrent call: a transfer
    /// needs two at once, and half of all are shared. With fewer, calls may wait for each other.
    ///
    /// Each request in flight holds at most 464 KiB of its reply until the guest reads it: 928 MiB for 2048.
    pub sockets: Option<NonZeroU32>,
    /// Whether the host reserves no more address space than the calls may use ([`memory`](Self::memory) for each).
    /// Otherwise it reserves 4 GiB for each call that may run at once, with which guests compute somewhat faster.
    /// False.
    pub compact: bool,
}

impl Default for Limits {
    fn default() -> Self {
        const HUNDRED: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
        Self {
            memory: 16 << 20,
            table_elements: 4_096,
            core_instances: 3,
            tables: 2,
            resources: 2_048,
            requests: 512,
            header_bytes: 16 << 10,
            hostcall_bytes: 2 << 20,
            wall_time: Duration::from_secs(180),
            concurrent_calls: HUNDRED,
            sockets: None,
            compact: false,
        }
    }
}

/// A transfer, or a day of footage at a low pace, takes minutes.
const LONG: Duration = Duration::from_secs(900);

impl Limits {
    /// For calls that get the URL of one clip: `get_clip`, `request_clip`, `get_incident`.
    #[must_use]
    pub fn one_clip() -> Self {
        Self::default()
            .memory(8 << 20)
            .resources(64)
            .requests(8)
            .hostcall_bytes(256 << 10)
    }

    /// For `save_clip`, and all that [`Limits::one_clip`] is for.
    #[must_use]
    pub fn transfer() -> Self {
        Self::one_clip().wall_time(LONG)
    }

    /// For programs that make one call and end, such as a command line: any call, one at a time, in little address
    /// space ([`compact`](Self::compact)).
    #[must_use]
    pub fn one_shot() -> Self {
        Self::default()
            .concurrent_calls(NonZeroU32::MIN)
            .compact(true)
    }

    /// For calls that get many clips: `get_range`, `get_coverage`.
    #[must_use]
    pub fn batch() -> Self {
        const TWENTY: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
        Self::default().wall_time(LONG).concurrent_calls(TWENTY)
    }
}

impl Limits {
    /// Sets [`sockets`](Limits#structfield.sockets). A host is not made if the process may not open so many files:
    /// see [`LoadError::OpenFiles`](crate::LoadError::OpenFiles).
    #[must_use]
    pub fn sockets(mut self, sockets: NonZeroU32) -> Self {
        self.sockets = Some(sockets);
        self
    }
}

macro_rules! setters {
    ($($field:ident: $type:ty),*) => {
        impl Limits {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Limits#structfield.", stringify!($field), ").")]
                #[must_use]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

setters! {
    memory: usize,
    table_elements: usize,
    core_instances: u32,
    tables: u32,
    resources: usize,
    requests: usize,
    header_bytes: usize,
    hostcall_bytes: usize,
    wall_time: Duration,
    concurrent_calls: NonZeroU32,
    compact: bool
}

/// Which of the [`Limits`] a guest exceeded, with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::memory`]: the guest trapped after it was refused more.
    Memory(usize),
    /// [`Limits::table_elements`]: the guest trapped after it was refused more.
    TableElements(usize),
    /// [`Limits::resources`].
    Resources(usize),
    /// [`Limits::requests`].
    Requests(usize),
    /// [`Limits::header_bytes`].
    HeaderBytes(usize),
    /// [`Limits::hostcall_bytes`].
    HostcallBytes(usize),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(most) => write!(f, "{most} bytes of memory (Limits::memory)"),
            Self::TableElements(most) => {
                write!(f, "{most} elements in a table (Limits::table_elements)")
            }
            Self::Resources(most) => write!(f, "{most} resources at once (Limits::resources)"),
            Self::Requests(most) => write!(f, "{most} requests in flight (Limits::requests)"),
            Self::HeaderBytes(most) => write!(
                f,
                "{most} bytes of header fields, method or authority (Limits::header_bytes)"
            ),
            Self::HostcallBytes(most) => {
                write!(f, "{most} bytes in one host call (Limits::hostcall_bytes)")
            }
        }
    }
}
