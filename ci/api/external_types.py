"""Finds types of foreign crates in public APIs. Each argument is a file of rustdoc's JSON."""

import fnmatch
import json
import pathlib
import subprocess
import sys

STANDARD = {"alloc", "core", "std"}
MEMBERS = {"fields", "impls", "items", "tuple", "variants"}


def ids(value, key=None):
    """The ids of the members of a public item, and of all types, traits and re-exports that it names."""
    if isinstance(value, list):
        for part in value:
            if key in MEMBERS and isinstance(part, int):
                yield part
            else:
                yield from ids(part)
    elif isinstance(value, dict):
        if "id" in value:
            yield value["id"]
        for key, part in value.items():
            yield from ids(part, key)


def external(crate):
    """Full path -> a place where the public API names it, for each item of another crate."""
    found, seen, following = {}, set(), [crate["root"]]
    while following:
        item = crate["index"].get(str(following.pop()))
        # rustdoc adds the implementations that other crates make for all types.
        block = item["inner"].get("impl", {}) if item else {}
        if not item or item["id"] in seen or block.get("is_synthetic") or block.get("blanket_impl"):
            continue
        if any("hidden" in str(attribute) for attribute in item["attrs"]):
            continue
        seen.add(item["id"])
        for named in ids(item["inner"]):
            following.append(named)
            summary = crate["paths"].get(str(named))
            if str(named) not in crate["index"] and (not summary or summary["crate_id"] == 0):
                sys.exit(f"rustdoc left out an item that this one names: {item}")
            if summary and summary["crate_id"] != 0:
                name = crate["external_crates"][str(summary["crate_id"])]["name"]
                place = item["span"] and f"{item['span']['filename']}:{item['span']['begin'][0]}"
                found.setdefault("::".join([name, *summary["path"][1:]]), place)
    return found


def main(files):
    manifests = subprocess.run(["cargo", "metadata", "--no-deps", "--format-version=1"], check=True, capture_output=True)
    packages = {package["name"].replace("-", "_"): package for package in json.loads(manifests.stdout)["packages"]}
    faults = []
    for file in map(pathlib.Path, files):
        found = external(json.loads(file.read_text()))
        if not any(path.startswith("core::") for path in found):
            faults.append(f"{file}: no item names the standard library, so the file was not understood")
        foreign = {path: place for path, place in found.items() if path.split("::")[0] not in {*STANDARD, *packages}}
        settings = (packages[file.stem]["metadata"] or {}).get("cargo_check_external_types", {})
        allowed = settings.get("allowed_external_types", [])
        for path, place in sorted(foreign.items()):
            if not any(fnmatch.fnmatchcase(path, pattern) for pattern in allowed):
                faults.append(f"{place}: {path} is a foreign type in the public API of {file.stem}")
        for pattern in allowed:
            if not fnmatch.filter(found, pattern):
                faults.append(f"{file.stem} allows {pattern}, and no item names it")
    sys.exit("\n".join(faults) or None)


main(sys.argv[1:])
