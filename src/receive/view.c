#include "receive/view.h"

#include "loop/fiber.h"
#include "receive/db_internal.h"

/* Hook of the head: lets others run. Suspends. */
static int checkpoint(void *arg, struct err *err)
{
	return co_checkpoint(err);
}

static bool overlaps_head(struct receive_db *db, int64_t mint, int64_t maxt)
{
	struct head_stats st;
	head_stats(db->head, &st);
	return MIN(st.min_time, st.ooo_min_time) <= maxt && MAX(st.max_time, st.ooo_max_time) >= mint;
}

int receive_view_open(struct receive_view *ret, struct receive_db *db, int64_t mint, int64_t maxt, struct arena *a,
		      struct err *err)
{
	size_t n;
	struct local_block *const *all = local_blocks_list(db->blocks, &n);
	struct local_block **p = arena_array(a, n, sizeof(*p));
	if (!p)
		return arena_err(a, err);
	*ret = (struct receive_view){
		.db = db, .blocks = p, .mint = mint, .maxt = maxt, .generation = db->generation & 1
	};
	for (size_t i = 0; i < n; i++)
		if (all[i]->mint <= maxt && all[i]->maxt > mint)
			p[ret->n_blocks++] = local_block_ref(all[i]);
	ret->in_head = overlaps_head(db, mint, maxt);
	ret->head = head_reader_open(db->head, mint, maxt);
	head_reader_set_checkpoint(ret->head, checkpoint, NULL);
	db->views[ret->generation]++;
	return 0;
}

void receive_view_close(struct receive_view *v)
{
	if (!v->db)
		return;
	head_reader_close(v->head);
	for (size_t i = 0; i < v->n_blocks; i++)
		local_block_unref(v->blocks[i]);
	if (--v->db->views[v->generation] == 0)
		waitq_wake_all(&v->db->view_closed);
	*v = (struct receive_view){ 0 };
}
