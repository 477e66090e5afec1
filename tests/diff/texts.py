"""Random texts of PromQL, right and wrong: every kind of token, modifiers in all places, mutations of them."""
import re

import expressions

AGGREGATIONS = ["sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio"]
KEYWORDS = ["and", "or", "unless", "atan2", "offset", "smoothed", "anchored", "by", "without", "on", "ignoring", "group_left", "group_right",
            "fill", "fill_left", "fill_right", "bool", "start", "end", "step", "range", "max_of", "min_of", "inf", "nan", "Inf", "NaN"] + AGGREGATIONS
FUNCTIONS = sorted({*expressions.SIMPLE, *expressions.DATES, *expressions.ROLLUPS, *expressions.EXPERIMENTAL_ROLLUPS, *expressions.HISTOGRAM,
                    "absent", "clamp", "clamp_max", "clamp_min", "histogram_fraction", "histogram_quantile", "histogram_quantiles", "info",
                    "label_join", "label_replace", "pi", "scalar", "sort", "sort_desc", "sort_by_label", "sort_by_label_desc", "start_timestamp",
                    "time", "vector", "start", "end", "step", "range", "max_of", "min_of"})
NAMES = ["foo", "bar", "a:b:c", "_x", "X9", ":", "a:", "job:rate5m", "é", "x.y", "xrate", "nosuch", "stale", "e5", "x"]
LABELS = ["a", "b", "le", "__name__", "job", "_", "A1", "a:b", "1a", "on", "by", "sum", "offset", "bool", "inf", "start", "é"]
OPERATORS = ["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=", "and", "or", "unless", "</", ">/", "AND", "Or", "aTan2"]
NUMBERS = ["0", "1", "2.5", ".5", "5.", "1e3", "1E-3", "1e+3", "1e400", "1e-400", "0x1f", "0X1F", "0x", "0x_1", "0xg", "0x1p3", "0x1.8", "017", "018", "08.5",
           "0b11", "0o17", "1_000", "1__0", "1_", "_1", "1_.5", "1._5", "1_000.5", "1_0e1", "1e1_0", "1e_1", "1e", "1e+", "1ee1", "1.2.3", "1..2", "Inf", "inf",
           "iNf", "+Inf", "NaN", "nan", "nAN", "infinity", "9223372036854775807", "9223372036854775808", "18446744073709551616", "00", "0", "-0", "1e18", "123456789012",
           "0.1", "3.0e0", "179769313486231570000e289", "1.7976931348623159e308", "0x7fffffffffffffff", "0xffffffffffffffff", "0777777777777777777777", "5e-324", "1x", "1é",
           "1e5x", "0e0", "0x1e5", "0xe+1", "0x1e+1", "100000000000000000000", "1.000000000000000000001", "1e21", "1e20", "123456.789"]
DURATIONS = ["5m", "1h30m", "1y2w3d4h5m6s7ms", "5ms", "0s", "0ms", "1m1h", "1m1m", "300y", "292y", "293y", "9999999999y", "99999999999999999999s", "1.5m", "1_0s", "5µs",
             "1d", "1w", "1y", "1s500ms", "1ms", "1500ms", "90s", "5M", "5m5", "m", "5mm", "5sm", "5mss", "3d12h", "1e1s", "0x5m", "00005m", "61m", "1000ms", "24h", "7d", "365d",
             "9223372036s", "9223372037s", "9223372036854ms", "9223372036855ms", "0", "5", "2.5", "1e2", ".5", "1e-9", "1e-10", "1e10", "1e11", "9.3e9", "Inf", "NaN", "0x10", "017", "-5"]
STRINGS = ["", "x", "a b", "é", "日本", "\\n", "\\t\\a\\b\\f\\r\\v\\\\", "\\x41", "\\xff", "\\101", "\\377", "\\400", "\\777", "\\u00e9", "\\U0001F600", "\\ud800", "\\U00110000",
           "\\uD83D\\uDE00", "\\q", "\\'", '\\"', "\\`", "\\x4", "\\xg", "\\u12", "\\1", "\\18", "\\", "\n", "\r", "#", "$1", "(.*)", "{}", "\u2028", "\x7f", "\x01", "\ufeff", "\\0",
           "\\000", "\U0001f600", "%s", "'", '"', "`", "//", "<a&b>", "\\u2028", "\\x80\\x81", "\\303\\251", "\u00a0", "\u00ad", "\\u0000", "\ufffd", "\\ufffd", "\ue000", "\u0378"]
