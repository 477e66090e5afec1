"""What is known to differ between Prometheus 3.5 and the version that is followed, and what differs on purpose."""
import json
import re

import expressions

HISTOGRAMS = set(expressions.NATIVES) | {"h_bucket"}
# An aggregation whose parameter may change, of something that does not: with @, or a number.
ONCE = re.compile(r"(topk|bottomk|limitk|limit_ratio|quantile)\b.*(scalar|time)\(.*(@|vector\()")
WORDS = re.compile(r"[a-z_0-9]+|\^")


def deliberate(expr, want, got):
    """What differs on purpose, or because Prometheus says now this and now that, from every version.

    What has parameters that change is evaluated at each step, upstream at one where what is aggregated has @: the order of what it
    hands on, by which pairs are found that match alike, is then another.
    Over ranges limitk() and limit_ratio() hand on series as they come; upstream in the order of a map, which shows in the last
    digits of sums. Texts of errors are cut where they become long.
    """
    if is_panic(want.error):
        return "panic of Prometheus"
    if unwritable(expr.encode(), want):
        return "trees that Prometheus cannot write"
    if want.status == got.status == 422 and len(got.error.encode()) > LONG and want.error.startswith(got.error.rstrip("\ufffd")):
        return "long errors"
    if want.error and got.error and ONCE.search(expr) and other_of_many(expr, want, got):
        return "parameters of aggregations of what has @"
    if re.search("limit(k|_ratio)", expr) and (got.range or SUBQUERY.search(expr)) and (want.close(got) or re.search("topk|bottomk", expr) and values(want) == values(got)):
        return "order of limitk and limit_ratio"
    return None


SUBQUERY = re.compile(r"\[([^][]*):([^][]*)\]")
MOVED = re.compile(SUBQUERY.pattern + "(?= (?:offset|@))")
STANDS_STILL = re.compile(r"@.*\[[^]]*:[^]]*\][ )]*(offset|@)")


def forgotten(expr, got, ask):
    """Whether the two agree where subqueries that are moved have one to three more steps, be it on the error that we tell.

    Where a subquery's first step is the time at which it stands, upstream leaves selectors with @ inside of it where its own
    place has put them (setOffsetForAtModifier).
    """
    if not STANDS_STILL.search(expr):
        return False
    return any(theirs.same(ours) and theirs.error in (None, got.error) for theirs, ours in map(ask, (longer(expr, n) for n in (1, 2, 3))))


def longer(expr, steps):
    return MOVED.sub(lambda found: f"[({found[1]}) + {steps} * ({found[2].strip() or '1m'}):{found[2]}]", expr)


def info_unseen(expr, want, ask):
    """Whether the two agree where the query reads the last hour of something else, too.

    Upstream opens its storage for the times of the selectors: info series that are older it may see or not, by chunks.
    """
    if "info(" not in expr or want.type not in ("vector", "matrix"):
        return False
    theirs, ours = ask(f"({expr}) or last_over_time(app[1h]) < -1e300")
    return not theirs.error_type and theirs.same(ours)


def is_panic(error):
    """Histograms with custom buckets divided by zero; ranges without samples that are anchored or smoothed."""
    return error and (error == "histograms with custom buckets have no zero bucket" or error.startswith("unexpected error: runtime error"))


LONG = 450  # bytes of errors that are surely told


def error_pattern(error, is_range):
    """What an error has to look like."""
    if is_range and error.startswith("found duplicate series for "):
        return re.escape(re.match("found duplicate series for (the match group|info metric)", error)[0]) + "(?s:.*)"
    text = error.encode()
    return re.escape(error) if len(text) < LONG else re.escape(text[:LONG].decode(errors="ignore")) + "(?s:.*)"


def other_of_many(expr, want, got):
    """Whether another error may be told in place of one.

    Of several pairs of series that match alike upstream tells any of ranges, and of count_values(), whose series are in no order.
    """
    return bool(re.fullmatch(error_pattern(want.error, got.range or "count_values" in expr or SUBQUERY.search(expr)), got.error))


