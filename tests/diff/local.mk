# Random PromQL expressions, answered by thanos and by a real Prometheus 3; skips (77) where there is none to be had.
dist_check_SCRIPTS += tests/diff/test_promql
EXTRA_DIST += tests/diff/data.py tests/diff/expressions.py

# A Prometheus 3 that the test unpacked into the build folder.
distclean-local:
	rm -rf prometheus3
