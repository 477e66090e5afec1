/*
 * metrics/process.h - metrics that every component has: of the process, its
 * build and its probes. Names and labels are those of the Go client library's
 * process collector and of Thanos.
 */
#ifndef METRICS_PROCESS_H
#define METRICS_PROCESS_H

#include "metrics/metrics.h"

#include <stdbool.h>

struct process_metrics;

/*
 * Registers process_* (CPU, descriptors, memory, start time, network bytes),
 * read from /proc at each exposition. Free after the registry.
 */
struct process_metrics *metrics_process_new(struct metrics_registry *r);

/* Frees it; NULL is fine. */
void metrics_process_free(struct process_metrics *m);

/* Registers thanos_build_info with these labels (goos, goarch, tags are filled in). */
void metrics_build_info_init(struct metrics_registry *r, const char *version, const char *revision, const char *branch);

/* thanos_status{check,component}: 1 while healthy, ready. */
struct metrics_status {
	struct gauge *healthy, *ready;
};

/* Registers thanos_status for a component, both 0. */
void metrics_status_init(struct metrics_status *s, struct metrics_registry *r, const char *component);

#endif
