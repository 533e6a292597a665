#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the length of source files: median <= 110 lines, nine of ten <= 300, none above 500.

Usage: sizes.py [ROOT]. Exit status 1 when a bound is passed.
"""
import pathlib
import statistics
import sys

MEDIAN, P90, LONGEST = 110, 300, 500


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    lengths = {}
    for top in ("kernelproto", "broker", "http", "images"):
        for file in (root / top).rglob("*"):
            if file.suffix in (".hpp", ".cpp", ".h", ".c"):
                with file.open(encoding="utf-8") as text:
                    lengths[file.relative_to(root).as_posix()] = sum(1 for _ in text)
    if not lengths:
        print("sizes: no source files found")
        return 1
    ordered = sorted(lengths.values())
    median = statistics.median(ordered)
    p90 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))]
    print(f"sizes: {len(ordered)} files, {sum(ordered)} lines, median {median:.0f}, p90 {p90}, "
          f"longest {ordered[-1]}")
    bad = [f"{name}: {lines} lines, at most {LONGEST}"
           for name, lines in sorted(lengths.items()) if lines > LONGEST]
    if median > MEDIAN:
        bad.append(f"median {median:.0f} lines, at most {MEDIAN}")
    if p90 > P90:
        bad.append(f"90th percentile {p90} lines, at most {P90}")
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
