#include "config.h"

#include "metrics/process.h"

#include "base/compiler.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROC_FILE_MAX (1u << 20)

/* Handles; lives as long as the process. */
struct process_metrics {
	struct counter *cpu_seconds, *rx_bytes, *tx_bytes;
	struct gauge *open_fds, *max_fds, *virtual_bytes, *virtual_max_bytes, *resident_bytes, *start;
	struct gauge *heap[3]; /* under the names that dashboards for Go programs use */
	double boot_time;      /* seconds since the epoch */
};

static bool read_file(const char *path, struct strbuf *out)
{
	strbuf_reset(out);
	return file_read_all(path, PROC_FILE_MAX, out, NULL) == 0 && out->p;
}

/* The fields of /proc/self/stat after the command's name, which may hold spaces (proc(5)). */
static void read_stat(struct process_metrics *m, struct strbuf *b)
{
	char *p = read_file("/proc/self/stat", b) ? strrchr(b->p, ')') : NULL;
	unsigned long long utime, stime, start, vsize;
	long long rss;
	if (!p || sscanf(p + 1,
			 " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d "
			 "%*d %llu %llu %lld",
			 &utime, &stime, &start, &vsize, &rss) != 5)
		return;
	double tick = (double)sysconf(_SC_CLK_TCK);
	m->cpu_seconds->v = (double)(utime + stime) / tick;
	gauge_set(m->virtual_bytes, (double)vsize);
	gauge_set(m->resident_bytes, (double)rss * (double)sysconf(_SC_PAGESIZE));
	gauge_set(m->start, m->boot_time + (double)start / tick);
}

/* Resident memory that is no file's: fields 2 and 3 of statm, in pages (proc(5)). */
static void read_heap(struct process_metrics *m, struct strbuf *b)
{
	unsigned long long resident, shared;
	if (!read_file("/proc/self/statm", b) || sscanf(b->p, "%*u %llu %llu", &resident, &shared) != 2)
		return;
	for (size_t i = 0; i < ARRAY_LEN(m->heap); i++)
		gauge_set(m->heap[i], (double)(resident - shared) * (double)sysconf(_SC_PAGESIZE));
}

/* The number of the line that begins with `name`; "unlimited" is 2^64-1 as in the Go client. */
static double limit_of(const char *text, const char *name)
{
	const char *p = strstr(text, name);
	unsigned long long v;
	if (!p || sscanf(p + strlen(name), "%llu", &v) != 1)
		return 18446744073709551615.0;
	return (double)v;
}

static void read_limits(struct process_metrics *m, struct strbuf *b)
{
	if (!read_file("/proc/self/limits", b))
		return;
	gauge_set(m->max_fds, limit_of(b->p, "Max open files"));
	gauge_set(m->virtual_max_bytes, limit_of(b->p, "Max address space"));
}

static void read_fds(struct process_metrics *m)
{
	DIR *d = sys->opendir("/proc/self/fd");
	size_t n = 0;
	if (!d)
		return;
	for (struct dirent *e; (e = sys->readdir(d));)
		n += e->d_name[0] != '.';
	sys->closedir(d);
	gauge_set(m->open_fds, (double)n - 1); /* less the one that reads the directory */
}

/* netstat comes in pairs of lines: names, then numbers in the same order. */
static double netstat_value(const char *names, const char *values, const char *name)
{
	char *names_at, *values_at;
	char *n = xstrndup(names, strcspn(names, "\n")), *v = xstrndup(values, strcspn(values, "\n"));
	double result = 0;
	char *field = strtok_r(n, " ", &names_at), *value = strtok_r(v, " ", &values_at);
	while (field && value) {
		if (strcmp(field, name) == 0)
			result = (double)strtoull(value, NULL, 10);
		field = strtok_r(NULL, " ", &names_at);
		value = strtok_r(NULL, " ", &values_at);
	}
	free(n);
	free(v);
	return result;
}

