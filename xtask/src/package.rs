//! What is published: each component and the contract, as an artifact for registries.
//!
//! The form is the [Wasm OCI artifact layout] of the CNCF, which wkg, wasmCloud, Spin and containerd read: a
//! config that says what the component imports and exports, and one layer, the file. A second layer would
//! make readers refuse it, so the bill of materials is an artifact of its own that refers to the first.
//!
//! [Wasm OCI artifact layout]: https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldItem, WorldKey};

use crate::about::About;
use crate::component::WORLDS;
use crate::contract::Contract;
use crate::oci::{Annotations, EMPTY, Layout, MANIFEST, Manifest};
use crate::process;
use crate::sbom;
use crate::workspace::Workspace;

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const WASM: &str = "application/wasm";
const SBOM: &str = "application/vnd.cyclonedx+json";
const TITLE: &str = "org.opencontainers.image.title";
const VERSION: &str = "org.opencontainers.image.version";
const CREATED: &str = "org.opencontainers.image.created";
/// Holds the digest of the bill of materials, for whoever has the manifest alone.
const SBOM_DIGEST: &str = "io.github.mv-clip.sbom";

/// One artifact, ready to be copied to a registry.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// The folder of its layout.
    pub(crate) layout: PathBuf,
    /// Where it belongs in a registry. Clients find the package `a:b` in `a/b`, and each version by its
    /// tag.
    pub(crate) repository: String,
    /// Its tags, each with the file that is behind it.
    pub(crate) contents: Vec<(String, Vec<u8>)>,
}

/// What readers know without the file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    created: String,
    architecture: &'static str,
    os: &'static str,
    layer_digests: Vec<String>,
    component: Interfaces,
}

/// What a component, or a package of WIT, is made of.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Interfaces {
    exports: Vec<String>,
    imports: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

/// Writes the layouts of the built components and of the contract.
///
/// # Errors
///
/// A component is not built, or there is no time to put on the artifacts, or a file cannot be written.
pub(crate) fn write(workspace: &Workspace) -> Result<Vec<Artifact>> {
    let about = About::of(workspace)?;
    let contract = Contract::of(workspace)?;
    let package = &contract.package()?.name;
    let folder = workspace.target().join("package");
    let created = created(workspace)?;
    let mut artifacts = Vec::new();
    for world in WORLDS {
        let file = workspace.component().with_file_name(world.file);
        let draft = Draft {
            name: world.file.trim_end_matches(".wasm"),
            version: workspace.guest()?.version.to_string(),
            wasm: read(&file)?,
            target: Some(package.interface_id(world.name)),
            sbom: Some(read(&sbom::beside(&file))?),
        };
        artifacts.push(draft.write(&folder, &package.namespace, about.annotations(), &created)?);
    }
    let name = format!("{}:{}", package.namespace, package.name);
    let version = package.version.as_ref();
    let draft = Draft {
        name: &package.name,
        version: version.context("the contract has no version")?.to_string(),
        wasm: about.write_as(&name, &contract.encode()?)?,
        target: None,
        sbom: None,
    };
    artifacts.push(draft.write(&folder, &package.namespace, about.annotations(), &created)?);
    Ok(artifacts)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

/// What makes an artifact.
struct Draft<'a> {
    name: &'a str,
    version: String,
    wasm: Vec<u8>,
    /// The world of a component.
    target: Option<String>,
    sbom: Option<Vec<u8>>,
}

