/*
 * promqltest - runs PromQL test scripts.
 *
 *	promqltest [options] FILE...
 *
 * Prints a line per eval that fails, and at the end "N passed, N failed".
 * Options may also stand in a script, in a line `# promqltest: OPTION...`;
 * they hold for that script.
 */
#include "promqltest/run.h"

#include "base/file.h"
#include "base/strbuf.h"
#include "text/duration.h"

#include <stdio.h>
#include <stdlib.h>

/* Largest script, in bytes. */
#define SCRIPT_MAX (16 << 20)

/* What a line that names options begins with. */
#define MARK "# promqltest:"

static const char usage[] = "usage: promqltest [options] FILE...\n"
			    "  --no-rewrite               do not repeat instant queries with @ at other times\n"
			    "  --no-range-check           do not repeat instant queries as range queries\n"
			    "  --no-delayed-name-removal  drop metric names at once\n"
			    "  --no-start-timestamps      ignore start timestamps\n"
			    "  --x-functions              allow xrate, xincrease, xdelta\n"
			    "  --no-values                look at errors and annotations only\n"
			    "  --print-annotations        print annotations, after the line of their eval\n"
			    "  --lookback=DURATION        how old a sample may be (5m)\n"
			    "  --eval-interval=DURATION   step of subqueries without one (1m)\n"
			    "  --max-samples=N            samples held at a time (10000)\n";

/* The value of an option `--name=value`, or NULL. */
static const char *value_of(const char *opt, const char *name)
{
	size_t n = strlen(name);
	return strncmp(opt, name, n) == 0 && opt[n] == '=' ? opt + n + 1 : NULL;
}

static bool set_duration(const char *opt, const char *name, int64_t *ret_ms)
{
	const char *v = value_of(opt, name);
	return v && text_duration_parse(str_c(v), ret_ms, NULL) == 0;
}

static void print_note(void *arg, int line, const struct promql_note *note)
{
	(void)arg;
	printf("%d\t%s\n", line, note->full);
}

/* Sets one option; false when it is unknown. */
static bool set_option(struct run_opts *o, const char *opt)
{
	const char *v = value_of(opt, "--max-samples");
	if (v)
		return str_to_u64(str_c(v), &o->engine.max_samples);
	if (set_duration(opt, "--lookback", &o->engine.lookback_ms) ||
	    set_duration(opt, "--eval-interval", &o->engine.eval_interval_ms))
		return true;
	if (strcmp(opt, "--no-rewrite") == 0)
		o->no_rewrite = true;
	else if (strcmp(opt, "--no-range-check") == 0)
		o->no_range_check = true;
	else if (strcmp(opt, "--no-delayed-name-removal") == 0)
		o->engine.delayed_name_removal = false;
	else if (strcmp(opt, "--no-start-timestamps") == 0)
		o->engine.start_timestamps = false;
	else if (strcmp(opt, "--x-functions") == 0)
		o->parse.x_functions = true;
	else if (strcmp(opt, "--no-values") == 0)
		o->no_values = true;
	else if (strcmp(opt, "--print-annotations") == 0)
		o->note = print_note;
	else
		return false;
	return true;
}

/* Takes the options that the script itself names. False, with a message, for an unknown one. */
static bool options_in_script(const char *path, struct str text, struct run_opts *o)
{
	while (text.p) {
		struct str line = str_trim(str_cut(&text, '\n'));
		if (!str_has_prefix(line, STR(MARK)))
			continue;
		struct str rest = str_mem(line.p + strlen(MARK), line.n - strlen(MARK));
		while (rest.p) {
			struct str word = str_cut(&rest, ' ');
			char opt[128];
			snprintf(opt, sizeof(opt), "%.*s", STR_ARG(word));
			if (word.n && !set_option(o, opt)) {
				fprintf(stderr, "%s: unknown option %s\n", path, opt);
				return false;
			}
		}
	}
	return true;
}

static void complain(void *path, int line, const char *msg)
{
	printf("%s:%d: %s\n", (const char *)path, line, msg);
}

/* Runs one file and adds to the counts. */
static void run_file(char *path, struct run_opts o, struct run_counts *total)
{
	struct strbuf text = { 0 };
	struct err err = ERR_NONE;
	if (file_read_all(path, SCRIPT_MAX, &text, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		total->failed++;
	} else if (!options_in_script(path, strbuf_str(&text), &o)) {
		total->failed++;
	} else {
		struct run_counts c = run_script(strbuf_str(&text), &o, complain, path);
		total->passed += c.passed;
		total->failed += c.failed;
	}
	strbuf_fini(&text);
}

int main(int argc, char **argv)
{
	struct run_opts o = run_opts_default();
	struct run_counts total = { 0, 0 };
	int i = 1;
	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (!set_option(&o, argv[i])) {
			fputs(usage, stderr);
			return 2;
		}
	}
	if (i == argc) {
		fputs(usage, stderr);
		return 2;
	}
	for (; i < argc; i++)
		run_file(argv[i], o, &total);
	printf("%u passed, %u failed\n", total.passed, total.failed);
	return total.failed ? 1 : 0;
}