def error_lines(error, is_range):
    """The same as lines of a script. None for what they cannot say."""
    pattern = error_pattern(error, is_range)
    if pattern == re.escape(error):
        return [f"  expect fail msg: {error}"] if error == error.strip() and "\n" not in error else None
    return None if "\n" in pattern else [f"  expect fail regex: ^{pattern}"]


def of_replicas(expr, want, got, ask):
    """What differs because samples of one series come from several replicas, and their histograms from other chunks.

    Quantiles and fractions take the zero bucket to end at zero if there is no bucket on one side, be it empty, and end in
    the last bucket, be it empty, if there were NaN observations; an empty bucket becomes NaN when multiplied by infinity;
    neighbouring histograms that are equal but for empty buckets count as a change. Which empty buckets there are depends
    on the chunk that a histogram lies in. `ask` says what both answer to another expression: without empty buckets, and without
    counting changes, they must agree.
    """
    if want.error or got.error or HISTOGRAMS.isdisjoint(WORDS.findall(expr)):
        return None
    if want.type == got.type and "NaN" in str((want.result, got.result)) and unsorted(without_nans(want.result)) == unsorted(without_nans(got.result)):
        return "layouts of chunks: empty buckets times infinity"
    compact = NATIVE_CHANGES.sub(r"count_over_time\1", without_empty_buckets(expr))
    if compact != expr:
        want, got = ask(compact)
        return "layouts of chunks: agree without empty buckets" if want.same(got) else None
    return None


NATIVE_CHANGES = re.compile(r"\bchanges(\(\(*(?:%s|\{|[^\[]*\[\w+:))" % "|".join(sorted(HISTOGRAMS)))
READERS = re.compile(r"histogram_(quantiles?|fraction)\(")


def without_empty_buckets(expr):
    """The expression, whose quantiles and fractions are read off histograms that a sum has made compact."""
    found = READERS.search(expr)
    if not found:
        return expr
    at, depth, args = found.end(), 1, [found.end()]
    while depth and at < len(expr):
        if expr[at] in "\"'`":
            at = expr.index(expr[at], at + 1)
        depth += (expr[at] in "([{") - (expr[at] in ")]}")
        if expr[at] == "," and depth == 1:
            args.append(at + 1)
        at += 1
    args.append(at)
    k = {"quantile": 1, "quantiles": 0, "fraction": 2}[found[1]]
    begin, end = args[k], args[k + 1] - 1
    return f"{expr[:begin]} sum without () ({without_empty_buckets(expr[begin:end])}){without_empty_buckets(expr[end:])}"


def values(answer):
    """All that is in an answer, without saying of which series."""
    return sorted(str(s[1:]) for s in answer.result or []) if answer.type in ("vector", "matrix") else answer.result


NAN_BUCKET = re.compile(r", [\[(][^\[\](), ]+,[^\[\](), ]+[\])]:NaN")


def unsorted(result):
    """A vector or matrix of which the order is left open: that of count_values() is the one of texts of histograms."""
    return sorted(map(str, result)) if isinstance(result, (list, tuple)) else result


def without_nans(result):
    """Histograms without buckets whose count is NaN, also as texts."""
    if isinstance(result, str):
        return NAN_BUCKET.sub("", result)
    if isinstance(result, dict):
        return {k: [b for b in v if b[3] != "NaN"] if k == "buckets" else v for k, v in result.items() if k != "buckets" or any(b[3] != "NaN" for b in v)}
    return [without_nans(r) for r in result] if isinstance(result, (list, tuple)) else result


