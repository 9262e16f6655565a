#!/usr/bin/env bash
# Installs the Debian packages that the tests use: ffmpeg, Chromium, Firefox, skopeo, minisign, OpenSSL and a registry. With
# `obelisk`, those for examples/obelisk: PostgreSQL, and the build dependencies of Obelisk. Skips programs that are installed. Needs root.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

missing=()
# want PROGRAM PACKAGE…
want() { command -v "$1" >/dev/null || missing+=("${@:2}"); }

case ${1:-} in
'')
    want ffmpeg ffmpeg
    want chromium chromium
    want firefox-esr firefox-esr
    want skopeo skopeo
    want minisign minisign
    want openssl openssl
    ;;
obelisk)
    [ -d /usr/lib/postgresql ] || missing+=(postgresql)
    want protoc protobuf-compiler libprotobuf-dev
    ;;
*)
    echo "usage: ci/packages.sh [obelisk]" >&2
    exit 2
    ;;
esac

registry=${CARGO_TARGET_DIR:-target}/docker-registry
unpack=
[ -n "${1:-}" ] || [ -x "$registry/usr/bin/docker-registry" ] || command -v docker-registry >/dev/null || unpack=yes

[ ${#missing[@]} -gt 0 ] || [ -n "$unpack" ] || exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
[ ${#missing[@]} -eq 0 ] || apt-get install --yes --quiet=2 --no-install-recommends "${missing[@]}"
if [ -n "$unpack" ]; then
    # Unpacked instead of installed, because the package starts a service.
    mkdir -p "$registry"
    (cd "$registry" && apt-get download --quiet=2 docker-registry && dpkg-deb --extract docker-registry_*.deb .)
fi