static void read_network(struct process_metrics *m, struct strbuf *b)
{
	const char *names = read_file("/proc/self/net/netstat", b) ? strstr(b->p, "IpExt:") : NULL;
	const char *values = names ? strstr(names + 1, "\nIpExt:") : NULL;
	if (!values)
		return;
	m->rx_bytes->v = netstat_value(names, values + 1, "InOctets");
	m->tx_bytes->v = netstat_value(names, values + 1, "OutOctets");
}

static void collect(void *arg)
{
	struct strbuf b = { 0 };
	read_stat(arg, &b);
	read_heap(arg, &b);
	read_limits(arg, &b);
	read_fds(arg);
	read_network(arg, &b);
	strbuf_fini(&b);
}

static double boot_time(void)
{
	struct strbuf b = { 0 };
	const char *p = read_file("/proc/stat", &b) ? strstr(b.p, "\nbtime ") : NULL;
	double t = p ? strtod(p + strlen("\nbtime "), NULL) : 0;
	strbuf_fini(&b);
	return t;
}

struct process_metrics *metrics_process_new(struct metrics_registry *r)
{
	struct process_metrics *m = xcalloc(1, sizeof(*m));
	m->boot_time = boot_time();
	m->cpu_seconds =
		metrics_counter(r, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");
	m->open_fds = metrics_gauge(r, "process_open_fds", "Number of open file descriptors.");
	m->max_fds = metrics_gauge(r, "process_max_fds", "Maximum number of open file descriptors.");
	m->virtual_bytes = metrics_gauge(r, "process_virtual_memory_bytes", "Virtual memory size in bytes.");
	m->virtual_max_bytes = metrics_gauge(r, "process_virtual_memory_max_bytes",
					     "Maximum amount of virtual memory available in bytes.");
	m->resident_bytes = metrics_gauge(r, "process_resident_memory_bytes", "Resident memory size in bytes.");
	static const char *const heap[] = { "go_memstats_alloc_bytes", "go_memstats_heap_alloc_bytes",
					    "go_memstats_heap_inuse_bytes" };
	for (size_t i = 0; i < ARRAY_LEN(heap); i++)
		m->heap[i] = metrics_gauge(
			r, heap[i], "Resident memory that is not of files; for dashboards made for Go programs.");
	m->start = metrics_gauge(r, "process_start_time_seconds",
				 "Start time of the process since unix epoch in seconds.");
	m->rx_bytes = metrics_counter(r, "process_network_receive_bytes_total",
				      "Number of bytes received by the process over the network.");
	m->tx_bytes = metrics_counter(r, "process_network_transmit_bytes_total",
				      "Number of bytes sent by the process over the network.");
	metrics_on_collect(r, collect, m);
	return m;
}

void metrics_process_free(struct process_metrics *m)
{
	free(m);
}

/* GOARCH names, which dashboards and the original know. */
static const char *arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#else
	return "other";
#endif
}

void metrics_build_info_init(struct metrics_registry *r, const char *version, const char *revision, const char *branch)
{
	metrics_info(r, "thanos_build_info",
		     "A metric with a constant '1' value labeled by version, revision, branch, "
		     "language and platform from which thanos was built.",
		     METRICS_LABELS("branch", "goarch", "goos", "goversion", "revision", "tags", "version"),
		     METRICS_LABELS(branch, arch(), "linux", "c", revision, "", version));
}

void metrics_status_init(struct metrics_status *s, struct metrics_registry *r, const char *component)
{
	struct metrics_vec *v = metrics_gauge_vec(r, "thanos_status",
						  "Represents status (0 indicates failure, 1 indicates success) "
						  "of the component.",
						  METRICS_LABELS("check", "component"));
	s->healthy = metrics_gauge_with(v, METRICS_LABELS("healthy", component));
	s->ready = metrics_gauge_with(v, METRICS_LABELS("ready", component));
}