PATTERNS = ["", ".*", ".+", "x|y", "(", ")", "[a", "a{1001}", "a{2,1}", "*", "a**", "(?i)x", "(?P<n>x)", "(?P<n", "\\\\d+", "\\\\C", "\\\\pX", "\\\\pL", "[[:word:]]", "[[:nosuch:]]", "(?=x)",
            "\\\\1", "a|*", "x{1,1000}{1,1000}", "[z-a]", "(?:a", "\\\\", "é+", "^x$", "a+?", "(?z)", "\\\\Qa.b\\\\E", "x\\xff", "\\\\z", "(?s).", "\\\\x{110000}", "(x{1,1000}){1,1000}", "(x{2,}){501}", "(?P<n>x)(?P<n>y)", "x{3,2}?", "[]a]", "[^]", "(((((x)))))", "++", "?", "{1}", "a{,2}", "a{1", "(?i:A)"]
SPACES = [" ", " ", " ", " ", "\t", "\n", "\r\n", "  ", "", " # c\n", "#\n", "\r", "\v", "\u00a0"]
LITTER = ["(", ")", "[", "]", "{", "}", "{{", "}}", ",", ",,", ";", ":", "=", "=~", "!~", "!", "~", "@", "$", "&", "|", "?", "\\", ".", "..", "_", "x", "'", '"', "`", "#", "\n", "\0", "\ufffd", "é", "\u2028",
          "[5m]", "[5m:]", "[5m:1m]", "[:1m]", "[]", "[:]", "[5m::1m]", "offset 5m", "offset -1h", "@ 1", "@ start()", "@ end", "@ -1.5", "anchored", "smoothed", "bool", "on(a)", "ignoring()",
          "group_left", "group_right(a)", "fill(0)", "fill_left(1)", "fill_right(NaN)", "by(a)", "without()", "step()", "range()", "min_of(1,2)", "/*", "--", "==", "=="]
BROKEN = [b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\x80", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\x00", b"\x7f", b"\xc2\xa0"]
WORDS = re.compile(rb"\s+|[A-Za-z_:][A-Za-z0-9_:]*|[0-9.][0-9A-Za-z_.]*|[=!<>]=|=~|!~|</|>/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`|.", re.S)


