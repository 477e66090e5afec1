#include "query/below.h"

#include "base/compiler.h"
#include "query/fanout.h"
#include "text/json_read.h"
#include "text/json_write.h"

#include <stdio.h>
#include <string.h>

/* How deep queriers below each other are told of. */
#define LEVELS_MAX 4

/* Longest name or duration that is believed. */
#define WORD_MAX 1024

/* --- what was told ------------------------------------------------------------------------ */

static const char *const words[] = { "endpointAddr", "duration", "firstResponse", "waitTime" };
static const char *const figures[] = { "bytesProcessed", "numResponses", "series", "chunks", "samples" };

static void write_list(struct jsonw *w, const json_t *list, unsigned level);

static void write_word(struct jsonw *w, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	if (json_is_string(v) && json_string_length(v) <= WORD_MAX)
		jsonw_kv_str(w, key, str_mem(json_string_value(v), json_string_length(v)));
}

static void write_figure(struct jsonw *w, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		jsonw_kv_u64(w, key, (uint64_t)json_integer_value(v));
}

static void write_element(struct jsonw *w, const json_t *o, unsigned level)
{
	jsonw_object_begin(w);
	write_word(w, o, words[0]);
	write_word(w, o, words[1]);
	for (size_t i = 0; i < ARRAY_LEN(figures); i++)
		write_figure(w, o, figures[i]);
	for (size_t i = 2; i < ARRAY_LEN(words); i++)
		write_word(w, o, words[i]);
	if (json_is_true(json_object_get(o, "failed")))
		jsonw_kv_bool(w, "failed", true);
	if (level < LEVELS_MAX)
		write_list(w, json_object_get(o, "fanout"), level + 1);
	jsonw_object_end(w);
}

static void write_list(struct jsonw *w, const json_t *list, unsigned level)
{
	if (!json_is_array(list))
		return;
	jsonw_key(w, "fanout");
	jsonw_array_begin(w);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_is_object(json_array_get(list, i)))
			write_element(w, json_array_get(list, i), level);
	jsonw_array_end(w);
}

void below_write_told(struct jsonw *w, struct str text)
{
	static const struct json_limits limits = { .bytes = BELOW_TEXT_MAX,
						   .depth = 2 * LEVELS_MAX + 2,
						   .values = 4096 };
	json_t *list;
	if (text.n == 0 || text_json_parse(text, &limits, &list, NULL) != 0)
		return;
	write_list(w, list, 1);
	json_decref(list);
}

/* --- what is known here --------------------------------------------------------------------- */

/* The first seven keys are upstream's. */
static void write_peer(struct jsonw *w, const struct fanout_peer *p)
{
	jsonw_object_begin(w);
	jsonw_kv_cstr(w, "endpointAddr", p->name);
	jsonw_kv_goduration(w, "duration", p->duration_ns);
	jsonw_kv_u64(w, "bytesProcessed", p->bytes);
	jsonw_kv_u64(w, "numResponses", p->frames);
	jsonw_kv_u64(w, "series", p->series);
	jsonw_kv_u64(w, "chunks", p->chunks);
	jsonw_kv_u64(w, "samples", p->samples);
	jsonw_kv_goduration(w, "firstResponse", p->first_ns);
	jsonw_kv_goduration(w, "waitTime", p->wait_ns);
	if (p->failed)
		jsonw_kv_bool(w, "failed", true);
	below_write_told(w, p->told);
	jsonw_object_end(w);
}

void below_write(struct jsonw *w, const struct fanout_peer *peers, size_t n)
{
	for (size_t i = 0; i < n && !jsonw_failed(w); i++)
		write_peer(w, &peers[i]);
}

/* The list of the first `told` of `n` endpoints; whether it fits. */
static bool tell(const struct fanout_peer *peers, size_t n, size_t told, struct strbuf *out)
{
	struct jsonw w;
	char more[64];
	size_t before = out->n;
	jsonw_init(&w, out, 0);
	jsonw_array_begin(&w);
	below_write(&w, peers, told);
	if (told < n) {
		snprintf(more, sizeof(more), "[%zu more endpoints]", n - told);
		jsonw_object_begin(&w);
		jsonw_kv_cstr(&w, "endpointAddr", more);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	return jsonw_finish(&w, NULL) == 0 && out->n - before <= BELOW_TEXT_MAX;
}

void below_tell(const struct fanout_peer *peers, size_t n, struct strbuf *out)
{
	size_t before = out->n;
	for (size_t told = n; !tell(peers, n, told, out) && told > 0; told /= 2)
		out->n = before;
}
