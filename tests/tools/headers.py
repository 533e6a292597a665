#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses a header of which nothing shows that it compiles alone: one that no CMake list names, or that
the source of its name does not include first.

A list is what stands behind HEADERS or FILES in a CMakeLists.txt, up to the next word in capitals or the
end of the command; a name in it counts from the folder of the file it stands in.
Usage: headers.py [ROOT]. Exit status 1 and one line per offence.
"""
import pathlib
import re
import sys

COMMENT = re.compile(r"#[^\n]*")
INCLUDE = re.compile(r"^#include (.*)$", re.MULTILINE)
# "FILE_SET HEADERS" names the kind of a set; what follows are its own words, not headers.
LIST = re.compile(r"(?<!FILE_SET )\b(?:HEADERS|FILES)\s+([^()]*?)(?=\s[A-Z_]+\b|\))")


def listed(cmake: pathlib.Path):
    text = COMMENT.sub("", cmake.read_text(encoding="utf-8"))
    for names in LIST.findall(text):
        for name in names.split():
            if name.endswith(".hpp"):
                yield cmake.parent / name


def offences(root: pathlib.Path):
    tops = [root / top for top in ("kernelproto", "broker", "http", "images")]
    named = {header for top in tops for cmake in top.rglob("CMakeLists.txt") for header in listed(cmake)}
    there = {header for top in tops for header in top.rglob("*.hpp")}
    for header in sorted(there - named):
        yield f"{header.relative_to(root).as_posix()}: in no list of headers of a CMakeLists.txt"
    for header in sorted(named - there):
        yield f"{header.relative_to(root).as_posix()}: in a list of headers, and does not exist"
    for header in sorted(there):
        name = header.relative_to(root).as_posix()
        source = header.with_suffix(".cpp")
        first = INCLUDE.search(source.read_text(encoding="utf-8")) if source.exists() else None
        if source.exists() and (first is None or first[1] != f'"{name}"'):
            yield f"{name}: {source.name} does not include it first"


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(offences(root))
    print("\n".join(found) or "headers: each is in a list, and the first of its source")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
