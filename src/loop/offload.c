#include "config.h"

#include "loop/offload.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define MAX_QUEUED 1024
#define THREADS 4

struct job {
	struct list link;
	struct offload_pool *pool;
	offload_fn *fn;
	void *arg;
	struct err err;
	int rc;
	bool begun, done;
	struct waitq finished;
};

struct offload_pool {
	struct reactor *r;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list queue; /* jobs not begun */
	size_t queued;
	bool stopping;
	bool started;
	pthread_t threads[THREADS];
};

/* In the loop: hands the result to the waiting fiber. */
static void on_job_done(void *arg)
{
	struct job *j = arg;
	j->done = true;
	waitq_wake_all(&j->finished);
}

static struct job *next_job(struct offload_pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (list_empty(&p->queue) && !p->stopping)
		pthread_cond_wait(&p->more, &p->lock);
	struct list *l = list_pop_front(&p->queue);
	struct job *j = l ? list_entry(l, struct job, link) : NULL;
	if (j) {
		j->begun = true;
		p->queued--;
	}
	pthread_mutex_unlock(&p->lock);
	return j;
}

static void *thread_main(void *arg)
{
	struct offload_pool *p = arg;
	struct job *j;
	while ((j = next_job(p))) {
		j->rc = j->fn(j->arg, &j->err);
		reactor_post(p->r, on_job_done, j);
	}
	return NULL;
}

static struct offload_pool *pool_of(struct reactor *r)
{
	if (!r->offload) {
		struct offload_pool *p = xcalloc(1, sizeof(*p));
		p->r = r;
		list_init(&p->queue);
		pthread_mutex_init(&p->lock, NULL);
		pthread_cond_init(&p->more, NULL);
		r->offload = p;
	}
	return r->offload;
}

/* Threads take no signals: those are the loop's. */
static void start_threads(struct offload_pool *p)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned i = 0; i < THREADS; i++)
		CHECK(pthread_create(&p->threads[i], NULL, thread_main, p) == 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	p->started = true;
}

void offload_pool_free(struct offload_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; p->started && i < THREADS; i++)
		pthread_join(p->threads[i], NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->more);
	free(p);
}

static bool enqueue(struct offload_pool *p, struct job *j)
{
	if (!p->started)
		start_threads(p);
	pthread_mutex_lock(&p->lock);
	bool room = p->queued < MAX_QUEUED;
	if (room) {
		list_push_back(&p->queue, &j->link);
		p->queued++;
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	return room;
}

/* Takes a job back that no thread has begun. */
static bool withdraw(struct offload_pool *p, struct job *j)
{
	pthread_mutex_lock(&p->lock);
	bool mine = !j->begun;
	if (mine) {
		list_del(&j->link);
		p->queued--;
	}
	pthread_mutex_unlock(&p->lock);
	return mine;
}

int co_offload(const char *name, offload_fn *fn, void *arg, struct err *err)
{
	struct offload_pool *p = pool_of(fiber_reactor());
	struct job j = { .pool = p, .fn = fn, .arg = arg };
	waitq_init(&j.finished);
	int rc = fiber_check(err);
	if (rc != 0)
		return rc;
	if (!enqueue(p, &j))
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: %d jobs are queued already", name, MAX_QUEUED);
	while (!j.done && rc == 0)
		rc = co_waitq_wait(&j.finished, name, err);
	if (!j.done && withdraw(p, &j))
		return rc;
	fiber_mask();
	while (!j.done)
		(void)co_waitq_wait(&j.finished, name, NULL);
	fiber_unmask();
	if (j.rc != 0 && err)
		*err = j.err;
	return j.rc;
}
