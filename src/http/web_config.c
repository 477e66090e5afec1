#include "http/web_config_internal.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/sys.h"
#include "http/req.h"
#include "http/router.h"
#include "loop/offload.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often a changed file is looked for. */
#define CHECK_EVERY_MS 1000

/* Requests that wait for a bcrypt; more are answered 429. */
#define QUEUE_MAX 32

/* Longest Authorization value that is looked at. */
#define AUTH_MAX 8192

/* --- following the file ------------------------------------------------------------------- */

struct web_config *web_config_open(const char *path, struct err *err)
{
	struct web_config *w = xcalloc(1, sizeof(*w));
	w->path = xstrdup(path);
	w->checked_ms = sys_mono_ms();
	web_stamp_read(path, &w->stamp);
	if (web_settings_load(path, &w->s, err)) {
		free(w->path);
		free(w);
		return NULL;
	}
	if (w->s->has_tls && tls_ctx_new_server(&w->s->tls, &w->tls, err)) {
		err_prefix(err, "%s", path);
		web_config_free(w);
		return NULL;
	}
	gate_init(&w->gate, 1);
	w->tokens = w->s->burst;
	w->refilled_ms = w->checked_ms;
	return w;
}

void web_config_free(struct web_config *w)
{
	if (!w)
		return;
	tls_ctx_unref(w->tls);
	web_settings_unref(w->s);
	free(w->path);
	free(w);
}

struct tls_ctx *web_config_tls(const struct web_config *w)
{
	return w->tls;
}

bool web_config_http2(const struct web_config *w)
{
	return w->s->http2;
}

static void look_for_changes(struct web_config *w)
{
	struct web_stamp now;
	struct web_settings *fresh;
	struct err err;
	if (sys_mono_ms() - w->checked_ms < CHECK_EVERY_MS)
		return;
	w->checked_ms = sys_mono_ms();
	web_stamp_read(w->path, &now);
	if (memcmp(&now, &w->stamp, sizeof(now)) == 0)
		return;
	if (web_settings_load(w->path, &fresh, &err))
		return;
	w->stamp = now;
	web_settings_unref(w->s);
	w->s = fresh;
}

/* --- rate ----------------------------------------------------------------------------------- */

/* Takes a token; false when the bucket is empty. */
static bool within_rate(struct web_config *w)
{
	int64_t now = sys_mono_ms();
	if (w->s->interval_ms <= 0)
		return true;
	double due = (double)(now - w->refilled_ms) / (double)w->s->interval_ms;
	w->refilled_ms = now;
	w->tokens = MIN(w->tokens + due, (double)w->s->burst);
	if (w->tokens < 1)
		return false;
	w->tokens -= 1;
	return true;
}

/* --- passwords ------------------------------------------------------------------------------- */

/* One bcrypt; runs on another thread. */
struct bcrypt_job {
	const char *password, *hash;
	bool ok;
};

static int bcrypt_run(void *arg, struct err *err)
{
	struct bcrypt_job *j = arg;
	struct crypt_data *cd = calloc(1, sizeof(*cd));
	if (!cd)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for bcrypt");
	const char *got = crypt_rn(j->password, j->hash, cd, (int)sizeof(*cd));
	size_t n = strlen(j->hash);
	j->ok = got && strlen(got) == n && CRYPTO_memcmp(got, j->hash, n) == 0;
	OPENSSL_cleanse(cd, sizeof(*cd));
	free(cd);
	return 0;
}

/* Name and password of an Authorization header, decoded in place of `buf`. */
struct credentials {
	char buf[AUTH_MAX];
	struct str user, password;
};

static bool read_credentials(const struct http_req *req, struct credentials *c)
{
	struct str v = http_req_header(req, "authorization");
	if (v.n < 6 || v.n > AUTH_MAX || !str_eq_nocase(str_mem(v.p, 6), STR("basic ")))
		return false;
	v = str_mem(v.p + 6, v.n - 6);
	if (v.n == 0 || v.n % 4)
		return false;
	int n = EVP_DecodeBlock((unsigned char *)c->buf, (const unsigned char *)v.p, (int)v.n);
	if (n < 0)
		return false;
	n -= (v.p[v.n - 1] == '=') + (v.p[v.n - 2] == '=');
	c->password = str_mem(c->buf, (size_t)n);
	c->buf[n] = 0;
	c->user = str_cut(&c->password, ':');
	return c->password.p != NULL;
}

