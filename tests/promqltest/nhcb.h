/*
 * promqltest/nhcb.h - classic histograms to native ones with custom buckets.
 */
#ifndef PROMQLTEST_NHCB_H
#define PROMQLTEST_NHCB_H

#include "promqltest/script.h"

/*
 * Makes one series per classic histogram among the loaded ones (X_bucket,
 * X_sum, X_count give X without le), with as many values as the longest of
 * them. Source: util/convertnhcb upstream. NULL, or a message.
 */
const char *nhcb_convert(const struct script_cmd *c, struct arena *a, struct script_series **ret, size_t *ret_n);

#endif
