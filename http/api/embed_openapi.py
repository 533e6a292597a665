#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the interface description into a C++ constant: embed_openapi.py OPENAPI.yaml OUT.cpp"""
import json
import sys

import yaml

with open(sys.argv[1], encoding="utf-8") as source:
    text = json.dumps(yaml.safe_load(source), ensure_ascii=True, separators=(",", ":"))
# A string literal has a limit of 64 KiB in some compilers; adjacent ones are joined.
pieces = [text[at:at + 4000] for at in range(0, len(text), 4000)]
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.write('#include "http/api/openapi_text.hpp"\n\nnamespace http::api {\n\n'
              "std::string_view const openapi_text =\n")
    for piece in pieces:
        out.write(f"    {json.dumps(piece)}\n")
    out.write("    ;\n\n}  // namespace http::api\n")
