"""Answers of the HTTP APIs of Prometheus and Thanos: what of them is compared, and how what differs is shown."""
import json
import math
import re


def without_position(text):
    """Annotations as Thanos has them: without position, and without the figures of the monotonicity info."""
    text = re.sub(r"(for monotonicity \(see [^)]*\)).*", r"\1", text)
    return re.sub(r" \((\d+:\d+|invalid position)\)$", "", text)


def plain_error(text):
    """Errors as Thanos has them: without the name of the parameter in front."""
    return text and re.sub(r'^invalid parameter "[\w\[\]]+": ', "", text)


def sorting(expr):
    """The sorting function that an expression begins with, or None."""
    found = re.match(r"sort\w*(?=\()", expr)
    return found and found.group()


class Answer:
    """What is compared of an answer."""

    def __init__(self, answer, ordered, is_range=False):
        self.range = is_range
        data = answer.get("data")
        vectors = isinstance(data, dict) and "resultType" in data
        self.type = data["resultType"] if vectors else "data"
        result = data["result"] if vectors else data
        self.status = answer.get("http_status")
        self.error = plain_error(answer.get("error"))
        self.error_type = answer.get("errorType")
        if self.type in ("vector", "matrix"):
            result = [(sorted(s["metric"].items()), s.get("value"), s.get("values"), s.get("histogram"), s.get("histograms"))
                      for s in result]
        self.order = [labels for labels, *_ in result] if ordered and self.type == "vector" else None
        if self.type in ("vector", "matrix"):
            result.sort(key=lambda s: s[0])
        self.result = result
        self.notes = {without_position(w) for w in answer.get("warnings", []) + answer.get("infos", [])}
        self.cut = any(n.endswith("annotations omitted") for n in self.notes)  # a Prometheus shows ten

    def same(self, other):
        return ((self.status, self.error_type, self.error, self.type, self.result, self.order) ==
                (other.status, other.error_type, other.error, other.type, other.result, other.order))

    def same_notes(self, other):
        if self.cut:
            return {n for n in self.notes if not n.endswith("annotations omitted")} <= other.notes
        return self.notes == other.notes

    def close(self, other):
        return (self.error_type, self.type) == (other.error_type, other.type) and close(self.result, other.result)

    def brief(self, other, n=1000):
        """What is said here and not by the other."""
        if self.error_type:
            return f"{self.status} {self.error_type}: {self.error}"
        result = self.result
        if self.type in ("vector", "matrix") and isinstance(other.result, list):
            others = {json.dumps(o[0]): o for o in other.result}
            result = [only(s, others) for s in result if s not in other.result]
        notes = sorted(self.notes - other.notes)
        order = f" order {self.order}" if self.order != other.order and self.result == other.result else ""
        return f"{self.type} of {len(self.result or '')}: {json.dumps(result)[:n]} {notes or ''}{order[:n]}"


def only(mine, others):
    """The labels of a series and what of its values is not in the other answer."""
    if not isinstance(mine, tuple) or json.dumps(mine[0]) not in others:
        return mine
    theirs = others[json.dumps(mine[0])]
    return [dict(mine[0])] + [[p for p in a if p not in (b or [])] if isinstance(a, list) and a and isinstance(a[0], list) else a
                              for a, b in zip(mine[1:], theirs[1:]) if a != b]


def close(a, b):
    """Equal but for the last digits of numbers."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, dict) and a.get("count") == "NaN":
        return b.get("count") == "NaN"
    if isinstance(a, dict):
        a, b = with_buckets(a), with_buckets(b)
        return all(close(a.get(k, "0"), b.get(k, "0")) for k in a.keys() | b.keys())
    if a == b or not isinstance(a, str):
        return a == b
    try:
        return math.isclose(float(a), float(b), rel_tol=1e-6, abs_tol=1e-9)
    except ValueError:
        return False


def with_buckets(histogram):
    """Its buckets as members; one that is as good as empty may be absent elsewhere."""
    return dict({k: v for k, v in histogram.items() if k != "buckets"},
                **{",".join(map(str, b[:3])): b[3] for b in histogram.get("buckets", [])})


def instants(answer):
    """(labels, value) pairs of an instant vector or scalar."""
    if answer.type == "scalar":
        return [([], answer.result[1])]
    return [(labels, (value or histogram)[1]) for labels, value, _, histogram, _ in answer.result]
