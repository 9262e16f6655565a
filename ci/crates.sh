#!/usr/bin/env bash
# Packages each crate of crates/ for crates.io, and builds it from its own package.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

packages=()
for manifest in crates/*/Cargo.toml; do
    name=$(sed -n 's/^name = "\(.*\)"/\1/p;T;q' "$manifest")
    packages+=(--package "$name")
    # cargo keeps the sources of each package by the path of the checkout, and takes them again
    # for another package of the same version.
    rm -rf "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$name"-[0-9]*
done
cargo package --locked --allow-dirty "${packages[@]}"
