#include "http/web_config_internal.h"

#include "base/compiler.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "text/yaml.h"

#include <stdlib.h>
#include <string.h>

/* Largest file. */
#define FILE_MAX (1024 * 1024)

void web_stamp_read(const char *path, struct web_stamp *s)
{
	struct stat st;
	memset(s, 0, sizeof(*s));
	if (sys->stat(path, &st))
		return;
	s->mtime_ns = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;
	s->size = st.st_size;
	s->ino = st.st_ino;
}

/* --- TLS ---------------------------------------------------------------------------------- */

/* A C string of a key; scalars end in a zero byte. NULL where it is missing or empty. */
static int get_text(struct ynode *map, const char *key, const char **ret, struct err *err)
{
	struct str s = { NULL, 0 };
	int rc = ynode_get_str(map, key, &s, err);
	*ret = rc == 0 && s.n ? s.p : NULL;
	return rc;
}

static int get_names(struct ynode *map, const char *key, const char **buf, struct tls_names *ret, struct err *err)
{
	struct ynode *list;
	int rc = ynode_get_list(map, key, &list, err);
	if (rc || !list)
		return rc;
	if (list->n > TLS_NAMES_MAX)
		return ynode_err(list, err, "at most %d names", TLS_NAMES_MAX);
	for (uint32_t i = 0; i < list->n; i++) {
		struct str s;
		rc = ynode_str(list->items[i], &s, err);
		if (rc)
			return rc;
		buf[i] = s.p;
	}
	*ret = (struct tls_names){ buf, list->n };
	return 0;
}

static int get_client_auth(struct ynode *tls, enum tls_client_auth *ret, struct err *err)
{
	static const struct {
		const char *name;
		enum tls_client_auth auth;
	} kinds[] = {
		{ "NoClientCert", TLS_NO_CLIENT_CERT },
		{ "RequestClientCert", TLS_REQUEST_CLIENT_CERT },
		{ "RequireAnyClientCert", TLS_REQUIRE_ANY_CLIENT_CERT },
		{ "RequireClientCert", TLS_REQUIRE_ANY_CLIENT_CERT },
		{ "VerifyClientCertIfGiven", TLS_VERIFY_CLIENT_CERT_IF_GIVEN },
		{ "RequireAndVerifyClientCert", TLS_REQUIRE_AND_VERIFY_CLIENT_CERT },
	};
	const char *text;
	int rc = get_text(tls, "client_auth_type", &text, err);
	*ret = TLS_NO_CLIENT_CERT;
	if (rc || !text)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, text) == 0) {
			*ret = kinds[i].auth;
			return 0;
		}
	}
	return ynode_err(ynode_get(tls, "client_auth_type"), err, "invalid ClientAuth: %s", text);
}

/* A relative path is one from the directory of the file. */
static const char *join(struct web_settings *s, int slot, const char *path, const char *file)
{
	const char *slash = strrchr(file, '/');
	if (!path || path[0] == '/' || !slash)
		return path;
	s->owned[slot] = xasprintf("%.*s/%s", (int)(slash - file), file, path);
	return s->owned[slot];
}

static int check_tls(const struct web_settings *s, struct ynode *tls, struct err *err)
{
	const struct tls_config *c = &s->tls;
	bool ca = c->ca_file || c->ca_pem;
	if (!c->cert_file && !c->cert_pem)
		return ynode_err(tls, err, "missing one of cert or cert_file");
	if (!c->key_file && !c->key_pem)
		return ynode_err(tls, err, "missing one of key or key_file");
	if (ca && c->client_auth == TLS_NO_CLIENT_CERT)
		return ynode_err(tls, err, "client CA's have been configured without a Client Auth Policy");
	if (c->allowed_sans.n && c->client_auth != TLS_REQUIRE_ANY_CLIENT_CERT &&
	    c->client_auth != TLS_REQUIRE_AND_VERIFY_CLIENT_CERT)
		return ynode_err(tls, err,
				 "client_allowed_sans requires client_auth_type to be one of RequireAnyClientCert or "
				 "RequireAndVerifyClientCert");
	return 0;
}

static int read_tls(struct web_settings *s, struct ynode *tls, const char *file, struct err *err)
{
	struct tls_config *c = &s->tls;
	static const char *const offers[] = { "h2", "http/1.1" };
	c->prefer_server_ciphers = true;
	int rc = get_text(tls, "cert", &c->cert_pem, err) || get_text(tls, "key", &c->key_pem, err) ||
		 get_text(tls, "client_ca", &c->ca_pem, err) || get_text(tls, "cert_file", &c->cert_file, err) ||
		 get_text(tls, "key_file", &c->key_file, err) || get_text(tls, "client_ca_file", &c->ca_file, err) ||
		 get_text(tls, "min_version", &c->min_version, err) ||
		 get_text(tls, "max_version", &c->max_version, err) ||
		 get_names(tls, "cipher_suites", s->ciphers, &c->ciphers, err) ||
		 get_names(tls, "curve_preferences", s->curves, &c->curves, err) ||
		 get_names(tls, "client_allowed_sans", s->sans, &c->allowed_sans, err) ||
		 ynode_get_bool(tls, "prefer_server_cipher_suites", &c->prefer_server_ciphers, err) ||
		 get_client_auth(tls, &c->client_auth, err);
	if (rc)
		return -err->code;
	c->cert_file = join(s, 0, c->cert_file, file);
	c->key_file = join(s, 1, c->key_file, file);
	c->ca_file = join(s, 2, c->ca_file, file);
	s->has_tls = c->cert_file || c->cert_pem || c->key_file || c->key_pem || c->ca_file || c->ca_pem ||
		     c->client_auth != TLS_NO_CLIENT_CERT;
	c->alpn = s->http2 ? (struct tls_names){ offers, 2 } : (struct tls_names){ offers + 1, 1 };
	return s->has_tls ? check_tls(s, tls, err) : 0;
}

