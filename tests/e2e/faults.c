/*
 * A library that is loaded before the C library (LD_PRELOAD) and makes syncs slow or lets them fail.
 *
 * The file that THANOS_FAULTS names is mapped; a test changes it while the process runs (class Faults in e2e.py).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* The mapped file: the test writes delay_ms to fail_count, this library the others. */
struct faults {
	_Atomic uint32_t delay_ms;   /* that every call takes more */
	_Atomic uint32_t error;      /* errno of calls that fail */
	_Atomic uint32_t fail_from;  /* number of the first call to fail, counted from 1 */
	_Atomic uint32_t fail_count; /* how many fail */
	_Atomic uint32_t calls, failed;
};

static struct faults *control;

__attribute__((constructor)) static void map_control(void)
{
	const char *path = getenv("THANOS_FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		control = p;
}

/* Waits, and says whether this call fails. */
static int is_hit(void)
{
	if (!control)
		return 0;
	uint32_t n = atomic_fetch_add(&control->calls, 1) + 1, ms = control->delay_ms;
	const struct timespec wait = { ms / 1000, ms % 1000 * 1000000 };
	if (ms)
		nanosleep(&wait, NULL);
	if (n < control->fail_from || n - control->fail_from >= control->fail_count)
		return 0;
	atomic_fetch_add(&control->failed, 1);
	errno = (int)control->error;
	return 1;
}

int fdatasync(int fd)
{
	int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	return is_hit() ? -1 : next(fd);
}

int fsync(int fd)
{
	int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	return is_hit() ? -1 : next(fd);
}
