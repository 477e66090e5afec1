#include "tsdb/meta.h"

#include "base/file.h"
#include "base/mem.h"
#include "text/json_read.h"
#include "text/json_write.h"

#include <stdlib.h>

#define ZERO_TIME "0001-01-01T00:00:00Z"

/* --- reading ------------------------------------------------------------------- */

/* A parse in progress: where memory comes from, and the first thing that was wrong. */
struct reader {
	struct arena *a;
	struct err *err;
	int rc;
};

static void wrong(struct reader *r, const char *key, const char *want)
{
	if (r->rc == 0)
		r->rc = err_set(r->err, ERR_INVALID_ARGUMENT, "meta.json: \"%s\" is not %s", key, want);
}

static void *take(struct reader *r, size_t n, size_t size)
{
	void *p = r->rc == 0 ? arena_array(r->a, n + 1, size) : NULL;
	if (!p && r->rc == 0)
		r->rc = arena_err(r->a, r->err);
	return p;
}

/* null counts as missing, as in Go. */
static json_t *member(json_t *obj, const char *key)
{
	json_t *j = json_object_get(obj, key);
	return json_is_null(j) ? NULL : j;
}

static int64_t get_int(struct reader *r, json_t *obj, const char *key)
{
	json_t *j = member(obj, key);
	if (j && !json_is_integer(j))
		wrong(r, key, "a whole number");
	return json_integer_value(j);
}

static uint64_t get_count(struct reader *r, json_t *obj, const char *key)
{
	int64_t v = get_int(r, obj, key);
	if (v < 0)
		wrong(r, key, "a number of things");
	return v < 0 ? 0 : (uint64_t)v;
}

static bool get_bool(struct reader *r, json_t *obj, const char *key)
{
	json_t *j = member(obj, key);
	if (j && !json_is_boolean(j))
		wrong(r, key, "true or false");
	return json_is_true(j);
}

static struct str copy_str(struct reader *r, const char *p, size_t n)
{
	char *copy = r->rc == 0 ? arena_memdup(r->a, p, n) : NULL;
	if (!copy && r->rc == 0)
		r->rc = arena_err(r->a, r->err);
	return copy ? str_mem(copy, n) : str_mem(NULL, 0);
}

static struct str str_of(struct reader *r, json_t *j, const char *key)
{
	if (!json_is_string(j)) {
		wrong(r, key, "a string");
		return str_mem(NULL, 0);
	}
	return copy_str(r, json_string_value(j), json_string_length(j));
}

static struct str get_str(struct reader *r, json_t *obj, const char *key)
{
	json_t *j = member(obj, key);
	return j ? str_of(r, j, key) : str_mem(NULL, 0);
}

/* An array; missing is empty. */
static json_t *get_array(struct reader *r, json_t *obj, const char *key, size_t *ret_n)
{
	json_t *j = member(obj, key);
	if (j && !json_is_array(j))
		wrong(r, key, "an array");
	*ret_n = json_array_size(j);
	return j;
}

static json_t *get_object(struct reader *r, json_t *obj, const char *key)
{
	json_t *j = member(obj, key);
	if (j && !json_is_object(j)) {
		wrong(r, key, "an object");
		return NULL;
	}
	return j;
}

static struct ulid ulid_of(struct reader *r, json_t *j, const char *key)
{
	struct ulid u = { 0 };
	if (!json_is_string(j) || !ulid_parse(str_mem(json_string_value(j), json_string_length(j)), &u))
		wrong(r, key, "a ULID");
	return u;
}

static struct str *get_strs(struct reader *r, json_t *obj, const char *key, size_t *ret_n)
{
	json_t *j = get_array(r, obj, key, ret_n);
	struct str *p = take(r, *ret_n, sizeof(*p));
	for (size_t i = 0; p && i < *ret_n; i++)
		p[i] = str_of(r, json_array_get(j, i), key);
	return p;
}

/* A value as JSON text, to be written again as it is. */
static struct str get_raw(struct reader *r, json_t *obj, const char *key)
{
	json_t *j = member(obj, key);
	if (!j)
		return str_mem(NULL, 0);
	char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text) {
		wrong(r, key, "printable");
		return str_mem(NULL, 0);
	}
	struct str s = copy_str(r, text, strlen(text));
	free(text);
	return s;
}

