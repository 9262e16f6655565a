#!/usr/bin/env bash
# Saves an incident of four cameras from a mock of the API, checks the folder, and plays its report in headless Chromium
# and Firefox. Set CHROMIUM or FIREFOX to use a browser other than the first one in PATH. `cargo xtask test` runs this with
# a mock.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

chromium=$(command -v "${CHROMIUM:-chromium}" chromium chromium-browser google-chrome | head -n 1) || true
firefox=$(command -v "${FIREFOX:-firefox-esr}" firefox-esr firefox | head -n 1) || true
[ -n "$chromium$firefox" ] || skip "there is neither Chromium nor Firefox (Debian: apt-get install chromium firefox-esr)"
npm_ci host-test/tests/report

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Windows whose footage is uploaded and still kept, with a gap between them.
ago() { date -u -d "@$(($(date +%s) - $1))" +%FT%TZ; }
"${MV_CLIP:?}" incident "${MOCK_SERIAL:?}" Q2MV-MOCK-0004.{1,2,3} --at "$(ago 600)" --post 20 --out "$folder"
"$MV_CLIP" range "$MOCK_SERIAL" --start "$(ago 575)" --end "$(ago 565)" --out "$folder"
# A camera that is offline: its view says why it is empty. This fails.
"$MV_CLIP" incident Q2MV-MOCK-0000 --at "$(ago 600)" --post 20 --out "$folder" || [ $? -eq 1 ]
"$MV_CLIP" verify "$folder"
for browser in $chromium $firefox; do
    echo "$browser:"
    # A machine that is busy with something else can hold up a browser for longer than the cameras may be apart.
    for attempt in 1 2 3; do
        node host-test/tests/report/play.mjs "$browser" "$folder/report.html" && break
        [ "$attempt" -lt 3 ] || exit 1
    done
done
[ -n "$chromium" ] || skip "played in Firefox only: there is no Chromium (Debian: apt-get install chromium)"
[ -n "$firefox" ] || skip "played in Chromium only: there is no Firefox (Debian: apt-get install firefox-esr)"
