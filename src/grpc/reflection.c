#include "grpc/reflection.h"

#include "base/strbuf.h"
#include "base/vec.h"
#include "grpc/server.h"
#include "proto/descriptors.h"
#include "proto/wire.h"

#include <stdlib.h>

/* Field numbers of proto/reflection.proto; v1alpha has the same. */
enum request_field {
	REQ_HOST = 1,
	REQ_FILE = 3,
	REQ_SYMBOL = 4,
	REQ_EXTENSION = 5,
	REQ_EXTENSIONS_OF = 6,
	REQ_LIST = 7
};
enum response_field {
	RESP_HOST = 1,
	RESP_REQUEST = 2,
	RESP_FILES = 4,
	RESP_EXTENSIONS = 5,
	RESP_SERVICES = 6,
	RESP_ERROR = 7
};

#define SERVICES_MAX 256

/* A request in parts. */
struct request {
	struct str raw, host, text; /* text: name, symbol or type */
	uint32_t kind;              /* the last of the oneof, 0 for none */
};

/* A stream's state: files are sent once each. */
struct sent_files {
	VEC(const char *) names; /* descriptor bytes, which are static */
};

static int read_request(struct str raw, struct request *r, struct err *err)
{
	struct wire w = wire_begin(raw);
	struct wire_field f;
	*r = (struct request){ .raw = raw };
	while (wire_next(&w, &f)) {
		if (f.num == REQ_HOST && wire_is(&w, &f, WIRE_LEN))
			r->host = f.s;
		if (f.num < REQ_FILE || f.num > REQ_LIST || !wire_is(&w, &f, WIRE_LEN))
			continue;
		r->kind = f.num;
		r->text = f.s;
	}
	return w.fault ? wire_err(&w, "ServerReflectionRequest", err) : 0;
}

static void put_error(struct strbuf *b, enum err_code code, const char *what, struct str name)
{
	struct strbuf msg = { 0 };
	strbuf_printf(&msg, "%s not found: %.*s", what, (int)MIN(name.n, 200), name.p);
	size_t mark = wire_open(b, RESP_ERROR);
	wire_put_uint(b, 1, code);
	wire_put_str(b, 2, strbuf_str(&msg));
	wire_close(b, mark);
	strbuf_fini(&msg);
}

static bool note_file(struct sent_files *sent, const struct proto_file *f)
{
	for (size_t i = 0; i < sent->names.n; i++)
		if (sent->names.p[i] == f->bytes.p)
			return false;
	*vec_push(&sent->names) = f->bytes.p;
	return true;
}

/* Puts a file and what it imports, without those that the client has. Imports cannot be circular. */
static void put_file(struct strbuf *b, struct sent_files *sent, const struct proto_file *f)
{
	struct proto_file import;
	size_t pos = 0;
	if (!note_file(sent, f))
		return;
	wire_put_str(b, 1, f->bytes);
	while (proto_file_import_next(f, &pos, &import))
		put_file(b, sent, &import);
}

static void put_files(struct strbuf *b, struct sent_files *sent, const struct proto_file *f)
{
	size_t mark = wire_open(b, RESP_FILES);
	size_t before = b->n;
	put_file(b, sent, f);
	if (b->n == before) /* asked for again by name: an answer must not be empty */
		wire_put_str(b, 1, f->bytes);
	wire_close(b, mark);
}

static void put_services(struct strbuf *b, const struct grpc_server *s)
{
	struct str names[SERVICES_MAX];
	size_t n = MIN(grpc_server_services(s, names, SERVICES_MAX), (size_t)SERVICES_MAX);
	size_t mark = wire_open(b, RESP_SERVICES);
	for (size_t i = 0; i < n; i++) {
		size_t service = wire_open(b, 1);
		wire_put_str(b, 1, names[i]);
		wire_close(b, service);
	}
	wire_close(b, mark);
}

/* We define no extensions: a known type has none of them. */
static void put_extensions_of(struct strbuf *b, struct str type)
{
	struct proto_file f;
	if (!proto_file_by_symbol(type, &f)) {
		put_error(b, ERR_NOT_FOUND, "type", type);
		return;
	}
	size_t mark = wire_open(b, RESP_EXTENSIONS);
	wire_put_str(b, 1, type);
	wire_close(b, mark);
}

static int answer(const struct grpc_server *s, struct sent_files *sent, const struct request *r, struct strbuf *b,
		  struct err *err)
{
	struct proto_file f;
	wire_put_str_opt(b, RESP_HOST, r->host);
	wire_put_str(b, RESP_REQUEST, r->raw);
	switch (r->kind) {
	case REQ_FILE:
		if (proto_file_by_name(r->text, &f))
			put_files(b, sent, &f);
		else
			put_error(b, ERR_NOT_FOUND, "file", r->text);
		return 0;
	case REQ_SYMBOL:
		if (proto_file_by_symbol(r->text, &f))
			put_files(b, sent, &f);
		else
			put_error(b, ERR_NOT_FOUND, "symbol", r->text);
		return 0;
	case REQ_EXTENSION:
		put_error(b, ERR_NOT_FOUND, "extension", STR(""));
		return 0;
	case REQ_EXTENSIONS_OF:
		put_extensions_of(b, r->text);
		return 0;
	case REQ_LIST:
		put_services(b, s);
		return 0;
	default:
		return err_set(err, ERR_INVALID_ARGUMENT, "invalid MessageRequest: nothing is asked for");
	}
}

static int co_answer(struct grpc_call *c, struct grpc_server *s, struct sent_files *sent, struct str raw,
		     struct err *err)
{
	struct request r;
	struct strbuf b = { 0 };
	int rv = read_request(raw, &r, err);
	if (rv == 0)
		rv = answer(s, sent, &r, &b, err);
	if (rv == 0)
		rv = co_grpc_send_str(c, strbuf_str(&b), err);
	strbuf_fini(&b);
	return rv;
}

static int co_reflect(struct grpc_call *c, void *arg, struct err *err)
{
	struct sent_files sent = { 0 };
	struct str raw;
	bool end = false;
	int rv;
	do {
		rv = co_grpc_call_recv(c, &raw, &end, err);
		if (rv == 0 && !end)
			rv = co_answer(c, arg, &sent, raw, err);
	} while (rv == 0 && !end);
	vec_fini(&sent.names);
	return rv;
}

static const struct grpc_method methods[] = {
	{ "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", GRPC_BIDI, co_reflect },
	{ "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", GRPC_BIDI, co_reflect },
};

void grpc_reflection_add(struct grpc_server *s)
{
	grpc_server_add(s, methods, ARRAY_LEN(methods), s);
}