static void read_compaction(struct reader *r, json_t *j, struct meta_compaction *c)
{
	size_t n;
	c->level = (int)get_int(r, j, "level");
	c->deletable = get_bool(r, j, "deletable");
	c->failed = get_bool(r, j, "failed");
	c->hints = get_strs(r, j, "hints", &c->n_hints);
	json_t *list = get_array(r, j, "sources", &n);
	c->sources = take(r, n, sizeof(*c->sources));
	for (size_t i = 0; c->sources && i < n; i++)
		c->sources[i] = ulid_of(r, json_array_get(list, i), "sources");
	c->n_sources = n;
	list = get_array(r, j, "parents", &n);
	c->parents = take(r, n, sizeof(*c->parents));
	for (size_t i = 0; c->parents && i < n; i++) {
		json_t *p = json_array_get(list, i);
		c->parents[i].ulid = ulid_of(r, json_object_get(p, "ulid"), "parents");
		c->parents[i].mint = get_int(r, p, "minTime");
		c->parents[i].maxt = get_int(r, p, "maxTime");
	}
	c->n_parents = n;
}

static void read_labels(struct reader *r, json_t *j, struct labels *ret)
{
	size_t n = json_object_size(j), i = 0;
	struct label *l = take(r, n, sizeof(*l));
	const char *key;
	json_t *value;
	json_object_foreach(j, key, value)
	{
		if (!l)
			return;
		l[i].name = copy_str(r, key, strlen(key));
		l[i].value = str_of(r, value, key);
		i++;
	}
	if (l)
		label_sort(l, n);
	*ret = (struct labels){ l, l ? n : 0 };
}

static void read_files(struct reader *r, json_t *j, struct meta_thanos *t)
{
	size_t n;
	json_t *list = get_array(r, j, "files", &n);
	t->files = take(r, n, sizeof(*t->files));
	for (size_t i = 0; t->files && i < n; i++) {
		json_t *f = json_array_get(list, i), *hash = get_object(r, f, "hash");
		t->files[i].rel_path = get_str(r, f, "rel_path");
		t->files[i].size_bytes = get_count(r, f, "size_bytes");
		t->files[i].hash_func = get_str(r, hash, "hashFunc");
		t->files[i].hash = get_str(r, hash, "value");
	}
	t->n_files = n;
}

static void read_thanos(struct reader *r, json_t *j, struct meta_thanos *t)
{
	t->version = (int)get_int(r, j, "version");
	if (t->version != 0 && t->version != 1)
		wrong(r, "thanos.version", "1");
	read_labels(r, get_object(r, j, "labels"), &t->labels);
	t->resolution_ms = get_int(r, get_object(r, j, "downsample"), "resolution");
	t->source = get_str(r, j, "source");
	t->segment_files = get_strs(r, j, "segment_files", &t->n_segment_files);
	read_files(r, j, t);
	t->rewrites = get_raw(r, j, "rewrites");
	t->extensions = get_raw(r, j, "extensions");
	json_t *stats = get_object(r, j, "index_stats");
	t->series_max_size = get_count(r, stats, "series_max_size");
	t->chunk_max_size = get_count(r, stats, "chunk_max_size");
	t->upload_time = get_str(r, j, "upload_time");
}

static void read_meta(struct reader *r, json_t *j, struct block_meta *m)
{
	if (!json_is_object(j)) {
		r->rc = err_set(r->err, ERR_INVALID_ARGUMENT, "meta.json is not an object");
		return;
	}
	if (get_int(r, j, "version") != 1)
		wrong(r, "version", "1");
	m->ulid = ulid_of(r, json_object_get(j, "ulid"), "ulid");
	m->mint = get_int(r, j, "minTime");
	m->maxt = get_int(r, j, "maxTime");
	json_t *s = get_object(r, j, "stats");
	m->stats = (struct meta_stats){
		.samples = get_count(r, s, "numSamples"),
		.float_samples = get_count(r, s, "numFloatSamples"),
		.histogram_samples = get_count(r, s, "numHistogramSamples"),
		.series = get_count(r, s, "numSeries"),
		.chunks = get_count(r, s, "numChunks"),
		.tombstones = get_count(r, s, "numTombstones"),
	};
	read_compaction(r, get_object(r, j, "compaction"), &m->compaction);
	json_t *t = get_object(r, j, "thanos");
	m->has_thanos = t != NULL;
	if (t)
		read_thanos(r, t, &m->thanos);
}

