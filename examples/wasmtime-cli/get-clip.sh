#!/bin/sh
# Prints the URL of one clip: get-clip.sh SERIAL START END
#
# WASMTIME and COMPONENT are the paths of the program and of the component. The component gets all variables that begin
# with MERAKI_ or MV_CLIP_, including the API key. The exit code is 0 even if the result is err(…).
set -eu
settings=$(env | sed -n 's/^\(MERAKI_[A-Z_]*\|MV_CLIP_[A-Z_]*\)=.*/--env \1/p')
# shellcheck disable=SC2086 # Each setting has to become two arguments.
exec "${WASMTIME:-wasmtime}" run -S http \
    $settings \
    --invoke "get-clip(\"$1\", \"$2\", \"$3\")" \
    "${COMPONENT:-mv-clip.wasm}"
