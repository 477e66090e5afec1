#include "loop/offload.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"
#include "loop/fiber.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_OUTPUT (16 * 1024 * 1024)

/* What a child writes to the pipe before its output. */
struct child_report {
	int rc;
	struct err err;
};

/* Current data size of the process, for a limit on top of it (proc(5): statm field 6, in pages). */
static uint64_t data_bytes(void)
{
	struct strbuf b = { 0 };
	unsigned long long data = 0;
	if (file_read_all("/proc/self/statm", 4096, &b, NULL) == 0)
		sscanf(b.p, "%*u %*u %*u %*u %*u %llu", &data);
	strbuf_fini(&b);
	return data * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Closes the parent's descriptors but `keep`: its ports and locks are free as soon as it is gone itself. */
static void close_others(int keep)
{
	if (keep > 3)
		(void)close_range(3, (unsigned)keep - 1, 0);
	(void)close_range((unsigned)keep + 1, ~0u, 0);
}

static NORETURN void child_main(int fd, child_fn *fn, void *arg, uint64_t memory_limit_bytes, int nice_by, pid_t parent)
{
	/* A child must not outlive its parent: it would write blocks that nobody waits for. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	close_others(fd);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	if (nice_by && nice(nice_by) < 0)
		errno = 0;
	if (memory_limit_bytes) {
		rlim_t most = data_bytes() + memory_limit_bytes;
		setrlimit(RLIMIT_DATA, &(struct rlimit){ most, most });
	}
	struct strbuf out = { .limit = MAX_OUTPUT };
	struct child_report rep = { 0 };
	rep.rc = fn(arg, &out, &rep.err);
	int rc = file_write_full(fd, &rep, sizeof(rep), NULL);
	if (rc == 0)
		rc = file_write_full(fd, out.p, out.n, NULL);
	_exit(rc == 0 ? 0 : 1);
}

/* Reads the pipe to its end. Suspends. */
static int read_report(int fd, struct strbuf *in, struct err *err)
{
	for (;;) {
		char *p = strbuf_reserve(in, 64 * 1024);
		if (!p)
			return err_set(err, ERR_INTERNAL, "a child wrote too much");
		ssize_t got = read(fd, p, 64 * 1024);
		if (got == 0)
			return 0;
		if (got > 0) {
			in->n += (size_t)got;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, errno, "read from a child");
		int rc = co_wait_fd(fd, false, err);
		if (rc != 0)
			return rc;
	}
}

/* Waits for the end of a process without blocking the loop. Suspends. */
static int reap(pid_t pid, const char *name, struct err *err)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	fiber_mask();
	if (pidfd >= 0) {
		(void)co_wait_fd(pidfd, false, NULL);
		close(pidfd);
	}
	fiber_unmask();
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_INTERNAL, "%s: the child process died of signal %d (%s)", name,
			       WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_INTERNAL, "%s: the child process could not report", name);
	return 0;
}

static int take_report(const struct strbuf *in, const char *name, struct strbuf *out, struct err *err)
{
	struct child_report rep;
	if (in->n < sizeof(rep))
		return err_set(err, ERR_INTERNAL, "%s: the child process ended without a report", name);
	memcpy(&rep, in->p, sizeof(rep));
	strbuf_add(out, in->p + sizeof(rep), in->n - sizeof(rep));
	if (rep.rc != 0 && err)
		*err = rep.err;
	return rep.rc;
}

int co_child_run(const char *name, child_fn *fn, void *arg, uint64_t memory_limit_bytes, int nice, struct strbuf *out,
		 struct err *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_sys(err, errno, "%s: pipe", name);
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child_main(fds[1], fn, arg, memory_limit_bytes, nice, parent);
	}
	int fork_errno = errno;
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return err_sys(err, fork_errno, "%s: fork", name);
	}
	CHECK(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
	struct strbuf in = { .limit = MAX_OUTPUT + sizeof(struct child_report) + 128 * 1024 };
	int rc = read_report(fds[0], &in, err);
	if (rc != 0)
		kill(pid, SIGKILL);
	close(fds[0]);
	int died = reap(pid, name, rc == 0 ? err : NULL);
	if (rc == 0)
		rc = died != 0 ? died : take_report(&in, name, out, err);
	strbuf_fini(&in);
	return rc;
}