impl Draft<'_> {
    /// Writes the artifact's layout in `folder`.
    fn write(
        self,
        folder: &Path,
        namespace: &str,
        mut annotations: Annotations,
        created: &str,
    ) -> Result<Artifact> {
        let folder = folder.join(self.name);
        let mut layout = Layout::create(&folder)?;
        let wasm = layout.blob(WASM, &self.wasm)?;
        let wasm = wasm.annotated(TITLE, &format!("{}.wasm", self.name));
        let config = Config {
            created: created.to_owned(),
            architecture: "wasm",
            os: "wasip2",
            layer_digests: vec![wasm.digest.clone()],
            component: interfaces(&self.wasm, self.target)?,
        };
        let mut manifest = Manifest::new(layout.json(CONFIG, &config)?, wasm);
        let sbom = self.sbom.as_ref();
        let sbom = sbom.map(|sbom| layout.blob(SBOM, sbom)).transpose()?;
        let said = [
            (TITLE, Some(self.name)),
            (VERSION, Some(&self.version)),
            (CREATED, Some(created)),
            (SBOM_DIGEST, sbom.as_ref().map(|sbom| sbom.digest.as_str())),
        ];
        let said = said.into_iter();
        let said = said.filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
        annotations.extend(said);
        manifest.annotations = annotations;
        let manifest = layout.json(MANIFEST, &manifest)?;
        layout.tag(manifest.clone(), &self.version);
        eprintln!("    {}: {}", folder.display(), manifest.digest);

        let mut contents = vec![(self.version, self.wasm)];
        if let Some((sbom, content)) = sbom.zip(self.sbom) {
            let sbom = sbom.annotated(TITLE, &format!("{}.cdx.json", self.name));
            let mut referrer = Manifest::new(layout.blob(EMPTY, b"{}")?, sbom);
            referrer.artifact_type = Some(SBOM);
            // Registries that can be asked what refers to an artifact find it by its subject; in others,
            // cosign made this tag usual. No version is looked for among such tags.
            let tag = format!("{}.sbom", manifest.digest.replace(':', "-"));
            referrer.subject = Some(manifest);
            let referrer = layout.json(MANIFEST, &referrer)?;
            layout.tag(referrer, &tag);
            contents.push((tag, content));
        }
        layout.finish()?;
        Ok(Artifact {
            layout: folder,
            repository: format!("{namespace}/{}", self.name),
            contents,
        })
    }
}

/// What `wasm` imports and exports, as its own bytes say.
fn interfaces(wasm: &[u8], target: Option<String>) -> Result<Interfaces> {
    let names = |resolve: &Resolve, items: &mut dyn Iterator<Item = (&WorldKey, &WorldItem)>| {
        items.map(|(key, _)| resolve.name_world_key(key)).collect()
    };
    Ok(match wit_component::decode(wasm)? {
        DecodedWasm::Component(resolve, world) => {
            let world = resolve
                .worlds
                .get(world)
                .context("a component has no world")?;
            Interfaces {
                exports: names(&resolve, &mut world.exports.iter()),
                imports: names(&resolve, &mut world.imports.iter()),
                target,
            }
        }
        DecodedWasm::WitPackage(resolve, package) => {
            let package = resolve.packages.get(package);
            let package = package.context("a package of WIT has no package")?;
            let items = package.interfaces.keys().chain(package.worlds.keys());
            Interfaces {
                exports: items.map(|item| package.name.interface_id(item)).collect(),
                imports: Vec::new(),
                target,
            }
        }
    })
}

/// The time that is put on the artifacts, so that the same source makes the same bytes: the commit's, or
/// what [`SOURCE_DATE_EPOCH`] says.
///
/// [`SOURCE_DATE_EPOCH`]: https://reproducible-builds.org/specs/source-date-epoch/
fn created(workspace: &Workspace) -> Result<String> {
    let seconds = match env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => seconds,
        Err(_) => process::read(&mut workspace.command("git", ["log", "-1", "--format=%ct"]))
            .context("git knows no commit to take the time from; set SOURCE_DATE_EPOCH")?,
    };
    instant(&seconds)
}

