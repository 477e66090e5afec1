/*
 * metrics/budget.h - what a memory budget holds and refuses, as metrics.
 */
#ifndef METRICS_BUDGET_H
#define METRICS_BUDGET_H

struct budget;
struct metrics_registry;

/*
 * Registers <prefix>_used_bytes, <prefix>_limit_bytes (+Inf: none) and <prefix>_refused_total, read from `b` at exposition;
 * `who` holds the memory, in plural. metrics_off_collect(reg, b) before the budget goes.
 */
void metrics_budget_init(struct metrics_registry *reg, const char *prefix, const char *who, struct budget *b);

#endif