/* The key of an outcome: all three parts, so framed that none can pass for another. */
static struct hash128 cache_key(const struct credentials *c, const char *hash)
{
	struct strbuf b = { 0 };
	strbuf_printf(&b, "%zu:%zu:%s:", c->user.n, c->password.n, hash);
	strbuf_add_str(&b, c->user);
	strbuf_add_str(&b, c->password);
	struct hash128 h = hash_bytes128(b.p, b.n);
	OPENSSL_cleanse(b.p, b.n);
	strbuf_fini(&b);
	return h;
}

static bool cache_has(const struct web_cache *c, struct hash128 key)
{
	for (size_t i = 0; i < MIN(c->n, (size_t)WEB_CACHE_MAX); i++)
		if (c->keys[i].lo == key.lo && c->keys[i].hi == key.hi)
			return true;
	return false;
}

static void cache_add(struct web_cache *c, struct hash128 key)
{
	c->keys[c->n++ % WEB_CACHE_MAX] = key;
}

/* Runs one bcrypt when its turn comes; *ret_busy when too many wait. Suspends. */
static int co_bcrypt(struct web_config *w, struct bcrypt_job *j, bool *ret_busy, struct err *err)
{
	*ret_busy = w->gate.waiting >= QUEUE_MAX;
	if (*ret_busy)
		return 0;
	int rc = co_gate_enter(&w->gate, err);
	if (rc)
		return rc;
	rc = co_offload("bcrypt", bcrypt_run, j, err);
	gate_leave(&w->gate);
	return rc;
}

/* Whether the credentials are right. Suspends. */
static int co_check(struct web_config *w, struct credentials *c, bool *ret_ok, bool *ret_busy, struct err *err)
{
	struct web_settings *s = w->s;
	const struct web_user *u = web_settings_user(s, c->user);
	/* An unknown user costs what the first one does. */
	const char *hash = u ? u->hash : s->users[0].hash;
	struct hash128 key = cache_key(c, hash);
	*ret_busy = false;
	*ret_ok = u && cache_has(&w->good, key);
	if (*ret_ok || cache_has(&w->bad, key))
		return 0;
	struct bcrypt_job j = { c->password.p, hash, false };
	s->refs++;
	int rc = co_bcrypt(w, &j, ret_busy, err);
	if (rc == 0 && !*ret_busy) {
		/* bcrypt ends at a zero byte; what follows it was not checked. */
		*ret_ok = u && j.ok && !memchr(c->password.p, 0, c->password.n);
		cache_add(*ret_ok ? &w->good : &w->bad, key);
	}
	web_settings_unref(s);
	return rc;
}

/* --- the hook ------------------------------------------------------------------------------------ */

/* Answers as Go's http.Error with the status' own words. Suspends. */
static int co_refuse(struct http_req *req, int status, struct err *err)
{
	char text[64];
	snprintf(text, sizeof(text), "%s\n", http_status_text(status));
	http_resp_header(req, "X-Content-Type-Options", STR("nosniff"));
	return co_http_reply(req, status, "text/plain; charset=utf-8", str_c(text), err);
}

int co_web_config_before(struct http_req *req, void *arg, bool *ret_done, struct err *err)
{
	struct web_config *w = arg;
	struct credentials c;
	bool ok = false, busy = false;
	look_for_changes(w);
	*ret_done = true;
	if (!within_rate(w))
		return co_refuse(req, 429, err);
	for (size_t i = 0; i < w->s->n_headers; i++)
		http_resp_header(req, w->s->headers[i].name, str_c(w->s->headers[i].value));
	if (w->s->n_users == 0 || (req->route && req->route->no_auth)) {
		*ret_done = false;
		return 0;
	}
	if (read_credentials(req, &c)) {
		int rc = co_check(w, &c, &ok, &busy, err);
		if (rc == 0 && ok)
			req->user = str_mem(arena_memdup(&req->arena, c.user.p, c.user.n), c.user.n);
		OPENSSL_cleanse(&c.buf, sizeof(c.buf));
		if (rc)
			return rc;
	}
	if (ok) {
		*ret_done = false;
		return 0;
	}
	if (busy)
		return co_refuse(req, 429, err);
	http_resp_header(req, "WWW-Authenticate", STR("Basic"));
	return co_refuse(req, 401, err);
}
