# Checks of the source itself; part of `make check`, alone as `make lint`.
LINTS = tests/lint/layers tests/lint/headers tests/lint/contracts
dist_check_SCRIPTS += $(LINTS)
EXTRA_DIST += src/LAYERS docs/CODING.md

.PHONY: lint
lint: $(BUILT_SOURCES)
	$(MAKE) check TESTS="$(LINTS)" check_PROGRAMS=