int block_meta_parse(struct str text, struct arena *a, struct block_meta *ret, struct err *err)
{
	json_t *j = NULL;
	*ret = (struct block_meta){ 0 };
	int rc = text_json_parse(text, NULL, &j, err);
	if (rc < 0)
		return err_prefix(err, "meta.json");
	struct reader r = { .a = a, .err = err };
	read_meta(&r, j, ret);
	json_decref(j);
	return r.rc;
}

/* --- writing ------------------------------------------------------------------------ */

static void put_count(struct jsonw *w, const char *key, uint64_t v)
{
	if (v)
		jsonw_kv_u64(w, key, v);
}

static void put_ulid(struct jsonw *w, const struct ulid *u)
{
	char text[ULID_LEN + 1];
	ulid_format(u, text);
	jsonw_cstr(w, text);
}

static void put_strs(struct jsonw *w, const char *key, const struct str *p, size_t n)
{
	if (n == 0)
		return;
	jsonw_key(w, key);
	jsonw_array_begin(w);
	for (size_t i = 0; i < n; i++)
		jsonw_str(w, p[i]);
	jsonw_array_end(w);
}

static void put_stats(struct jsonw *w, const struct meta_stats *s)
{
	jsonw_key(w, "stats");
	jsonw_object_begin(w);
	put_count(w, "numSamples", s->samples);
	put_count(w, "numFloatSamples", s->float_samples);
	put_count(w, "numHistogramSamples", s->histogram_samples);
	put_count(w, "numSeries", s->series);
	put_count(w, "numChunks", s->chunks);
	put_count(w, "numTombstones", s->tombstones);
	jsonw_object_end(w);
}

static void put_compaction(struct jsonw *w, const struct meta_compaction *c)
{
	jsonw_key(w, "compaction");
	jsonw_object_begin(w);
	jsonw_kv_i64(w, "level", c->level);
	if (c->n_sources) {
		jsonw_key(w, "sources");
		jsonw_array_begin(w);
		for (size_t i = 0; i < c->n_sources; i++)
			put_ulid(w, &c->sources[i]);
		jsonw_array_end(w);
	}
	if (c->deletable)
		jsonw_kv_bool(w, "deletable", true);
	if (c->n_parents) {
		jsonw_key(w, "parents");
		jsonw_array_begin(w);
		for (size_t i = 0; i < c->n_parents; i++) {
			jsonw_object_begin(w);
			jsonw_key(w, "ulid");
			put_ulid(w, &c->parents[i].ulid);
			jsonw_kv_i64(w, "minTime", c->parents[i].mint);
			jsonw_kv_i64(w, "maxTime", c->parents[i].maxt);
			jsonw_object_end(w);
		}
		jsonw_array_end(w);
	}
	if (c->failed)
		jsonw_kv_bool(w, "failed", true);
	put_strs(w, "hints", c->hints, c->n_hints);
	jsonw_object_end(w);
}

