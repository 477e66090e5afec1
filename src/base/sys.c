#include "base/sys.h"

#include "base/assert.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int real_open(const char *path, int flags, mode_t mode)
{
	return open(path, flags | O_CLOEXEC, mode);
}

static int real_stat(const char *path, struct stat *st)
{
	return stat(path, st);
}

static int real_lstat(const char *path, struct stat *st)
{
	return lstat(path, st);
}

static int real_fstat(int fd, struct stat *st)
{
	return fstat(fd, st);
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;
	CHECK(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t real_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

static int64_t real_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static int64_t real_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void real_random(void *buf, size_t n)
{
	char *p = buf;
	while (n) {
		ssize_t got = getrandom(p, n, 0);
		if (got < 0)
			continue; /* only EINTR is possible */
		p += got;
		n -= (size_t)got;
	}
}

const struct sys_ops sys_real = {
	.open = real_open,
	.close = close,
	.pread = pread,
	.read = read,
	.write = write,
	.pwrite = pwrite,
	.writev = writev,
	.fdatasync = fdatasync,
	.fsync = fsync,
	.ftruncate = ftruncate,
	.fallocate = fallocate,
	.rename = rename,
	.unlink = unlink,
	.link = link,
	.mkdir = mkdir,
	.rmdir = rmdir,
	.stat = real_stat,
	.lstat = real_lstat,
	.fstat = real_fstat,
	.opendir = opendir,
	.readdir = readdir,
	.closedir = closedir,
	.mmap = mmap,
	.munmap = munmap,
	.wall_ns = real_wall_ns,
	.mono_ns = real_mono_ns,
	.cpu_ns = real_cpu_ns,
	.random = real_random,
};

const struct sys_ops *sys = &sys_real;

uint64_t sys_random_u64(void)
{
	uint64_t v;
	sys->random(&v, sizeof(v));
	return v;
}
