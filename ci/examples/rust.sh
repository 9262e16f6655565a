#!/usr/bin/env bash
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
package=${package:-mv-clip-in-wasmtime}
program=$target/release/$package

case $1 in
setup)
    (cd "$root" && cargo build --release --package "$package")
    # registry+…#wasmtime@48.0.8
    version=$(cd "$root" && cargo pkgid wasmtime)
    result "wasmtime ${version##*@}" "$(cat "$COMPONENT" "$program" | wc -c)"
    ;;
clip)
    exec "$program" "$COMPONENT" "${@:2}" 1>&3
    ;;
esac
