#include "discovery/file_sd.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/sys.h"
#include "base/vec.h"
#include "loop/fiber.h"
#include "loop/offload.h"
#include "loop/reactor.h"
#include "text/glob.h"
#include "text/json_read.h"
#include "text/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- parsing ---------------------------------------------------------------------- */

/* Targets being gathered. */
struct target_list {
	VEC(char *) v;
};

static int json_group(json_t *group, const char *file, struct target_list *out, struct err *err)
{
	json_t *targets = json_object_get(group, "targets");
	if (!json_is_object(group) || (targets && !json_is_array(targets) && !json_is_null(targets)))
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: want a list of {\"targets\": [...], \"labels\": {...}}",
			       file);
	size_t i;
	json_t *t;
	json_array_foreach(targets, i, t)
	{
		if (!json_is_string(t))
			return err_set(err, ERR_INVALID_ARGUMENT, "%s: a target is not a string", file);
		*vec_push(&out->v) = xstrndup(json_string_value(t), json_string_length(t));
	}
	return 0;
}

static int parse_json(struct str text, const char *file, struct target_list *out, struct err *err)
{
	json_t *root, *group;
	size_t i;
	int rc = text_json_parse(text, NULL, &root, err);
	if (rc != 0)
		return err_prefix(err, "%s", file);
	if (!json_is_array(root))
		rc = err_set(err, ERR_INVALID_ARGUMENT, "%s: want a list of groups", file);
	else
		json_array_foreach(root, i, group) if (rc == 0) rc = json_group(group, file, out, err);
	json_decref(root);
	return rc;
}

static int yaml_group(struct ynode *group, struct target_list *out, struct err *err)
{
	struct ynode *targets = NULL, *labels = NULL;
	int rc = ynode_want_map(group, err);
	if (rc == 0)
		rc = ynode_get_map(group, "labels", &labels, err);
	if (rc == 0 && labels)
		ynode_use_all(labels);
	if (rc == 0)
		rc = ynode_get_list(group, "targets", &targets, err);
	for (uint32_t i = 0; rc == 0 && targets && i < targets->n; i++) {
		struct str s;
		rc = ynode_str(targets->items[i], &s, err);
		if (rc == 0)
			*vec_push(&out->v) = xstrndup(s.p, s.n);
	}
	return rc;
}

static int parse_yaml(struct str text, const char *file, struct target_list *out, struct err *err)
{
	struct ydoc *doc;
	int rc = ydoc_parse(text, file, NULL, &doc, err);
	if (rc != 0)
		return rc;
	struct ynode *root = ydoc_root(doc);
	rc = ynode_want_list(root, err);
	for (uint32_t i = 0; rc == 0 && root->kind == YNODE_LIST && i < root->n; i++)
		rc = yaml_group(root->items[i], out, err);
	if (rc == 0)
		rc = ynode_unused(root, err);
	ydoc_free(doc);
	return rc;
}

int file_sd_parse(struct str text, const char *file, char ***ret, size_t *ret_n, struct err *err)
{
	struct target_list out = { 0 };
	bool json = str_has_suffix(str_c(file), STR(".json")) || str_has_suffix(str_c(file), STR(".JSON"));
	int rc = json ? parse_json(text, file, &out, err) : parse_yaml(text, file, &out, err);
	if (rc != 0) {
		file_list_free(out.v.p, out.v.n);
		return rc;
	}
	*ret = out.v.p;
	*ret_n = out.v.n;
	return 0;
}

/* --- watching --------------------------------------------------------------------- */

/* By what a change of a file shows. */
struct stamp {
	int64_t mtime_ns;
	uint64_t size, inode;
};

/* A file with its targets. */
struct source {
	char *path;
	struct stamp stamp;
	bool unread; /* last try failed: try again */
	char **targets;
	size_t n_targets;
	/* what the last scan found */
	bool seen, fresh;
	struct strbuf text;
	struct err failed;
};

struct file_sd {
	char **patterns;
	size_t n_patterns;
	int64_t interval_ms, last_full_ms;
	bool began;
	bool full; /* this scan reads all files */
	VEC(struct source *) sources;
};

struct file_sd *file_sd_new(const char *const *patterns, size_t n, int64_t interval_ms)
{
	struct file_sd *f = xcalloc(1, sizeof(*f));
	f->patterns = xcalloc(n, sizeof(*f->patterns));
	for (size_t i = 0; i < n; i++)
		f->patterns[f->n_patterns++] = xstrdup(patterns[i]);
	f->interval_ms = interval_ms;
	return f;
}

