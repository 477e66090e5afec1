/*
 * http/client.h - requests to other servers, on libcurl's multi interface.
 *
 * A client holds the pool of connections, TLS settings and credentials
 * for one kind of peer (an object store, Prometheus, alertmanagers).  Requests wait in
 * their fiber; deadline and cancellation of the fiber hold, and break the
 * transfer at once.  Redirects are not followed unless asked for, and
 * credentials never go to another host.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "http/http.h"

#include <stdbool.h>
#include <stdint.h>

struct http_client;
struct reactor;

/* Settings; zero-initialised members mean the default. Strings are copied. Times in milliseconds. */
struct http_client_config {
	struct reactor *reactor;                 /* required */
	const char *user_agent;                  /* default "thanos" */
	const char *basic_user, *basic_password; /* NULL: none */
	const char *basic_password_file;         /* read for every request, so that it can change */
	const char *bearer_token, *bearer_token_file;
	const char *proxy_url; /* NULL: from the environment; "": none */
	const char *ca_file, *cert_file, *key_file, *server_name;
	bool skip_verify;
	unsigned max_conns;          /* kept open for reuse; 100 */
	unsigned max_conns_per_host; /* 0: no limit */
	int64_t idle_ms;             /* 90 s */
	int64_t connect_ms;          /* connect and TLS handshake; 10 s */
	int64_t first_byte_ms;       /* request sent to response header; 0: no limit */
	int64_t stall_ms;            /* no byte in either direction; 60 s */
	bool no_compression;         /* do not ask for gzip or zstd */
	bool http2;                  /* offer HTTP/2 over TLS */
	unsigned max_redirects;      /* 0: a 3xx is a result like any other */
};

/* Takes a piece of the response body. May suspend (back-pressure to the peer). A failure breaks the transfer and is returned by the request. */
typedef int http_body_fn(void *arg, struct str piece, struct err *err);

/* Gives the next piece of the request body: at most `n` bytes to `buf`; *ret_n 0 is the end. Does not suspend. */
typedef int http_source_fn(void *arg, void *buf, size_t n, size_t *ret_n, struct err *err);

/* A request; everything is borrowed until the call returns. */
struct http_client_req {
	const char *method; /* NULL: GET, or POST with a body */
	const char *url;
	const struct http_header *headers;
	size_t n_headers;
	struct str body;
	http_source_fn *source; /* instead of `body`, with `source_len` bytes in all (-1: unknown, chunked) */
	void *source_arg;
	int64_t source_len;
	int64_t timeout_ms; /* all of it; 0: the fiber's deadline only */
	uint64_t max_body;  /* of the response when buffered; default 64 MiB; over it RESOURCE_EXHAUSTED */
	http_body_fn *
		on_body; /* streams the body instead of buffering it; called for 2xx only, others are buffered (at most 64 KiB) */
	void *on_body_arg;
	bool no_credentials; /* do not send the client's basic auth or token */
};

/* A response. Zero-initialise; free with http_client_resp_fini. */
struct http_client_resp {
	int status;                  /* any that the server sent: a 500 is a result, not an error */
	struct http_headers headers; /* names in lower case */
	struct strbuf body;
	struct arena arena; /* of the headers */
};

/* Makes a client. INVALID_ARGUMENT for settings that contradict each other. */
struct http_client *http_client_new(const struct http_client_config *cfg, struct err *err);

/* Frees a client that has no request under way. NULL is allowed. */
void http_client_free(struct http_client *c);

/*
 * Sends a request and waits for its response. UNAVAILABLE when the peer cannot be reached or breaks off,
 * DEADLINE_EXCEEDED, CANCELLED, RESOURCE_EXHAUSTED as above; messages name method and URL (without its query and credentials).
 */
int co_http_request(struct http_client *c, const struct http_client_req *rq, struct http_client_resp *ret,
		    struct err *err);

/* Frees what a response holds; it may be used again. */
void http_client_resp_fini(struct http_client_resp *r);

/* Figures of a client. */
struct http_client_stats {
	uint64_t requests, failures; /* failures: no response */
	uint64_t by_class[6];        /* responses by status / 100 */
	uint64_t connections;        /* opened */
	uint32_t in_flight;
	int64_t duration_sum_ns;
};

/* The figures so far. */
const struct http_client_stats *http_client_stats(const struct http_client *c);

#endif
