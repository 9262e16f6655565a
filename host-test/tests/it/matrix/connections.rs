//! The connections that a host still holds, as the operating system reports them.

#[cfg(target_os = "linux")]
pub use self::linux::{none, none_but_healthy};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::BufReader;
    use std::time::Duration;

    use procfs_core::net::{TcpNetEntries, TcpState};
    use procfs_core::{ExplicitSystemInfo, FromBufReadSI};
    use tokio::time::sleep;

    use crate::matrix::site::Site;

    /// Closing takes a moment on both sides.
    const MOMENT: Duration = Duration::from_millis(20);
    const MOMENTS: usize = 150;

    /// Waits until only connections without a fault are left, which the pool keeps.
    pub async fn none_but_healthy(site: &Site) -> Result<(), String> {
        settle(site, |site, held| held.len() <= site.healthy()).await
    }

    /// Waits until no connection is left.
    pub async fn none(site: &Site) -> Result<(), String> {
        settle(site, |_, held| held.is_empty()).await
    }

    async fn settle(site: &Site, is_settled: fn(&Site, &[TcpState]) -> bool) -> Result<(), String> {
        let mut held = held(site);
        for _ in 0..MOMENTS {
            if is_settled(site, &held) {
                return Ok(());
            }
            sleep(MOMENT).await;
            held = self::held(site);
        }
        Err(format!(
            "connections are open: {held:?}, {} of them healthy",
            site.healthy()
        ))
    }

    /// The client's open connections to the site.
    fn held(site: &Site) -> Vec<TcpState> {
        let all = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
        let all = all.into_iter().flat_map(|file| listed(file).0);
        let fillers = site.fillers();
        let held = all.filter(|entry| {
            let is_open = matches!(
                entry.state,
                TcpState::Established | TcpState::SynSent | TcpState::CloseWait
            );
            is_open
                && entry.remote_address.port() == site.port()
                && !fillers.contains(&entry.local_address)
        });
        held.map(|entry| entry.state).collect()
    }

    fn listed(file: &str) -> TcpNetEntries {
        // Only the byte order of addresses matters here.
        let system = ExplicitSystemInfo {
            boot_time_secs: 0,
            ticks_per_second: 0,
            page_size: 0,
            is_little_endian: cfg!(target_endian = "little"),
        };
        TcpNetEntries::from_buf_read(BufReader::new(File::open(file).unwrap()), &system).unwrap()
    }
}

#[cfg(not(target_os = "linux"))]
pub async fn none_but_healthy(site: &super::site::Site) -> Result<(), String> {
    let cell = site.cell();
    eprintln!("{cell}: skipped: the check of connections needs Linux's /proc");
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub async fn none(_: &super::site::Site) -> Result<(), String> {
    Ok(())
}
