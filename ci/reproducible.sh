#!/usr/bin/env bash
# Builds the components here and in another folder, and compares the bytes.
# shellcheck source=ci/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

git rev-parse --verify --quiet HEAD >/dev/null || skip "this is not a git clone, so the files of the project are not known"
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git clone --quiet . "$copy/another/folder"
# Includes files that are not committed.
git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do
        [ ! -e "$file" ] && [ ! -L "$file" ] || cp --parents --no-dereference --remove-destination --preserve=mode "$file" "$copy/another/folder"
    done

cargo build --locked --package xtask
xtask=$target/debug/xtask
"$xtask" build
(cd "$copy/another/folder" && CARGO_TARGET_DIR="$copy/target" "$xtask" build)
for file in mv-clip.wasm mv-clip-clips.wasm; do
    if ! cmp "$target/component/$file" "$copy/target/component/$file"; then
        echo "two builds of $file differ: it may contain a path, a time or the order of a map"
        exit 1
    fi
done