static void put_files(struct jsonw *w, const struct meta_thanos *t)
{
	if (t->n_files == 0)
		return;
	jsonw_key(w, "files");
	jsonw_array_begin(w);
	for (size_t i = 0; i < t->n_files; i++) {
		const struct meta_file *f = &t->files[i];
		jsonw_object_begin(w);
		jsonw_kv_str(w, "rel_path", f->rel_path);
		put_count(w, "size_bytes", f->size_bytes);
		if (f->hash_func.n) {
			jsonw_key(w, "hash");
			jsonw_object_begin(w);
			jsonw_kv_str(w, "hashFunc", f->hash_func);
			jsonw_kv_str(w, "value", f->hash);
			jsonw_object_end(w);
		}
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void put_raw(struct jsonw *w, const char *key, struct str json)
{
	if (json.n == 0)
		return;
	jsonw_key(w, key);
	jsonw_raw(w, json);
}

static void put_thanos(struct jsonw *w, const struct meta_thanos *t)
{
	jsonw_key(w, "thanos");
	jsonw_object_begin(w);
	if (t->version)
		jsonw_kv_i64(w, "version", t->version);
	jsonw_key(w, "labels");
	jsonw_object_begin(w);
	for (size_t i = 0; i < t->labels.n; i++) {
		jsonw_key_str(w, t->labels.p[i].name);
		jsonw_str(w, t->labels.p[i].value);
	}
	jsonw_object_end(w);
	jsonw_key(w, "downsample");
	jsonw_object_begin(w);
	jsonw_kv_i64(w, "resolution", t->resolution_ms);
	jsonw_object_end(w);
	jsonw_kv_str(w, "source", t->source);
	put_strs(w, "segment_files", t->segment_files, t->n_segment_files);
	put_files(w, t);
	put_raw(w, "rewrites", t->rewrites);
	jsonw_key(w, "index_stats");
	jsonw_object_begin(w);
	put_count(w, "series_max_size", t->series_max_size);
	put_count(w, "chunk_max_size", t->chunk_max_size);
	jsonw_object_end(w);
	put_raw(w, "extensions", t->extensions);
	jsonw_kv_str(w, "upload_time", t->upload_time.n ? t->upload_time : STR(ZERO_TIME));
	jsonw_object_end(w);
}

static void newline(struct strbuf *out, int depth)
{
	strbuf_add_ch(out, '\n');
	for (int i = 0; i < depth; i++)
		strbuf_add_ch(out, '\t');
}

/* Lays compact JSON out as Go's json.Indent does with a tab: empty objects and arrays stay closed. */
static void indent(struct str json, struct strbuf *out)
{
	int depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < json.n; i++) {
		char c = json.p[i];
		bool opens = !in_string && (c == '{' || c == '[');
		bool closes = !in_string && (c == '}' || c == ']');
		bool empty = i > 0 && (json.p[i - 1] == '{' || json.p[i - 1] == '[');
		if (closes) {
			depth--;
			if (!empty)
				newline(out, depth);
		}
		strbuf_add_ch(out, c);
		if (in_string && c == '\\' && i + 1 < json.n)
			strbuf_add_ch(out, json.p[++i]);
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && c == ':')
			strbuf_add_ch(out, ' ');
		else if (!in_string && c == ',')
			newline(out, depth);
		if (opens) {
			depth++;
			if (i + 1 < json.n && json.p[i + 1] != '}' && json.p[i + 1] != ']')
				newline(out, depth);
		}
	}
}

void block_meta_print(const struct block_meta *m, struct strbuf *out)
{
	struct strbuf compact = { 0 };
	struct jsonw w;
	jsonw_init(&w, &compact, JSONW_HTML);
	jsonw_object_begin(&w);
	jsonw_key(&w, "ulid");
	put_ulid(&w, &m->ulid);
	jsonw_kv_i64(&w, "minTime", m->mint);
	jsonw_kv_i64(&w, "maxTime", m->maxt);
	put_stats(&w, &m->stats);
	put_compaction(&w, &m->compaction);
	jsonw_kv_i64(&w, "version", 1);
	if (m->has_thanos)
		put_thanos(&w, &m->thanos);
	jsonw_object_end(&w);
	indent(strbuf_str(&compact), out);
	if (m->has_thanos)
		strbuf_add_ch(out, '\n');
	strbuf_fini(&compact);
}

/* --- files ---------------------------------------------------------------------------- */

int block_meta_read(const char *dir, struct arena *a, struct block_meta *ret, struct err *err)
{
	struct strbuf text = { 0 };
	char *path = xasprintf("%s/" META_FILE, dir);
	int r = file_read_all(path, META_BYTES_MAX, &text, err);
	if (r == 0)
		r = block_meta_parse(strbuf_str(&text), a, ret, err);
	if (r < 0)
		err_prefix(err, "%s", dir);
	strbuf_fini(&text);
	free(path);
	return r;
}

int block_meta_write(const char *dir, const struct block_meta *m, struct err *err)
{
	struct strbuf text = { 0 };
	char *path = xasprintf("%s/" META_FILE, dir);
	block_meta_print(m, &text);
	int r = file_write_atomic(path, text.p, text.n, err);
	strbuf_fini(&text);
	free(path);
	return r;
}
