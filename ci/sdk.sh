#!/usr/bin/env bash
# Gets a clip from the mock of the API with Meraki's own SDK, unmodified: an independent check of the mock.
# `cargo xtask test` runs this with a mock.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

venv sdk host-test/tests/sdk/requirements.txt
"$python" host-test/tests/sdk/clip.py "${MERAKI_BASE_URL:?}" "${MERAKI_DASHBOARD_API_KEY:?}" "${MOCK_SERIAL:?}"
