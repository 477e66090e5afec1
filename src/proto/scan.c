#include "proto/scan.h"

#include "proto/wire.h"

/* Deepest nesting that any limits allow; bounds the stack. */
#define DEPTH_MAX 64

const struct proto_limits proto_limits_default = {
	.max_bytes = (size_t)16 << 20,
	.max_depth = DEPTH_MAX,
	.max_fields = 1000000,
};

/* One scan. */
struct scan {
	uint64_t fields_left;
	uint32_t depth_left;
	const struct proto_limits *limits;
	struct err *err;
};

static int scan_message(struct scan *s, struct str msg, const ProtobufCMessageDescriptor *d);

static int too_many(const struct scan *s)
{
	return err_set(s->err, ERR_RESOURCE_EXHAUSTED, "proto: more than %llu fields",
		       (unsigned long long)s->limits->max_fields);
}

static int bad_field(const struct scan *s, const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *fd,
		     const char *what)
{
	return err_set(s->err, ERR_INVALID_ARGUMENT, "proto: %s.%s: %s", d->name, fd->name, what);
}

static enum wire_type type_of(const ProtobufCFieldDescriptor *fd)
{
	switch (fd->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return WIRE_LEN;
	case PROTOBUF_C_TYPE_DOUBLE:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return WIRE_I64;
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return WIRE_I32;
	default:
		return WIRE_VARINT;
	}
}

/* Elements of a packed field; UINT64_MAX where it is malformed. */
static uint64_t packed_count(struct str s, enum wire_type type)
{
	if (type == WIRE_I64 || type == WIRE_I32) {
		size_t size = type == WIRE_I64 ? 8 : 4;
		return s.n % size ? UINT64_MAX : s.n / size;
	}
	struct wire w = wire_begin(s);
	uint64_t n = 0, v;
	while (w.p < w.end && wire_varint(&w, &v))
		n++;
	return w.fault ? UINT64_MAX : n;
}

static int scan_text(struct scan *s, struct str v, const ProtobufCMessageDescriptor *d,
		     const ProtobufCFieldDescriptor *fd)
{
	if (!str_is_utf8(v))
		return bad_field(s, d, fd, "invalid UTF-8");
	if (str_index(v, '\0') >= 0)
		return bad_field(s, d, fd, "zero byte in a string");
	return 0;
}

/* A field that the message type knows. */
static int scan_known(struct scan *s, const struct wire_field *f, const ProtobufCMessageDescriptor *d,
		      const ProtobufCFieldDescriptor *fd)
{
	enum wire_type want = type_of(fd);
	if (f->type == WIRE_LEN && want != WIRE_LEN && fd->label == PROTOBUF_C_LABEL_REPEATED) {
		uint64_t n = packed_count(f->s, want);
		if (n == UINT64_MAX)
			return bad_field(s, d, fd, "malformed packed field");
		if (n > s->fields_left)
			return too_many(s);
		s->fields_left -= n;
		return 0;
	}
	if (f->type != want)
		return bad_field(s, d, fd, "wrong wireType");
	if (fd->type == PROTOBUF_C_TYPE_STRING)
		return scan_text(s, f->s, d, fd);
	if (fd->type == PROTOBUF_C_TYPE_MESSAGE)
		return scan_message(s, f->s, fd->descriptor);
	return 0;
}

static int scan_message(struct scan *s, struct str msg, const ProtobufCMessageDescriptor *d)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	if (s->depth_left == 0)
		return err_set(s->err, ERR_INVALID_ARGUMENT, "proto: nested too deep");
	s->depth_left--;
	while (wire_next(&w, &f)) {
		if (s->fields_left-- == 0)
			return too_many(s);
		const ProtobufCFieldDescriptor *fd = protobuf_c_message_descriptor_get_field(d, f.num);
		int rc = fd ? scan_known(s, &f, d, fd) : 0;
		if (rc < 0)
			return rc;
	}
	s->depth_left++;
	return w.fault ? wire_err(&w, d->name, s->err) : 0;
}

int proto_scan(struct str msg, const ProtobufCMessageDescriptor *desc, const struct proto_limits *limits,
	       struct err *err)
{
	if (!limits)
		limits = &proto_limits_default;
	if (msg.n > limits->max_bytes)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "proto: %s of %zu bytes, %zu at most", desc->name, msg.n,
			       limits->max_bytes);
	struct scan s = {
		.fields_left = limits->max_fields,
		.depth_left = MIN(limits->max_depth, DEPTH_MAX),
		.limits = limits,
		.err = err,
	};
	return scan_message(&s, msg, desc);
}

/* --- unpacking into an arena ------------------------------------------------------ */

/* What protobuf-c's allocator functions get. */
struct arena_alloc_state {
	struct arena *a;
	bool refused;
};

static void *alloc_cb(void *data, size_t size)
{
	struct arena_alloc_state *st = data;
	void *p = arena_alloc(st->a, size);
	st->refused |= !p;
	return p;
}

static void free_cb(void *data, void *p)
{
}

int proto_unpack(struct str msg, const ProtobufCMessageDescriptor *desc, const struct proto_limits *limits,
		 struct arena *a, void **ret, struct err *err)
{
	int rc = proto_scan(msg, desc, limits, err);
	if (rc < 0)
		return rc;
	struct arena_alloc_state st = { .a = a };
	ProtobufCAllocator allocator = { .alloc = alloc_cb, .free = free_cb, .allocator_data = &st };
	ProtobufCMessage *m = protobuf_c_message_unpack(desc, &allocator, msg.n, (const uint8_t *)(msg.n ? msg.p : ""));
	if (st.refused)
		return arena_err(a, err);
	if (!m)
		return err_set(err, ERR_INVALID_ARGUMENT, "proto: %s: malformed message", desc->name);
	*ret = m;
	return 0;
}

void proto_pack(const void *message, struct strbuf *b)
{
	const ProtobufCMessage *m = message;
	size_t n = protobuf_c_message_get_packed_size(m);
	char *at = strbuf_reserve(b, n);
	if (!at)
		return;
	protobuf_c_message_pack(m, (uint8_t *)at);
	b->n += n;
	at[n] = '\0';
}