/* --- headers and users ------------------------------------------------------------------------ */

static bool header_allowed(const char *name, const char *value, const char **ret_want)
{
	static const char *const names[] = { "Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options",
					     "X-XSS-Protection", "Content-Security-Policy" };
	*ret_want = NULL;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		if (i == 1 && strcmp(value, "nosniff") != 0)
			*ret_want = "[\"nosniff\"]";
		if (i == 2 && strcmp(value, "deny") != 0 && strcmp(value, "sameorigin") != 0)
			*ret_want = "[\"deny\" \"sameorigin\"]";
		return *ret_want == NULL;
	}
	return false;
}

static int read_headers(struct web_settings *s, struct ynode *map, struct err *err)
{
	for (uint32_t i = 0; map && i < map->n; i++) {
		struct ypair *p = &map->pairs[i];
		struct str value;
		const char *want;
		p->used = true;
		int rc = ynode_str(p->value, &value, err);
		if (rc)
			return rc;
		if (!header_allowed(p->key.p, value.p, &want))
			return want ? ynode_err(p->value, err,
						"invalid value for %s. Expected one of: %s, but got: \"%s\"", p->key.p,
						want, value.p)
				    : ynode_err(p->value, err, "HTTP header \"%s\" can not be configured", p->key.p);
		s->headers[s->n_headers++] = (struct web_header){ p->key.p, value.p };
	}
	return 0;
}

static int read_http(struct web_settings *s, struct ynode *root, struct err *err)
{
	struct ynode *http, *headers = NULL;
	s->http2 = true;
	int rc = ynode_get_map(root, "http_server_config", &http, err);
	if (rc || !http)
		return rc;
	rc = ynode_get_bool(http, "http2", &s->http2, err) || ynode_get_map(http, "headers", &headers, err) ||
	     read_headers(s, headers, err);
	return rc ? -err->code : 0;
}

/* "$2b$10$" and 53 characters. */
static bool is_bcrypt(struct str h)
{
	static const char digits[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	if (h.n != 60 || h.p[0] != '$' || h.p[1] != '2' || !strchr("abxy", h.p[2]) || h.p[3] != '$' || h.p[6] != '$')
		return false;
	if (h.p[4] < '0' || h.p[4] > '3' || h.p[5] < '0' || h.p[5] > '9')
		return false;
	int cost = (h.p[4] - '0') * 10 + h.p[5] - '0';
	return cost >= 4 && cost <= 31 && strspn(h.p + 7, digits) == 53;
}

static int read_users(struct web_settings *s, struct ynode *root, struct err *err)
{
	struct ynode *users;
	int rc = ynode_get_map(root, "basic_auth_users", &users, err);
	if (rc || !users)
		return rc;
	if (users->n > WEB_USERS_MAX)
		return ynode_err(users, err, "at most %d users", WEB_USERS_MAX);
	s->users = xcalloc(users->n + 1, sizeof(*s->users));
	for (uint32_t i = 0; i < users->n; i++) {
		struct ypair *p = &users->pairs[i];
		struct str hash;
		p->used = true;
		rc = ynode_str(p->value, &hash, err);
		if (rc)
			return rc;
		if (!is_bcrypt(hash))
			return ynode_err(p->value, err, "not a bcrypt hash of a password ($2y$10$...)");
		s->users[s->n_users++] = (struct web_user){ p->key.p, hash.p };
	}
	return 0;
}

const struct web_user *web_settings_user(const struct web_settings *s, struct str name)
{
	const struct web_user *found = NULL;
	for (size_t i = 0; i < s->n_users; i++)
		if (str_eq_c(name, s->users[i].name))
			found = &s->users[i];
	return found;
}

static int read_rate(struct web_settings *s, struct ynode *root, struct err *err)
{
	struct ynode *rate;
	int64_t interval_ns = 0;
	int rc = ynode_get_map(root, "rate_limit", &rate, err);
	if (rc || !rate)
		return rc;
	rc = ynode_get_u64(rate, "burst", &s->burst, err) ||
	     ynode_get_goduration_ns(rate, "interval", &interval_ns, err);
	s->interval_ms = interval_ns > 0 ? MAX(interval_ns / 1000000, 1) : 0;
	return rc ? -err->code : 0;
}

/* --- the file -------------------------------------------------------------------------------------- */

static int read_root(struct web_settings *s, struct ynode *root, const char *file, struct err *err)
{
	struct ynode *tls = NULL;
	int rc = ynode_want_map(root, err) || read_http(s, root, err) ||
		 ynode_get_map(root, "tls_server_config", &tls, err) || (tls && read_tls(s, tls, file, err)) ||
		 read_users(s, root, err) || read_rate(s, root, err) || ynode_unused(root, err);
	return rc ? -err->code : 0;
}

int web_settings_load(const char *path, struct web_settings **ret, struct err *err)
{
	struct strbuf text = { 0 };
	struct web_settings *s = xcalloc(1, sizeof(*s));
	s->refs = 1;
	int rc = file_read_all(path, FILE_MAX, &text, err);
	if (rc == 0)
		rc = ydoc_parse(strbuf_str(&text), path, NULL, &s->doc, err);
	if (rc == 0)
		rc = read_root(s, ydoc_root(s->doc), path, err);
	strbuf_fini(&text);
	if (rc)
		web_settings_unref(s);
	else
		*ret = s;
	return rc;
}

void web_settings_unref(struct web_settings *s)
{
	if (!s || --s->refs > 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(s->owned); i++)
		free(s->owned[i]);
	ydoc_free(s->doc);
	free(s->users);
	free(s);
}
