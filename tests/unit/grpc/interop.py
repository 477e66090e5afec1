"""The other side of test_interop.c: grpcio as client of our server, and as server for our client."""
import concurrent.futures
import sys
import threading
import time

import grpc

BYTES = dict(request_serializer=None, response_deserializer=None)
CODES = {c.value[0]: c for c in grpc.StatusCode}


def check(condition, what):
    if not condition:
        raise SystemExit(f"failed: {what}")


def expect_code(code, call, what):
    try:
        call()
    except grpc.RpcError as e:
        check(e.code() == code, f"{what}: got {e.code()} {e.details()}")
        return e
    raise SystemExit(f"failed: {what}: no error")


def client_basics(ch):
    echo = ch.unary_unary("/test.T/Echo")
    check(echo(b"hi") == b"hi", "echo")
    check(echo(b"") == b"", "empty echo")
    big = bytes(range(256)) * 12000
    check(echo(big) == big, "3 MB echo")
    check(echo(big, compression=grpc.Compression.Gzip) == big, "gzip echo")
    futures = [echo.future(b"%d" % i) for i in range(500)]
    check([f.result() for f in futures] == [b"%d" % i for i in range(500)], "500 at a time")
    expect_code(grpc.StatusCode.UNIMPLEMENTED, lambda: ch.unary_unary("/test.T/Nope")(b""), "unknown method")
    expect_code(grpc.StatusCode.UNIMPLEMENTED, lambda: ch.unary_unary("/no.Such/Nope")(b""), "unknown service")


def client_codes(ch):
    call = ch.unary_unary("/test.T/Code")
    check(call(b"0") == b"fine", "code 0")
    for number in range(1, 17):
        e = expect_code(CODES[number], lambda: call(b"%d" % number), f"code {number}")
        check(e.details() == f"code {number}: \u00e9 100%\n", f"details {e.details()!r}")
        check(("grpc-status-details-bin", b"\x08\x01\x00") in e.trailing_metadata(), "status details")


def client_streams(ch):
    stream = ch.unary_stream("/test.T/Stream")
    for n, size in ((0, 8), (1, 8), (3000, 50), (100, 100000), (4, 3000000)):
        messages = list(stream(b"%d %d" % (n, size)))
        check([len(m) for m in messages] == [size] * n, f"stream {n} x {size}")
        check(all(int(m[:8]) == i for i, m in enumerate(messages)), "order")
    check(len(list(stream(b"50 20000", compression=grpc.Compression.Gzip))) == 50, "gzip stream")
    slow = stream(b"3000 10000")
    for i, message in enumerate(slow):
        if i < 3:
            time.sleep(0.05)
    check(i == 2999, "slow reader")
    early = stream(b"1000000 10000")
    next(early)
    early.cancel()
    expect_code(grpc.StatusCode.CANCELLED, lambda: next(early), "cancelled stream")


def client_rest(ch):
    expect_code(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: ch.unary_unary("/test.T/Hang")(b"", timeout=0.1), "deadline")
    hang = ch.unary_unary("/test.T/Hang").future(b"")
    time.sleep(0.05)
    hang.cancel()
    response, call = ch.unary_unary("/test.T/Meta").with_call(
        b"m", metadata=(("x-ascii", "some value"), ("x-bytes-bin", b"\x00\xff\x10")))
    initial = dict(call.initial_metadata())
    check(initial["x-ascii"] == "some value" and initial["x-bytes-bin"] == b"\x00\xff\x10", "initial metadata")
    check(dict(call.trailing_metadata())["x-trailer-bin"] == b"\x00\xff\x10", "trailing metadata")
    sent = [b"%d" % i for i in range(200)]
    check(list(ch.stream_stream("/test.T/Bidi")(iter(sent))) == sent, "bidi")
    health = ch.unary_unary("/grpc.health.v1.Health/Check")
    check(health(b"") == b"\x08\x01", "health")
    expect_code(grpc.StatusCode.NOT_FOUND, lambda: health(b"\x0a\x01x"), "health of unknown service")
    check(ch.unary_unary("/grpc.health.v1.Health/List")(b"") == b"\x0a\x06\x0a\x00\x12\x02\x08\x01", "health list")
    for version in ("v1", "v1alpha"):
        reflect = ch.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
        answers = list(reflect(iter([b"\x3a\x01*", b"\x22\x0cthanos.Store", b"\x22\x04nope"])))
        check(b"grpc.health.v1.Health" in answers[0] and b"test.T" in answers[0], "services")
        check(b"proto/store.proto" in answers[1] and b"proto/types.proto" in answers[1], "descriptors with imports")
        check(b"not found" in answers[2], "unknown symbol")


def client(plain, tls, ca):
    credentials = grpc.ssl_channel_credentials(open(ca, "rb").read())
    options = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
    for ch in (grpc.insecure_channel(f"127.0.0.1:{plain}", options=options),
               grpc.secure_channel(f"127.0.0.1:{tls}", credentials, options=options)):
        with ch:
            client_basics(ch)
            client_codes(ch)
            client_streams(ch)
            client_rest(ch)
    print("ok")


class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        unary = {"/test.T/Echo": self.echo, "/test.T/Code": self.code, "/test.T/Hang": self.hang}
        if details.method in unary:
            return grpc.unary_unary_rpc_method_handler(unary[details.method])
        if details.method == "/test.T/Stream":
            return grpc.unary_stream_rpc_method_handler(self.stream)
        return None

    def echo(self, request, context):
        metadata = dict(context.invocation_metadata())
        context.send_initial_metadata((("x-got", metadata.get("x-ascii", "none")),))
        context.set_trailing_metadata((("x-back-bin", metadata.get("x-bytes-bin", b"none")),))
        return request

    def code(self, request, context):
        if int(request):
            context.abort(CODES[int(request)], f"code {int(request)}: \u00e9 100%\n")
        return b"fine"

    def hang(self, request, context):
        gone = threading.Event()
        context.add_callback(gone.set)
        gone.wait(20)
        return b""

    def stream(self, request, context):
        n, size = map(int, request.split())
        for i in range(n):
            yield b"%08d" % i + b"x" * (size - 8)


def server(cert, key):
    options = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
    s = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=(Handler(),), options=options,
                    compression=grpc.Compression.Gzip if "gzip" in sys.argv else None)
    plain = s.add_insecure_port("127.0.0.1:0")
    credentials = grpc.ssl_server_credentials(((open(key, "rb").read(), open(cert, "rb").read()),))
    tls = s.add_secure_port("127.0.0.1:0", credentials)
    s.start()
    print(plain, tls, flush=True)
    sys.stdin.read()
    s.stop(None)


if sys.argv[1] == "probe":
    sys.exit(0)
{"client": client, "server": server}[sys.argv[1]](*[a for a in sys.argv[2:] if a != "gzip"])
