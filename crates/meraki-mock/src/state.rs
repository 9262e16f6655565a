//! The state that all connections of a mock share.

use std::net::SocketAddr;
use std::sync::Mutex;

use crate::concurrency::ConcurrencyGauge;
use crate::config::MockConfig;
use crate::faults::FaultInjector;
use crate::media_urls::MediaUrls;
use crate::rate::TokenBucket;
use crate::record::Log;
use crate::script::Script;
use crate::shard::Shard;

pub(crate) struct State {
    pub(crate) config: MockConfig,
    /// Host and port of the API and of media URLs.
    pub(crate) authority: SocketAddr,
    /// The shard, if the API redirects to one.
    pub(crate) shard: Option<Shard>,
    pub(crate) bucket: Option<Mutex<TokenBucket>>,
    pub(crate) media_urls: MediaUrls,
    pub(crate) script: Mutex<Script>,
    pub(crate) faults: Option<FaultInjector>,
    pub(crate) log: Log,
    pub(crate) concurrency: ConcurrencyGauge,
}
