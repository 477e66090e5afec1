"""Clients that do what no library does: sockets that are closed at the wrong moment, frames by hand.

Http1 is a connection that asks again and again, quickly; H2 speaks HTTP/2 (and gRPC over it) frame by frame.
"""
import socket
import struct

from e2e import fail, varint

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4
CANCEL = 8


def connect(port, receive_buffer=None, timeout=30):
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.settimeout(timeout)
    s.connect(("127.0.0.1", port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def reset(s):
    """Closes with a TCP reset in place of an orderly end."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


class Http1:
    """A connection that is kept."""

    def __init__(self, port, timeout=30):
        self.port, self.timeout, self.s = port, timeout, None

    def get(self, path, headers=""):
        """(status, body)"""
        if not self.s:
            self.s, self.rest = connect(self.port, timeout=self.timeout), b""
        try:
            self.s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
            return self._answer()
        except OSError:
            self.close()
            raise

    def close(self):
        if self.s:
            self.s.close()
        self.s = None

    def _more(self):
        piece = self.s.recv(1 << 16)
        if not piece:
            raise ConnectionError("closed within an answer")
        self.rest += piece

    def _until(self, mark):
        while mark not in self.rest:
            self._more()
        out, self.rest = self.rest.split(mark, 1)
        return out

    def _exactly(self, n):
        while len(self.rest) < n:
            self._more()
        out, self.rest = self.rest[:n], self.rest[n:]
        return out

    def _answer(self):
        lines = self._until(b"\r\n\r\n").decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        if "chunked" not in fields.get("transfer-encoding", ""):
            return int(lines[0].split()[1]), self._exactly(int(fields.get("content-length", 0)))
        body = b""
        while True:
            n = int(self._until(b"\r\n"), 16)
            body += self._exactly(n)
            self._exactly(2)
            if n == 0:
                return int(lines[0].split()[1]), body


def _string(s):
    n = len(s)
    if n < 127:
        return bytes([n]) + s
    n -= 127
    out = bytearray([127])
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out) + s


def hpack(fields):
    """A header block of literals without indexing."""
    return b"".join(b"\0" + _string(k.encode()) + _string(v.encode()) for k, v in fields)


class H2:
    """An HTTP/2 client connection, plaintext with prior knowledge. Windows are granted only by grant()."""

    def __init__(self, port, window=65535, receive_buffer=None, timeout=30, sock=None):
        self.s = sock or connect(port, receive_buffer, timeout)
        self.port, self.next_stream, self.buffer = port, 1, b""
        self.s.sendall(PREFACE)
        self.frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, window))

    def frame(self, kind, flags, stream, payload=b""):
        self.s.sendall(struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload)

    def request(self, path, method="GET", fields=(), body=None):
        """The number of a new stream."""
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        head = [(":method", method), (":scheme", "http"), (":path", path), (":authority", f"127.0.0.1:{self.port}"), *fields]
        self.frame(HEADERS, END_HEADERS | (END_STREAM if body is None else 0), stream, hpack(head))
        if body is not None:
            self.frame(DATA, END_STREAM, stream, body)
        return stream

    def call(self, method, message, fields=()):
        """The number of the stream of a gRPC call with one message."""
        fields = [("te", "trailers"), ("content-type", "application/grpc"), *fields]
        return self.request(method, "POST", fields, b"\0" + struct.pack(">I", len(message)) + message)

    def cancel(self, stream):
        self.frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))

    def grant(self, stream, n):
        self.frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", n))

    def read(self):
        """(kind, flags, stream, payload) of the next frame; settings and pings are answered; None at the end."""
        while True:
            while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
                piece = self.s.recv(1 << 16)
                if not piece:
                    return None
                self.buffer += piece
            n = int.from_bytes(self.buffer[:3], "big")
            kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
            payload, self.buffer = self.buffer[9:9 + n], self.buffer[9 + n:]
            if kind in (SETTINGS, PING) and not flags & ACK:
                self.frame(kind, ACK, 0, b"" if kind == SETTINGS else payload)
            return kind, flags, stream, payload

    def wait_data(self, stream):
        """Until the stream brings a piece of its answer; its length."""
        while True:
            got = self.read()
            if got is None or got[0] == GOAWAY or got[0] == RST_STREAM and got[2] == stream:
                fail(f"no data on stream {stream}: {got}")
            if got[0] == DATA and got[2] == stream and got[3]:
                return len(got[3])

    def close(self):
        self.s.close()


# --- messages ------------------------------------------------------------------------------------------

def _bytes(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def series_request(metric, mint, maxt):
    """A SeriesRequest for all series of a metric."""
    matcher = b"\x08\x00" + _bytes(2, b"__name__") + _bytes(3, metric.encode())
    return b"\x08" + varint(mint) + b"\x10" + varint(maxt) + _bytes(3, matcher)


def query_range_request(query, start, end, step):
    """A QueryRangeRequest of thanos.Query."""
    return _bytes(1, query.encode()) + b"\x10" + varint(start) + b"\x18" + varint(end) + b"\x20" + varint(step)
