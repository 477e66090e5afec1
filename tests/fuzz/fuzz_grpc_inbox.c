/* Messages cut from a stream do not depend on how its bytes arrive. The first byte gives the size of the pieces. */
#include "base/hash.h"
#include "grpc/inbox.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What came out: messages, a hash over them, and how it ended. */
struct outcome {
	size_t messages, left;
	uint64_t hash;
	int code;
};

static struct outcome cut(const uint8_t *data, size_t size, size_t piece)
{
	struct outcome o = { 0 };
	struct budget b;
	struct grpc_inbox in;
	size_t credit = 0;
	budget_init(&b, NULL, "fuzz", 4 * size + 65536);
	grpc_inbox_init(&in, &b, 1 << 16);
	for (size_t at = 0; at < size && o.code == 0; at += piece) {
		if (grpc_inbox_push(&in, data + at, piece < size - at ? piece : size - at, NULL) != 0)
			abort();
		bool found = true;
		while (found && o.code == 0) {
			struct str m;
			bool coded, ready = grpc_inbox_ready(&in);
			o.code = grpc_inbox_next(&in, &m, &coded, &found, NULL);
			if (ready != (found || o.code != 0))
				abort();
			credit += grpc_inbox_credit(&in, piece % 2);
			if (!found)
				break;
			o.messages++;
			o.hash = o.hash * 31 + hash_bytes(m.p, m.n) + coded;
		}
	}
	o.left = o.code ? 0 : grpc_inbox_left(&in);
	if (credit > size)
		abort();
	grpc_inbox_fini(&in);
	budget_fini(&b);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct outcome a = cut(data + 1, size - 1, data[0] + 1u), b = cut(data + 1, size - 1, size);
	if (a.messages != b.messages || a.hash != b.hash || a.code != b.code || a.left != b.left)
		abort();
	return 0;
}