class Texts:
    """Makes texts."""

    def reseed(self, rng):
        self.rng = rng
        self.expressions = expressions.Generator(rng, (), True, True, False, True)

    def text(self):
        """Bytes: a text that is mostly right or wrong in a few places."""
        rng, roll = self.rng, self.rng.random()
        text = str(self.expressions.expression()) if roll < 0.35 else self.expr(rng.choice((0, 1, 1, 2, 2, 3)))
        return self.spoilt(text.encode())

    def selector_text(self):
        """As text(), of what match[] takes."""
        return self.spoilt((self.instant() if self.rng.random() < 0.85 else self.expr(1)).encode())

    def some(self, p):
        return self.rng.random() < p

    # --- tokens

    def space(self):
        return self.rng.choice(SPACES) if self.some(0.15) else " "

    def gap(self):
        return self.space() if self.some(0.2) else ""

    def cased(self, word):
        """Keywords are such in any case."""
        return word if self.some(0.93) else "".join(self.rng.choice((c.upper(), c)) for c in word)

    def number(self):
        return self.rng.choice(NUMBERS) if self.some(0.7) else str(self.rng.randrange(100))

    def length(self):
        return self.rng.choice(DURATIONS) if self.some(0.4) else self.rng.choice(("5m", "1h", "30s", "300", "1m30s"))

    def duration(self, depth=2):
        """A duration, or an expression of such."""
        rng = self.rng
        if depth == 0 or self.some(0.5):
            return self.length()
        roll = rng.random()
        if roll < 0.45:
            return f"{self.duration(depth - 1)}{self.gap()}{rng.choice('+-*/%^')}{self.gap()}{self.duration(depth - 1)}"
        if roll < 0.6:
            return f"({self.gap()}{self.duration(depth - 1)}{self.gap()})"
        if roll < 0.75:
            return rng.choice("+-") + self.gap() + self.duration(depth - 1)
        if roll < 0.87:
            return self.cased(rng.choice(("step", "range", "step", "range", "start", "end", "time"))) + f"{self.gap()}({self.gap()})"
        return f"{self.cased(rng.choice(('min_of', 'max_of')))}{self.gap()}({self.duration(depth - 1)},{self.gap()}{self.duration(depth - 1)})"

    def quoted(self, inside):
        quote = self.rng.choice("\"\"\"\"''`")
        return quote + (inside if inside == "\n" or quote == "`" or "\n" not in inside else "n") + quote

    def string(self, some=STRINGS):
        return self.quoted("".join(self.rng.choice(some) for _ in range(self.rng.choice((1, 1, 1, 2)))))

    def name(self):
        return self.rng.choice(self.rng.choice((NAMES[:4], NAMES, KEYWORDS, FUNCTIONS)))

    # --- selectors and what follows them

    def pattern(self):
        """A regular expression, or nearly."""
        if self.some(0.6):
            return self.rng.choice(PATTERNS)
        return "".join(self.rng.choice(("a", "b", "-", "é", "1", ".", "*", "+", "?", "|", "|", "(", ")", "(?:", "(?i)", "(?", "(?P<a>", "(?<a>", "[", "]", "^", "$", "[^", "{2}",
                                        "{2,}", "{", "}", ",", "\\\\.", "\\\\d", "\\\\", "\\\\w", "\\\\b", "\\\\pL", "\\\\p{Greek}", "\\\\C", "[:alpha:]", "\\\\Q", "\\\\E", "\\xff", "\\\\x41", "\\\\07", "&", "=",
                                        "{1,1001}", "{0}", "(?s-i:", "(?-", "(?U)", "\\\\z", "\\\\A", "\\\\K", "a-", "<", ">", ":", "é+"))
                       for _ in range(self.rng.randrange(1, 7)))

    def matcher(self):
        rng, roll = self.rng, self.rng.random()
        if roll < 0.1:
            return self.string()
        label = rng.choice(LABELS[:5] if self.some(0.6) else LABELS) if self.some(0.85) else self.string()
        op = rng.choice(("=", "!=", "=~", "!~")) if self.some(0.95) else rng.choice(("==", "<", ":", "", "~", "!"))
        value = self.quoted(self.pattern()) if "~" in op and self.some(0.6) else self.string(["x", "", "foo"] if self.some(0.5) else STRINGS)
        return f"{label}{self.gap()}{op}{self.gap()}{value if self.some(0.97) else self.name()}"

    def braces(self):
        parts = [self.matcher() for _ in range(self.rng.choice((0, 1, 1, 1, 2, 3)))]
        end = "," if self.some(0.08) else ""
        return f"{{{self.gap()}{(',' + self.gap()).join(parts)}{end}{self.gap()}}}"

    def instant(self):
        roll = self.rng.random()
        if roll < 0.4:
            return self.name()
        return self.braces() if roll < 0.6 else self.name() + self.gap() + self.braces()

    def bracket(self):
        step = "" if self.some(0.6) else ":" + (self.gap() + self.duration() if self.some(0.7) else "")
        return f"[{self.gap()}{self.duration()}{self.gap()}{step}{self.gap()}]"

    def modifier(self):
        """One of what may follow a selector or a subquery."""
        rng, roll = self.rng, self.rng.random()
        if roll < 0.3:
            return self.gap() + self.bracket()
        if roll < 0.6:
            what = self.duration() if self.some(0.7) else f"{rng.choice('+-')}{self.gap()}{rng.choice((self.duration, self.length))()}"
            return f"{self.space()}{self.cased('offset')}{self.space()}{what}"
        if roll < 0.85:
            at = rng.choice((self.number(), self.number(), "-" + self.number(), "+" + self.number(), self.length(), self.cased("start") + "()", self.cased("end") + "( )",
                             "start", "end(1)", "step()", "1603774568", "1.0005", "-1e3", "9223372036854775.807", "9223372036854775.808", "9.3e18", "-9.3e18", "0.0004999"))
            return f"{self.space()}@{self.gap()}{at}"
        return self.space() + self.cased(rng.choice(("anchored", "smoothed")))

    def modified(self, text):
        for _ in range(self.rng.choice((0, 0, 0, 1, 1, 2, 3))):
            text += self.modifier()
        return text

    # --- expressions

    def expr(self, depth):
        if depth <= 0:
            return self.leaf()
        make = self.rng.choices((self.leaf, self.call, self.aggregation, self.binary, self.unary, self.paren), (20, 25, 20, 30, 8, 10))[0]
        return make(depth)

    def leaf(self, _depth=0):
        roll = self.rng.random()
        if roll < 0.15:
            return self.number()
        if roll < 0.2:
            return self.length()
        if roll < 0.25:
            return self.string()
        return self.modified(self.instant())

    def range_of(self, depth):
        return f"{self.name()}[{self.duration(1)}]" if self.some(0.6) else f"({self.expr(depth)})[{self.duration(1)}:{self.length()}]"

    def arguments(self, f, depth):
        """Mostly those that the function takes."""
        rng, scalar = self.rng, lambda: rng.choice((self.number(), "1", "0.5", "scalar(foo)"))
        if self.some(0.25):
            return [self.expr(depth) for _ in range(rng.choice((0, 1, 1, 2, 3, 4)))]
        if f.endswith("_over_time") or f in expressions.ROLLUPS or f == "double_exponential_smoothing":
            args = [self.range_of(depth)]
            return [scalar()] + args if f.startswith("quantile") else args + [scalar()] * {"predict_linear": 1, "double_exponential_smoothing": 2}.get(f, 0)
        if f in ("label_replace", "label_join", "sort_by_label", "sort_by_label_desc"):
            return [self.expr(depth)] + [self.string() for _ in range(rng.choice((0, 1, 2, 3, 4, 5)))]
        if f in ("pi", "time", "start", "end", "step", "range"):
            return []
        if f in ("histogram_quantile", "histogram_fraction"):
            return [scalar()] * (1 + (f == "histogram_fraction")) + [self.expr(depth)]
        if f == "histogram_quantiles":
            return [self.expr(depth), self.string()] + [scalar() for _ in range(rng.choice((0, 1, 2, 3, 10, 11)))]
        if f == "info":
            return [self.expr(depth)] + rng.choice(([], [self.braces()], [self.braces()], [self.expr(depth)]))
        return [self.expr(depth)] + [scalar()] * {"clamp": 2, "clamp_max": 1, "clamp_min": 1, "round": rng.randrange(2)}.get(f, 0)

    def list_of(self, args):
        end = "," if self.some(0.03) else ""
        return f"({self.gap()}{(',' + self.gap()).join(args)}{end}{self.gap()})"

    def call(self, depth):
        f = self.rng.choice(FUNCTIONS) if self.some(0.95) else self.name()
        return self.modified(f + self.gap() + self.list_of(self.arguments(f, depth - 1))) if self.some(0.15) else f + self.gap() + self.list_of(self.arguments(f, depth - 1))

    def labels(self):
        rng = self.rng
        some = [rng.choice(LABELS[:5] + KEYWORDS if self.some(0.3) else LABELS if self.some(0.1) else LABELS[:5]) if self.some(0.85) else self.string()
                for _ in range(rng.choice((0, 1, 1, 2, 3)))]
        return self.list_of(some)

    def aggregation(self, depth):
        f = self.rng.choice(AGGREGATIONS)
        args = [self.expr(depth - 1)]
        if f == "count_values":
            args.insert(0, self.string())
        elif f in AGGREGATIONS[8:]:
            args.insert(0, self.number() if self.some(0.8) else self.expr(depth - 1))
        if self.some(0.08):
            args = [self.expr(depth - 1) for _ in range(self.rng.randrange(4))]
        by = f"{self.space()}{self.cased(self.rng.choice(('by', 'without')))}{self.gap()}{self.labels()}"
        before, after = self.rng.choice(((by, ""), ("", by), ("", ""), ("", ""), (by, by if self.some(0.2) else "")))
        return f"{self.cased(f)}{before}{self.gap()}{self.list_of(args)}{after}"

    def matching(self):
        rng, out = self.rng, ""
        if self.some(0.25):
            out += self.space() + self.cased("bool")
        if self.some(0.4):
            out += f"{self.space()}{self.cased(rng.choice(('on', 'ignoring')))}{self.gap()}{self.labels()}"
            if self.some(0.5):
                out += f"{self.space()}{self.cased(rng.choice(('group_left', 'group_right')))}{self.gap()}{self.labels() if self.some(0.6) else ''}"
        while self.some(0.2):
            out += f"{self.space()}{self.cased(rng.choice(('fill', 'fill_left', 'fill_right')))}{self.gap()}({rng.choice(('', '', '-', '+'))}{self.number()})"
        return out

    def binary(self, depth):
        return f"{self.expr(depth - 1)}{self.space()}{self.rng.choice(OPERATORS)}{self.matching()}{self.space()}{self.expr(depth - 1)}"

    def unary(self, depth):
        return self.rng.choice("+-") + self.gap() + self.expr(depth - 1)

    def paren(self, depth):
        return self.modified(f"({self.gap()}{self.expr(depth - 1)}{self.gap()})")

    # --- mutations

    def spoilt(self, text):
        rng = self.rng
        for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 3))):
            text = rng.choices((self.spoil_tokens, self.spoil_bytes, self.cut), (70, 20, 10))[0](text)
        return text

    def cut(self, text):
        at = self.rng.randrange(len(text) + 1)
        return text[:at] if self.some(0.8) else text[at:]

    def spoil_bytes(self, text):
        rng, at = self.rng, self.rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice((0, 0, 1, 2)))
        return text[:at] + rng.choice((b"", rng.choice(BROKEN), bytes([rng.randrange(256)]), bytes([rng.randrange(32, 127)]), text[at:end])) + text[end:]

    def spoil_tokens(self, text):
        """Drops, doubles, swaps, replaces or inserts tokens, or turns brackets."""
        rng, tokens = self.rng, WORDS.findall(text)
        if not tokens:
            return rng.choice(LITTER).encode()
        at, other, roll = rng.randrange(len(tokens)), rng.randrange(len(tokens)), rng.random()
        if roll < 0.2:
            del tokens[at]
        elif roll < 0.3:
            tokens.insert(at, tokens[at])
        elif roll < 0.4:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif roll < 0.5:
            tokens[at] = tokens[other]
        elif roll < 0.6:
            tokens.insert(at, tokens[other])
        elif roll < 0.75:
            tokens[at] = self.piece()
        elif roll < 0.92:
            tokens.insert(at, rng.choice((b"", b" ")) + self.piece() + rng.choice((b"", b" ")))
        else:
            brackets = [i for i, t in enumerate(tokens) if t in (b"(", b")", b"[", b"]", b"{", b"}")]
            tokens[rng.choice(brackets) if brackets else at] = rng.choice((b"(", b")", b"[", b"]", b"{", b"}", b""))
        return b"".join(tokens)

    def piece(self):
        """Something that may stand anywhere."""
        rng = self.rng
        make = rng.choice((lambda: rng.choice(LITTER), lambda: rng.choice(KEYWORDS), lambda: rng.choice(OPERATORS), self.number, self.length, self.string,
                           self.name, self.modifier, self.matching, self.braces, self.bracket, self.space))
        return make().encode()


def smaller(text):
    """What a text can be made smaller to: without tokens, without bytes."""
    tokens = WORDS.findall(text)
    for size in (len(tokens) // 2, len(tokens) // 4, 4, 3, 2, 1):
        for at in range(0, len(tokens) - size + 1 if size else 0):
            yield b"".join(tokens[:at] + tokens[at + size:])
    for at in range(len(text)):
        yield text[:at] + text[at + 1:]
