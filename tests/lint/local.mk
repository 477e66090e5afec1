# Checks of the source itself; part of `make check`, alone as `make lint`.
LINTS = tests/lint/layers tests/lint/headers tests/lint/contracts tests/lint/format tests/lint/options \
	tests/lint/promql_scripts
dist_check_SCRIPTS += $(LINTS) tests/lint/hardening
EXTRA_DIST += src/LAYERS docs/CODING.md

.PHONY: lint
lint: $(BUILT_SOURCES)
	$(MAKE) check TESTS="$(LINTS)" check_PROGRAMS=

# Lays all C files out as tests/lint/format wants them.
.PHONY: format
format:
	find $(srcdir)/src $(srcdir)/tests -name '*.[ch]' -print0 | xargs -0 clang-format -i
