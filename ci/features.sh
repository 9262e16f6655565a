#!/usr/bin/env bash
# Checks that the command line and the tests use the same features of their common dependencies. Otherwise cargo
# compiles wasmtime twice: for `cargo xtask demo`, and for `cargo xtask test`. host-test/Cargo.toml turns on the features
# that only the tests' dependencies need.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

# Each package with its version and features.
tree() {
    cargo tree --locked --prefix none --format '{p} {f}' "$@" | sed 's/ (\*)$//; s/ (proc-macro)//' |
        grep -v "($root\|dependencies\]$" | LC_ALL=C sort -u
}
program=$(tree --package mv-clip-cli --edges normal,build)
tests=$(tree --workspace --exclude xtask --exclude xtask-package --exclude mv-clip-in-wasmtime \
    --exclude mv-clip-in-the-harness --edges normal,build,dev)
only=$(LC_ALL=C comm -23 <(echo "$program") <(echo "$tests"))
[ -z "$only" ] && exit
echo "the tests use other features of these packages than the command line (add them to host-test/Cargo.toml):"
while read -r name version _; do
    for graph in "$program" "$tests"; do grep "^$name $version " <<<"$graph" | sed 's/^/    /'; done
done <<<"$only"
exit 1
