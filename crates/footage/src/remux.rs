//! Makes the MP4 of a clip: the same video and audio in a container that browsers play.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::fs::{self, File};
use tokio::process::Command;
use tokio::time::timeout;

use crate::digest;
use crate::limits;
use crate::manifest::Mp4;
use crate::names::PART;

/// Why there is no MP4.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemuxError {
    #[error(
        "ffmpeg is not installed, so the clips have no MP4; install it and run the same command again, or play \
         the .ts files with VLC or mpv"
    )]
    NotInstalled,
    #[error("ffmpeg cannot make an MP4 of {clip} ({status}): {output}")]
    Refused {
        clip: String,
        status: ExitStatus,
        output: String,
    },
    #[error("ffmpeg did not make an MP4 of {clip} within {} s, and was killed", limits::MP4.as_secs())]
    TooSlow { clip: String },
    #[error("cannot write the MP4 of {clip}")]
    Io { clip: String, source: io::Error },
}

/// Copies the streams of `STEM.ts` in `folder` into `STEM.mp4`.
pub(crate) async fn remux(folder: &Path, stem: &str) -> Result<Mp4, RemuxError> {
    remux_with(OsStr::new("ffmpeg"), folder, stem).await
}

async fn remux_with(program: &OsStr, folder: &Path, stem: &str) -> Result<Mp4, RemuxError> {
    let clip = format!("{stem}.ts");
    let name = format!("{stem}.mp4");
    let unfinished = folder.join(format!("{name}.{PART}"));
    let failed = |source| RemuxError::Io {
        clip: clip.clone(),
        source,
    };

    // ffmpeg cannot resume.
    let _remove = RemoveOnDrop(&unfinished);
    // A child that is dropped is killed.
    let source = folder.join(&clip);
    let ffmpeg = ffmpeg(program, &source, &unfinished);
    let output = match timeout(limits::MP4, ffmpeg).await {
        Err(_) => return Err(RemuxError::TooSlow { clip }),
        Ok(Ok(output)) => output,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(RemuxError::NotInstalled);
        }
        Ok(Err(error)) => return Err(failed(error)),
    };
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = stderr.lines().map(str::trim).collect();
        return Err(RemuxError::Refused {
            clip,
            status: output.status,
            output: lines.join("; "),
        });
    }
    let (size, sha256) = keep(&unfinished, &folder.join(&name))
        .await
        .map_err(failed)?;
    Ok(Mp4 { name, size, sha256 })
}

async fn ffmpeg(program: &OsStr, clip: &Path, mp4: &Path) -> io::Result<std::process::Output> {
    // As URLs, so that ffmpeg takes a colon in a path for no protocol.
    let url = |path: &Path| {
        let mut url = OsString::from("file:");
        url.push(path);
        url
    };
    Command::new(program)
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-i"])
        .arg(url(clip))
        // Video and optional audio: MP4 does not support other streams.
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
        // After a success the file no longer exists.
        let _ = std::fs::remove_file(self.0);
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::fs::PermissionsExt;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use tokio::task::{spawn_blocking, yield_now};

    use super::*;

    /// It lives as long as it has the pipe open.
    const HANGS: &str =
        "#!/bin/sh\nexec 3>\"$0.alive\"\necho started >&3\nread never <\"$0.never\"\n";

    #[tokio::test(start_paused = true)]
    async fn an_ffmpeg_that_hangs_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ffmpeg");
        fs::write(&program, HANGS).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        for name in ["ffmpeg.alive", "ffmpeg.never"] {
            let made = std::process::Command::new("mkfifo")
                .arg(folder.path().join(name))
                .status();
            assert!(made.unwrap().success());
        }
        let (program, place) = (program.into_os_string(), folder.path().to_owned());
        let remux = tokio::spawn(async move { remux_with(&program, &place, "clip").await });
        // While a blocking task runs, paused time stands still.
        let alive = folder.path().join("ffmpeg.alive");
        let alive = spawn_blocking(move || {
            let mut alive = BufReader::new(fs::File::open(alive).unwrap());
            alive.read_line(&mut String::new()).unwrap();
            alive
        });
        let mut alive = alive.await.unwrap();
        yield_now().await;
        assert!(!remux.is_finished());
        let refused = remux.await.unwrap();
        assert!(
            matches!(refused, Err(RemuxError::TooSlow { .. })),
            "{refused:?}"
        );
        let (dead, died) = mpsc::channel();
        thread::spawn(move || {
            alive.read_to_string(&mut String::new()).unwrap();
            dead.send(())
        });
        died.recv_timeout(Duration::from_secs(60))
            .expect("ffmpeg is dead");
    }
}
