//! Metrics through the facade of the crate `metrics`.
//!
//! The handles are made once for each host, so a recorder has to be installed before the host is loaded.

use std::time::Duration;

use http::StatusCode;
use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};

const CALLS: &str = "mv_clip_calls_total";
const RUNNING: &str = "mv_clip_calls_running";
const DURATION: &str = "mv_clip_call_duration_seconds";
const REQUESTS: &str = "mv_clip_requests_total";
const WAIT: &str = "mv_clip_rate_limit_wait_seconds";

/// A function of the contract.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Function {
    GetClip,
    RequestClip,
    GetRange,
    GetIncident,
    GetCoverage,
    SaveClip,
}

impl Function {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetClip => "get-clip",
            Self::RequestClip => "request-clip",
            Self::GetRange => "get-range",
            Self::GetIncident => "get-incident",
            Self::GetCoverage => "get-coverage",
            Self::SaveClip => "save-clip",
        }
    }
}

/// The metrics of a host's calls.
#[derive(Clone)]
pub(crate) struct CallMetrics {
    running: Gauge,
}

impl CallMetrics {
    pub(crate) fn new() -> Self {
        metrics::describe_counter!(
            CALLS,
            Unit::Count,
            "Calls that ended, by function and outcome"
        );
        metrics::describe_gauge!(RUNNING, Unit::Count, "Calls that run or wait");
        metrics::describe_histogram!(DURATION, Unit::Seconds, "How long calls took, by function");
        Self {
            running: gauge!(RUNNING),
        }
    }

    pub(crate) fn started(&self) {
        self.running.increment(1.0);
    }

    pub(crate) fn ended(&self, function: Function, outcome: &'static str, duration: Duration) {
        self.running.decrement(1.0);
        counter!(CALLS, "function" => function.name(), "outcome" => outcome).increment(1);
        histogram!(DURATION, "function" => function.name()).record(duration);
    }
}

/// The metrics of a host's HTTP requests.
#[derive(Clone)]
pub(crate) struct RequestMetrics {
    /// By the first digit of the status; the first is for requests without a response.
    classes: [Counter; 6],
    wait: Histogram,
}

impl RequestMetrics {
    pub(crate) fn new() -> Self {
        metrics::describe_counter!(
            REQUESTS,
            Unit::Count,
            "HTTP requests, by class of the status"
        );
        metrics::describe_histogram!(
            WAIT,
            Unit::Seconds,
            "How long requests waited for the limiter"
        );
        let classes = ["error", "1xx", "2xx", "3xx", "4xx", "5xx"];
        Self {
            classes: classes.map(|class| counter!(REQUESTS, "status_class" => class)),
            wait: histogram!(WAIT),
        }
    }

    /// A request ended, with this status if there was a response.
    pub(crate) fn ended(&self, status: Option<StatusCode>) {
        let class = status.map_or(0, |status| usize::from(status.as_u16() / 100));
        // A status above 599 is in no class.
        if let Some(counter) = self.classes.get(class) {
            counter.increment(1);
        }
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.wait.record(time);
    }
}
