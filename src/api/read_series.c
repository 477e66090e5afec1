#include "api/read_series.h"

void api_encoder_init(struct api_encoder *e, struct budget *b)
{
	arena_init(&e->scratch, b);
}

void api_encoder_fini(struct api_encoder *e)
{
	arena_fini(&e->scratch);
}

/* Pointers to the histograms, each of which was looked at: they may be a store's inventions. */
static int check_hists(struct api_encoder *e, const struct promql_series *s, const struct histogram ***ret,
		       struct err *err)
{
	struct err why = ERR_NONE;
	const struct histogram **p = arena_array(&e->scratch, s->n_hists, sizeof(*p));
	if (!p && s->n_hists)
		return arena_err(&e->scratch, err);
	for (size_t i = 0; i < s->n_hists; i++) {
		if (hist_validate(&s->h[i], &why))
			return err_set(err, ERR_DATA_LOSS, "a histogram of a store is wrong: %.200s", why.msg);
		p[i] = &s->h[i];
	}
	*ret = p;
	return 0;
}

/* Whether the next sample is a float. */
static bool float_first(const struct promql_series *s, size_t i, size_t k)
{
	return k == s->n_hists || (i < s->n_floats && s->t[i] < s->ht[k]);
}

int co_api_encode(struct api_encoder *e, const struct promql_series *s, series_chunk_fn *put, void *arg,
		  struct err *err)
{
	struct arena_mark empty = arena_mark(&e->scratch);
	const struct histogram **h = NULL;
	int rc = check_hists(e, s, &h, err);
	for (size_t i = 0, k = 0; rc == 0 && (i < s->n_floats || k < s->n_hists);) {
		size_t from = i, hfrom = k;
		while (i < s->n_floats && float_first(s, i, k))
			i++;
		if (i > from) {
			rc = series_encode_floats(s->t + from, s->v + from, i - from, put, arg, err);
			continue;
		}
		while (k < s->n_hists && !float_first(s, i, k))
			k++;
		rc = series_encode_hists(s->ht + hfrom, h + hfrom, k - hfrom, put, arg, err);
	}
	arena_rewind(&e->scratch, empty);
	return rc;
}
