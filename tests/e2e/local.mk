# End-to-end tests: the real binary with real peers; each skips (77) where a peer is missing.
E2E_TESTS = \
	tests/e2e/test_clients_gone \
	tests/e2e/test_disk_full \
	tests/e2e/test_failing_syncs \
	tests/e2e/test_grpc_clients \
	tests/e2e/test_loop_stall \
	tests/e2e/test_options \
	tests/e2e/test_out_of_order \
	tests/e2e/test_prometheus_writes \
	tests/e2e/test_query_attacks \
	tests/e2e/test_query_cost \
	tests/e2e/test_query_features \
	tests/e2e/test_query_limits \
	tests/e2e/test_query_stack \
	tests/e2e/test_receive_codes \
	tests/e2e/test_remote_read \
	tests/e2e/test_request_log \
	tests/e2e/test_slow_clients \
	tests/e2e/test_tenants \
	tests/e2e/test_tls
dist_check_SCRIPTS += $(E2E_TESTS)
EXTRA_DIST += tests/e2e/e2e.py tests/e2e/raw.py tests/e2e/faults.c

# Loaded into the programs under test by those that let syncs fail.
check_DATA += tests/e2e/faults.so
CLEANFILES += tests/e2e/faults.so
tests/e2e/faults.so: tests/e2e/faults.c
	$(AM_V_CC)$(MKDIR_P) tests/e2e && $(CC) -O2 -Wall -shared -fPIC -D_GNU_SOURCE -o $@ $(srcdir)/tests/e2e/faults.c -ldl

# kill -9 under load; THANOS_LEDGER_CYCLES=200 for a long run.
check_PROGRAMS += tests/e2e/test_ledger
tests_e2e_test_ledger_LDADD = $(RECEIVE_LIBS)
