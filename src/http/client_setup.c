#include "http/client_internal.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most bytes of a file with a password or token. */
#define SECRET_MAX 65536

static void add_header(struct transfer *t, const char *text)
{
	struct curl_slist *l = curl_slist_append(t->headers, text);
	CHECK(l);
	t->headers = l;
}

static bool has_header(const struct http_client_req *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_headers; i++)
		if (str_eq_nocase(rq->headers[i].name, str_c(name)))
			return true;
	return false;
}

static int set_headers(struct transfer *t, struct err *err)
{
	const struct http_client_req *rq = t->rq;
	bool has_body = rq->body.p || rq->source;
	for (size_t i = 0; i < rq->n_headers; i++) {
		const struct http_header *h = &rq->headers[i];
		if (!http_is_token(h->name) || !http_is_field_value(h->value))
			return err_set(err, ERR_INVALID_ARGUMENT, "header \"%.*s\" cannot be sent", STR_ARG(h->name));
		/* libcurl wants a ';' where a field is to be sent empty. */
		char *line = h->value.n ? xasprintf("%.*s: %.*s", STR_ARG(h->name), STR_ARG(h->value))
					: xasprintf("%.*s;", STR_ARG(h->name));
		add_header(t, line);
		free(line);
	}
	if (has_body && !has_header(rq, "Content-Type"))
		add_header(t, "Content-Type:");
	if (has_body && !has_header(rq, "Expect"))
		add_header(t, "Expect:");
	return 0;
}

/* --- credentials ------------------------------------------------------------------------------ */

/* A secret: as configured, or from its file, without its final newline. *ret is a heap string. */
static int read_secret(const char *text, const char *file, char **ret, struct err *err)
{
	struct strbuf b = { 0 };
	if (text || !file) {
		*ret = xstrdup(text ? text : "");
		return 0;
	}
	int rc = file_read_all(file, SECRET_MAX, &b, err);
	if (rc == 0) {
		struct str s = str_trim(strbuf_str(&b));
		*ret = xstrndup(s.n ? s.p : "", s.n);
	}
	strbuf_fini(&b);
	return rc;
}

/* Forgets a secret. */
static void wipe(char *s)
{
	explicit_bzero(s, strlen(s));
	free(s);
}

static int set_credentials(struct transfer *t, struct err *err)
{
	const struct http_client_config *c = &t->client->cfg;
	char *secret;
	int rc = 0;
	if (t->rq->no_credentials || has_header(t->rq, "Authorization"))
		return 0;
	if (c->basic_user) {
		rc = read_secret(c->basic_password, c->basic_password_file, &secret, err);
		if (rc)
			return rc;
		curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(t->easy, CURLOPT_USERNAME, c->basic_user);
		curl_easy_setopt(t->easy, CURLOPT_PASSWORD, secret);
		wipe(secret);
	} else if (c->bearer_token || c->bearer_token_file) {
		rc = read_secret(c->bearer_token, c->bearer_token_file, &secret, err);
		if (rc)
			return rc;
		char *line = xasprintf("Authorization: Bearer %s", secret);
		if (http_is_field_value(str_c(secret)))
			add_header(t, line);
		else
			rc = err_set(err, ERR_INVALID_ARGUMENT, "the bearer token holds control bytes");
		wipe(secret);
		wipe(line);
	}
	return rc;
}

/* --- where to ------------------------------------------------------------------------------------ */

/* The certificate is for another name than the URL's host: asks for that name, at the host's address. */
static int set_other_name(struct transfer *t, struct err *err)
{
	const char *name = t->client->cfg.server_name;
	char *host = NULL, *port = NULL, *url = NULL;
	CURLU *u = curl_url();
	CHECK(u);
	bool ok = curl_url_set(u, CURLUPART_URL, t->rq->url, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		  curl_url_set(u, CURLUPART_HOST, name, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_URL, &url, 0) == CURLUE_OK;
	if (ok) {
		char *line = xasprintf("%s:%s:%s:%s", name, port, host, port);
		t->connect_to = curl_slist_append(NULL, line);
		free(line);
		curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to);
		curl_easy_setopt(t->easy, CURLOPT_URL, url);
		if (!has_header(t->rq, "Host")) {
			line = xasprintf("Host: %s:%s", host, port);
			add_header(t, line);
			free(line);
		}
	}
	curl_free(host);
	curl_free(port);
	curl_free(url);
	curl_url_cleanup(u);
	return ok ? 0 : err_set(err, ERR_INVALID_ARGUMENT, "malformed URL");
}

static int set_peer(struct transfer *t, struct err *err)
{
	const struct http_client_config *c = &t->client->cfg;
	CURL *e = t->easy;
	curl_easy_setopt(e, CURLOPT_URL, t->rq->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, c->max_redirects ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)c->max_redirects);
	if (c->proxy_url)
		curl_easy_setopt(e, CURLOPT_PROXY, c->proxy_url);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
			 c->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, c->skip_verify ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, c->skip_verify ? 0L : 2L);
	if (c->ca_file)
		curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
	if (c->cert_file) {
		curl_easy_setopt(e, CURLOPT_SSLCERT, c->cert_file);
		curl_easy_setopt(e, CURLOPT_SSLKEY, c->key_file);
	}
	return c->server_name && strncmp(t->rq->url, "https:", 6) == 0 ? set_other_name(t, err) : 0;
}

/* --- what ------------------------------------------------------------------------------------------ */

static void set_body(struct transfer *t)
{
	const struct http_client_req *rq = t->rq;
	CURL *e = t->easy;
	if (rq->source) {
		curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(e, CURLOPT_READFUNCTION, http_transfer_callbacks.source);
		curl_easy_setopt(e, CURLOPT_READDATA, t);
		curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)rq->source_len);
	} else if (rq->body.p) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, rq->body.p);
	}
	if (strcmp(t->method, "HEAD") == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, t->method);
}

static void set_clocks(struct transfer *t)
{
	const struct http_client_config *c = &t->client->cfg;
	CURL *e = t->easy;
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_ms);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)MAX(c->stall_ms / 1000, 1));
	curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)MAX(c->idle_ms / 1000, 1));
	curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 65536L);
}

int http_transfer_set_up(struct transfer *t, struct err *err)
{
	struct http_client *c = t->client;
	const struct http_client_req *rq = t->rq;
	t->easy = c->n_idle ? c->idle[--c->n_idle] : curl_easy_init();
	CHECK(t->easy);
	t->method = rq->method ? rq->method : rq->body.p || rq->source ? "POST" : "GET";
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->errbuf);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, http_transfer_callbacks.header);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, http_transfer_callbacks.data);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_USERAGENT, c->cfg.user_agent);
	if (!c->cfg.no_compression && !has_header(rq, "Accept-Encoding") && !has_header(rq, "Range"))
		curl_easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "zstd, gzip");
	set_clocks(t);
	set_body(t);
	int rc = set_headers(t, err);
	if (rc == 0)
		rc = set_peer(t, err);
	if (rc == 0)
		rc = set_credentials(t, err);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	return rc;
}

void http_transfer_fini(struct transfer *t)
{
	struct http_client *c = t->client;
	curl_easy_reset(t->easy);
	if (c->n_idle < IDLE_HANDLES_MAX)
		c->idle[c->n_idle++] = t->easy;
	else
		curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->connect_to);
	strbuf_fini(&t->waiting);
}
