#include "base/log.h"

#include "base/compiler.h"
#include "base/strbuf.h"
#include "base/sys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_BYTES (16 * 1024)

static const char *const level_names[] = { "debug", "info", "warn", "error" };
static const char *const format_names[] = { "logfmt", "json", "journald" };

bool log_level_parse(const char *s, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
		if (strcmp(s, level_names[i]) == 0)
			return *ret = (enum log_level)i, true;
	return false;
}

bool log_format_parse(const char *s, enum log_format *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(format_names); i++)
		if (strcmp(s, format_names[i]) == 0)
			return *ret = (enum log_format)i, true;
	return false;
}

/* RFC 3339 in UTC with nanoseconds, as Go's time.RFC3339Nano, e.g. 2026-11-22T13:00:06.123456789Z. */
static void add_time(struct strbuf *b)
{
	int64_t ns = sys->wall_ns();
	time_t s = (time_t)(ns / 1000000000);
	struct tm tm;
	gmtime_r(&s, &tm);
	strbuf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		      tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ns % 1000000000));
}

/* go-logfmt quotes a value that holds a space, '=', '"', a control byte or invalid UTF-8. */
static bool needs_quotes(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c <= ' ' || c == '=' || c == '"' || c == 0x7f)
			return true;
	}
	return !str_is_utf8(s);
}

static void add_json_string(struct strbuf *b, struct str s)
{
	bool valid = str_is_utf8(s);
	strbuf_add_ch(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			strbuf_printf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			strbuf_printf(b, "\\u%04x", c);
		else if (c >= 0x80 && !valid)
			strbuf_add_c(b, "\\ufffd");
		else
			strbuf_add_ch(b, (char)c);
	}
	strbuf_add_ch(b, '"');
}

static void add_string(struct strbuf *b, enum log_format f, struct str s)
{
	if (f == LOG_JSON)
		add_json_string(b, s);
	else if (needs_quotes(s))
		strbuf_add_quoted(b, s);
	else
		strbuf_add_str(b, s);
}

static void add_key(struct strbuf *b, enum log_format f, const char *key)
{
	if (f == LOG_JSON) {
		strbuf_add_c(b, b->n && b->p[b->n - 1] != '{' ? "," : "");
		add_json_string(b, str_c(key));
		strbuf_add_ch(b, ':');
	} else {
		strbuf_add_c(b, b->n && b->p[b->n - 1] != '>' ? " " : "");
		strbuf_add_c(b, key);
		strbuf_add_ch(b, '=');
	}
}

static void add_field(struct strbuf *b, enum log_format f, const struct log_kv *kv)
{
	add_key(b, f, kv->key);
	switch (kv->kind) {
	case LOG_KV_STR:
		add_string(b, f, kv->s);
		break;
	case LOG_KV_INT:
		strbuf_add_i64(b, kv->i);
		break;
	case LOG_KV_UINT:
		strbuf_add_u64(b, kv->u);
		break;
	case LOG_KV_DOUBLE:
		strbuf_printf(b, "%.9g", kv->d);
		break;
	case LOG_KV_BOOL:
		strbuf_add_c(b, kv->b ? "true" : "false");
		break;
	}
}

static void add_head(struct strbuf *b, const struct logger *lg, enum log_level level, const char *file, int line)
{
	/* syslog severities for sd-daemon(3) */
	static const char *const severity[] = { "<7>", "<6>", "<4>", "<3>" };
	if (lg->format == LOG_JOURNALD)
		strbuf_add_c(b, severity[level]);
	if (lg->format == LOG_JSON)
		strbuf_add_ch(b, '{');
	if (lg->format != LOG_JOURNALD) {
		add_key(b, lg->format, "ts");
		strbuf_add_c(b, lg->format == LOG_JSON ? "\"" : "");
		add_time(b);
		strbuf_add_c(b, lg->format == LOG_JSON ? "\"" : "");
	}
	const char *base = strrchr(file, '/');
	char caller[128];
	snprintf(caller, sizeof(caller), "%s:%d", base ? base + 1 : file, line);
	add_field(b, lg->format, &(struct log_kv){ .key = "caller", .s = str_c(caller) });
	add_field(b, lg->format, &(struct log_kv){ .key = "level", .s = str_c(level_names[level]) });
	if (lg->name)
		add_field(b, lg->format, &(struct log_kv){ .key = "name", .s = str_c(lg->name) });
	if (lg->component)
		add_field(b, lg->format, &(struct log_kv){ .key = "component", .s = str_c(lg->component) });
}

void log_write(struct logger *lg, enum log_level level, const char *file, int line, const char *msg,
	       const struct log_kv *kv)
{
	struct strbuf b = { .limit = LINE_MAX_BYTES };
	add_head(&b, lg, level, file, line);
	add_field(&b, lg->format, &(struct log_kv){ .key = "msg", .s = str_c(msg) });
	for (; kv->key; kv++)
		add_field(&b, lg->format, kv);
	b.limit = 0;
	strbuf_add_c(&b, lg->format == LOG_JSON ? "}\n" : "\n");
	ssize_t put;
	do
		put = sys->write(lg->fd, b.p, b.n);
	while (put < 0 && errno == EINTR);
	if (put != (ssize_t)b.n)
		lg->dropped++;
	strbuf_fini(&b);
}
