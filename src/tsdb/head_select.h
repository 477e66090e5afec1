/*
 * tsdb/head_select.h - matchers to series ids over the head's postings.
 * Internal to head_*.c.
 */
#ifndef TSDB_HEAD_SELECT_H
#define TSDB_HEAD_SELECT_H

#include "tsdb/head.h"

/* Calls the reader's checkpoint, if it has one. */
int head_reader_pause(struct head_reader *r, struct err *err);

#endif
