#include "loop/gate.h"

#include "base/assert.h"
#include "base/sys.h"

void gate_init(struct gate *g, uint32_t slots)
{
	*g = (struct gate){ .slots = slots };
	waitq_init(&g->q);
}

int co_gate_enter(struct gate *g, struct err *err)
{
	int64_t begin = 0;
	/* A newcomer may not overtake those who were woken but have not run yet: they count as waiting. */
	while (g->slots && (g->held >= g->slots || (begin == 0 && g->waiting))) {
		if (begin == 0)
			begin = sys->mono_ns();
		g->waiting++;
		int rc = co_waitq_wait(&g->q, "gate", err);
		g->waiting--;
		if (rc != 0) {
			/* A wake-up that may have been meant for this fiber goes on to the next. */
			if (g->held < g->slots)
				waitq_wake_one(&g->q);
			return rc;
		}
	}
	if (begin)
		g->wait_sum_ns += sys->mono_ns() - begin;
	g->held++;
	g->entered++;
	if (g->slots && g->held < g->slots)
		waitq_wake_one(&g->q);
	return 0;
}

void gate_leave(struct gate *g)
{
	CHECK(g->held > 0);
	g->held--;
	waitq_wake_one(&g->q);
}
