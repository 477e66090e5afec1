#include "grpc/inbox.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* First size of the buffer. */
#define START_BYTES 4096

void grpc_inbox_init(struct grpc_inbox *in, struct budget *budget, uint64_t max_message)
{
	*in = (struct grpc_inbox){ .budget = budget, .max_message = max_message };
}

void grpc_inbox_set_window(struct grpc_inbox *in, uint32_t window, struct budget *window_budget)
{
	/* Buffers grow by half, and the bytes before a message that is under way are kept with it. */
	in->window_cap = 2 * (uint64_t)window;
	in->window_budget = window_budget;
}

/* What a buffer of this size counts against. */
static struct budget *budget_of(const struct grpc_inbox *in, size_t cap)
{
	return cap <= in->window_cap ? in->window_budget : in->budget;
}

static void drop(struct grpc_inbox *in, uint8_t **p, size_t *cap)
{
	free(*p);
	budget_give(budget_of(in, *cap), *cap);
	*p = NULL;
	*cap = 0;
}

/* Keeps the larger of the buffers that nobody looks at any more. */
static void keep_spare(struct grpc_inbox *in, uint8_t **p, size_t *cap)
{
	if (*cap > in->spare_cap) {
		drop(in, &in->spare, &in->spare_cap);
		in->spare = *p;
		in->spare_cap = *cap;
		*p = NULL;
		*cap = 0;
	} else {
		drop(in, p, cap);
	}
}

void grpc_inbox_fini(struct grpc_inbox *in)
{
	drop(in, &in->held, &in->held_cap);
	drop(in, &in->spare, &in->spare_cap);
	drop(in, &in->p, &in->cap);
	*in = (struct grpc_inbox){ .budget = in->budget,
				   .window_budget = in->window_budget,
				   .window_cap = in->window_cap,
				   .max_message = in->max_message };
}

/* A buffer of at least `want` bytes: the spare one, or a new one. */
static int take_buffer(struct grpc_inbox *in, size_t want, uint8_t **ret, size_t *ret_cap, struct err *err)
{
	if (in->spare_cap >= want) {
		*ret = in->spare;
		*ret_cap = in->spare_cap;
		in->spare = NULL;
		in->spare_cap = 0;
		return 0;
	}
	drop(in, &in->spare, &in->spare_cap);
	size_t cap = START_BYTES;
	while (cap < want)
		cap += cap / 2;
	struct budget *b = budget_of(in, cap);
	if (!budget_take(b, cap))
		return budget_err(b, err);
	*ret = xmalloc(cap);
	*ret_cap = cap;
	return 0;
}

/* Moves the untaken bytes to a buffer with room for `n` more. */
static int grow(struct grpc_inbox *in, size_t n, struct err *err)
{
	size_t used = in->tail - in->head, cap = 0;
	uint8_t *p = NULL;
	int rv = take_buffer(in, used + n, &p, &cap, err);
	if (rv)
		return rv;
	if (used > 0)
		memcpy(p, in->p + in->head, used);
	if (in->viewed) {
		in->held = in->p;
		in->held_cap = in->cap;
		in->viewed = false;
	} else {
		drop(in, &in->p, &in->cap);
	}
	in->p = p;
	in->cap = cap;
	in->head = 0;
	in->tail = used;
	return 0;
}

int grpc_inbox_push(struct grpc_inbox *in, const uint8_t *p, size_t n, struct err *err)
{
	if (in->cap - in->tail < n) {
		size_t used = in->tail - in->head;
		if (!in->viewed && in->head >= used && in->cap - used >= n) {
			memcpy(in->p, in->p + in->head, used);
			in->head = 0;
			in->tail = used;
		} else {
			int rv = grow(in, n, err);
			if (rv)
				return rv;
		}
	}
	if (n > 0)
		memcpy(in->p + in->tail, p, n);
	in->tail += n;
	in->owed += n;
	return 0;
}

static uint32_t prefix_length(const uint8_t *p)
{
	return (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
}

/* Ends the view of the last message and, where all was taken, starts at the front again. */
static void end_view(struct grpc_inbox *in)
{
	keep_spare(in, &in->held, &in->held_cap);
	in->viewed = false;
	if (in->head == in->tail)
		in->head = in->tail = 0;
}

int grpc_inbox_next(struct grpc_inbox *in, struct str *ret, bool *ret_compressed, bool *ret_found, struct err *err)
{
	*ret_found = false;
	end_view(in);
	size_t left = in->tail - in->head;
	if (left < GRPC_PREFIX_BYTES)
		return 0;
	const uint8_t *p = in->p + in->head;
	if (p[0] > 1)
		return err_set(err, ERR_INTERNAL, "grpc: received unexpected payload format %u", p[0]);
	uint64_t n = prefix_length(p);
	if (n > in->max_message)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "grpc: received message larger than max (%llu vs. %llu)",
			       (unsigned long long)n, (unsigned long long)in->max_message);
	if (left - GRPC_PREFIX_BYTES < n)
		return 0;
	*ret_compressed = p[0] == 1;
	*ret = str_mem(p + GRPC_PREFIX_BYTES, n);
	*ret_found = true;
	in->head += GRPC_PREFIX_BYTES + n;
	in->viewed = true;
	return 0;
}

bool grpc_inbox_ready(const struct grpc_inbox *in)
{
	size_t left = in->tail - in->head;
	if (left < GRPC_PREFIX_BYTES)
		return false;
	const uint8_t *p = in->p + in->head;
	uint64_t n = prefix_length(p);
	return p[0] > 1 || n > in->max_message || left - GRPC_PREFIX_BYTES >= n;
}

size_t grpc_inbox_left(const struct grpc_inbox *in)
{
	return in->tail - in->head;
}

size_t grpc_inbox_credit(struct grpc_inbox *in, bool waiting)
{
	uint64_t keep = waiting && !grpc_inbox_ready(in) ? 0 : in->tail - in->head;
	if (in->owed <= keep)
		return 0;
	size_t n = (size_t)(in->owed - keep);
	in->owed = keep;
	return n;
}
