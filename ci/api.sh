#!/usr/bin/env bash
# Checks the types in the public API of each crate in crates/: types of the standard library, of the workspace, and those
# that `package.metadata.cargo_check_external_types` in its Cargo.toml allows. cargo-check-external-types needs a
# nightly toolchain, which would compile wasmtime again; this uses the workspace's.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

need python3 python3
# rustdoc's JSON is unstable. Only rustdoc gets the permission, because build scripts run again if it changes.
export RUSTDOC=$root/ci/api/rustdoc.sh RUSTDOCFLAGS="-Zunstable-options --output-format=json --document-hidden-items"
check() {
    local folder=$1 crate
    shift
    for crate; do echo "$folder/doc/${crate//-/_}.json"; done | xargs python3 ci/api/external_types.py
}

crates=()
for manifest in crates/*/Cargo.toml; do
    crate=$(sed -n 's/^name = "\(.*\)"/\1/p;T;q' "$manifest")
    # It is empty on other targets than WebAssembly.
    [ "$crate" = mv-clip-guest ] || crates+=("$crate")
done
cargo doc --locked --no-deps --lib "${crates[@]/#/--package=}"
check "$target" "${crates[@]}"

wasm=wasm32-unknown-unknown
[ -d "$(rustc --print target-libdir --target $wasm)" ] || skip "mv-clip-guest is not checked: the toolchain has no $wasm"
cargo doc --locked --no-deps --lib --package mv-clip-guest --target $wasm
check "$target/$wasm" mv-clip-guest
