"""Random PromQL expressions over the series of data.py, as trees that can be made smaller."""
import re

from data import BEGIN, SPAN_MS

MATH = ["exp", "ln", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh",
        "acosh", "atanh"]
SIMPLE = ["abs", "ceil", "floor", "sqrt", "sgn", "deg", "rad", "round", "timestamp"] * 2 + MATH
DATES = ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"]
ROLLUPS = ["avg_over_time", "changes", "count_over_time", "delta", "deriv", "idelta", "increase", "irate",
           "last_over_time", "max_over_time", "min_over_time", "present_over_time", "rate", "resets",
           "stddev_over_time", "stdvar_over_time", "sum_over_time", "absent_over_time", "quantile_over_time",
           "predict_linear"]
EXPERIMENTAL_ROLLUPS = ["mad_over_time", "double_exponential_smoothing", "ts_of_max_over_time", "ts_of_min_over_time",
                        "ts_of_last_over_time", "first_over_time", "ts_of_first_over_time"]
AGGREGATIONS = ["avg", "bottomk", "count", "count_values", "group", "max", "min", "quantile", "stddev", "stdvar", "sum",
                "topk", "sum", "avg"]
EXPERIMENTAL_AGGREGATIONS = ["limitk", "limit_ratio"]
HISTOGRAM = ["histogram_avg", "histogram_count", "histogram_sum", "histogram_stddev", "histogram_stdvar"]
ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]
TRIMS = ["</", ">/"]
COUNTING = ["rate", "increase", "irate", "resets"]
RISING = ["c_total", "h_bucket", "h_count", "app", "nh", "nhf", "nhg", "nhcb", "mix"]
RANGES = [15, 31, 60, 61, 90, 120, 150, 300, 307, 600, 900]
FLOATS = ["g", "c_total", "n", "m", "one", "h_bucket", "h_sum", "h_count"]
NATIVES = ["nh", "nhf", "nhg", "nhcb", "mix"]
UTF8 = '{"u.métrique"}'

# What a Prometheus may not have yet, and an expression that tells.
PROBES = dict({f: f"{f}(g[1m])" for f in EXPERIMENTAL_ROLLUPS}, trims="g </ 1", histogram_quantiles='histogram_quantiles(g, "q", 0.5)',
              step="step()", end="end()", max_of="max_of(1, 2)", start_timestamp="start_timestamp(g)", info="info(g)",
              durations="g[1m + 1m]", duration_step="g[step() + 1m]", duration_range="g[range() + 1m]", duration_max="g[max_of(1m, 2m)]",
              double_exponential_smoothing="double_exponential_smoothing(g[1m], 0.5, 0.5)", extended="rate(g[1m] anchored)", fill="g + fill (0) n")


class Node:
    """A piece of an expression: what type it has, and texts and Nodes in turn."""
    __slots__ = ("type", "parts")

    def __init__(self, type_, *parts):
        self.type, self.parts = type_, parts

    def __str__(self):
        return "".join(map(str, self.parts))

    def smaller(self):
        """Everything that this can be replaced with: what is below it, or itself with one part made smaller."""
        for i, part in enumerate(self.parts):
            if isinstance(part, Node):
                if part.type == self.type:
                    yield part
                for less in part.smaller():
                    if less.type == self.type:
                        yield less
                    if less.type == part.type:
                        yield Node(self.type, *self.parts[:i], less, *self.parts[i + 1:])
        if self.type == "modifier" and self.parts:
            yield Node("modifier")
        if self.type == "scalar" and self.parts != ("1",):
            yield Node("scalar", "1")


def seconds(rng, s):
    """The same duration in one of several spellings."""
    if s >= 60 and s % 60 and rng.random() < 0.5:
        return f"{s // 60}m{s % 60}s"
    return f"{s // 60}m" if s % 60 == 0 and rng.random() < 0.7 else f"{s}s" if rng.random() < 0.9 else str(s)


