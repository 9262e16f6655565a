//! The contract: the WIT package that the components implement.

use std::fmt::Debug;
use std::path::Path;

use anyhow::{Context, Result};
use wasm_metadata::{AddMetadata, AddMetadataField, Metadata};
use wit_parser::{Package, PackageId, Resolve};

/// The package, with the packages of WASI that it uses.
#[derive(Debug)]
pub(crate) struct Contract {
    resolve: Resolve,
    id: PackageId,
}

impl Contract {
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut resolve = Resolve::default();
        let (id, _) = resolve
            .push_path(folder)
            .with_context(|| format!("cannot read the contract in {}", folder.display()))?;
        Ok(Self { resolve, id })
    }

    pub(crate) fn package(&self) -> Result<&Package> {
        let package = self.resolve.packages.get(self.id);
        package.context("the contract has no package")
    }

    /// The package as WebAssembly, the format for registries, with the metadata of a component.
    pub(crate) fn encode(&self, component: &Metadata) -> Result<Vec<u8>> {
        fn set<T: Debug + Clone>(value: &Option<T>) -> AddMetadataField<T> {
            value
                .clone()
                .map_or(AddMetadataField::Keep, AddMetadataField::Set)
        }
        let name = &self.package()?.name;
        let mut metadata = AddMetadata::default();
        metadata.name = AddMetadataField::Set(format!("{}:{}", name.namespace, name.name));
        metadata.description = set(&component.description);
        metadata.licenses = set(&component.licenses);
        metadata.source = set(&component.source);
        metadata.revision = set(&component.revision);
        metadata.version = set(&component.version);
        metadata.to_wasm(&wit_component::encode(&self.resolve, self.id, false)?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;

    const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");

    pub(crate) fn contract() -> Contract {
        Contract::read(Path::new(WIT)).unwrap()
    }

    #[test]
    fn it_has_the_worlds_that_are_built() {
        let contract = contract();
        for (_, world) in crate::COMPONENTS {
            assert!(
                contract.package().unwrap().worlds.contains_key(world),
                "{world}"
            );
        }
    }

    #[test]
    fn wkg_is_told_where_every_package_is_that_the_contract_uses() {
        let file = Path::new(WIT).with_file_name("wkg.toml");
        let told = fs::read_to_string(file).unwrap();
        let contract = contract();
        let own = contract.package().unwrap().name.clone();
        let used = contract.resolve.package_names.keys();
        for used in used.filter(|name| **name != own) {
            let (namespace, name) = (&used.namespace, &used.name);
            let line = format!("\"{namespace}:{name}\" = {{ path = \"wit/deps/{name}.wit\" }}");
            assert!(told.contains(&line), "{line}");
        }
        for said in [env!("CARGO_PKG_LICENSE"), env!("CARGO_PKG_REPOSITORY")] {
            assert!(told.contains(&format!("\"{said}\"")), "{said}");
        }
    }
}
