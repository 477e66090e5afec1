/*
 * http/client_internal.h - the inside of the HTTP client, shared by
 * client.c (running transfers) and client_setup.c (describing them to libcurl).
 */
#ifndef HTTP_CLIENT_INTERNAL_H
#define HTTP_CLIENT_INTERNAL_H

#include "http/client.h"
#include "loop/fiber.h"
#include "loop/timer.h"

#include <curl/curl.h>
#include <stdbool.h>

/* Most bytes of a response's header fields. */
#define HEADER_BYTES_MAX (256 * 1024)

/* Bytes of a streamed body that wait for their owner before the peer is held. */
#define STREAM_WAITING_MAX ((size_t)256 * 1024)

/* Bytes kept of the body of an error response. */
#define ERROR_BODY_MAX ((size_t)64 * 1024)

/* Easy handles kept for reuse. */
#define IDLE_HANDLES_MAX 32

/* A client. */
struct http_client {
	struct http_client_config cfg; /* own copies of the strings */
	CURLM *multi;
	struct timer timer;
	CURL *idle[IDLE_HANDLES_MAX];
	size_t n_idle;
	struct http_client_stats stats;
};

/* A request under way; lives in the frame of co_http_request. */
struct transfer {
	struct http_client *client;
	const struct http_client_req *rq;
	struct http_client_resp *resp;
	const char *method;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	struct waitq changed;
	struct strbuf waiting; /* streamed bytes that the owner has not taken */
	size_t header_bytes;
	int64_t head_by_ms; /* the response's head must be there by then; 0: no limit */
	bool head_done, paused, done;
	CURLcode result;
	struct err failure; /* what our own callbacks refused */
	char errbuf[CURL_ERROR_SIZE];
};

/* libcurl's callbacks, set by http_transfer_set_up. */
struct transfer_callbacks {
	curl_write_callback header, data;
	curl_read_callback source;
};

/* The callbacks, which client.c defines. */
extern const struct transfer_callbacks http_transfer_callbacks;

/* Makes the easy handle and describes the request to it. */
int http_transfer_set_up(struct transfer *t, struct err *err);

/* Gives back handle and lists. */
void http_transfer_fini(struct transfer *t);

#endif
