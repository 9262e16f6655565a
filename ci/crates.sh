#!/usr/bin/env bash
# Packages each crate of crates/ for crates.io, and builds it from its own package.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

packages=()
for manifest in crates/*/Cargo.toml; do
    packages+=(--package "$(sed -n 's/^name = "\(.*\)"/\1/p;T;q' "$manifest")")
done
cargo package --locked --allow-dirty "${packages[@]}"
