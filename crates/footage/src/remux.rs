//! The MP4 beside a clip: the same pictures and sound in a container that browsers play.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::fs::{self, File};
use tokio::process::Command;

use crate::manifest::Mp4;
use crate::{PART, digest};

/// Why there is no MP4.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemuxError {
    #[error(
        "ffmpeg is not installed, so there is no MP4 beside the clips: install it and run the same \
         command again, or play the .ts files with VLC or mpv"
    )]
    NotInstalled,
    #[error("ffmpeg made no MP4 of {clip} ({status}): {words}")]
    Refused {
        clip: String,
        status: ExitStatus,
        words: String,
    },
    #[error("cannot write the MP4 of {clip}: {source}")]
    Io { clip: String, source: io::Error },
}

/// Copies the streams of `STEM.ts` in `folder` into `STEM.mp4`.
pub(crate) async fn remux(folder: &Path, stem: &str) -> Result<Mp4, RemuxError> {
    let clip = format!("{stem}.ts");
    let name = format!("{stem}.mp4");
    let unfinished = folder.join(format!("{name}.{PART}"));
    let failed = |source| RemuxError::Io {
        clip: clip.clone(),
        source,
    };

    // What ffmpeg has begun it cannot continue.
    let _remove = RemoveOnDrop(&unfinished);
    let output = match ffmpeg(&folder.join(&clip), &unfinished).await {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(RemuxError::NotInstalled);
        }
        Err(error) => return Err(failed(error)),
    };
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(RemuxError::Refused {
            clip,
            status: output.status,
            words: words.trim().to_owned(),
        });
    }
    let (size, sha256) = keep(&unfinished, &folder.join(&name))
        .await
        .map_err(failed)?;
    Ok(Mp4 { name, size, sha256 })
}

async fn ffmpeg(clip: &Path, mp4: &Path) -> io::Result<std::process::Output> {
    // Spelt as URLs, so that a colon in a path is no protocol.
    let url = |path: &Path| {
        let mut url = std::ffi::OsString::from("file:");
        url.push(path);
        url
    };
    Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-i"])
        .arg(url(clip))
        // Pictures and, where the camera records it, sound; MP4 has no place for other streams.
        .args(["-map", "0:v", "-map", "0:a?", "-c", "copy"])
        .args(["-bsf:a", "aac_adtstoasc", "-movflags", "+faststart"])
        .args(["-f", "mp4"])
        .arg(url(mp4))
        .env_remove("MERAKI_DASHBOARD_API_KEY")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
}

async fn keep(unfinished: &Path, mp4: &Path) -> io::Result<(u64, String)> {
    File::open(unfinished).await?.sync_all().await?;
    let digest = digest::of_file(unfinished).await?;
    fs::rename(unfinished, mp4).await?;
    Ok(digest)
}

struct RemoveOnDrop<'a>(&'a Path);

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        // Not there is what it is to be.
        let _ = std::fs::remove_file(self.0);
    }
}
