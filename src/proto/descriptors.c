#include "proto/descriptors.h"

#include "proto/descriptor_set.h"
#include "proto/wire.h"

/* Field numbers of google/protobuf/descriptor.proto. */
enum {
	SET_FILE = 1,
	FILE_NAME = 1,
	FILE_PACKAGE = 2,
	FILE_DEPENDENCY = 3,
	FILE_MESSAGE = 4,
	FILE_ENUM = 5,
	FILE_SERVICE = 6,
	MESSAGE_NESTED = 3,
	MESSAGE_ENUM = 4,
	SERVICE_METHOD = 2,
	ANY_NAME = 1, /* of messages, enums, services and methods alike */
};

static struct str field_str(struct str msg, uint32_t num)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	while (wire_next(&w, &f)) {
		if (f.num == num && f.type == WIRE_LEN)
			return f.s;
	}
	return STR("");
}

/* The next field `num` of `msg` at or after *pos. */
static bool next_field(struct str msg, uint32_t num, size_t *pos, struct str *ret)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	w.p += *pos;
	while (wire_next(&w, &f)) {
		if (f.num != num)
			continue;
		*pos = (size_t)((const char *)w.p - msg.p);
		*ret = f.s;
		return true;
	}
	return false;
}

bool proto_file_next(size_t *pos, struct proto_file *ret)
{
	struct str set = str_mem(proto_descriptor_set, proto_descriptor_set_size);
	if (!next_field(set, SET_FILE, pos, &ret->bytes))
		return false;
	ret->name = field_str(ret->bytes, FILE_NAME);
	ret->package = field_str(ret->bytes, FILE_PACKAGE);
	return true;
}

bool proto_file_by_name(struct str name, struct proto_file *ret)
{
	size_t pos = 0;
	while (proto_file_next(&pos, ret)) {
		if (str_eq(ret->name, name))
			return true;
	}
	return false;
}

/* Takes `head` and, if more follows, a dot off the front of *symbol. */
static bool cut_name(struct str *symbol, struct str head)
{
	if (!str_has_prefix(*symbol, head))
		return false;
	if (symbol->n == head.n) {
		*symbol = str_mem(symbol->p + head.n, 0);
		return true;
	}
	if (symbol->p[head.n] != '.')
		return false;
	*symbol = str_mem(symbol->p + head.n + 1, symbol->n - head.n - 1);
	return true;
}

/* Whether an element in the fields `num` of `msg` is called `symbol`, or a child in its fields `child` is. */
static bool defines(struct str msg, uint32_t num, const uint32_t *children, struct str symbol)
{
	size_t pos = 0;
	struct str element;
	while (next_field(msg, num, &pos, &element)) {
		struct str rest = symbol;
		if (!cut_name(&rest, field_str(element, ANY_NAME)))
			continue;
		if (rest.n == 0)
			return true;
		for (; *children; children++) {
			static const uint32_t none[] = { 0 };
			if (defines(element, *children, none, rest))
				return true;
		}
		return false;
	}
	return false;
}

bool proto_file_by_symbol(struct str symbol, struct proto_file *ret)
{
	static const uint32_t in_message[] = { MESSAGE_NESTED, MESSAGE_ENUM, 0 };
	static const uint32_t in_service[] = { SERVICE_METHOD, 0 };
	static const uint32_t in_enum[] = { 0 };
	size_t pos = 0;
	while (proto_file_next(&pos, ret)) {
		struct str rest = symbol;
		if (!cut_name(&rest, ret->package) || rest.n == 0)
			continue;
		if (defines(ret->bytes, FILE_MESSAGE, in_message, rest) ||
		    defines(ret->bytes, FILE_ENUM, in_enum, rest) ||
		    defines(ret->bytes, FILE_SERVICE, in_service, rest))
			return true;
	}
	return false;
}

bool proto_file_import_next(const struct proto_file *f, size_t *pos, struct proto_file *ret)
{
	struct str name;
	while (next_field(f->bytes, FILE_DEPENDENCY, pos, &name)) {
		if (proto_file_by_name(name, ret))
			return true;
	}
	return false;
}
