#!/usr/bin/env bash
package=mv-clip-in-the-harness
# shellcheck source=ci/examples/rust.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rust.sh"
