#include "base/file.h"

#include "base/mem.h"
#include "base/sys.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

int file_read_all(const char *path, size_t max, struct strbuf *out, struct err *err)
{
	int fd = sys->open(path, O_RDONLY, 0);
	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	int rc = 0;
	size_t total = 0;
	for (;;) {
		char *p = strbuf_reserve(out, 64 * 1024);
		ssize_t got = p ? sys->read(fd, p, 64 * 1024) : 0;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = err_sys(err, errno, "read %s", path);
		total += got > 0 ? (size_t)got : 0;
		if (total > max || !p)
			rc = err_set(err, ERR_RESOURCE_EXHAUSTED, "%s is larger than %zu bytes", path, max);
		if (got <= 0 || rc != 0)
			break;
		out->n += (size_t)got;
		out->p[out->n] = '\0';
	}
	sys->close(fd);
	return rc;
}

int file_write_full(int fd, const void *p, size_t n, struct err *err)
{
	const char *q = p;
	while (n) {
		ssize_t put = sys->write(fd, q, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_sys(err, errno, "write");
		q += put;
		n -= (size_t)put;
	}
	return 0;
}

int file_pread_full(int fd, void *p, size_t n, uint64_t off, struct err *err)
{
	char *q = p;
	while (n) {
		ssize_t got = sys->pread(fd, q, n, (off_t)off);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "read at %llu", (unsigned long long)off);
		if (got == 0)
			return err_set(err, ERR_OUT_OF_RANGE, "file ends %zu bytes early at %llu", n,
				       (unsigned long long)off);
		q += got;
		off += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

int file_sync_dir(const char *path, struct err *err)
{
	int fd = sys->open(path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	int rc = sys->fsync(fd) == 0 ? 0 : err_sys(err, errno, "fsync %s", path);
	sys->close(fd);
	return rc;
}

static int sync_parent(const char *path, struct err *err)
{
	char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	if (slash == dir)
		slash[1] = '\0';
	else if (slash)
		*slash = '\0';
	int rc = file_sync_dir(slash ? dir : ".", err);
	free(dir);
	return rc;
}

static int write_and_sync(const char *path, const void *p, size_t n, struct err *err)
{
	int fd = sys->open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0)
		return err_sys(err, errno, "create %s", path);
	int rc = file_write_full(fd, p, n, err);
	if (rc == 0 && sys->fsync(fd) != 0)
		rc = err_sys(err, errno, "fsync %s", path);
	if (sys->close(fd) != 0 && rc == 0)
		rc = err_sys(err, errno, "close %s", path);
	return rc;
}

int file_write_atomic(const char *path, const void *p, size_t n, struct err *err)
{
	char *tmp = xasprintf("%s.tmp", path);
	int rc = write_and_sync(tmp, p, n, err);
	if (rc == 0 && sys->rename(tmp, path) != 0)
		rc = err_sys(err, errno, "rename %s", tmp);
	if (rc != 0)
		sys->unlink(tmp);
	free(tmp);
	return rc != 0 ? rc : sync_parent(path, err);
}

int file_mkdir_all(const char *path, struct err *err)
{
	char *dir = xstrdup(path);
	int rc = 0;
	for (char *p = dir + 1; rc == 0 && *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (sys->mkdir(dir, 0777) != 0 && errno != EEXIST)
			rc = err_sys(err, errno, "mkdir %s", dir);
		*p = '/';
	}
	if (rc == 0 && sys->mkdir(dir, 0777) != 0 && errno != EEXIST)
		rc = err_sys(err, errno, "mkdir %s", dir);
	free(dir);
	return rc;
}

int file_remove_all(const char *path, struct err *err)
{
	struct stat st;
	if (sys->lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "stat %s", path);
	if (!S_ISDIR(st.st_mode))
		return sys->unlink(path) == 0 || errno == ENOENT ? 0 : err_sys(err, errno, "unlink %s", path);
	char **names;
	size_t n;
	int rc = file_list(path, &names, &n, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n && rc == 0; i++) {
		char *child = xasprintf("%s/%s", path, names[i]);
		rc = file_remove_all(child, err);
		free(child);
	}
	file_list_free(names, n);
	if (rc == 0 && sys->rmdir(path) != 0 && errno != ENOENT)
		rc = err_sys(err, errno, "rmdir %s", path);
	return rc;
}

bool file_exists(const char *path)
{
	struct stat st;
	return sys->stat(path, &st) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int file_list(const char *dir, char ***ret_names, size_t *ret_n, struct err *err)
{
	DIR *d = sys->opendir(dir);
	if (!d)
		return err_sys(err, errno, "open %s", dir);
	VEC(char *) v = { 0 };
	struct dirent *e;
	while ((e = sys->readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			*vec_push(&v) = xstrdup(e->d_name);
	sys->closedir(d);
	if (v.n)
		qsort(v.p, v.n, sizeof(*v.p), by_name);
	*ret_names = v.p;
	*ret_n = v.n;
	return 0;
}

void file_list_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}
