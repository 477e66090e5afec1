# Random PromQL expressions, answered by thanos and by a real Prometheus 3; skips (77) where there is none to be had.
dist_check_SCRIPTS += tests/diff/test_promql tests/diff/test_parser tests/diff/test_engine tests/diff/test_replicas
EXTRA_DIST += tests/diff/compare.py tests/diff/data.py tests/diff/expressions.py tests/diff/known.py tests/diff/peer.py tests/diff/script.py tests/diff/texts.py

# As many expressions as one likes: make differential N=100000 SEED=7
N = 10000
SEED = 0
.PHONY: differential
differential: thanos
	srcdir=$(abs_srcdir) builddir=$(abs_builddir) $(srcdir)/tests/diff/test_promql --count $(N) --seed $(SEED)

# A Prometheus 3 that the test unpacked into the build folder.
distclean-local:
	rm -rf prometheus3

# Random calls of labels, label values and series, as the expressions.
dist_check_SCRIPTS += tests/diff/test_labels
