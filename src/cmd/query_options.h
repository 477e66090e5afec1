/*
 * cmd/query_options.h - the options of `thanos query`.
 *
 * One field per flag, named after it; strings are borrowed from the parse's
 * arena and NULL where unset.
 */
#ifndef CMD_QUERY_OPTIONS_H
#define CMD_QUERY_OPTIONS_H

#include "cmd/common_options.h"
#include "cmd/options.h"

/* What `thanos query` was told. */
struct query_options {
	struct log_options log;
	struct runtime_options runtime;
	struct tracing_options tracing;
	struct http_options http;
	struct grpc_options grpc;
	struct request_log_options request_log;
	struct store_limits_options store_limits;
	const char *alert_query_url;
	const char *deduplication_func;
	struct option_list enable_feature;
	struct option_list endpoint;
	struct option_list endpoint_group;
	struct option_list endpoint_group_strict;
	struct option_list endpoint_strict;
	const char *endpoint_sd_config;
	const char *endpoint_sd_config_file;
	int64_t endpoint_sd_config_reload_interval_ms;
	const char *grpc_client_server_name;
	const char *grpc_client_tls_ca;
	const char *grpc_client_tls_cert;
	const char *grpc_client_tls_key;
	const char *grpc_client_tls_min_version;
	bool grpc_client_tls_secure;
	bool grpc_client_tls_skip_verify;
	const char *grpc_compression;
	const char *query_active_query_path;
	bool query_auto_downsampling;
	struct option_list query_conn_metric_label;
	int64_t query_default_evaluation_interval_ms;
	int64_t query_default_step_ms;
	const char *query_default_tenant_id;
	bool query_enable_x_functions;
	bool query_enforce_tenancy;
	int64_t query_lookback_delta_ms;
	int64_t query_max_concurrent;
	int64_t query_max_concurrent_select;
	int64_t query_metadata_default_time_range_ms;
	const char *query_mode;
	bool query_partial_response;
	struct option_list query_partition_label;
	const char *query_promql_engine;
	struct option_list query_replica_label;
	struct option_list query_telemetry_request_duration_seconds_quantiles;
	struct option_list query_telemetry_request_samples_quantiles;
	struct option_list query_telemetry_request_series_seconds_quantiles;
	const char *query_tenant_certificate_field;
	const char *query_tenant_header;
	const char *query_tenant_label_name;
	int64_t query_timeout_ms;
	struct option_list selector_label;
	const char *selector_relabel_config;
	const char *selector_relabel_config_file;
	int64_t store_response_timeout_ms;
	int64_t store_sd_dns_interval_ms;
	struct option_list store_sd_files;
	int64_t store_sd_interval_ms;
	int64_t store_unhealthy_timeout_ms;
	bool web_disable_cors;
	const char *web_external_prefix;
	const char *web_prefix_header;
	const char *web_route_prefix;
	int64_t endpoint_info_timeout_ms;
	bool exemplar_partial_response;
	const char *grpc_proxy_strategy;
	struct option_list inject_test_addresses;
	bool metric_metadata_partial_response;
	bool query_disable_fallback;
	bool query_distributed_with_overlapping_interval;
	bool query_dynamic_lookback_delta;
	int64_t query_instant_default_max_source_resolution_ms;
	int64_t query_lazy_retrieval_max_buffered_responses;
	bool rule_partial_response;
	bool status_partial_response;
	const char *store_sd_dns_resolver;
	bool target_partial_response;
	int64_t query_max_samples;
	uint64_t query_memory_limit;
	uint64_t query_max_memory;
	int64_t query_slow_log_threshold_ms;
	int64_t query_remote_read_sample_limit;
	int64_t query_remote_read_max_concurrent;
	uint64_t query_remote_read_max_bytes_in_frame;
};

/* The command: name, help and rows. */
extern const struct option_command query_command;

#endif
