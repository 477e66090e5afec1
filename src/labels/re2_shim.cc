/* The only file that knows RE2. */
#include "labels/re2_shim.h"
#include "labels/regex.h"

#include <cstdio>
#include <re2/re2.h>
#include <string>
#include <vector>

struct re2_shim {
	re2::RE2 re;
	re2_shim(const std::string &pattern, const re2::RE2::Options &opts) : re(pattern, opts)
	{
	}
};

/* RE2 reserves two thirds of its budget for programs and takes 16 bytes per instruction as a quarter of what it needs. */
static int64_t budget_for(size_t max_program)
{
	return static_cast<int64_t>(max_program) * 4 * 3 / 2;
}

static const size_t BYTES_PER_INSTRUCTION = 16;

/* Index after the class that begins with '[' at `i`. */
static size_t skip_class(const char *p, size_t n, size_t i)
{
	i++;
	if (i < n && p[i] == '^')
		i++;
	if (i < n && p[i] == ']')
		i++;
	while (i < n && p[i] != ']') {
		if (p[i] == '\\') {
			i += 2;
		} else if (p[i] == '[' && i + 1 < n && p[i + 1] == ':') {
			size_t j = i + 2;
			while (j + 1 < n && !(p[j] == ':' && p[j + 1] == ']'))
				j++;
			i = j + 1 < n ? j + 2 : i + 1;
		} else {
			i++;
		}
	}
	return i + 1;
}

/* An escape sequence that RE2 has not: stands for \C, which Go has not. */
static const char NO_ESCAPE[] = "\\\xf4\x8f\xbf\xbf";

/* A pattern as this RE2 has it, and where each of its bytes comes from. */
struct translated {
	std::string re2;
	std::vector<size_t> from;

	/* Appends what stands for the bytes from `i` on. */
	void add(size_t i, const char *text, size_t n)
	{
		re2.append(text, n);
		from.insert(from.end(), n, i);
	}
};

/* Go's syntax as this RE2 has it: `(?<name>` is `(?P<name>`, and there is no \C. */
static translated translate(struct str s)
{
	translated out;
	size_t i = 0;
	while (i < s.n) {
		size_t next = i + 1;
		if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == 'Q') {
			std::string rest(s.p + i, s.n - i);
			size_t e = rest.find("\\E");
			next = e == std::string::npos ? s.n : i + e + 2;
		} else if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == 'C') {
			out.add(i, NO_ESCAPE, sizeof(NO_ESCAPE) - 1);
			i += 2;
			continue;
		} else if (s.p[i] == '\\') {
			next = i + 2;
		} else if (s.p[i] == '[') {
			next = skip_class(s.p, s.n, i);
		} else if (s.n - i > 3 && s.p[i] == '(' && s.p[i + 1] == '?' && s.p[i + 2] == '<') {
			out.add(i, "(?P<", 4);
			i += 3;
			continue;
		}
		for (; i < next && i < s.n; i++)
			out.add(i, s.p + i, 1);
	}
	out.from.push_back(s.n);
	return out;
}

/* Go's wording of an error; the text is seen by users of the query API. */
static const char *go_text(re2::RE2::ErrorCode code)
{
	switch (code) {
	case re2::RE2::ErrorBadEscape:
		return "invalid escape sequence";
	case re2::RE2::ErrorBadCharClass:
		return "invalid character class";
	case re2::RE2::ErrorBadCharRange:
		return "invalid character class range";
	case re2::RE2::ErrorMissingBracket:
		return "missing closing ]";
	case re2::RE2::ErrorMissingParen:
		return "missing closing )";
	case re2::RE2::ErrorTrailingBackslash:
		return "trailing backslash at end of expression";
	case re2::RE2::ErrorRepeatArgument:
		return "missing argument to repetition operator";
	case re2::RE2::ErrorRepeatSize:
		return "invalid repeat count";
	case re2::RE2::ErrorRepeatOp:
		return "invalid nested repetition operator";
	case re2::RE2::ErrorBadPerlOp:
		return "invalid or unsupported Perl syntax";
	case re2::RE2::ErrorBadUTF8:
		return "invalid UTF-8";
	case re2::RE2::ErrorBadNamedCapture:
		return "invalid named capture";
	case re2::RE2::ErrorPatternTooLarge:
		return "expression too large";
	default:
		return "internal error";
	}
}

/* Where `arg` stands in what was translated: best where neither end of it was made up, else where its begin was not. */
static size_t find_arg(const translated &t, const std::string &arg)
{
	size_t n = arg.size(), fallback = std::string::npos;
	for (size_t at = 0; (at = t.re2.find(arg, at)) != std::string::npos; at++) {
		if (at > 0 && t.from[at] == t.from[at - 1])
			continue;
		if (n == 0 || t.from[at + n] != t.from[at + n - 1])
			return at;
		if (fallback == std::string::npos)
			fallback = at;
	}
	return fallback;
}

