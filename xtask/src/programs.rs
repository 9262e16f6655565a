//! Programs of others that tests and the benchmark use: which are here, and how to get the rest.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::apt;
use crate::workspace::Workspace;

/// A program that the rest can go on without.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    /// Its files on the `PATH`: the first that is there is used.
    files: &'static [&'static str],
    /// Names another file, where it is set.
    variable: Option<&'static str>,
    /// Debian's package of it.
    package: &'static str,
}

/// What makes an MP4 of a clip.
pub(crate) const FFMPEG: Program = Program::new("ffmpeg", &["ffmpeg"], "ffmpeg");
const FFPROBE: Program = Program::new("ffprobe", &["ffprobe"], "ffmpeg");

/// What makes an MP4 and looks into it.
pub(crate) const MP4: [Program; 2] = [FFMPEG, FFPROBE];

/// What plays a report.
pub(crate) const BROWSER: Program = Program {
    variable: Some("CHROMIUM"),
    ..Program::new(
        "Chromium",
        &["chromium", "chromium-browser", "google-chrome"],
        "chromium",
    )
};

/// What runs scripts in JavaScript.
pub(crate) const NODE: Program = Program::new("node", &["node"], "nodejs");

/// What installs what those scripts need.
pub(crate) const NPM: Program = Program::new("npm", &["npm"], "npm");

/// What copies artifacts to and from registries.
pub(crate) const SKOPEO: Program = Program::new("skopeo", &["skopeo"], "skopeo");

/// A registry for artifacts.
pub(crate) const REGISTRY: Program =
    Program::new("docker-registry", &["docker-registry"], "docker-registry");

/// All that [`install`] installs: what the tests of saved footage and of artifacts use. Not the registry,
/// whose package starts a service.
const ALL: [Program; 4] = [FFMPEG, FFPROBE, BROWSER, SKOPEO];

impl Program {
    const fn new(
        name: &'static str,
        files: &'static [&'static str],
        package: &'static str,
    ) -> Self {
        Self {
            name,
            files,
            variable: None,
            package,
        }
    }

    /// Where the program is, if it is here.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        self.find_instead(self.named().as_deref())
    }

    /// The file that takes the place of the usual ones, where there is one.
    fn named(&self) -> Option<OsString> {
        self.variable.and_then(env::var_os)
    }

    fn find_instead(&self, named: Option<&OsStr>) -> Option<PathBuf> {
        match named {
            Some(file) => which::which(file).ok(),
            None => self.files.iter().find_map(|file| which::which(file).ok()),
        }
    }

    /// What a person looks for.
    fn wanted(&self, named: Option<&OsStr>) -> String {
        match (self.variable, named) {
            (Some(variable), Some(file)) => {
                format!("{} ({variable}={})", self.name, file.to_string_lossy())
            }
            _ => self.name.to_owned(),
        }
    }
}

/// Which of `programs` are missing and how to get them, if any.
pub(crate) fn lack(programs: &[Program]) -> Option<String> {
    let missing: Vec<_> = missing(programs).collect();
    let wanted = missing
        .iter()
        .map(|program| program.wanted(program.named().as_deref()));
    let wanted = wanted.collect::<Vec<_>>().join(" and no ");
    let packages = packages(missing.iter().copied()).join(" ");
    (!missing.is_empty())
        .then(|| format!("there is no {wanted} (Debian: apt-get install {packages})"))
}

fn missing(programs: &[Program]) -> impl Iterator<Item = &Program> {
    programs.iter().filter(|program| program.find().is_none())
}

/// The packages of `programs`, each once.
fn packages<'a>(programs: impl Iterator<Item = &'a Program>) -> Vec<&'static str> {
    let mut packages: Vec<_> = programs.map(|program| program.package).collect();
    packages.dedup();
    packages
}

/// Installs what is missing with apt-get. What is there is left alone, without a look at the network.
///
/// # Errors
///
/// Nothing may be installed here, or apt-get cannot, or what it installed is not what was missing.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let packages = packages(missing(&ALL));
    if packages.is_empty() {
        eprintln!("    ffmpeg, ffprobe, Chromium and skopeo are there");
        return Ok(());
    }
    apt::install(workspace, &packages)?;
    match lack(&ALL) {
        None => Ok(()),
        Some(lack) => bail!("{lack}, although that was installed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On the `PATH` of every test.
    const CARGO: Program = Program::new("Cargo", &["no-such-program", "cargo"], "cargo");
    const NONE: Program = Program::new("no-such-program", &["no-such-program"], "no-such-package");

    #[test]
    fn the_first_file_that_is_there_is_found() {
        let found = CARGO.find().unwrap();
        assert!(
            found.is_absolute() && found.ends_with(format!("cargo{}", env::consts::EXE_SUFFIX))
        );
        assert_eq!(NONE.find(), None);
    }

    #[test]
    fn another_file_takes_the_place_of_the_usual_ones() {
        let cargo = CARGO.find().unwrap();
        assert_eq!(NONE.find_instead(Some(cargo.as_os_str())), Some(cargo));
        let missing = OsStr::new("/no/such/program");
        assert_eq!(CARGO.find_instead(Some(missing)), None);
        assert_eq!(
            BROWSER.wanted(Some(missing)),
            "Chromium (CHROMIUM=/no/such/program)"
        );
    }

    #[test]
    fn a_lack_names_the_missing_programs_and_their_packages() {
        assert_eq!(lack(&[CARGO]), None);
        let other = Program::new("no-other", &["no-such-program"], "no-such-package");
        assert_eq!(
            lack(&[NONE, CARGO, other]).unwrap(),
            "there is no no-such-program and no no-other (Debian: apt-get install no-such-package)"
        );
    }

    #[test]
    fn a_package_is_installed_once() {
        assert_eq!(packages(ALL.iter()), ["ffmpeg", "chromium", "skopeo"]);
    }
}
