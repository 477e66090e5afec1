#include "tsdb/outfile.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define BUF_SIZE (1u << 20)

int outfile_open(struct outfile *f, const char *path, struct err *err)
{
	*f = (struct outfile){ .fd = -1 };
	int fd = sys->open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_sys(err, errno, "create %s", path);
	f->fd = fd;
	f->path = xstrdup(path);
	f->buf = xmalloc(BUF_SIZE);
	return 0;
}

/* Keeps the first failure and gives it to the caller. */
static int fail(struct outfile *f, struct err *err)
{
	if (err)
		*err = f->err;
	return -f->err.code;
}

static int flush(struct outfile *f, struct err *err)
{
	if (f->err.code)
		return fail(f, err);
	if (f->n && file_write_full(f->fd, f->buf, f->n, &f->err) < 0) {
		err_prefix(&f->err, "write %s", f->path);
		return fail(f, err);
	}
	f->n = 0;
	return 0;
}

int outfile_write(struct outfile *f, const void *p, size_t n, struct err *err)
{
	if (f->err.code)
		return fail(f, err);
	const char *from = p;
	f->pos += n;
	while (n > 0) {
		if (f->n == BUF_SIZE) {
			int r = flush(f, err);
			if (r < 0)
				return r;
		}
		size_t k = MIN(n, BUF_SIZE - f->n);
		memcpy(f->buf + f->n, from, k);
		f->n += k;
		from += k;
		n -= k;
	}
	return 0;
}

int outfile_pad(struct outfile *f, unsigned align, struct err *err)
{
	static const char zeros[64];
	unsigned rest = (unsigned)(f->pos % align);
	return outfile_write(f, zeros, rest ? align - rest : 0, err);
}

int outfile_write_at(struct outfile *f, uint64_t pos, const void *p, size_t n, struct err *err)
{
	int r = flush(f, err);
	const char *from = p;
	while (r == 0 && n > 0) {
		ssize_t k = sys->pwrite(f->fd, from, n, (off_t)pos);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) {
			err_sys(&f->err, k < 0 ? errno : EIO, "write %s", f->path);
			return fail(f, err);
		}
		from += k;
		pos += (uint64_t)k;
		n -= (size_t)k;
	}
	return r;
}

int outfile_read_at(struct outfile *f, uint64_t pos, void *p, size_t n, struct err *err)
{
	int r = flush(f, err);
	if (r == 0 && file_pread_full(f->fd, p, n, pos, &f->err) < 0) {
		err_prefix(&f->err, "read %s", f->path);
		return fail(f, err);
	}
	return r;
}

int outfile_close(struct outfile *f, bool drop, struct err *err)
{
	if (!f->path)
		return 0;
	int r = drop ? 0 : flush(f, err);
	if (r == 0 && !drop && sys->fsync(f->fd) < 0)
		r = err_sys(err, errno, "sync %s", f->path);
	if (sys->close(f->fd) < 0 && r == 0 && !drop)
		r = err_sys(err, errno, "close %s", f->path);
	free(f->path);
	free(f->buf);
	*f = (struct outfile){ .fd = -1 };
	return r;
}