class Generator:
    """Makes expressions.

    `unknown` are the keys of PROBES that are not to be used; `ratios`: limit_ratio() may pick; `rising`: functions of
    counters are asked of series only that do not fall; `modifiers`: with anchored, smoothed and fills.
    """

    def __init__(self, rng, unknown=(), histograms=True, ratios=False, rising=False, modifiers=False):
        self.rng, self.histograms, self.unknown, self.ratios = rng, histograms, set(unknown), ratios
        self.rollups = ROLLUPS * 2 + [f for f in EXPERIMENTAL_ROLLUPS if f not in unknown]
        self.aggregations = AGGREGATIONS * 2 + EXPERIMENTAL_AGGREGATIONS
        self.trims = [] if "trims" in unknown else TRIMS
        self.rising, self.modifiers, self.subqueries = rising, modifiers, 0

    def has(self, feature):
        return feature not in self.unknown

    def expression(self):
        self.subqueries = 0
        depth = self.rng.choice((1, 2, 2, 3, 3, 4))
        roll = self.rng.random()
        if roll < 0.04:
            return self.scalar(depth)
        if roll < 0.06:
            return self.matrix(depth)
        if roll < 0.07:
            return Node("string", self.rng.choice(("'text'", '"a\\n<b>"', "`raw\\n`", '""', '"é\\u00e9"')))
        if roll < 0.11:
            return self.broken(depth)
        return self.top(depth) if roll < 0.35 else self.vector(depth)

    def broken(self, depth):
        """An expression with a piece too many, too few or in a wrong place: mostly an error."""
        rng, text = self.rng, str(self.vector(min(depth, 2)))
        words = re.findall(r"[A-Za-z_0-9.]+|\s+|.", text)
        at = rng.randrange(len(words))
        how = rng.random()
        if how < 0.35:
            del words[at]
        elif how < 0.6:
            words.insert(at, rng.choice((")", "(", "[5m]", "{", "}", " by ", " on (a) ", " bool ", "offset 1m", "@ 1", ",", '"s"', "!", "=~", " and ", "1", "group_left", "[5m:]", "%", "é", "'")))
        elif how < 0.8:
            words[at] = words[rng.randrange(len(words))]
        else:
            words = words[:at]
        return Node("broken", "".join(words))

    # --- leaves

    def name(self):
        return self.rng.choice(NATIVES if self.histograms and self.rng.random() < 0.25 else FLOATS)

    def matchers(self):
        rng = self.rng
        if rng.random() < 0.6:
            return Node("modifier")
        some = rng.sample(['a="x"', 'a=~"x|y"', 'a!="z"', 'b="1"', 'b=~".+"', 'b!~"2"', 'a=~"[yz]"', 'b=""', 'le=~"1|.+Inf"',
                           'nothing=""', 'a="none"'], rng.choice((1, 1, 2)))
        if len({m[0] for m in some}) < len(some) and any("!" in m for m in some):
            some = some[:1]  # a Prometheus sorts them in place, and absent() takes labels in that order
        return Node("modifier", "{" + ", ".join(some) + "}")

    def at(self, subquery=False):
        """offset, @, anchored and smoothed, mostly none of them."""
        rng, parts = self.rng, []
        if rng.random() < 0.15:
            parts.append(rng.choice((" offset ", " offset -")) + self.duration(rng.choice((15, 60, 77, 300, 1000)), True))
        if rng.random() < 0.1:
            t = (BEGIN + rng.randrange(SPAN_MS)) / 1000
            parts.append(f" @ {rng.choice((f'{t:.3f}', f'{t:.0f}', 'start()', 'end()'))}")
        rng.shuffle(parts)
        if self.modifiers and not subquery and rng.random() < 0.08:
            parts.append(rng.choice((" anchored", " smoothed")))
        return Node("modifier", *parts)

    def duration(self, s, offset=False):
        """Some seconds as a duration, or where that is known as an expression of durations that is about as long."""
        rng = self.rng
        if not self.has("durations") or rng.random() < 0.85:
            return seconds(rng, s)
        some = [f"{s}s + 0s", f"{s} * 1", f"2 * {s}s - {s}", f"{2 * s}s / 2", f"{s}s % 1h", f"-(-{s}s)", f"{s} ^ 1", f"({s}s + 1) - 1"]
        if self.has("duration_step"):
            some += [f"{s}s + step()", f"step() + {s}"]
        if self.has("duration_range"):
            some += [f"{s}s + range() * 0"]
        if self.has("duration_max"):
            some += [f"max_of({s}s, 15s)", f"min_of({s}, 1h)"]
        text = rng.choice(some)
        return f"({text})" if offset else text

    def selector(self):
        roll = self.rng.random()
        if roll < 0.03:
            return Node("vector", self.rng.choice((UTF8, '{"u.métrique", "étiquette.1"="ü"}', '{"a b"!="", __name__=~"u.+"}', '{__name__="u.métrique", a=~"x|y"}')), self.at())
        if roll < 0.05:
            return Node("vector", self.rng.choice(('{__name__=~"g|n"}', '{__name__=~"c_.+", a="x"}', '{a="x", b="1"}', "nothing")), self.at())
        return Node("vector", self.name(), self.matchers(), self.at())

    def number(self):
        return self.rng.choice(("0", "1", "2", "-1", "0.5", "3", "10", "100", "1e3", "0.1", "NaN", "Inf", "-Inf", "0x1f", "5m"))

    def scalar(self, depth):
        rng, roll = self.rng, self.rng.random()
        if roll < 0.04 and self.has("step"):
            return Node("scalar", rng.choice(("step()", "range()", "start()", "end()") if self.has("end") else ("step()",)))
        if roll < 0.06 and self.has("max_of"):
            return Node("scalar", rng.choice(("max_of(", "min_of(")), self.scalar(depth - 1), ", ", self.scalar(depth - 1), ")")
        if depth <= 0 or roll < 0.5:
            return Node("scalar", rng.choice((self.number(), self.number(), "time()", "pi()")))
        if roll < 0.7:
            return Node("scalar", "scalar(", self.vector(depth - 1), ")")
        if roll < 0.8:
            return Node("scalar", "-", Node("scalar", "(", self.scalar(depth - 1), ")"))
        ops = ARITHMETIC + [c + " bool" for c in COMPARISONS]
        if rng.random() < 0.01 and self.trims:
            ops = self.trims  # which are for histograms
        return Node("scalar", "(", self.scalar(depth - 1), f" {rng.choice(ops)} ", self.scalar(depth - 1), ")")

    def matrix(self, depth):
        rng, r = self.rng, self.rng.choice(RANGES)
        if depth > 0 and self.subqueries < 2 and rng.random() < 0.25:
            self.subqueries += 1
            step = rng.choice([s for s in (7, 15, 30, 60, 61, 120) if r / s < 21])
            text = "" if rng.random() < 0.2 else self.duration(step)
            return Node("matrix", self.inner(depth - 1), f"[{self.duration(r)}:{text}]", self.at(True))
        if rng.random() < 0.02:
            return Node("matrix", UTF8, f"[{self.duration(r)}]", self.at())
        return Node("matrix", self.name(), self.matchers(), f"[{self.duration(r)}]", self.at())

    def rising_matrix(self):
        names = RISING if self.histograms else RISING[:4]
        return Node("rising", self.rng.choice(names), self.matchers(), f"[{self.duration(self.rng.choice(RANGES))}]", self.at())

    def inner(self, depth):
        """A vector that can be followed by brackets."""
        v = self.vector(depth)
        return Node("vector", "(", v, ")")

    # --- vectors

    def top(self, depth):
        """What mostly stands at the top: quantiles, sorting, powers."""
        rng, roll = self.rng, self.rng.random()
        if roll < 0.25:
            return Node("vector", rng.choice(MATH), "(", self.vector(depth - 1), ")")
        if roll < 0.6:
            return self.quantile(depth)
        if roll < 0.7:
            return self.binary(depth, ("atan2", "^"))
        if roll < 0.8 and self.has("info"):
            return self.info(depth)
        if roll < 0.9:
            return Node("vector", rng.choice(("sort", "sort_desc")), "(", self.vector(depth - 1), ")")
        return Node("vector", rng.choice(("sort_by_label", "sort_by_label_desc")), "(", self.vector(depth - 1), ', "',
                    rng.choice(("a", "b", 'v", "a', "le")), '")')

    def info(self, depth):
        rng = self.rng
        v = Node("vector", rng.choice(("app", "app", 'app{job="api"}', "rate(app[5m])", "app * 2", "delta(app[5m])", "sum by (instance, job) (app)", "target_info")))
        with_ = rng.choice(("", "", ', {version=~".+"}', ', {env="prod"}', ', {version="1", nothing=""}', ', {__name__="build_info"}',
                            ', {__name__=~".+_info"}', ', {__name__=~".+_info", go=~".*"}', ', {version!="1"}'))
        return Node("vector", "info(", v, with_, ")")

    def quantile(self, depth):
        rng = self.rng
        q = Node("scalar", rng.choice(("0.5", "0.9", "0.99", "0", "1", "0.25", "-1", "2", "NaN")))
        if rng.random() < 0.5:
            v = Node("vector", rng.choice(("rate", "increase", "sum_over_time")), f"(h_bucket[{rng.choice(RANGES)}s]", self.at(), ")")
            if rng.random() < 0.5:
                v = Node("vector", rng.choice(("sum by (le) (", "sum by (a, le) (", "avg by (le) (")), v, ")")
        else:
            v = self.histogram(depth - 1)
        roll = rng.random()
        if roll < 0.25:
            low, high = (Node("scalar", rng.choice(("0", "0.1", "0.3", "1", "2.5", "7", "-1", "-Inf", "+Inf", "NaN"))) for _ in "12")
            return Node("vector", "histogram_fraction(", low, ", ", high, ", ", v, ")")
        if roll < 0.35 and self.has("histogram_quantiles"):
            return Node("vector", "histogram_quantiles(", v, ', "q", ', rng.choice(("0.5", "0.1, 0.9", "0, 1, 0.25", "NaN", "-1, 2")), ")")
        return Node("vector", "histogram_quantile(", q, ", ", v, ")")

    def histogram(self, depth):
        """A vector that has native histograms, if there are such."""
        rng = self.rng
        if not self.histograms or rng.random() < 0.1:
            return self.vector(depth)
        v = Node("vector", rng.choice(NATIVES), self.matchers(), self.at())
        if rng.random() < 0.6:
            f = rng.choice(("rate", "increase", "sum_over_time", "avg_over_time", "last_over_time", "irate", "delta", "idelta"))
            v = Node("vector", f, "(", Node("matrix", rng.choice(NATIVES), self.matchers(), f"[{rng.choice(RANGES)}s]", self.at()), ")")
        if rng.random() < 0.3:
            v = Node("vector", rng.choice(("sum", "avg", "sum by (a)", "avg without (b)")), "(", v, ")")
        if rng.random() < 0.2:
            v = Node("vector", v, f" {rng.choice(['*', '/'] + self.trims)} ", Node("scalar", rng.choice(("2", "0.5", "-1", "0", "0.3"))))
            v = Node("vector", "(", v, ")")
        return v

    def vector(self, depth):
        rng = self.rng
        if depth <= 0 or rng.random() < 0.08:
            return self.selector()
        make = rng.choices((self.rollup, self.call, self.aggregation, self.binary, self.set_operation, self.label_function,
                            self.histogram_value, self.other), (25, 12, 22, 22, 6, 5, 4, 5))[0]
        return make(depth)

    def rollup(self, depth):
        rng, f = self.rng, self.rng.choice(self.rollups)
        m = self.matrix(depth - 1) if not self.rising or f not in COUNTING else self.rising_matrix()
        if f == "quantile_over_time":
            return Node("vector", f, "(", Node("scalar", rng.choice(("0.5", "0.9", "0", "1", "-1", "NaN"))), ", ", m, ")")
        if f == "predict_linear":
            return Node("vector", f, "(", m, ", ", self.scalar(depth - 2), ")")
        if f == "double_exponential_smoothing":
            return Node("vector", f, "(", m, ", ", rng.choice(("0.5, 0.5", "0.1, 0.9", "0.3, 0.01")), ")")
        return Node("vector", f, "(", m, ")")

    def call(self, depth):
        rng, roll = self.rng, self.rng.random()
        v = self.vector(depth - 1)
        if roll < 0.2:
            return Node("vector", "clamp(", v, ", ", self.scalar(depth - 2), ", ", self.scalar(depth - 2), ")")
        if roll < 0.3:
            return Node("vector", rng.choice(("clamp_min(", "clamp_max(")), v, ", ", self.scalar(depth - 2), ")")
        if roll < 0.36:
            return Node("vector", "round(", v, ", ", self.scalar(depth - 2), ")")
        if roll < 0.5:
            return Node("vector", rng.choice(DATES), "(", v, ")") if rng.random() < 0.8 else Node("vector", rng.choice(DATES), "()")
        return Node("vector", rng.choice(SIMPLE), "(", v, ")")

    def aggregation(self, depth):
        rng, f = self.rng, self.rng.choice(self.aggregations)
        grouping = rng.choice(("", "", " by (a)", " by (b)", " without (a)", " without (b, le)", " by (a, b)", " by ()", " without ()", " by (le)",
                               ' by ("étiquette.1", a)', ' without ("a b")'))
        v, parameter = self.vector(depth - 1), []
        if f in ("topk", "bottomk", "limitk"):
            parameter = [Node("scalar", rng.choice(("1", "2", "3", "0", "5", "1.9", "-1"))) if rng.random() < 0.9 else self.scalar(depth - 1), ", "]
        elif f == "quantile":
            parameter = [Node("scalar", rng.choice(("0.5", "0.9", "0", "1", "-0.1", "1.1", "NaN"))), ", "]
        elif f == "limit_ratio":
            parameter = [Node("scalar", rng.choice(("1", "-1", "0", "2", "-1.5") + (("0.5", "-0.5", "0.2", "-0.9") if self.ratios else ()))), ", "]
        elif f == "count_values":
            parameter = [rng.choice(('"value"', '"a"', '"__name__"')), ", "]
        if rng.random() < 0.5:
            return Node("vector", f, Node("modifier", grouping), "(", *parameter, v, ")")
        return Node("vector", f, "(", *parameter, v, ")", Node("modifier", grouping))

    def matching(self, allow_group=True):
        rng, roll = self.rng, self.rng.random()
        fill = Node("modifier")
        if self.modifiers and allow_group and rng.random() < 0.25:
            fill = Node("modifier", rng.choice((" fill (0)", " fill_left (1)", " fill_right (NaN)", " fill_left (-1) fill_right (2)", " fill (Inf)")))
        if roll < 0.3:
            return Node("modifier", fill)
        on = rng.choice((" on (a)", " on (a, b)", " ignoring (b)", " ignoring (le)", " ignoring (extra)", " ignoring (v, b)", " on ()", " on (b)"))
        if allow_group and roll > 0.5:
            on += rng.choice((" group_left", " group_right", " group_left ()", " group_left (v)", " group_right (extra)", " group_left (a)"))
        return Node("modifier", on, fill)

    def join(self, depth):
        """A pair that matches many to one."""
        rng, one = self.rng, self.rng.choice(("one", "one", "h_sum", "sum by (a) (n)", "max by (a) (m)"))
        many = Node("vector", "(", self.vector(depth - 1), ")")
        on = Node("modifier", rng.choice((" on (a) ", " ignoring (b, v, extra, le) ")))
        if rng.random() < 0.5:
            return many, on, Node("modifier", rng.choice(("group_left () ", "group_left (v) ", "group_left () ", "group_left "))), Node("vector", one)
        return Node("vector", one), on, Node("modifier", rng.choice(("group_right () ", "group_right (v) ", "group_right () ", "group_right "))), many

    def binary(self, depth, ops=None):
        rng, roll = self.rng, self.rng.random()
        compare = ops is None and rng.random() < 0.35
        op = rng.choice(ops or (COMPARISONS if compare else ARITHMETIC if rng.random() < 0.95 else self.trims or ARITHMETIC))
        mark = Node("modifier", " bool") if compare and rng.random() < 0.4 else ""
        if roll < 0.3:
            return Node("vector", "(", self.vector(depth - 1), f" {op}", mark, " ", self.scalar(depth - 1), ")")
        if roll < 0.45:
            return Node("vector", "(", self.scalar(depth - 1), f" {op}", mark, " ", self.vector(depth - 1), ")")
        if roll < 0.65:
            left, on, group, right = self.join(depth)
            return Node("vector", "(", left, f" {op}", mark, on, group, right, ")")
        left = self.vector(depth - 1)
        right = left if rng.random() < 0.3 else self.vector(depth - 1)
        return Node("vector", "(", left, f" {op}", mark, self.matching(), " ", right, ")")

    def set_operation(self, depth):
        op = self.rng.choice((" and", " or", " unless"))
        return Node("vector", "(", self.vector(depth - 1), op, self.matching(False), " ", self.vector(depth - 1), ")")

    def label_function(self, depth):
        rng, v = self.rng, self.vector(depth - 1)
        if rng.random() < 0.3:
            return Node("vector", "label_join(", v, rng.choice((', "new", "-", "a", "b")', ', "a", "", "b")', ', "__name__", "_", "a")', ', "b", ",")')))
        return Node("vector", "label_replace(", v, rng.choice((
            ', "new", "$1", "a", "(.*)")', ', "a", "", "a", ".*")', ', "b", "n$1", "b", "(1|2)")', ', "__name__", "renamed", "", "")',
            ', "a", "same", "a", "x|y")', ', "new", "${1}-$2", "__name__", "(.)(.*)")', ', "le", "x", "nothing", "")')))

    def histogram_value(self, depth):
        if not self.histograms:
            return self.rollup(depth)
        return Node("vector", self.rng.choice(HISTOGRAM), "(", self.histogram(depth - 1), ")")

    def other(self, depth):
        rng, roll = self.rng, self.rng.random()
        if roll < 0.3:
            return Node("vector", "absent(", self.vector(depth - 1), ")")
        if roll < 0.5:
            return Node("vector", "vector(", self.scalar(depth - 1), ")")
        if roll < 0.6:
            return self.quantile(depth)
        if roll < 0.65 and self.has("start_timestamp"):
            return Node("vector", "start_timestamp(", self.vector(depth - 1), ")")
        return Node("vector", rng.choice(("-", "+", "")), Node("vector", "(", self.vector(depth - 1), ")"))
