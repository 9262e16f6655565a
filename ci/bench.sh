#!/usr/bin/env bash
# bench.sh COMPONENT LIST: installs the clients that the benchmark compares the component with. Writes to LIST how to
# start each client, or why it is missing.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
peers=$root/host-test/benches/peers
component=$1 list=$2
built=$(dirname "$list")
mkdir -p "$built"

for_python() {
    venv bench "$peers/requirements.txt"
    result "$python"
}

for_node() {
    npm_ci "$peers"
    node "$peers/transpile.mjs" "$component" "$built/jco"
    result "$(command -v node)"
}

# Each prints a program, or the reason why there is none.
python=$(for_python 3>&1 1>&2) || [ $? -eq 77 ]
node=$(for_node 3>&1 1>&2) || [ $? -eq 77 ]

# peer NAME PROGRAM ARGUMENTS, which are strings in JSON
peer() {
    case $2 in
    /*) echo "{\"name\": \"$1\", \"program\": \"$2\", \"arguments\": [$3]}" ;;
    *) echo "{\"name\": \"$1\", \"missing\": \"$2\"}" ;;
    esac
}

cat >"$list" <<END
[
$(peer sdk "$python" "\"$peers/sdk.py\""),
$(peer sdk-smart-flow "$python" "\"$peers/sdk.py\", \"--smart-flow\""),
$(peer sample-python "$python" "\"$peers/sample.py\""),
$(peer sample-node "$node" "\"$peers/sample.mjs\""),
$(peer component-node "$node" "\"$peers/component.mjs\", \"$built/jco/mv-clip.js\"")
]
END
