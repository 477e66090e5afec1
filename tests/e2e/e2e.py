"""Helpers of the end-to-end tests: processes, ports, waiting, HTTP, snappy and remote write by hand.

A test is a script that imports this, exits 0 for passed, 77 for skipped (a program that it needs is missing).
Everything runs on loopback; processes are ended, by pid, when the test ends.
"""
import atexit
import json
import mmap
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

SRC = pathlib.Path(os.environ.get("srcdir", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("builddir", SRC))
THANOS = BUILD / "thanos"

_processes = []
_scratch = tempfile.mkdtemp(prefix="thanos-e2e-")


def _clean_up():
    for process in reversed(_processes):
        process.stop()
    shutil.rmtree(_scratch, ignore_errors=True)


atexit.register(_clean_up)


def skip(why):
    print("SKIP:", why)
    sys.exit(77)


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            skip(f"{program} is not installed")


def scratch(name):
    path = pathlib.Path(_scratch) / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def free_port():
    """A free port below those that the kernel hands out itself (from 32768 on): so it stays free until it is used."""
    while True:
        port = random.SystemRandom().randint(12000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Process:
    """A child process with its output in a file; shown when a test fails."""

    def __init__(self, name, *argv, env=None):
        self.name = name
        self.log = scratch("logs") / f"{name}-{len(_processes)}.log"
        with open(self.log, "wb") as out:
            self.popen = subprocess.Popen([str(a) for a in argv], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                          env=dict(os.environ, **(env or {})))
        _processes.append(self)

    def alive(self):
        return self.popen.poll() is None

    def stop(self, sig=signal.SIGTERM, timeout=30):
        if self.alive():
            self.popen.send_signal(sig)
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        return self.popen.returncode

    def kill(self):
        self.stop(signal.SIGKILL)

    def tail(self, lines=40):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def fail(why):
    print("FAIL:", why)
    for process in _processes:
        print(f"--- {process.name} (exit code {process.popen.poll()})")
        print(process.tail())
    sys.exit(1)


def check(condition, why):
    if not condition:
        fail(why)


def http(url, data=None, headers=None, method=None, timeout=30, tls=None):
    """(status, headers, body) of a request; never raises for a status. `tls` is an ssl.SSLContext."""
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=tls) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def wait_http(url, process=None, timeout=30, headers=None):
    """Until the URL answers 200."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            if http(url, timeout=2, headers=headers)[0] == 200:
                return
        except (OSError, urllib.error.URLError):
            pass
        if process and not process.alive():
            fail(f"{process.name} ended while waiting for {url}")
        time.sleep(0.05)
    fail(f"{url} did not answer in {timeout} s")


def api(base, path, **params):
    """The decoded answer of a Prometheus API call; lists become repeated parameters."""
    pairs = [(k.rstrip("_"), v) for k, vs in params.items() for v in (vs if isinstance(vs, list) else [vs])]
    status, _, body = http(f"{base}{path}?{urllib.parse.urlencode(pairs)}")
    try:
        answer = json.loads(body)
    except ValueError:
        fail(f"{path}: status {status}, not JSON: {body[:300]!r}")
    answer["http_status"] = status
    return answer


def metric(process, name, missing=None):
    """The value of a series, written as it is exposed, of a component."""
    for line in http(f"{process.base}/metrics")[2].decode().splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    if missing is None:
        fail(f"no metric {name}")
    return missing


class Faults:
    """Slow and failing syncs of processes that are started with .env (faults.c)."""

    FIELDS = ("delay_ms", "error", "fail_from", "fail_count", "calls", "failed")

    def __init__(self):
        library = BUILD / "tests/e2e/faults.so"
        if not library.exists():
            skip(f"{library} is not built")
        path = scratch("faults") / f"control{len(_processes)}"
        path.write_bytes(bytes(4 * len(self.FIELDS)))
        with open(path, "r+b") as f:
            self.__dict__["map"] = mmap.mmap(f.fileno(), 4 * len(self.FIELDS))
        self.__dict__["env"] = {"LD_PRELOAD": str(library), "THANOS_FAULTS": str(path),
                                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def __getattr__(self, name):
        return struct.unpack_from("<I", self.map, 4 * self.FIELDS.index(name))[0]

    def __setattr__(self, name, value):
        struct.pack_into("<I", self.map, 4 * self.FIELDS.index(name), value)

    def fail_next(self, n, error):
        """The next n syncs fail."""
        self.error, self.fail_from = error, self.calls + 1
        self.fail_count = n


class Receive:
    """thanos receive on ports of its own."""

    def __init__(self, name="receive", path=None, *flags, start=True, env=None):
        self.name, self.flags, self.env = name, flags, env
        self.path = path or scratch(f"{name}-data")
        self.http, self.grpc, self.write = free_port(), free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.http}"
        self.write_url = f"http://127.0.0.1:{self.write}/api/v1/receive"
        if start:
            self.start()

    def start(self, wait=True):
        self.process = Process(self.name, THANOS, "receive", f"--tsdb.path={self.path}", f'--label=receive="{self.name}"',
                               f"--http-address=127.0.0.1:{self.http}", f"--grpc-address=127.0.0.1:{self.grpc}",
                               f"--remote-write.address=127.0.0.1:{self.write}", *self.flags, env=self.env)
        if wait:
            wait_http(f"{self.base}/-/ready", self.process, 60)


class Query:
    """thanos query over Store API addresses."""

    def __init__(self, *endpoints, flags=(), wait=True):
        self.http, self.grpc = free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.http}"
        self.process = Process("query", THANOS, "query", f"--http-address=127.0.0.1:{self.http}",
                               f"--grpc-address=127.0.0.1:{self.grpc}", *[f"--endpoint={e}" for e in endpoints], *flags)
        if wait:
            wait_http(f"{self.base}/-/ready", self.process)

    def wait_stores(self, n, timeout=20):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            stores = api(self.base, "/api/v1/stores").get("data") or {}
            if sum(1 for group in stores.values() for s in group if not s.get("lastError")) >= n:
                return
            time.sleep(0.1)
        fail(f"query did not see {n} stores")


class Authority:
    """A CA that signs certificates, in a directory of its own; needs openssl."""

    def __init__(self, name):
        self.dir = scratch(f"ca-{name}")
        self.cert = self.dir / "ca.crt"
        self.openssl("req", "-x509", *self.KEY, "-days", 2, "-subj", f"/CN={name}", "-keyout", self.dir / "ca.key", "-out",
                     self.cert)

    KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

    @staticmethod
    def openssl(*argv):
        subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True)

    def issue(self, name, extension, subject=None):
        """(certificate, key) files NAME.crt and NAME.key; written anew when they exist."""
        key, cert, request, ext = (self.dir / f"{name}.{e}" for e in ("key", "crt", "csr", "ext"))
        self.openssl("req", *self.KEY, "-subj", subject or f"/CN={name}", "-keyout", key, "-out", request)
        ext.write_text(extension)
        self.openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.dir / "ca.key", "-CAcreateserial",
                     "-days", 2, "-extfile", ext, "-out", cert)
        return cert, key

    def server(self, name="server"):
        return self.issue(name, "subjectAltName=IP:127.0.0.1,DNS:localhost")

    def client(self, name="client", subject=None):
        return self.issue(name, "extendedKeyUsage=clientAuth", subject)


# --- remote write 1.0 by hand ---------------------------------------------------------------

def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


STALE = struct.pack("<Q", 0x7FF0000000000002)


def zigzag(n):
    return varint(n << 1 ^ n >> 63)


def double_field(number, value):
    return varint(number << 3 | 1) + struct.pack("<d", value)


def spans(number, pairs):
    return b"".join(field(number, b"\x08" + zigzag(offset) + b"\x10" + varint(length)) for offset, length in pairs)


def histogram(h, t):
    """The Histogram message of a native histogram at t ms.

    h is a dict: schema, sum, count, zero_threshold, zero_count, positive and negative as (spans, buckets), a span being
    (offset, length), custom (bounds, for schema -53), float (counts instead of deltas), hint (0 unknown to 3 gauge),
    and buckets are absolute counts; or only stale and float.
    """
    if h.get("stale"):
        return (double_field(2, 0.0) if h.get("float") else b"\x08\x00") + b"\x19" + STALE + b"\x78" + varint(t)
    is_float = h.get("float", False)
    out = double_field(2, h["count"]) if is_float else b"\x08" + varint(h["count"])
    out += double_field(3, h["sum"]) + b"\x20" + zigzag(h["schema"]) + double_field(5, h.get("zero_threshold", 0.0))
    zero = h.get("zero_count", 0)
    out += double_field(7, zero) if is_float else b"\x30" + varint(zero)
    for number, side in ((8, "negative"), (11, "positive")):
        side_spans, buckets = h.get(side, ((), ()))
        out += spans(number, side_spans)
        if is_float:
            out += field(number + 2, struct.pack(f"<{len(buckets)}d", *buckets))
        else:
            deltas = [b - a for a, b in zip([0, *buckets], buckets)]
            out += field(number + 1, b"".join(zigzag(d) for d in deltas))
    if h.get("hint"):
        out += b"\x70" + varint(h["hint"])
    out += b"\x78" + varint(t)
    if h.get("custom"):
        out += varint(16 << 3 | 2) + varint(8 * len(h["custom"])) + struct.pack(f"<{len(h['custom'])}d", *h["custom"])
    return out


def series(labels, samples, histograms=()):
    """A TimeSeries: labels as a dict, samples as (value, ms) pairs, native histograms as (dict, ms) pairs.

    A value given as bytes is a little-endian double as it goes over the wire (STALE).
    """
    out = b"".join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in sorted(labels.items()))
    for value, t in samples:
        bits = value if isinstance(value, bytes) else struct.pack("<d", value)
        out += field(2, b"\x09" + bits + b"\x10" + varint(t))
    for value, t in histograms:
        out += field(4, histogram(value, t))
    return out


def write_request(*all_series):
    return b"".join(field(1, s) for s in all_series)


def snappy(data):
    """The snappy block format with literals only: valid, if not small."""
    out = bytearray(varint(len(data)))
    for at in range(0, len(data), 65536):
        piece = data[at:at + 65536]
        n = len(piece) - 1
        out += bytes([n << 2]) if n < 60 else bytes([61 << 2]) + struct.pack("<H", n)
        out += piece
    return bytes(out)


def remote_write(url, body, tls=None, **headers):
    """(status, text) of a remote write request with an uncompressed protobuf body."""
    h = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
         "X-Prometheus-Remote-Write-Version": "0.1.0"}
    h.update({k.replace("_", "-"): v for k, v in headers.items()})
    status, _, text = http(url, snappy(body), h, tls=tls)
    return status, text.decode(errors="replace")
