#!/usr/bin/env bash
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
example=$root/examples/python

case $1 in
setup)
    venv python "$example/requirements.txt"
    version=$("$python" -c "import importlib.metadata as m; print(m.version('wasmtime'))")
    result "wasmtime $version" "$(cat "$COMPONENT" "$example"/{incident,download,mv_clip}.py | wc -c)"
    ;;
clip)
    # The incident is at the end of the window.
    exec "$target/venv/python/bin/python" -B "$example/incident.py" "$2" "$4" "$COMPONENT" 1>&3
    ;;
check)
    "$target/venv/python/bin/python" -B "$example/test_incident.py"
    ;;
esac