static void source_free(struct source *s)
{
	file_list_free(s->targets, s->n_targets);
	strbuf_fini(&s->text);
	free(s->path);
	free(s);
}

void file_sd_free(struct file_sd *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->sources.n; i++)
		source_free(f->sources.p[i]);
	vec_fini(&f->sources);
	file_list_free(f->patterns, f->n_patterns);
	free(f);
}

static struct source *source_of(struct file_sd *f, const char *path)
{
	for (size_t i = 0; i < f->sources.n; i++)
		if (strcmp(f->sources.p[i]->path, path) == 0)
			return f->sources.p[i];
	struct source *s = xcalloc(1, sizeof(*s));
	s->path = xstrdup(path);
	s->unread = true;
	s->text.limit = FILE_SD_MAX_BYTES;
	*vec_push(&f->sources) = s;
	return s;
}

/* Reads a file if it has changed. */
static void scan_file(struct file_sd *f, const char *path)
{
	struct source *s = source_of(f, path);
	struct stat st;
	s->seen = true;
	s->failed = ERR_NONE;
	if (sys->stat(path, &st) != 0) {
		s->unread = true;
		err_sys(&s->failed, errno, "%s", path);
		return;
	}
	struct stamp now = { st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec, (uint64_t)st.st_size, st.st_ino };
	if (!f->full && !s->unread && now.mtime_ns == s->stamp.mtime_ns && now.size == s->stamp.size &&
	    now.inode == s->stamp.inode)
		return;
	s->stamp = now;
	strbuf_reset(&s->text);
	s->fresh = file_read_all(path, FILE_SD_MAX_BYTES, &s->text, &s->failed) == 0;
	s->unread = !s->fresh;
}

/* Runs on the pool: touches the files and `f` only, for which the fiber waits. */
static int scan(void *arg, struct err *err)
{
	struct file_sd *f = arg;
	int rc = 0;
	for (size_t i = 0; i < f->n_patterns && rc == 0; i++) {
		char **paths;
		size_t n;
		rc = text_glob_files(f->patterns[i], &paths, &n, err);
		if (rc != 0)
			return rc;
		for (size_t k = 0; k < n; k++)
			scan_file(f, paths[k]);
		file_list_free(paths, n);
	}
	return 0;
}

/* Takes over what a scan read of one file. */
static int digest(struct source *s, struct err *err)
{
	if (s->failed.code)
		return err_set(err, (enum err_code)s->failed.code, "%s", s->failed.msg);
	if (!s->fresh)
		return 0;
	s->fresh = false;
	char **targets;
	size_t n;
	int rc = file_sd_parse(strbuf_str(&s->text), s->path, &targets, &n, err);
	strbuf_reset(&s->text);
	if (rc != 0)
		return rc;
	file_list_free(s->targets, s->n_targets);
	s->targets = targets;
	s->n_targets = n;
	return 0;
}

int co_file_sd_refresh(struct file_sd *f, struct err *err)
{
	int64_t now_ms = reactor_now_ms(fiber_reactor());
	f->full = !f->began || now_ms - f->last_full_ms >= f->interval_ms;
	for (size_t i = 0; i < f->sources.n; i++)
		f->sources.p[i]->seen = false;
	int rc = co_offload("file sd", scan, f, err);
	if (rc != 0)
		return rc;
	if (f->full)
		f->last_full_ms = now_ms;
	f->began = true;
	size_t kept = 0;
	for (size_t i = 0; i < f->sources.n; i++) {
		struct source *s = f->sources.p[i];
		struct err e;
		if (!s->seen) {
			source_free(s);
			continue;
		}
		f->sources.p[kept++] = s;
		if (digest(s, &e) != 0 && rc == 0)
			rc = err_set(err, (enum err_code)e.code, "%s", e.msg);
	}
	f->sources.n = kept;
	return rc;
}

const char **file_sd_targets(const struct file_sd *f, size_t *ret_n)
{
	VEC(const char *) all = { 0 };
	for (size_t i = 0; i < f->sources.n; i++)
		for (size_t k = 0; k < f->sources.p[i]->n_targets; k++)
			*vec_push(&all) = f->sources.p[i]->targets[k];
	*ret_n = all.n;
	return all.p;
}