fn instant(seconds: &str) -> Result<String> {
    let instant = seconds.parse().ok();
    let instant = instant.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let instant =
        instant.with_context(|| format!("`{seconds}` is not a time in seconds since 1970"))?;
    Ok(instant.to_rfc3339_opts(SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_package_of_wit_is_known_by_its_interfaces_and_worlds() {
        let contract = Contract::of(&Workspace::load().unwrap()).unwrap();
        let found = interfaces(&contract.encode().unwrap(), None).unwrap();
        let expected = [
            "types",
            "clips",
            "events",
            "transfer",
            "clips-only",
            "clip-plugin",
        ];
        let mut expected = expected.map(|item| format!("meraki-mv:clips/{item}@0.1.0"));
        let mut exports = found.exports.clone();
        expected.sort();
        exports.sort();
        assert_eq!(exports, expected);
        assert!(found.imports.is_empty() && found.target.is_none());
    }

    #[test]
    fn the_contract_has_the_worlds_that_are_built() {
        let contract = Contract::of(&Workspace::load().unwrap()).unwrap();
        let package = contract.package().unwrap();
        for world in WORLDS {
            assert!(package.worlds.contains_key(world.name), "{}", world.name);
        }
    }

    #[test]
    fn the_contract_is_encoded_with_its_words_and_the_same_each_time() {
        let encode = || {
            let contract = Contract::of(&Workspace::load().unwrap()).unwrap();
            contract.encode().unwrap()
        };
        let wasm = encode();
        assert_eq!(wasm, encode());
        let DecodedWasm::WitPackage(resolve, id) = wit_component::decode(&wasm).unwrap() else {
            panic!("the contract became a component")
        };
        let clips = resolve.packages[id].interfaces["clips"];
        let get_clip = &resolve.interfaces[clips].functions["get-clip"];
        assert!(get_clip.docs.contents.as_ref().unwrap().contains("URL"));
    }

    /// The artifact of the contract with a bill of materials, and the manifest behind each of its tags.
    fn written(folder: &Path) -> (Artifact, Vec<Value>) {
        let contract = Contract::of(&Workspace::load().unwrap()).unwrap();
        let draft = Draft {
            name: "name",
            version: "1.2.3".to_owned(),
            wasm: contract.encode().unwrap(),
            target: Some("a:b/c@1.0.0".to_owned()),
            sbom: Some(b"materials".to_vec()),
        };
        let known = Annotations::from([("known".to_owned(), "before".to_owned())]);
        let artifact = draft.write(folder, "space", known, "2026-03-12T14:30:00Z");
        let artifact = artifact.unwrap();
        let index = fs::read(artifact.layout.join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        let tagged = index["manifests"].as_array().unwrap().iter();
        let manifests = tagged.map(|tagged| blob(&artifact, tagged)).collect();
        (artifact, manifests)
    }

    fn blob(artifact: &Artifact, descriptor: &Value) -> Value {
        let digest = descriptor["digest"].as_str().unwrap().replace(':', "/");
        let blob = fs::read(artifact.layout.join("blobs").join(digest)).unwrap();
        serde_json::from_slice(&blob).unwrap()
    }

    #[test]
    fn an_artifact_has_the_form_that_readers_of_wasm_know() {
        let folder = tempfile::tempdir().unwrap();
        let (artifact, manifests) = written(folder.path());
        assert_eq!(artifact.repository, "space/name");
        let manifest = &manifests[0];
        assert_eq!(manifest["config"]["mediaType"], CONFIG);
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        let layer = &manifest["layers"][0];
        assert_eq!(layer["mediaType"], "application/wasm");
        let config = blob(&artifact, &manifest["config"]);
        assert_eq!(config["created"], "2026-03-12T14:30:00Z");
        assert_eq!(
            (&config["architecture"], &config["os"]),
            (&json!("wasm"), &json!("wasip2"))
        );
        assert_eq!(config["layerDigests"], json!([layer["digest"]]));
        assert_eq!(config["component"]["target"], "a:b/c@1.0.0");
        let said = &manifest["annotations"];
        assert_eq!(said["known"], "before");
        assert_eq!(said[VERSION], "1.2.3");
    }

    #[test]
    fn the_bill_of_materials_refers_to_its_component_and_is_named_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let (artifact, manifests) = written(folder.path());
        let [manifest, referrer] = manifests.as_slice() else {
            panic!("{manifests:?}")
        };
        assert_eq!(blob(&artifact, &referrer["subject"]), *manifest);
        assert_eq!(referrer["artifactType"], SBOM);
        assert_eq!(referrer["config"]["mediaType"], EMPTY);
        let named = &manifest["annotations"][SBOM_DIGEST];
        assert_eq!(referrer["layers"][0]["digest"], *named);
        let subject = referrer["subject"]["digest"].as_str().unwrap();
        let tag = format!("{}.sbom", subject.replace(':', "-"));
        assert_eq!(artifact.contents[1], (tag, b"materials".to_vec()));
    }

    #[test]
    fn the_same_input_gives_the_same_artifact() {
        let folder = tempfile::tempdir().unwrap();
        let once = written(folder.path()).1;
        assert_eq!(once, written(folder.path()).1);
    }

    #[test]
    fn the_time_is_utc_in_seconds() {
        assert_eq!(instant("1773325800").unwrap(), "2026-03-12T14:30:00Z");
        for wrong in ["", "now", "99999999999999999"] {
            let error = instant(wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("`{wrong}`")), "{error}");
        }
    }
}
