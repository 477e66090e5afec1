/*
 * api/expfmt.h - samples in the formats that Prometheus scrapes: text 0.0.4, and
 * protobuf (io.prometheus.client.MetricFamily, each with its length before it).
 *
 * Native histograms exist in protobuf only; those with custom buckets become classic
 * ones. Names that are not [a-zA-Z_:][a-zA-Z0-9_:]* are escaped as the client asks.
 * Source: prometheus/common expfmt (encode.go, text_create.go), model/metric.go;
 * prometheus web/federate.go; client_model metrics.proto.
 */
#ifndef API_EXPFMT_H
#define API_EXPFMT_H

#include "base/str.h"
#include "base/strbuf.h"
#include "chunk/histogram.h"
#include "labels/labels.h"

#include <stdbool.h>
#include <stdint.h>

/* What names become that are not legacy names. */
enum expfmt_escape {
	EXPFMT_UNDERSCORES, /* "my.metric": my_metric */
	EXPFMT_DOTS,        /* my_dot_metric */
	EXPFMT_VALUES,      /* U__my_2e_metric */
	EXPFMT_UTF8,        /* itself, quoted in text */
};

/* A format. */
struct expfmt {
	bool protobuf; /* else text */
	enum expfmt_escape escape;
};

/* The format that fits an Accept header best; text with underscores where nothing does. */
struct expfmt expfmt_negotiate(struct str accept);

/* Room that expfmt_content_type needs. */
#define EXPFMT_TYPE_MAX 160

/* The Content-Type of a format, in `buf`. Returns buf. */
const char *expfmt_content_type(struct expfmt f, char buf[EXPFMT_TYPE_MAX]);

/* Whether a histogram can be written at all. */
bool expfmt_can_write(struct expfmt f, const struct histogram *h);

/* A sample. `h` (in float form) is NULL for a float. */
struct expfmt_sample {
	struct labels labels; /* __name__ is the name of the family; it must be there */
	int64_t t;            /* ms */
	double v;
	const struct histogram *h;
};

/* A writer. Set `format` and `out`, the rest zero. */
struct expfmt_writer {
	struct expfmt format;
	struct strbuf *out;
	/* Private. */
	struct strbuf name, family; /* of the family under way, not escaped; its protobuf message */
	bool open, is_hist, is_gauge;
	struct strbuf scratch;
};

/*
 * Adds a sample (one that expfmt_can_write). A family begins where name or kind are others than before. A series without the label
 * `instance` gets an empty one, so that the scraper does not put its own there. Protobuf families are cut at 64 KiB, and written when they are.
 */
void expfmt_add(struct expfmt_writer *w, const struct expfmt_sample *s);

/* Writes what is left. */
void expfmt_end(struct expfmt_writer *w);

/* Frees the buffers, not `out`. */
void expfmt_fini(struct expfmt_writer *w);

#endif
