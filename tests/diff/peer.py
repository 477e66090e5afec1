"""A Prometheus 3 to compare with, and its HTTP API."""
import json
import re
import shutil
import subprocess
import os
import urllib.parse
from http.client import HTTPConnection

from e2e import BUILD, SRC, Process, api, check, fail, free_port, remote_write, scratch, series, skip, wait_http, write_request

FOLLOWED = (3, 14)  # the version of Prometheus whose PromQL this is
FEATURES = ("promql-experimental-functions", "native-histograms", "promql-duration-expr", "promql-extended-range-selectors",
            "promql-binop-fill-modifiers")
ENABLED = ("promql-experimental-functions", "promql-extended-range-selectors", "promql-binop-fill-modifiers")  # of thanos


def find_prometheus():
    for program in (os.environ.get("PROMETHEUS"), "prometheus"):
        path = program and shutil.which(program)
        if path:
            out = subprocess.run([path, "--version"], capture_output=True, text=True)
            if "version 3." in out.stdout + out.stderr:
                return path
    got = subprocess.run([SRC / "contrib/get-prometheus3", BUILD / "prometheus3"], capture_output=True, text=True)
    if got.returncode:
        skip(f"no Prometheus 3: {got.stderr.strip()}")
    return got.stdout.strip().splitlines()[-1]


class Peer:
    """One HTTP API over a kept connection; send() and receive() are apart so that both peers work at a time."""

    def __init__(self, port, **more):
        self.connection, self.more = HTTPConnection("127.0.0.1", port, timeout=120), more

    def send(self, path, params):
        text = urllib.parse.urlencode(dict(params, **self.more))
        if len(text) % 4:
            self.connection.request("POST", path, text, {"Content-Type": "application/x-www-form-urlencoded"})
        else:
            self.connection.request("GET", f"{path}?{text}")

    def receive(self):
        response = self.connection.getresponse()
        body = response.read()
        try:
            return dict(json.loads(body), http_status=response.status)
        except ValueError:
            return {"error": body.decode(errors="replace"), "errorType": "no JSON", "http_status": response.status}

    def ask(self, path, params):
        self.send(path, params)
        return self.receive()


def start_prometheus(binary, *features):
    port = free_port()
    home = scratch(f"prometheus-{port}")
    (home / "prometheus.yml").write_text("global: {scrape_interval: 1m}\n")
    process = Process("prometheus", binary, f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data",
                      f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver",
                      f"--enable-feature={','.join((*FEATURES, *features))}", "--log.level=error")
    wait_http(f"http://127.0.0.1:{port}/-/ready", process)
    return process, port


def version_of(port):
    text = api(f"http://127.0.0.1:{port}", "/api/v1/status/buildinfo")["data"]["version"]
    return tuple(int(n) for n in re.findall(r"\d+", text)[:2])


def write(url, parts):
    """Sends lists of series one after the other."""
    for part in parts:
        status, text = remote_write(url, write_request(*[series(*s) for s in part])) if part else (200, "")
        check(status in (200, 204), f"remote write to {url}: {status} {text}")
