/*
 * base/sys.h - every system call, clock reading and random number.
 *
 * All of the program goes through this one table, so that tests can fail the
 * n-th call, and a simulation can replace files, clock and chance.  The
 * functions have the meaning of the POSIX call of the same name and set
 * errno, except where said.  Sockets are opened by net/ through libevent;
 * its in-memory connections are their substitute under simulation.
 */
#ifndef BASE_SYS_H
#define BASE_SYS_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The table. A test copies the real one and replaces members. */
struct sys_ops {
	int (*open)(const char *path, int flags, mode_t mode);
	int (*close)(int fd);
	ssize_t (*pread)(int fd, void *buf, size_t n, off_t off);
	ssize_t (*read)(int fd, void *buf, size_t n);
	ssize_t (*write)(int fd, const void *buf, size_t n);
	ssize_t (*pwrite)(int fd, const void *buf, size_t n, off_t off);
	ssize_t (*writev)(int fd, const struct iovec *iov, int n);
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);
	int (*ftruncate)(int fd, off_t len);
	int (*fallocate)(int fd, int mode, off_t off, off_t len);
	int (*rename)(const char *from, const char *to);
	int (*unlink)(const char *path);
	int (*link)(const char *from, const char *to);
	int (*mkdir)(const char *path, mode_t mode);
	int (*rmdir)(const char *path);
	int (*stat)(const char *path, struct stat *st);
	int (*lstat)(const char *path, struct stat *st);
	int (*fstat)(int fd, struct stat *st);
	DIR *(*opendir)(const char *path);
	struct dirent *(*readdir)(DIR *d);
	int (*closedir)(DIR *d);
	void *(*mmap)(void *addr, size_t len, int prot, int flags, int fd, off_t off);
	int (*munmap)(void *addr, size_t len);
	int64_t (*wall_ns)(void);            /* ns since the Unix epoch */
	int64_t (*mono_ns)(void);            /* ns of a clock that never goes back */
	int64_t (*cpu_ns)(void);             /* ns of CPU that the calling thread has used */
	void (*random)(void *buf, size_t n); /* fills with unpredictable bytes; cannot fail */
};

/* The kernel's own calls. */
extern const struct sys_ops sys_real;

/* The table in use; sys_real unless a test or a simulation set another. */
extern const struct sys_ops *sys;

/* Milliseconds since the Unix epoch: the time of samples. */
static inline int64_t sys_now_ms(void)
{
	return sys->wall_ns() / 1000000;
}

/* Milliseconds of the monotonic clock: the time of deadlines. */
static inline int64_t sys_mono_ms(void)
{
	return sys->mono_ns() / 1000000;
}

/* A random 64-bit number. */
uint64_t sys_random_u64(void);

#endif
