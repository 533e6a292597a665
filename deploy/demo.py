#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The main job, shown on real data against a running broker: upload, load, use again, chart, download.

Usage: demo.py --url http://127.0.0.1:8000 | --socket PATH  [--keep FILE.png]
Prints each step and what came back; exit status 0 only if every answer is right. An API key, where the
broker wants one, stands in the environment as DEMO_KEY: a command line is there for all to read.
"""
import argparse
import http.client
import json
import os
import socket
import struct
import sys
import urllib.parse
import uuid
import zlib

SESSION = "demonstration"


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Broker:
    def __init__(self, arguments):
        self.arguments = arguments
        key = os.environ.get("DEMO_KEY")
        self.credentials = {"X-API-Key": key} if key else {}

    def call(self, method, path, body=None, headers=None):
        if self.arguments.socket:
            connection = Unix(self.arguments.socket)
        else:
            connection = http.client.HTTPConnection(
                urllib.parse.urlsplit(self.arguments.url).netloc, timeout=120)
        try:
            connection.request(method, path, body, {**self.credentials, **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def run(self, session, code):
        status, body = self.call("POST", "/run", json.dumps({"session_id": session, "code": code}),
                                 {"Content-Type": "application/json"})
        must(status == 200, f"POST /run: {status} {body.decode(errors='replace')}")
        answer = json.loads(body)
        must(answer["exit_code"] == 0, f"the code failed: {answer['stderr']}")
        return answer

    def upload(self, session, name, data):
        boundary = uuid.uuid4().hex
        head = (f'--{boundary}\r\nContent-Disposition: form-data; name="session_id"\r\n\r\n{session}\r\n'
                f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                "Content-Type: text/csv\r\n\r\n")
        body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
        status, reply = self.call("POST", "/upload", body, {
            "Content-Type": f"multipart/form-data; boundary={boundary}"})
        must(status == 200, f"POST /upload: {status} {reply.decode(errors='replace')}")
        return json.loads(reply)


def say(text):
    print(f"  {text}", flush=True)


def must(condition, sentence):
    if not condition:
        raise SystemExit(f"the demonstration failed: {sentence}")


def show(code, answer):
    for line in code.strip().splitlines():
        say(f">>> {line}")
    for text in (answer["stdout"], answer["result"] or ""):
        for line in text.rstrip().splitlines():
            say(f"    {line}")
    say(f"    [{answer['state']}, generation {answer['generation']}, {answer['duration_ms']} ms]")


def is_png(data):
    """Signature, IHDR first, IEND last, and every chunk's checksum."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return False
    at, kinds = 8, []
    while at + 12 <= len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        chunk = data[at + 4:at + 8 + size]
        if zlib.crc32(chunk) != struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0]:
            return False
        kinds.append(kind)
        at += 12 + size
    return kinds[:1] == [b"IHDR"] and kinds[-1:] == [b"IEND"] and at == len(data)


NAMES = ("alcohol malic_acid ash alcalinity magnesium phenols flavanoids nonflavanoids proanthocyanins "
         "color hue od280 proline target").split()

LOAD = f"""
import pandas as pd
df = pd.read_csv("wine_data.csv", skiprows=1, header=None, names={NAMES!r})
df.shape, sorted(df["target"].unique().tolist())
"""
DESCRIBE = """
df.groupby("target")[["alcohol", "proline"]].mean().round(2)
"""
CHART = """
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(6, 4))
for kind, rows in df.groupby("target"):
    ax.scatter(rows["alcohol"], rows["color"], label=f"class {kind}", s=14)
ax.set(xlabel="alcohol", ylabel="color intensity", title="178 wines")
ax.legend()
fig.savefig("chart.png", dpi=120)
plt.close(fig)
"""
MODEL = """
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
x = StandardScaler().fit_transform(df.drop(columns="target"))
round(LogisticRegression().fit(x, df["target"]).score(x, df["target"]), 3)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url")
    where.add_argument("--socket")
    parser.add_argument("--keep", help="write the chart to this file")
    arguments = parser.parse_args()
    broker = Broker(arguments)

    broker.run(SESSION + "-source", "import shutil, sklearn.datasets as d, pathlib\n"
               "shutil.copy(pathlib.Path(d.__file__).parent / 'data' / 'wine_data.csv', '.')")
    status, csv = broker.call("GET", f"/download/{SESSION}-source/wine_data.csv")
    must(status == 200 and csv.count(b"\n") == 179, "wine_data.csv has not 179 lines")
    uploaded = broker.upload(SESSION, "wine_data.csv", csv)
    say(f"uploaded {uploaded['files'][0]['path']}, {uploaded['files'][0]['size_bytes']} bytes")

    loaded = broker.run(SESSION, LOAD)
    show(LOAD, loaded)
    must(loaded["result"] == "((178, 14), [0, 1, 2])",
         f"178 x 14 and three classes expected, got {loaded['result']}")
    for code in (DESCRIBE, CHART, MODEL):
        answer = broker.run(SESSION, code)
        show(code, answer)
        must(answer["state"] == "kept", "df was not kept")
        if code is CHART:
            must([f["path"] for f in answer["files"]] == ["chart.png"], "chart.png was not reported")
            status, chart = broker.call("GET", answer["files"][0]["url"])
            must(status == 200 and is_png(chart) and len(chart) > 10_000, "chart.png is not a chart")
            say(f"downloaded chart.png, {len(chart)} bytes")
            if arguments.keep:
                with open(arguments.keep, "wb") as file:
                    file.write(chart)
    for session in (SESSION, SESSION + "-source"):
        broker.call("DELETE", f"/v1/sessions/{session}")
    say("the demonstration passed")


if __name__ == "__main__":
    sys.exit(main())
