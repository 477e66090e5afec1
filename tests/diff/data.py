"""Random series for the differential test: what they are called tells the generator of expressions what they hold."""
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from e2e import STALE  # noqa: E402

BEGIN = 1_700_000_000_000
SPAN_MS = 45 * 60_000  # within one head without out-of-order samples
CUSTOM_BOUNDS = [0.25, 0.5, 1.0, 2.5, 10.0]
A, B = ("x", "y", "z"), ("1", "2")
ODD = (math.nan, math.inf, -math.inf, 1e300, -1e300, 1e-300, -0.0, 0.0, 1e17, 0.1)
UTF8 = {"__name__": "u.métrique", "étiquette.1": "ü", "a b": "c"}


def times(rng, interval=15_000):
    """Sample times: regular, or with jitter; with one or no gap; beginning and ending somewhere."""
    t, out = BEGIN + rng.choice((0, 0, rng.randrange(interval))), []
    first = rng.choice((0, 0, 0, rng.randrange(SPAN_MS // 2)))
    last = rng.choice((SPAN_MS, SPAN_MS, rng.randrange(SPAN_MS // 2, SPAN_MS)))
    gap = rng.randrange(SPAN_MS) if rng.random() < 0.4 else SPAN_MS * 2
    gap_end = gap + rng.choice((60_000, 200_000, 420_000))
    jitter = rng.choice((0, 0, 3, 2000))
    while t < BEGIN + last:
        at = t - BEGIN
        if at >= first and not gap <= at < gap_end:
            out.append(t)
        t += interval + (rng.randrange(-jitter, jitter + 1) if jitter else 0)
    return out


def with_stale(rng, ts, make):
    """(value, t) pairs of which some are stale markers."""
    share = rng.choice((0, 0, 0.03))
    return [(STALE, t) if rng.random() < share else (make(), t) for t in ts]


def gauge(rng):
    kind = rng.choice(("float", "small", "walk", "wild", "constant"))
    state = [rng.uniform(-100, 100)]

    def make():
        if kind == "constant":
            return state[0]
        if kind == "small":
            return float(rng.randrange(-3, 4))
        if kind == "wild" and rng.random() < 0.1:
            return rng.choice(ODD)
        state[0] = state[0] + rng.gauss(0, 3) if kind == "walk" else rng.uniform(-1000, 1000)
        return state[0]
    return with_stale(rng, times(rng, rng.choice((15_000, 15_000, 30_000, 77_000, 240_000))), make)


def counter(rng, falls=True):
    state, whole, resets, odd = [0.0], rng.random() < 0.6, rng.choice((0, 0.02, 0.1)), rng.choice((0, 0, 0, 0.03))
    if not falls:
        whole, resets, odd = True, 0, 0

    def make():
        if rng.random() < resets:
            state[0] = 0.0
        state[0] += rng.randrange(0, 20) if whole else rng.expovariate(0.3)
        return rng.choice(ODD) if rng.random() < odd else state[0]
    return with_stale(rng, times(rng, rng.choice((15_000, 15_000, 30_000, 60_000))), make)


def small(rng):
    return with_stale(rng, times(rng), lambda: float(rng.randrange(0, 4)))


def classic(rng, labels, falls=True):
    """The series of a classic histogram, sometimes with counts that are not monotonic."""
    bounds = ("0.1", "0.5", "1", "2.5", "10", "+Inf")
    ts, broken = times(rng), falls and rng.random() < 0.2
    counts, total, rows = [0] * len(bounds), 0.0, []
    for _ in ts:
        if falls and rng.random() < 0.02:
            counts, total = [0] * len(bounds), 0.0
        for _ in range(rng.randrange(6)):
            v = rng.expovariate(0.7)
            total += v
            for i, bound in enumerate(bounds):
                counts[i] += v <= float(bound)
        row = list(counts)
        if broken and rng.random() < 0.2:
            row[rng.randrange(len(row) - 1)] += 2
        rows.append((row, total))
    for i, bound in enumerate(bounds):
        yield dict(labels, __name__="h_bucket", le=bound), [(float(r[i]), t) for (r, _), t in zip(rows, ts)], []
    yield dict(labels, __name__="h_count"), [(float(r[-1]), t) for (r, _), t in zip(rows, ts)], []
    yield dict(labels, __name__="h_sum"), [(total, t) for (_, total), t in zip(rows, ts)], []


def to_spans(buckets):
    """(spans, counts) of a dict index -> count."""
    out, counts, at = [], [], None
    for i in sorted(buckets):
        if at is not None and i == at:
            out[-1][1] += 1
        else:
            out.append([i if at is None else i - at, 1])
        counts.append(buckets[i])
        at = i + 1
    return [tuple(s) for s in out], counts


class Native:
    """A growing native histogram, or with gauge=True one that comes and goes; `modern` for what 3.5 does otherwise."""

    def __init__(self, rng, is_float=False, is_gauge=False, custom=False, modern=False):
        self.rng, self.is_float, self.is_gauge, self.custom = rng, is_float, is_gauge, custom
        self.schemas = (-4, -1, 0, 1, 2, 3, 5, 8) if modern else (0, 1, 2, 3)
        self.schema = rng.choice(self.schemas)
        self.bounds = CUSTOM_BOUNDS  # of all: 3.5 does not reconcile different ones
        if modern and rng.random() < 0.4:
            self.bounds = self.other_bounds()
        self.threshold = rng.choice((0.001, 0.001, 0.0, 0.25, 2.0 ** -7)) if modern else 0.001
        self.lost = rng.choice((0, 0, 0.1)) if modern else 0  # share of observations that are NaN
        self.modern = modern
        self.negatives = not custom and rng.random() < 0.4
        self.clear()

    def clear(self):
        """From the start; counters from where extrapolation does not reach zero, which 3.5 does not look at."""
        self.sum, self.zero, self.sides, self.nans = 0.0, 0, ({}, {}), 0
        for _ in range(0 if self.is_gauge or self.modern else self.rng.randrange(50, 150)):
            self.observe(self.value())

    def other_bounds(self):
        return sorted(self.rng.sample((-1.0, 0.0, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0), self.rng.randrange(1, 7)))

    def value(self):
        v = self.rng.choice((self.rng.expovariate(0.7), self.rng.expovariate(3), 0.0))
        return -v if self.negatives and self.rng.random() < 0.5 else v

    def observe(self, v):
        if self.rng.random() < self.lost:
            self.nans += 1
            self.sum = math.nan
            return
        self.sum += v
        if self.custom:
            i = next((i for i, b in enumerate(self.bounds) if v <= b), len(self.bounds))
        elif abs(v) <= self.threshold:
            self.zero += 1
            return
        else:
            i = math.ceil(math.log2(abs(v)) * 2.0 ** self.schema)
        side = self.sides[v < 0 and not self.custom]
        side[i] = side.get(i, 0) + 1

    def make(self):
        rng = self.rng
        if self.is_gauge or rng.random() < 0.03:
            self.clear()
        if not self.custom and rng.random() < 0.01:
            self.schema = rng.choice(self.schemas)
            self.clear()
        if self.modern and self.custom and rng.random() < 0.01:
            self.bounds = self.other_bounds()
            self.clear()
        if self.modern and rng.random() < 0.01:
            self.threshold *= rng.choice((2.0, 4.0, 0.5))
            self.clear()
        for _ in range(rng.randrange(8)):
            self.observe(self.value())
        scale = 0.5 if self.is_float and not self.is_gauge else 1
        positive, negative = to_spans(self.sides[0]), to_spans(self.sides[1])
        h = {"sum": self.sum, "schema": -53 if self.custom else self.schema, "float": self.is_float,
             "hint": 3 if self.is_gauge else 0,
             "zero_threshold": 0.0 if self.custom else self.threshold, "zero_count": self.zero * scale,
             "positive": (positive[0], [c * scale for c in positive[1]]),
             "negative": (negative[0], [c * scale for c in negative[1]])}
        h["count"] = h["zero_count"] + sum(h["positive"][1]) + sum(h["negative"][1]) + self.nans * scale
        if self.custom:
            h["custom"] = self.bounds
        return h


def native(rng, **kind):
    source, share = Native(rng, **kind), rng.choice((0, 0, 0.02))
    return [({"stale": True, "float": source.is_float} if rng.random() < share else source.make(), t) for t in times(rng, 30_000)]


def mixed(rng, modern):
    """Floats, then native histograms, then floats again: three times (samples, histograms), to be written in turn."""
    ts = times(rng, 30_000)
    cuts = sorted(rng.sample(range(1, len(ts)), 2))  # floats first: series come up in their order
    source, value = Native(rng, modern=modern), [0.0]
    parts = ([], []), ([], []), ([], [])
    for i, t in enumerate(ts):
        if cuts[0] <= i < cuts[1]:
            parts[1][1].append((source.make(), t))
        else:
            value[0] += rng.randrange(9)
            parts[2 * (i >= cuts[1])][0].append((value[0], t))
    return parts


def infos(rng):
    """Series with instance and job, and the info series that belong to them."""
    for job in ("api", "db"):
        for instance in ("i1", "i2"):
            target = {"instance": instance, "job": job}
            yield dict(target, __name__="app", a=rng.choice(A)), counter(rng, False), []
            ts = times(rng)
            cut = rng.randrange(len(ts) // 2, len(ts) + 1)
            for version, part in (("1", ts[:cut]), ("2", ts[cut:])):  # the old one lives on for the lookback time
                if part:
                    yield dict(target, __name__="target_info", version=version, env=rng.choice(("prod", "test"))), [(1.0, t) for t in part], []
            if rng.random() < 0.5:
                yield dict(target, __name__="build_info", version="b", go=rng.choice(("1.26", "1.27"))), [(1.0, t) for t in ts], []


def odd_buckets(rng, falls):
    """What histogram_quantile() warns about: le that is missing or no number, natives with the labels of classic ones."""
    yield {"__name__": "h_bucket", "a": "y", "le": "many"}, counter(rng, falls), []
    yield {"__name__": "h_bucket", "a": "z"}, counter(rng, falls), []
    yield {"__name__": "h_bucket", "a": "x"}, [], native(rng)


def everything(rng, histograms=True, modern=False, falls=True):
    """Lists of series as (labels, samples, histograms) in the order of their labels, to be written one after the other.

    The order matters: what is first seen comes first in a Prometheus, and what comes out of a fan-out is sorted.
    `modern` adds what only a Prometheus of the version that is followed does in the same way. Without `falls`, counters
    and classic histograms do not fall and are whole: resets are taken out of each replica, by adding up its differences,
    before they are merged.
    """
    out, later = [], ([], [])
    for a in A:
        for b in B:
            both = {"a": a, "b": b}
            if rng.random() < 0.9:
                out.append((dict(both, __name__="g"), gauge(rng), []))
            out.append((dict(both, __name__="c_total"), counter(rng, falls), []))
            out.append((dict(both, __name__="n"), small(rng), []))
            if rng.random() < 0.7:
                out.append((dict(both, __name__="m", extra=rng.choice("pq")), gauge(rng), []))
            if histograms and rng.random() < 0.8:
                out.append((dict(both, __name__="nh"), [], native(rng, modern=modern)))
        out.append(({"__name__": "one", "a": a, "v": rng.choice(("v1", "v2", "v10"))}, small(rng), []))
        out.append((dict(UTF8, a=a), small(rng), []))
        out.extend(classic(rng, {"a": a}, falls))
        if histograms:
            out.append(({"__name__": "nhf", "a": a}, [], native(rng, is_float=True, modern=modern)))
            out.append(({"__name__": "nhg", "a": a}, [], native(rng, is_float=True, is_gauge=True, modern=modern)))
            out.append(({"__name__": "nhcb", "a": a}, [], native(rng, custom=True, modern=modern)))
            for to, part in zip((out, *later), mixed(rng, modern)):
                to.append(({"__name__": "mix", "a": a}, *part))
    out.extend(infos(rng))
    if histograms:
        out.extend(odd_buckets(rng, falls))
    return [sorted(part, key=lambda s: sorted(s[0].items())) for part in (out, *later)]


# --- layouts of chunks

def indexes(spans):
    """The indexes of the buckets of spans."""
    out, at = [], 0
    for offset, length in spans:
        at += offset
        out += range(at, at + length)
        at += length
    return out


def with_all_buckets(parts):
    """The same lists of series, where each histogram has all buckets of its series, be they empty.

    A chunk has one layout for all its histograms. So which empty buckets a histogram has depends on the chunk it got
    into, unless there is only one layout.
    """
    all_of = {}
    for part in parts:
        for labels, _, histograms in part:
            for h, _ in histograms:
                for side in ("positive", "negative") if not h.get("stale") else ():
                    key = tuple(sorted(labels.items())), h["schema"], tuple(h.get("custom") or ()), side
                    all_of.setdefault(key, set()).update(indexes(h[side][0]))

    def whole(labels, h):
        out = dict(h)
        for side in ("positive", "negative") if not h.get("stale") else ():
            buckets = all_of[tuple(sorted(labels.items())), h["schema"], tuple(h.get("custom") or ()), side]
            out[side] = to_spans({**dict.fromkeys(buckets, 0), **dict(zip(indexes(h[side][0]), h[side][1]))})
        return out

    return [[(labels, samples, [(whole(labels, h), t) for h, t in histograms]) for labels, samples, histograms in part] for part in parts]


# --- replicas

def gaps(rng):
    """Some intervals without samples, by their ends."""
    out = []
    for _ in range(rng.choice((0, 1, 2, 5))):
        start = BEGIN + rng.randrange(SPAN_MS)
        out.append((start, start + rng.choice((16_000, 61_000, 200_000, 900_000))))
    return out


def inside(t, intervals):
    return any(a <= t < b for a, b in intervals)


def from_some_time_on(rng, n):
    """What each of n replicas has of a series such that the penalty algorithm leaves nothing out.

    At least one replica has all of it, others nothing or all from some time on. Replicas are told apart by overlapping
    chunks only: what ends early, or has gaps of its own, would make the algorithm change over, and skip samples.
    """
    whole = rng.randrange(n)
    parts = []
    for i in range(n):
        begin = BEGIN if i == whole or rng.random() < 0.4 else BEGIN + rng.randrange(2 * SPAN_MS)
        parts.append(lambda t, v, begin=begin: v if t >= begin else None)
    return parts


def together_all(rng, n):
    """What each of n replicas has such that every sample is with at least one: what merging them gives."""
    holes, last = [gaps(rng) for _ in range(n)], rng.randrange(n)
    parts = []
    for i in range(n):
        others = [h for k, h in enumerate(holes) if k != i]
        parts.append(lambda t, v, i=i, others=others: v if not inside(t, holes[i]) or (i == last and all(inside(t, h) for h in others)) else None)
    return parts


def replicate(rng, parts, n, split):
    """The same lists of series for each of n replicas; `split` is one of the functions above."""
    shares, out = {}, [[] for _ in range(n)]
    for part in parts:
        for replica in out:
            replica.append([])
        for labels, samples, histograms in part:
            key = tuple(sorted(labels.items()))
            if key not in shares:
                shares[key] = split(rng, n)
            for replica, share in zip(out, shares[key]):
                kept = [(share(t, v), t) for v, t in samples], [(share(t, h), t) for h, t in histograms]
                kept = [[(v, t) for v, t in some if v is not None] for some in kept]
                if any(kept):
                    replica[-1].append((labels, *kept))
    return out
