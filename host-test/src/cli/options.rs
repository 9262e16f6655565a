//! The options that several commands share.

use std::path::PathBuf;

use mv_clip_host::Nat64Prefix;

/// The environment variable with the path of the component.
pub(super) const COMPONENT: &str = "MV_CLIP_COMPONENT";

/// The environment variable with the folder of compiled components.
pub(super) const CACHE: &str = "MV_CLIP_CACHE";

/// The environment variable with the path of the file that holds the API key.
pub(super) const KEY_FILE: &str = "MERAKI_DASHBOARD_API_KEY_FILE";

/// The component to run.
#[derive(clap::Args)]
pub(super) struct ComponentFile {
    /// The component to run (`cargo xtask build` makes it)
    #[arg(
        long,
        value_name = "FILE",
        env = COMPONENT,
        default_value = "target/component/mv-clip.wasm"
    )]
    pub(super) component: PathBuf,

    /// A private folder for compiled components, which makes later runs start faster [default: mv-clip in
    /// the user's cache folder]
    #[arg(long, value_name = "DIR", env = CACHE)]
    pub(super) cache: Option<PathBuf>,
}

/// Which servers to trust, and where names may lead.
#[derive(clap::Args)]
pub(super) struct Trust {
    /// Also trust the certificates in this PEM file, such as those of a proxy's or a store's own authority
    #[arg(long, value_name = "FILE", env = "SSL_CERT_FILE")]
    pub(super) ca_file: Option<PathBuf>,

    /// The prefix of a NAT64 translator in this network, such as 2001:db8:64::/96, so that it leads only to public
    /// addresses; can be repeated
    #[arg(long, value_name = "PREFIX")]
    pub(super) nat64_prefix: Vec<Nat64Prefix>,
}

/// The API key, and who holds it while the component runs.
#[derive(clap::Args)]
pub(super) struct KeyHolder {
    /// The file with the API key; nobody else may read it. Without it: the systemd credential meraki-dashboard-api-key,
    /// or MERAKI_DASHBOARD_API_KEY
    #[arg(long, value_name = "FILE", env = KEY_FILE)]
    pub(super) key_file: Option<PathBuf>,
    /// How the API key gets into requests
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    pub(super) key_mode: KeyOption,
    /// Send an API key that is not a mock's to a MERAKI_BASE_URL with http
    #[arg(long)]
    pub(super) allow_plain_http: bool,

    #[command(flatten)]
    pub(super) trust: Trust,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
pub(super) enum KeyOption {
    /// The component gets nothing; the host adds the key to requests to the API
    #[default]
    Injection,
    /// The component gets a random token, which the host replaces by the key in requests to the API
    Placeholder,
    /// The component gets the key as a setting, and can use it for anything
    Environment,
}
