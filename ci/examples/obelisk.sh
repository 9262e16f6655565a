#!/usr/bin/env bash
# One node on SQLite. examples/obelisk/tests runs several on PostgreSQL.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
example=$root/examples/obelisk

# A port that nothing listens on now.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

case $1 in
setup)
    command -v obelisk >/dev/null || skip "there is no obelisk (examples/obelisk/README.md)"
    cargo build --release --target wasm32-wasip2 --manifest-path "$example/Cargo.toml"
    built=$example/target/wasm32-wasip2/release
    files=("$COMPONENT" "$example"/{deployment.toml,turns.sh} "$built"/{destination,workflow}.wasm)
    result "$(obelisk --version | grep -o '[0-9.]*' | head -n 1)" "$(cat "${files[@]}" | wc -c)"
    ;;
clip)
    address=127.0.0.1:$(free_port)
    cache=$target/examples/obelisk
    cat >server.toml <<END
api.listening_addr = "$address"
wasm.cache_directory = "$cache"
wasm.codegen_cache.directory = "$cache"
webui.enabled = false
external.enabled = false
database.sqlite.directory = "$PWD/$$"
END
    export MERAKI_HOSTS=${MERAKI_BASE_URL%/api/v1} S3_ENDPOINT=http://127.0.0.1 RUST_BACKTRACE=0
    # The node requires these at its start, but does not use them.
    for name in AWS_ACCESS_KEY_ID AWS_REGION AWS_SECRET_ACCESS_KEY PGHOST PGPASSWORD PGUSER S3_BUCKET; do
        export "$name="
    done
    serve 'Obelisk is ready' obelisk server run --server-config server.toml --deployment "$example/deployment.toml"
    obelisk execution submit --api-url "http://$address" --follow \
        meraki-mv:clips/clips@0.1.0.get-clip "[\"$2\", \"$3\", \"$4\"]" 1>&3
    ;;
esac
