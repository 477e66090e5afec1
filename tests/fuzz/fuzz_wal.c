/* Any bytes as a WAL segment: every record is decoded, damage lies inside the segment and in order. */
#include "base/assert.h"
#include "fuzz/record_walk.h"
#include "tsdb/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wal_reader *r = wal_reader_open_mem(str_mem(data, size));
	struct str rec;
	while (wal_reader_next(r, &rec, NULL) == 1) {
		CHECK(wal_reader_pos(r).offset < size);
		record_walk(rec);
	}
	size_t n;
	const struct wal_damage *d = wal_reader_damage(r, &n);
	for (size_t i = 0; i < n; i++) {
		CHECK(d[i].start < d[i].end && d[i].end <= size);
		CHECK(i == 0 || d[i - 1].end <= d[i].start);
		CHECK(!d[i].tail || i == n - 1);
	}
	wal_reader_close(r);
	return 0;
}
