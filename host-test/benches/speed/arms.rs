//! The arms in this process.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::{Context, Result};
use mv_clip_core::settings::Settings;
use mv_clip_host::{ClipHost, Limits, Policy};
use reqwest::Client;

use super::arm::Local;
use super::component::{built, up_to_date};
use super::default_transport::Plain;
use super::site::{MockThread, SERIAL, Site, window};
use super::{native, raw};

pub const COMPONENT: &str = "component, in the harness";
pub const NATIVE: &str = "native, the same core over reqwest";

/// The built component.
pub fn component() -> Result<Vec<u8>> {
    let file = up_to_date(built()).map_err(anyhow::Error::msg)?;
    std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// A host that may reach this mock.
pub fn host(mock: &MockThread, limits: Limits) -> Result<ClipHost> {
    let policy = Policy::new([mock.origin().parse()?]);
    let builder = ClipHost::builder().policy(policy).limits(limits);
    Ok(builder.load_bytes_blocking(&component()?)?)
}

pub fn in_harness(site: &Site) -> Result<Local<'_>> {
    let host = host(&site.mock, Limits::default())?;
    let settings = site.mock.settings();
    let arm = Local::new(COMPONENT, &site.runtime, move || {
        let (host, settings) = (host.clone(), settings.clone());
        async move {
            let (start, end) = window();
            let url = host.get_clip(&settings, SERIAL, &start, &end).await?;
            Ok(url.expose().to_owned())
        }
    });
    Ok(arm)
}

pub fn native(site: &Site) -> Result<Local<'_>> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls()?)
        .no_proxy()
        .build()?;
    let settings = Rc::new(Settings::from_variables(site.mock.variables())?);
    let arm = Local::new(NATIVE, &site.runtime, move || {
        let (client, settings) = (client.clone(), Rc::clone(&settings));
        async move { native::get_clip(&client, &settings, SERIAL, &window()).await }
    });
    Ok(arm)
}

pub fn over_default_transport(site: &Site) -> Result<Local<'_>> {
    let plain = Plain::load(&component()?)?;
    let variables = site.mock.variables();
    let name = "component, over wasmtime's transport";
    let arm = Local::new(name, &site.runtime, move || {
        let (plain, variables) = (plain.clone(), variables.clone());
        async move { plain.get_clip(&variables, SERIAL, &window()).await }
    });
    Ok(arm)
}

pub fn raw(site: &Site) -> Result<Local<'_>> {
    let authority = site.mock.origin().trim_start_matches("http://").to_owned();
    let sender = site.runtime.block_on(raw::connect(&authority))?;
    let sender = Rc::new(RefCell::new(Some(sender)));
    let arm = Local::new("raw floor, one kept connection", &site.runtime, move || {
        let (sender, authority) = (Rc::clone(&sender), authority.clone());
        async move {
            let (start, end) = window();
            let target = format!(
                "/api/v1/devices/{SERIAL}/camera/clip?startTimestamp={start}&endTimestamp={end}"
            );
            let mut open = sender.take().context("one call at a time")?;
            let url = raw::get(&mut open, &target, &authority).await;
            sender.replace(Some(open));
            url
        }
    });
    Ok(arm)
}

fn tls() -> Result<rustls::ClientConfig> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
