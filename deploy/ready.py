#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks a broker whether it is ready; prints what is missing and exits 1 if it is not.

Usage: ready.py --url http://127.0.0.1:8000 | --socket PATH
"""
import http.client
import socket
import sys
import urllib.parse


def main(how, where):
    if how == "--socket":
        connection = http.client.HTTPConnection("localhost", timeout=5)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(5)
        connection.sock.connect(where)
    else:
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(where).netloc, timeout=5)
    connection.request("GET", "/readyz")
    response = connection.getresponse()
    if response.status != 200:
        sys.exit(response.read().decode(errors="replace"))


if __name__ == "__main__":
    main(*sys.argv[1:3])
