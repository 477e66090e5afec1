#include "metrics/budget.h"

#include "base/arena.h"
#include "metrics/metrics.h"

#include <math.h>
#include <stdio.h>

static double read_used(void *arg)
{
	return (double)((struct budget *)arg)->used;
}

static double read_limit(void *arg)
{
	uint64_t limit = ((struct budget *)arg)->limit;
	return limit == BUDGET_UNLIMITED ? INFINITY : (double)limit;
}

static double read_refusals(void *arg)
{
	return (double)((struct budget *)arg)->refusals;
}

void metrics_budget_init(struct metrics_registry *reg, const char *prefix, const char *who, struct budget *b)
{
	char name[128], help[128];
	snprintf(name, sizeof(name), "%s_used_bytes", prefix);
	snprintf(help, sizeof(help), "Memory that %s hold now.", who);
	metrics_gauge_fn(reg, name, help, read_used, b);
	snprintf(name, sizeof(name), "%s_limit_bytes", prefix);
	snprintf(help, sizeof(help), "Memory that %s together may hold; +Inf is no limit.", who);
	metrics_gauge_fn(reg, name, help, read_limit, b);
	snprintf(name, sizeof(name), "%s_refused_total", prefix);
	snprintf(help, sizeof(help), "Times that %s together were refused memory.", who);
	metrics_counter_fn(reg, name, help, read_refusals, b);
}
