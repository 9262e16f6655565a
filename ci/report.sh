#!/usr/bin/env bash
# Saves a clip from a mock of the API, checks the folder, and plays its report in headless Chromium. Set CHROMIUM to
# use a browser other than the first one in PATH. `cargo xtask test` runs this with a mock.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

need ffmpeg ffmpeg
browser=$(command -v "${CHROMIUM:-chromium}" chromium chromium-browser google-chrome | head -n 1) || true
[ -n "$browser" ] || skip "there is no Chromium (Debian: apt-get install chromium)"
npm_ci host-test/tests/report

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# A window whose footage is uploaded and still kept.
at=$(date -u -d '-10 min' +%FT%TZ)
"${MV_CLIP:?}" incident "${MOCK_SERIAL:?}" --at "$at" --out "$folder"
"$MV_CLIP" verify "$folder"
CHROMIUM=$browser node host-test/tests/report/play.mjs "$folder/report.html"
