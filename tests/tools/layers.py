#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads every #include of ours and refuses an arrow that the architecture does not have.

The table below is the architecture (docs/architecture.md draws it). A folder may include itself and
the folders named here, nothing else; third-party headers are pinned to the folders that own them.
Usage: layers.py [ROOT]. Exit status 1 and one line per offence.
"""
import pathlib
import re
import sys

ALLOWED = {
    "kernelproto/wire": [],
    "kernelproto/client": ["kernelproto/wire"],
    "kernelproto/zmtp": ["kernelproto/wire"],
    "kernelproto/link": ["kernelproto/client", "kernelproto/zmtp", "kernelproto/wire"],
    "broker/base": [],
    "broker/client": ["broker/base"],
    "broker/core": ["broker/base"],
    "broker/store": ["broker/core", "broker/base"],
    "broker/monitor": [],
    "broker/runtime": ["broker/core", "broker/base", "broker/monitor"],
    "broker/service": ["broker/core", "broker/store", "broker/runtime", "broker/base",
                       "kernelproto/link", "kernelproto/client", "kernelproto/wire"],
    "http/proto": ["broker/base"],
    "http/server": ["http/proto", "broker/base"],
    "http/api": ["http/server", "http/proto", "broker/service", "broker/store", "broker/core",
                 "broker/base"],
    "http/librechat": ["http/api", "http/proto", "broker/service", "broker/store", "broker/core",
                       "broker/base"],
    "broker/daemon": ["*"],
    "images/language-kernel": ["kernelproto/wire"],
}

# Third-party header prefix -> folders (or single files) that may include it.
PINNED = {
    "zmq": ["kernelproto/link", "images/language-kernel"],
    "sqlite3": ["broker/store"],
    "boost/beast": ["http/server", "broker/client"],
    "boost/asio": ["kernelproto/link", "broker/base/async", "broker/base/task_group",
                   "broker/base/child", "broker/runtime", "broker/service", "http/server",
                   "http/api", "http/librechat", "broker/client", "broker/daemon"],
    "boost/json": ["kernelproto/wire", "http/proto"],
    "openssl": ["kernelproto/wire", "broker/base", "http/api"],
    "toml++": ["broker/daemon"],
    "CLI": ["broker/daemon"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def folder_of(path: str) -> str:
    return "/".join(path.split("/")[:2])


def offences(root: pathlib.Path):
    for top in ("kernelproto", "broker", "http", "images"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in (".hpp", ".cpp", ".h", ".c"):
                continue
            name = file.relative_to(root).as_posix()
            folder = folder_of(name)
            if folder not in ALLOWED:
                yield f"{name}: folder {folder} is not part of the architecture"
                continue
            for quote, target in INCLUDE.findall(file.read_text(encoding="utf-8")):
                if quote == '"':
                    other = folder_of(target)
                    allowed = ALLOWED[folder]
                    if other.startswith("tests/"):
                        yield f"{name}: includes {target}; nothing includes tests"
                    elif other != folder and "*" not in allowed and other not in allowed:
                        yield f"{name}: includes {target}; {folder} may not see {other}"
                    elif not (root / target).exists():
                        yield f"{name}: includes {target}, which does not exist"
                else:
                    for prefix, owners in PINNED.items():
                        if re.match(re.escape(prefix) + r"(/|\.|$)", target) and not any(
                                name.startswith(owner) for owner in owners):
                            yield f"{name}: includes <{target}>; only {', '.join(owners)} may"


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(offences(root))
    print("\n".join(found) or "layers: every include follows an arrow")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
