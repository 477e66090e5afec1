#include "config.h"

#include "base/compiler.h"
#include "base/hash.h"
#include "cmd/app.h"
#include "cmd/query.h"
#include "cmd/query_options.h"
#include "cmd/receive.h"
#include "cmd/receive_options.h"
#include "cmd/version.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs a component with the parsed options; returns the exit code. */
typedef int run_fn(const struct options_result *options, struct arena *a);

static const struct {
	const struct option_command *cmd;
	run_fn *run;
} commands[] = {
	{ &query_command, query_run },
	{ &receive_command, receive_run },
};

static void print_commands(FILE *to)
{
	fputs("usage: thanos <command> [<flags>]\n"
	      "       thanos --config.file=FILE [<flags>]    with `role: <command>` in the file\n\n"
	      "Commands:\n",
	      to);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(to, "  %-10s %s\n", commands[i].cmd->name, commands[i].cmd->summary);
	fputs("\nSee thanos <command> --help for the flags of a command.\n", to);
}

/* A mistake in the command line or its file: one line, exit code 2 (kingpin's); 1 for a file that cannot be read. */
static int usage_error(const char *cmd, const struct err *err)
{
	bool mistake = err->code == ERR_INVALID_ARGUMENT || err->code == ERR_FAILED_PRECONDITION;
	fprintf(stderr, "thanos%s%s: error: %s\n", cmd ? " " : "", cmd ? cmd : "", err->msg);
	return mistake ? APP_EXIT_USAGE : APP_EXIT_FAILURE;
}

static int run_command(size_t i, const char *config_file, int argc, char **argv, struct arena *a)
{
	const struct option_command *cmd = commands[i].cmd;
	struct options_result r;
	struct err err;
	int rc = options_init(&r, cmd, a, &err);
	/* Flags win over the file, and --config.file is among them: flags are read twice. */
	if (rc == 0)
		rc = options_read_args(&r, cmd, argc, argv, a, &err);
	if (rc == 0 && !r.config_file)
		r.config_file = config_file;
	if (rc == 0 && r.config_file && r.action == OPTIONS_RUN) {
		const char *file = r.config_file;
		rc = options_init(&r, cmd, a, &err);
		if (rc == 0)
			rc = options_read_yaml(&r, cmd, file, a, &err);
		if (rc == 0)
			rc = options_read_args(&r, cmd, argc, argv, a, &err);
	}
	if (rc != 0)
		return usage_error(cmd->name, &err);
	struct strbuf text = { 0 };
	if (r.action == OPTIONS_VERSION)
		version_print(&text);
	else if (r.action == OPTIONS_HELP_MAN)
		options_man(cmd, &text);
	else if (r.action != OPTIONS_RUN)
		options_help(cmd, r.action == OPTIONS_HELP_LONG, &text);
	if (r.action != OPTIONS_RUN) {
		fwrite(text.p, 1, text.n, stdout);
		strbuf_fini(&text);
		return 0;
	}
	if (options_check(&r, cmd, &err) != 0)
		return usage_error(cmd->name, &err);
	return commands[i].run(&r, a);
}

/* The command's index; ARRAY_LEN(commands) when there is none of that name. */
static size_t find_command(const char *name)
{
	size_t i = 0;
	while (i < ARRAY_LEN(commands) && strcmp(commands[i].cmd->name, name) != 0)
		i++;
	return i;
}

/* `thanos --config.file=FILE ...`: the file's role says which command. */
static int run_from_file(int argc, char **argv, struct arena *a)
{
	static const char flag[] = "--config.file";
	size_t n = strlen(flag);
	const char *file = argv[1][n] == '=' ? argv[1] + n + 1 : argc > 2 ? argv[2] : NULL;
	int used = argv[1][n] == '=' ? 2 : 3;
	struct err err;
	const char *role;
	if (!file) {
		err_set(&err, ERR_INVALID_ARGUMENT, "expected argument for flag '--config.file'");
		return usage_error(NULL, &err);
	}
	if (options_yaml_role(file, a, &role, &err) != 0)
		return usage_error(NULL, &err);
	size_t i = find_command(role);
	if (i == ARRAY_LEN(commands)) {
		err_set(&err, ERR_INVALID_ARGUMENT, "%s: key \"role\": want one of query, receive, got \"%s\"", file,
			role);
		return usage_error(NULL, &err);
	}
	return run_command(i, file, argc - used, argv + used, a);
}

static int dispatch(int argc, char **argv, struct arena *a)
{
	struct err err;
	if (argc < 2) {
		print_commands(stderr);
		return APP_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		struct strbuf text = { 0 };
		version_print(&text);
		fputs(text.p, stdout);
		strbuf_fini(&text);
		return 0;
	}
	if (strcmp(argv[1], "help") == 0 && argc > 2 && find_command(argv[2]) < ARRAY_LEN(commands))
		return run_command(find_command(argv[2]), NULL, 1, (char *[]){ (char[]){ "--help" } }, a);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_commands(stdout);
		return 0;
	}
	if (strncmp(argv[1], "--config.file", strlen("--config.file")) == 0)
		return run_from_file(argc, argv, a);
	size_t i = find_command(argv[1]);
	if (i < ARRAY_LEN(commands))
		return run_command(i, NULL, argc - 2, argv + 2, a);
	err_set(&err, ERR_INVALID_ARGUMENT, "unknown command \"%s\"; this build has query and receive", argv[1]);
	return usage_error(NULL, &err);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	hash_seed();
	struct arena a;
	arena_init(&a, NULL);
	int code = dispatch(argc, argv, &a);
	arena_fini(&a);
	return code;
}
