#!/usr/bin/env bash
# Installs the clients that the benchmark compares the component with, and prints what runs them:
# bench.sh python|node COMPONENT FOLDER
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
peers=$root/host-test/benches/peers

case $1 in
python)
    venv bench "$peers/requirements.txt"
    result "$python"
    ;;
node)
    npm_ci "$peers"
    node "$peers/transpile.mjs" "$2" "$3/jco"
    result "$(command -v node)"
    ;;
esac