def old_answer(expr, want, got):
    """What is known to differ between 3.5 and the version that is followed.

    Sums of native histograms are compensated since 3.8, so that last digits are others. Parameters of aggregations are
    checked even if there is nothing to aggregate. More than one match per pair is an error even if a comparison filters it
    out. mad_over_time() of a NaN is NaN. Classic histograms have a fraction below their first bound. Extrapolated
    histograms end where their count would be zero. Series that become equal by label_replace() or label_join(), but have
    no step in common, are joined. Errors of parsing, and of series that match twice, have other words.
    """
    if want.status == 400 or want.status == got.status == 422 and "found duplicate series" in want.error:
        return "errors of other words" if got.error else "newer syntax"
    if (want.error, got.error) == ("Scalar value NaN overflows int64", "Parameter value is NaN"):
        return "errors of other words"
    if not want.error and re.match(r"Parameter value is NaN|Ratio value is NaN|Scalar value .* (under|over)flows", got.error or ""):
        return "parameters checked early"
    if "multiple matches for labels" in (got.error or "") and not want.error and re.search(r"[<>]|[=!]=", expr):
        return "pairs checked though filtered"
    if re.match("Scalar value .* overflows", want.error or "") and not got.error and "@" in expr:
        return "parameter with @ overwritten by Prometheus"
    if "mad_over_time" in expr:
        return "mad_over_time of NaN"
    if "histogram_fraction" in expr and "h_" in expr and "NaN" in json.dumps(want.result):
        return "fraction below the first bucket"
    if "label_" in expr and "same labelset" in (want.error or "") and not got.error:
        return "disjoint series with the same labels"
    return None if HISTOGRAMS.isdisjoint(WORDS.findall(expr)) else old_histograms(expr, want, got)


def old_histograms(expr, want, got):
    """The same of expressions with native histograms."""
    if want.close(got):
        return "sums of histograms"
    if re.search(r"(rate|increase)\(\(*(nh|mix)", expr) and want.error == got.error:
        return "extrapolation of histograms to zero"
    if re.search(r"(changes|resets)\(.*\[\w+:", expr):
        return "histograms changed in place by Prometheus"
    if "count_values" in expr and re.search("sum|avg", expr):
        return "sums of histograms in labels"
    if re.search(r"histogram_(quantile|fraction)\(.*(sum|avg)_over_time", expr):
        return "empty buckets kept by sums over time"
    return None


# Annotations that the versions from 3.6 on have and 3.5 has not, and how 3.5 has them.
NEWER_NOTES = {"PromQL warning: sort is ineffective for range queries since results are always ordered by labels",
               "PromQL warning: conflicting counter resets during histogram aggregation"}
LONGER_NOTES = re.compile(r"^(PromQL (?:warning: (?:bucket label|vector contains a mix of classic)|info: input to histogram_).*?) for metric name .*$")


NOT_COUNTER = "this native histogram metric is not a counter"


def notes_of_replicas(expr, want, got):
    """Hints say of the first histogram of a chunk that nothing is known; it is another one in chunks of replicas."""
    return "hints at the begin of chunks" if all("conflicting counter resets" in n for n in want.notes ^ got.notes) else None


def deliberate_notes(expr, want, got):
    """Annotations that differ on purpose."""
    if ONCE.search(expr) and all("sort is ineffective" in n for n in want.notes ^ got.notes):
        return "parameters of aggregations of what has @"
    return None


def old_notes(expr, want, got):
    wanted = {LONGER_NOTES.sub(r"\1", n) for n in want.notes}
    gauges = not HISTOGRAMS.isdisjoint(WORDS.findall(expr)) and "-" in expr  # what is multiplied by less than 0
    had = {n for n in got.notes if n not in NEWER_NOTES and not (gauges and n not in wanted and NOT_COUNTER in n)}
    return "notes of newer versions" if wanted == had else None




