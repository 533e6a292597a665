#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the interface description into a C++ constant: embed_openapi.py OPENAPI.yaml OUT.cpp"""
import json
import sys

import yaml


def constant(name, text):
    """A source file that defines `name`, of http/api/openapi_text.hpp, as this text."""
    # Numbers, for a string literal may have to end after 64 KiB.
    data = text.encode("ascii", "xmlcharrefreplace")
    lines = "".join("    " + ",".join(map(str, data[at:at + 40])) + ",\n" for at in range(0, len(data), 40))
    return (f'#include "http/api/openapi_text.hpp"\n\nnamespace {{\n\nconstexpr char bytes[] = {{\n{lines}}};\n\n'
            f"}}  // namespace\n\nstd::string_view const http::api::{name}(bytes, sizeof bytes);\n")


def main():
    with open(sys.argv[1], encoding="utf-8") as source:
        text = json.dumps(yaml.safe_load(source), ensure_ascii=True, separators=(",", ":"))
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(constant("openapi_text", text))


if __name__ == "__main__":
    main()
