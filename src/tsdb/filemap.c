#include "tsdb/filemap.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A guarded map; end is 0 while the slot is free, and is written last. */
struct slot {
	_Atomic(uintptr_t) start, end;
	atomic_bool failed;
};

static struct slot slots[FILEMAP_GUARDED_MAX];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before; /* who handled SIGBUS before us */
static uintptr_t page_size;

/* Puts a page of zeros in place of the one that cannot be read. Only plain system calls. */
static bool replace_page(uintptr_t at)
{
	for (int i = 0; i < FILEMAP_GUARDED_MAX; i++) {
		uintptr_t end = atomic_load(&slots[i].end);
		if (end == 0 || at >= end || at < atomic_load(&slots[i].start))
			continue;
		void *page = (void *)(at & ~(page_size - 1));
		void *p = mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		atomic_store(&slots[i].failed, true);
		return p == page;
	}
	return false;
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	int saved = errno;
	bool done = replace_page((uintptr_t)info->si_addr);
	errno = saved;
	if (done)
		return;
	if (before.sa_flags & SA_SIGINFO)
		before.sa_sigaction(sig, info, context);
	else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
		before.sa_handler(sig);
	else
		sigaction(SIGBUS, &before, NULL); /* the access repeats, and ends the process */
}

/* Sees to it that the signal is ours; whoever had it gets what is not for us. */
static void install(void)
{
	struct sigaction now, sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	sigaction(SIGBUS, NULL, &now);
	if (now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_sigbus)
		return;
	sigemptyset(&sa.sa_mask);
	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	before = now;
	sigaction(SIGBUS, &sa, NULL);
}

/* Takes a free slot for the range; -1 when there is none. */
static int slot_take(const void *p, size_t n)
{
	int found = -1;
	pthread_mutex_lock(&slots_lock);
	install();
	for (int i = 0; i < FILEMAP_GUARDED_MAX && found < 0; i++) {
		if (atomic_load(&slots[i].end) == 0)
			found = i;
	}
	if (found >= 0) {
		atomic_store(&slots[found].failed, false);
		atomic_store(&slots[found].start, (uintptr_t)p);
		atomic_store(&slots[found].end, (uintptr_t)p + n);
	}
	pthread_mutex_unlock(&slots_lock);
	return found;
}

/* Without a free slot: reads the file into the heap. */
static int read_heap(struct filemap *m, int fd, size_t n, const char *path, struct err *err)
{
	char *p = malloc(n);
	if (!p)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for %zu bytes of %s", n, path);
	int r = file_pread_full(fd, p, n, 0, err);
	if (r < 0) {
		free(p);
		return err_prefix(err, "read %s", path);
	}
	m->bytes = str_mem(p, n);
	return 0;
}

static int map_fd(struct filemap *m, int fd, const char *path, struct err *err)
{
	struct stat st;
	if (sys->fstat(fd, &st) < 0)
		return err_sys(err, errno, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID_ARGUMENT, "%s is not a file", path);
	size_t n = (size_t)st.st_size;
	if (n == 0)
		return 0;
	void *p = sys->mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, errno, "map %s", path);
	m->slot = slot_take(p, n);
	if (m->slot < 0) {
		sys->munmap(p, n);
		return read_heap(m, fd, n, path, err);
	}
	m->bytes = str_mem(p, n);
	return 0;
}

int filemap_open(struct filemap *m, const char *path, struct err *err)
{
	*m = (struct filemap){ .slot = -1 };
	int fd = sys->open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	int r = map_fd(m, fd, path, err);
	sys->close(fd);
	m->is_open = r == 0;
	return r;
}

void filemap_close(struct filemap *m)
{
	if (!m->is_open)
		return;
	if (m->slot >= 0) {
		atomic_store(&slots[m->slot].end, 0);
		sys->munmap((void *)(uintptr_t)m->bytes.p, m->bytes.n);
	} else {
		free((void *)(uintptr_t)m->bytes.p);
	}
	*m = (struct filemap){ .slot = -1 };
}

bool filemap_failed(const struct filemap *m)
{
	return m->is_open && m->slot >= 0 && atomic_load(&slots[m->slot].failed);
}
