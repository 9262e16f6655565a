#!/bin/sh
# Prints the URL of one clip: get-clip.sh SERIAL START END
#
# WASMTIME and COMPONENT say where those two are. Settings, the key among them, are MERAKI_… and MV_CLIP_… in the
# environment. The exit code is 0 with err(…), too.
set -eu
settings=$(env | sed -n 's/^\(MERAKI_[A-Z_]*\|MV_CLIP_[A-Z_]*\)=.*/--env \1/p')
# shellcheck disable=SC2086 # Each is two words.
exec "${WASMTIME:-wasmtime}" run -S http \
    $settings \
    --invoke "get-clip(\"$1\", \"$2\", \"$3\")" \
    "${COMPONENT:-mv-clip.wasm}"
