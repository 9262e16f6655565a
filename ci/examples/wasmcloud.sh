#!/usr/bin/env bash
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
example=$root/examples/wasmcloud
handler=$root/examples/http-handler
wash=$target/venv/wasmcloud/wash
# Where config.yaml has it.
export CARGO_TARGET_DIR=$handler/target

# The example's configuration for any folder, any free port, and the mock.
config() {
    sed -e "s|\.\./http-handler|$handler|" \
        -e "s|\.\./\.\./target/component/mv-clip\.wasm|$COMPONENT|" \
        -e 's|127\.0\.0\.1:8000|127.0.0.1:0|' \
        -e "s|https://\*\.meraki\.com|${MERAKI_BASE_URL%/api/v1}|" \
        -e "s|https://api\.meraki\.com/api/v1|$MERAKI_BASE_URL|" \
        "$example/.wash/config.yaml"
}

case $1 in
setup)
    need curl curl
    venv wasmcloud "$example/requirements.txt"
    found=$("$python" -c 'import os, wash_cli as m; print(os.path.dirname(m.__file__))')/wash
    chmod +x "$found"
    ln -sf "$found" "$wash"
    # wasmCloud would build it when it starts. Building it here keeps that out of the measured time.
    cargo build --release --target wasm32-wasip2 --manifest-path "$handler/Cargo.toml"
    if config | grep -q 'meraki\.com\|\.\./\|:8000'; then
        echo "this script does not understand the example's configuration"
        exit 1
    fi
    built=$handler/target/wasm32-wasip2/release/http_handler.wasm
    result "$("$wash" --version | cut -d ' ' -f 2)" "$(cat "$COMPONENT" "$built" "$example/.wash/config.yaml" | wc -c)"
    ;;
clip)
    mkdir -p .wash
    config >.wash/config.yaml
    serve 'listening for HTTP requests' "$wash" --non-interactive dev
    # It prints the real port first, and then the configured one, which is 0.
    address=$(sed -n 's/.*HTTP server listening addr=\([0-9.:]*\).*/\1/p' log | head -n 1)
    curl --silent --show-error --noproxy '*' --max-time 60 --fail-with-body \
        "http://$address/?serial=$2&start=$3&end=$4" 1>&3
    ;;
esac
