//! Gets the URL of one clip: `mv-clip-in-the-harness COMPONENT SERIAL START END`, with the API key in
//! `MERAKI_DASHBOARD_API_KEY`.
//!
//! The component reaches the API and nothing else, within limits, at the organisation's pace, and it
//! never holds the key.

use std::env;
use std::error::Error;

use mv_clip_host::outbound::policy::Destination;
use mv_clip_host::{ApiKey, ClipHost, KeyMode, Limits, Outbound, Policy, RateLimit, RateLimiter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [component, serial, start, end] = arguments.as_slice() else {
        return Err("usage: mv-clip-in-the-harness COMPONENT SERIAL START END".into());
    };
    let base_url = env::var("MERAKI_BASE_URL").unwrap_or("https://api.meraki.com/api/v1".into());
    let key = env::var("MERAKI_DASHBOARD_API_KEY")?;

    // Once.
    // The API, and the shards that it redirects to; clips are served there too.
    let api: Destination = base_url.trim_end_matches("/api/v1").parse()?;
    let meraki = [api, "https://*.meraki.com".parse()?];
    let outbound = Outbound::builder()
        .policy(Policy::new(meraki.clone()))
        .key(ApiKey::new(&key, KeyMode::Injection, meraki)?)
        .rate_limiter(RateLimiter::new(RateLimit::default()))
        .build()?;
    let host = ClipHost::from_file(component.as_ref(), outbound, Limits::default())?;

    // Each call.
    let is_setting = |name: &str| name.starts_with("MERAKI_") || name.starts_with("MV_CLIP_");
    let settings: Vec<_> = env::vars().filter(|(name, _)| is_setting(name)).collect();
    match host.get_clip(&settings, serial, start, end).await {
        Ok(url) => println!("{}", url.expose()),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
    Ok(())
}
