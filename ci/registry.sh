#!/usr/bin/env bash
# Pushes the artifacts of target/package to a registry on this machine, and pulls them again.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

need skopeo skopeo
registry=$(command -v docker-registry "$target/docker-registry/usr/bin/docker-registry" | head -n 1) || true
[ -n "$registry" ] || skip "there is no docker-registry (Debian: apt-get install docker-registry)"

folder=$(mktemp -d)
cat >"$folder/config.yml" <<END
version: 0.1
log: { accesslog: { disabled: true }, formatter: json }
storage: { filesystem: { rootdirectory: $folder/store } }
http: { addr: 127.0.0.1:0 }
END
"$registry" serve "$folder/config.yml" 2>"$folder/log" &
process=$!
trap 'kill "$process"; rm -rf "$folder"' EXIT
address=
for _ in $(seq 300); do
    address=$(sed -n 's/.*listening on \([0-9.:]*\)".*/\1/p' "$folder/log")
    [ -z "$address" ] || break
    kill -0 "$process" || break
    sleep 0.1
done
if [ -z "$address" ]; then
    echo "the registry does not listen. Its log: $(cat "$folder/log")"
    exit 1
fi

copy() { skopeo --insecure-policy copy --quiet --preserve-digests "$@"; }
for layout in "$target"/package/*/; do
    # `cargo package` uses the same folder.
    [ -f "$layout/index.json" ] || continue
    name=$(basename "$layout")
    # The digest of each manifest, and its tag.
    python3 -c '
import json, sys
for manifest in json.load(open(sys.argv[1] + "index.json"))["manifests"]:
    print(manifest["annotations"]["org.opencontainers.image.ref.name"], manifest["digest"])' "$layout" |
        while read -r tag digest; do
            there=docker://$address/meraki-mv/$name:$tag
            copy --dest-tls-verify=false "oci:$layout:$tag" "$there"
            copy --src-tls-verify=false "$there" "dir:$folder/pulled"
            echo "${digest#sha256:}  $folder/pulled/manifest.json" | sha256sum --check --quiet
            # What the manifest names, with its digest as the name.
            for file in "$folder"/pulled/*; do
                case $(basename "$file") in
                manifest.json | version) ;;
                *) echo "$(basename "$file")  $file" | sha256sum --check --quiet ;;
                esac
            done
            rm -r "$folder/pulled"
            echo "$name:$tag comes back as it was pushed"
        done
done
