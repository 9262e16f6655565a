//! The contract: the WIT package that the component is built to.

use anyhow::{Context, Result};
use wit_parser::{Package, PackageId, Resolve};

use crate::workspace::Workspace;

/// Its folder, from the workspace's root.
pub(crate) const FOLDER: &str = "wit";

/// The package in [`FOLDER`], with the packages of WASI that it uses.
#[derive(Debug)]
pub(crate) struct Contract {
    pub(crate) resolve: Resolve,
    pub(crate) id: PackageId,
}

impl Contract {
    /// Reads the contract of this workspace.
    ///
    /// # Errors
    ///
    /// It is not there, or no WIT.
    pub(crate) fn of(workspace: &Workspace) -> Result<Self> {
        let mut resolve = Resolve::default();
        let folder = workspace.root().join(FOLDER);
        let (id, _) = resolve
            .push_path(&folder)
            .with_context(|| format!("cannot make sense of {}", folder.display()))?;
        Ok(Self { resolve, id })
    }

    /// The package itself.
    ///
    /// # Errors
    ///
    /// The reader of WIT lost it.
    pub(crate) fn package(&self) -> Result<&Package> {
        let package = self.resolve.packages.get(self.id);
        package.context("the contract's package is not among those that it uses")
    }

    /// The package as WebAssembly, which is what registries keep of it: the same bytes each time.
    ///
    /// # Errors
    ///
    /// It cannot be encoded.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        wit_component::encode(&self.resolve, self.id, false)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn wkg_is_told_where_every_package_is_that_the_contract_uses() {
        let workspace = Workspace::load().unwrap();
        let told = fs::read_to_string(workspace.root().join("wkg.toml")).unwrap();
        let contract = Contract::of(&workspace).unwrap();
        let own = contract.package().unwrap().name.clone();
        let used = contract.resolve.package_names.keys();
        for used in used.filter(|name| **name != own) {
            let (namespace, name) = (&used.namespace, &used.name);
            let line =
                format!("\"{namespace}:{name}\" = {{ path = \"{FOLDER}/deps/{name}.wit\" }}");
            assert!(told.contains(&line), "{line}");
        }
        for said in [env!("CARGO_PKG_LICENSE"), env!("CARGO_PKG_REPOSITORY")] {
            assert!(told.contains(&format!("\"{said}\"")), "{said}");
        }
    }
}
