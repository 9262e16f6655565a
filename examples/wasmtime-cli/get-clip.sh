#!/bin/sh
# Prints the URL of one clip: get-clip.sh SERIAL START END
#
# WASMTIME and COMPONENT say where those two are. The key is in MERAKI_DASHBOARD_API_KEY.
set -eu
exec "${WASMTIME:-wasmtime}" run -S http \
    --env MERAKI_DASHBOARD_API_KEY \
    ${MERAKI_BASE_URL:+--env MERAKI_BASE_URL} \
    --invoke "get-clip(\"$1\", \"$2\", \"$3\")" \
    "${COMPONENT:-mv-clip.wasm}"
