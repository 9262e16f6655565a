# The scripts of this folder source this file. Their output goes to standard error. A script that cannot run on this
# machine prints the reason to standard output and exits with 77; `cargo xtask` reports it as skipped.
# shellcheck shell=bash
set -euo pipefail
exec 3>&1 1>&2

# No program that a script starts gets the developer's secrets. xtask removes them too, and sets those of a mock.
for name in $(compgen -e); do
    case $name in
    CARGO_* | RUSTUP_*) ;;
    MERAKI_*) [ -n "${MOCK_SERIAL:-}" ] || unset "$name" ;;
    AWS_* | AZURE_* | GOOGLE_* | *CREDENTIAL* | *DESTINATION* | *PASSW* | *SECRET* | *TOKEN* | *_KEY*) unset "$name" ;;
    esac
done

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

result() { printf '%s\n' "$@" >&3; }

skip() {
    result "$*"
    exit 77
}

# need PROGRAM PACKAGE
need() { command -v "$1" >/dev/null || skip "there is no $1 (Debian: apt-get install $2)"; }

# venv NAME REQUIREMENTS: installs the requirements, which have hashes, into $target/venv/NAME, and sets $python. Reuses
# an existing one without network access.
venv() {
    local folder=$target/venv/$1
    python=$folder/bin/python
    cmp --silent "$2" "$folder/requirements.txt" && return
    python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        skip "python3 3.11 or later with venv is missing (Debian: apt-get install python3-venv)"
    python3 -m venv --clear "$folder"
    # Distinguishes an unreachable registry from requirements that cannot be met.
    "$python" -m pip index versions "$(grep -o -m 1 '^[a-z][a-z-]*' "$2")" >/dev/null 2>&1 || skip "pip cannot reach the package index"
    "$python" -m pip --disable-pip-version-check install --quiet --require-hashes --requirement "$2"
    cp "$2" "$folder/requirements.txt"
}

# npm_ci FOLDER: installs the packages of its lock file, unless they are installed.
npm_ci() {
    need node nodejs
    need npm npm
    node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || skip "node is older than version 20"
    cmp --silent "$1/package-lock.json" "$1/node_modules/installed.json" && return
    npm view npm version --fetch-retries=0 >/dev/null 2>&1 || skip "npm cannot reach the registry"
    npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund
    cp "$1/package-lock.json" "$1/node_modules/installed.json"
}

# serve READY COMMAND...: starts a server, which ends with the script, and waits until its output contains READY. The
# output is in the file `log`.
serve() {
    local ready=$1
    shift
    "$@" >log 2>&1 &
    process=$!
    trap 'kill "$process"; wait "$process" || true' EXIT
    until grep -q "$ready" log; do
        if ! kill -0 "$process"; then
            cat log
            exit 1
        fi
        sleep 0.02
    done
}
