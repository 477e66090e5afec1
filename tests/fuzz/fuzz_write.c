/* The first byte chooses the kind of body. What is read is read again after it was written. */
#include "series/wire_write.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(enum write_kind kind, struct str body, struct strbuf *again, size_t *n_samples)
{
	struct budget budget;
	struct write_reader r;
	struct write_series s;
	struct write_metadata m;
	struct err e;
	size_t n = 0, pos = 0;
	budget_init(&budget, NULL, "fuzz", 8 << 20);
	int rc = write_reader_open(&r, kind, body, &budget, &e);
	while (rc == 0 && (rc = write_reader_next(&r, &s, &e)) > 0) {
		struct label *l = calloc(s.n_labels + 1, sizeof(*l));
		write_series_labels(&r, &s, l);
		n++;
		*n_samples += s.n_samples + s.n_histograms;
		struct labels set = { l, s.n_labels };
		if (again)
			write_put_series(again, 1, &s, &set);
		free(l);
		rc = 0;
	}
	/* Tenant by tenant there are as many. */
	struct str tenant;
	size_t n_by_tenant = 0;
	write_reader_rewind(&r);
	while (rc == 0 && write_reader_next_tenant(&r, &tenant))
		while (rc == 0 && (rc = write_reader_next(&r, &s, &e)) > 0) {
			n_by_tenant++;
			rc = 0;
		}
	if (rc == 0 && n_by_tenant != n)
		abort();
	while (rc == 0 && write_metadata_next(&r, &pos, &m, &e) > 0)
		;
	write_reader_close(&r);
	budget_fini(&budget);
	return rc < 0 ? SIZE_MAX : n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf again = { .limit = 32 << 20 };
	size_t samples = 0, samples2 = 0;
	if (size < 1)
		return 0;
	size_t n = walk((enum write_kind)(data[0] % 3), str_mem(data + 1, size - 1), &again, &samples);
	if (n != SIZE_MAX && !again.overflow) {
		size_t n2 = walk(WRITE_V1, again.n ? strbuf_str(&again) : STR(""), NULL, &samples2);
		if (n2 != SIZE_MAX && (n2 != n || samples2 != samples))
			abort();
	}
	strbuf_fini(&again);
	return 0;
}