def of_texts(text, want, got):
    """What differs of texts that are parsed.

    Prometheus panics where the step of a subquery is less than a
    millisecond; it cannot write trees with numbers that JSON has not. What it prints of offsets with two signs, and of an offset of NaN,
    it reads otherwise. Our errors are texts that end at a zero byte.
    """
    if is_panic(want.error):
        return "panic of Prometheus"
    if unwritable(text, want):
        return "trees that Prometheus cannot write"
    if want.error and "\0" in want.error and got.error == want.error.partition("\0")[0] + "`":
        return "errors of regular expressions with a zero byte"
    if want.status == got.status == 200 and SIGNED.search(text) and isinstance(want.result, str) and unwrapped(want.result) == unwrapped(got.result):
        return "offsets of two signs"
    if isinstance(want.result, str) and NAN_OFFSET.search(text) and want.result.replace("offset --", "offset -") == got.result:
        return "offsets of NaN"
    return None


NAN_OFFSET = re.compile(rb"(?i)offset\s*[-+]?\s*[-+(]?\s*nan")
SIGNED = re.compile(rb"(?i)offset\s*[-+]\s*[-+]")


def unwrapped(text):
    """A printed form without parentheses and breaks: `m offset -+1/3` Prometheus prints as `m offset -1 / 3`, which it reads otherwise."""
    return re.sub(r"[()\s]", "", text)


def unwritable(text, want):
    """Whether it is the tree of an expression that fills in a number that JSON has not."""
    return want.error_type == "no JSON" and re.match(r"v1\.Response\.Data: .*unsupported value: ", want.error) and FILLED.search(text)


TYPES = {"subquery": "SubqueryExpr", "aggregation": "AggregateExpr"}


def of_selectors(want, got, text, old):
    """Whether match[] is refused by Thanos as it should be where Prometheus takes or refuses the expression.

    It is refused as the expression is, or as one that is no selector. A selector that matches everything is refused only where
    stores are asked; of one that is part of something else nothing is said if there are no others.
    """
    if old and (NEWER.search(text) or want.error and got.error):
        return True
    everything = want.error and want.error.endswith("vector selector must contain at least one non-empty matcher")
    taken = got.status == 200 or got.error.endswith("desc = no matchers specified (excluding selector labels)")
    if everything and (taken or re.fullmatch(r"expected type \*parser\.VectorSelector, got \*parser\.\w+", got.error)):
        return True
    if want.error:
        return got.status == 400 and (got.error == want.error or len(got.error.encode()) > LONG and want.error.startswith(got.error.rstrip("\ufffd"))
                                      or "\0" in want.error and got.error == want.error.partition("\0")[0] + "`")
    kind = want.result["type"]
    if kind == "vectorSelector":
        return taken
    return got.status == 400 and got.error == f"expected type *parser.VectorSelector, got *parser.{TYPES.get(kind, kind[:1].upper() + kind[1:])}"


FILLED = re.compile(rb"(?i)fill\w*\s*\(\s*[-+]?\s*(nan|inf)")


def of_old_texts(text, want, got):
    """The same of a Prometheus that is older than the version that is followed: words of errors, newer words, members of trees."""
    if want.status == got.status == 400:
        return "errors of other words"
    if NEWER.search(text):
        return "newer syntax"
    if isinstance(want.result, str) and want.result == re.sub(r'"([^"\\]+)"(?=[,)])', r"\1", got.result):
        return "labels printed without quotes"
    return "newer members of trees" if holds(got.result, want.result) else None


# With durations in parentheses.
NEWER = re.compile(rb"(?i)anchored|smoothed|fill|step|range|start|end|max_of|min_of|</|>/|histogram_quantiles|first_over_time|(?:\[|offset)[^]]*\(")


def holds(more, less):
    """Whether a tree has all that is in another one."""
    if isinstance(less, dict) and isinstance(more, dict):
        return all(k in more and holds(more[k], v) for k, v in less.items())
    if isinstance(less, list) and isinstance(more, list):
        return len(less) == len(more) and all(map(holds, more, less))
    return less == more
