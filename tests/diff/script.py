"""Series and answers in the language of the PromQL test scripts."""
import math

from data import STALE


def number(v):
    if math.isnan(v):
        return "NaN"
    return f"{'+' if v > 0 else '-'}Inf" if math.isinf(v) else repr(v)


def side(name, spans_counts):
    """Buckets of one side with the empty ones between them, and the index of the first."""
    spans, counts = spans_counts
    if not counts:
        return ""
    out, at, k = [], 0, 0
    for i, (offset, length) in enumerate(spans):
        out += ["0"] * (offset if i else 0)
        at = offset if i == 0 else at
        out += [number(float(c)) for c in counts[k:k + length]]
        k += length
    return f" {name}offset:{at} {name}buckets:[{' '.join(out)}]"


def histogram(h):
    text = f"schema:{h['schema']} sum:{number(h['sum'])} count:{number(float(h['count']))}"
    if h.get("custom"):
        text += f" custom_values:[{' '.join(map(number, h['custom']))}]"
    else:
        text += f" z_bucket:{number(float(h['zero_count']))} z_bucket_w:{number(h['zero_threshold'])}"
    text += side("", h["positive"]).replace(" offset", " offset") + side("n_", h["negative"])
    return "{{" + text + (" counter_reset_hint:gauge" if h.get("hint") == 3 else "") + "}}"


def value(v):
    if v is None:
        return "_"
    if v == STALE or isinstance(v, dict) and v.get("stale"):
        return "stale"
    return histogram(v) if isinstance(v, dict) else number(v)


def quoted(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def labels(metric):
    return "{" + ", ".join(f"{quoted(k) if not k.isidentifier() or not k.isascii() else k}={quoted(v)}" for k, v in sorted(metric.items())) + "}"


def load(step, series):
    """A load command; series are (labels, values) with a value, a histogram, STALE or None for each step."""
    lines = [f"load {step}s"]
    for metric, values in series:
        lines.append(f"  {labels(metric)} " + " ".join(map(value, values)))
    return "\n".join(lines) + "\n\n"


def has_histograms(answer):
    result = (answer.get("data") or {}).get("result")
    return isinstance(result, list) and any(isinstance(s, dict) and ("histogram" in s or "histograms" in s) for s in result)


def expected(answer, start, step):
    """The lines that say what a query gives, without those of annotations. None for what they cannot say."""
    if answer.get("error"):
        return [f"  expect fail msg: {answer['error']}"] if answer["error"] == answer["error"].strip() else None
    kind, result = answer["data"]["resultType"], answer["data"]["result"]
    if kind == "scalar":
        return [f"  {result[1]}"]
    if kind == "string" or step is None and kind == "matrix" or "\n" in str(result):
        return None
    out = []
    for s in result:
        points = {p[0]: p[1] for p in s.get("values", [s["value"]] if "value" in s else [])}
        if step is None:
            row = list(points.values())
        else:
            at = {round((t - start) / step): v for t, v in points.items()}
            row = [at.get(k, "_") for k in range(max(at, default=-1) + 1)]
        out.append(f"  {labels(s['metric'])} {' '.join(row)}")
    return out
