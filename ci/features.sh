#!/usr/bin/env bash
# Checks that the command line and the tests are built with the same features of all that they share: else cargo
# compiles wasmtime twice, once for `cargo xtask demo` and once for `cargo xtask test`. host-test/Cargo.toml names the
# features that only the tests' dependencies need.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

tree() { cargo tree --locked --prefix none --format '{p} {f}' "$@" | sed 's/ (\*)$//; s/ (proc-macro)//' | grep -v "($root" | LC_ALL=C sort -u; }
program=$(tree --package "${MV_CLIP_PACKAGE:?}" --edges normal)
tests=$(tree --workspace --exclude xtask --exclude xtask-package --exclude mv-clip-in-wasmtime \
    --exclude mv-clip-in-the-harness --edges normal,dev)
only=$(LC_ALL=C comm -23 <(echo "$program") <(echo "$tests"))
if [ -n "$only" ]; then
    echo "the tests need other features of these than the program has:"
    while read -r name version _; do
        LC_ALL=C comm -3 <(echo "$program" | grep "^$name $version ") <(echo "$tests" | grep "^$name $version ")
    done <<<"$only"
    exit 1
fi
