//! Presigns URLs in object storage for clips.
//!
//! The settings are environment variables: `S3_ENDPOINT`, `S3_BUCKET`, `AWS_REGION`, `AWS_ACCESS_KEY_ID` and
//! `AWS_SECRET_ACCESS_KEY`.

use std::time::Duration;

use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};

#[expect(unsafe_code, reason = "generated from wit/")]
mod bindings {
    wit_bindgen::generate!();
    export!(Destination with_types_in self);
    use super::Destination;
}

use bindings::exports::example::storage::destinations::Guest;

struct Destination;

/// Longer than the workflow waits for a clip and retries it.
const VALID: Duration = Duration::from_secs(24 * 60 * 60);

impl Guest for Destination {
    fn presign(objects: Vec<String>) -> Result<Vec<String>, String> {
        let endpoint = setting("S3_ENDPOINT")?
            .parse()
            .map_err(|error| format!("S3_ENDPOINT is not a URL: {error}"))?;
        let (name, region) = (setting("S3_BUCKET")?, setting("AWS_REGION")?);
        let bucket = Bucket::new(endpoint, UrlStyle::Path, name, region)
            .map_err(|error| format!("S3_ENDPOINT or S3_BUCKET cannot be used: {error}"))?;
        let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
        let credentials = Credentials::new(setting(id)?, setting(secret)?);
        let presigned = objects.iter().map(|object| {
            let put = bucket.put_object(Some(&credentials), object);
            put.sign(VALID).into()
        });
        Ok(presigned.collect())
    }
}

fn setting(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set"))
}
