//! The hostile guest that looks for a kept key.

use mv_clip_host::{ApiKey, ClipHost, KeyMode, Policy, Settings};

use super::echo::{Echo, Part};
use super::observer::{self, Seen, observe};
use crate::support::tenant;

/// They differ from their second letter on.
pub const KEYS: [&str; 2] = ["5ec2e70b9f41d7a3", "5af19c8d02b36e47"];

pub const CLIP: &str = "/api/v1/devices/Q2XX-ABCD-1234/camera/clip\
    ?startTimestamp=2026-03-12T14:30:00.000Z&endTimestamp=2026-03-12T14:32:00.000Z";

/// The hostile guest on two hosts, which differ in the key alone.
pub struct Attack {
    pub echo: Echo,
    pub hosts: [ClipHost; 2],
    pub settings: Settings,
}

impl Attack {
    pub async fn new() -> Self {
        Self::with(KeyMode::Injection).await
    }

    pub async fn with(mode: KeyMode) -> Self {
        let echo = Echo::start().await;
        let origin = echo.server.origin();
        let builder = ClipHost::builder().policy(Policy::new([origin.parse().unwrap()]));
        let host = builder.load_bytes(observer::component()).await.unwrap();
        let hosts = KEYS.map(|key| tenant(host.tenant().key(ApiKey::new(key).unwrap(), mode)));
        let settings = Settings::default().base_url(format!("{origin}/api/v1"));
        Self {
            echo,
            hosts,
            settings,
        }
    }

    pub async fn see(&self, host: usize, path: &str, agent: &str) -> Vec<Seen> {
        self.echo.guess(agent);
        let authority = self.echo.server.address.to_string();
        observe(&self.hosts[host], &self.settings, &authority, path, agent).await
    }

    /// The view of the guest, which must be the same with both keys.
    pub async fn same(&self, reply: Vec<Part>, agent: &str) -> Vec<Seen> {
        self.echo.script(reply.clone());
        let one = self.see(0, CLIP, agent).await;
        let other = self.see(1, CLIP, agent).await;
        let heads = self.echo.heads();
        for (head, key) in heads.iter().zip(KEYS) {
            assert!(
                head.contains(&format!("authorization: Bearer {key}")),
                "{head}"
            );
        }
        assert_eq!(heads.len(), 2);
        assert_eq!(one, other, "{reply:?} {agent:?}");
        one
    }
}
