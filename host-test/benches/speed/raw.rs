//! The floor: one request and its reply on a kept connection, and nothing else.

use anyhow::Result;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use meraki_mock::DEFAULT_KEY;
use serde_json::Value;
use tokio::net::TcpStream;

pub async fn connect(authority: &str) -> Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

pub async fn get(
    sender: &mut SendRequest<Empty<Bytes>>,
    target: &str,
    host: &str,
) -> Result<String> {
    let request = Request::get(target)
        .header("host", host)
        .header("accept", "application/json")
        .header("authorization", format!("Bearer {DEFAULT_KEY}"));
    sender.ready().await?;
    let response = sender.send_request(request.body(Empty::new())?).await?;
    let body = response.into_body().collect().await?.to_bytes();
    let reply: Value = serde_json::from_slice(&body)?;
    let url = reply.get("url").and_then(Value::as_str);
    Ok(url.unwrap_or_default().to_owned())
}