/* The part of the pattern that is wrong, as Go tells it: of broken UTF-8 all from there on. */
static std::string go_arg(const re2::RE2 &re, struct str pattern, const translated &t)
{
	if (re.error_code() == re2::RE2::ErrorBadUTF8) {
		for (size_t w; (w = str_utf8_char(pattern)) > 0; pattern.n -= w)
			pattern.p += w;
		return std::string(pattern.p, pattern.n);
	}
	size_t n = re.error_arg().size(), at = find_arg(t, re.error_arg());
	if (at == std::string::npos || n == 0)
		return re.error_arg();
	size_t begin = t.from[at], last = t.from[at + n - 1], end = t.from[at + n];
	return std::string(pattern.p + begin, (end == last ? end + 1 : end) - begin);
}

/* Cuts what comes before and after `{n,m}` at the end of `arg`; false where there is none, or one of fewer than 1,001. */
static bool cut_to_large_count(std::string &arg)
{
	size_t at = arg.rfind('{'), close = arg.find('}', at);
	unsigned long long min, max;
	if (at == std::string::npos || close == std::string::npos)
		return false;
	int n = sscanf(arg.c_str() + at, "{%llu,%llu", &min, &max);
	if (n < 1 || (min <= 1000 && (n == 1 || (max <= 1000 && min <= max))))
		return false;
	arg = arg.substr(at, close + 1 - at);
	return true;
}

/* Whether it is about a repetition. */
static bool is_of_repetition(re2::RE2::ErrorCode code)
{
	return code == re2::RE2::ErrorRepeatArgument || code == re2::RE2::ErrorRepeatSize ||
	       code == re2::RE2::ErrorRepeatOp;
}

static void describe(const re2::RE2 &re, struct str pattern, const translated &t, char *msg, size_t n)
{
	std::string arg = go_arg(re, pattern, t);
	const char *text = go_text(re.error_code());
	/* Go looks at the count before it looks at what is repeated. */
	if (is_of_repetition(re.error_code()) && cut_to_large_count(arg))
		text = go_text(re2::RE2::ErrorRepeatSize);
	/* RE2 of this age has the text but no code for it. */
	if (re.error().find("unexpected )") == 0)
		text = "unexpected )";
	if (re.error_code() == re2::RE2::ErrorPatternTooLarge)
		snprintf(msg, n, "error parsing regexp: %s", text);
	else
		snprintf(msg, n, "error parsing regexp: %s: `%.200s`", text, arg.c_str());
}

extern "C" size_t re2_shim_memory(size_t max_program)
{
	return static_cast<size_t>(budget_for(max_program));
}

extern "C" struct re2_shim *re2_shim_new(struct str pattern, size_t max_program, char *msg, size_t n,
					 bool *ret_too_large)
{
	re2::RE2::Options opts;
	opts.set_dot_nl(true);
	opts.set_log_errors(false);
	opts.set_max_mem(budget_for(max_program));
	translated t = translate(pattern);
	struct re2_shim *re = new re2_shim(t.re2, opts);
	if (!re->re.ok()) {
		describe(re->re, pattern, t, msg, n);
		*ret_too_large = re->re.error_code() == re2::RE2::ErrorPatternTooLarge;
		delete re;
		return nullptr;
	}
	if (static_cast<size_t>(re->re.ProgramSize()) > max_program / BYTES_PER_INSTRUCTION) {
		snprintf(msg, n, "error parsing regexp: expression too large");
		*ret_too_large = true;
		delete re;
		return nullptr;
	}
	return re;
}

extern "C" void re2_shim_free(struct re2_shim *re)
{
	delete re;
}

extern "C" bool re2_shim_match(const struct re2_shim *re, struct str s, struct str *groups, size_t n)
{
	re2::StringPiece text(s.n ? s.p : "", s.n);
	re2::StringPiece sub[REGEX_MAX_GROUPS];
	if (n > REGEX_MAX_GROUPS)
		n = REGEX_MAX_GROUPS;
	if (!re->re.Match(text, 0, s.n, re2::RE2::ANCHOR_BOTH, sub, static_cast<int>(n)))
		return false;
	for (size_t i = 0; i < n; i++) {
		groups[i].p = sub[i].data();
		groups[i].n = sub[i].size();
	}
	return true;
}

extern "C" size_t re2_shim_groups(const struct re2_shim *re)
{
	return static_cast<size_t>(re->re.NumberOfCapturingGroups());
}

extern "C" size_t re2_shim_group(const struct re2_shim *re, struct str name)
{
	const std::map<std::string, int> &names = re->re.NamedCapturingGroups();
	auto it = names.find(std::string(name.p, name.n));
	return it == names.end() ? 0 : static_cast<size_t>(it->second);
}
