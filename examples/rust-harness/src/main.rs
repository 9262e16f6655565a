//! Gets the URL of one clip: `mv-clip-in-the-harness COMPONENT SERIAL START END`, with the API key in
//! `MERAKI_DASHBOARD_API_KEY`.
//!
//! The component reaches the API and nothing else, within limits, below the organisation's request limit, and it
//! never has the key.

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;

use mv_clip_host::{
    ApiKey, ClipHost, ClipRequest, KeyMode, Limits, Policy, RateLimit, RateLimiter, Setting,
    Settings,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [component, serial, start, end] = arguments.as_slice() else {
        return Err("usage: mv-clip-in-the-harness COMPONENT SERIAL START END".into());
    };
    let settings = Settings::from_env()?;

    // Once. For an API that is not Meraki's, such as the mock, only its own origin is allowed.
    let mut policy = Policy::meraki();
    if let Some(url) = settings.get(Setting::BaseUrl)
        && policy.allows(&url.parse()?).is_err()
    {
        policy = Policy::new([url.trim_end_matches("/api/v1").parse()?]);
    }
    let host = ClipHost::builder()
        .policy(policy)
        .key(ApiKey::from_env()?, KeyMode::Injection)
        .rate_limiter(RateLimiter::new(RateLimit::default()))
        .limits(Limits::one_clip())
        .load(component)
        .await?;

    // Each call.
    let request = ClipRequest::new(serial, start, end);
    match host.request_clip(&settings, &request).await {
        Ok(clip) => println!("{}", clip.url.expose()),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
    Ok(())
}
