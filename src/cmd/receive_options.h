/*
 * cmd/receive_options.h - the options of `thanos receive`.
 *
 * One field per flag, named after it; strings are borrowed from the parse's
 * arena and NULL where unset.
 */
#ifndef CMD_RECEIVE_OPTIONS_H
#define CMD_RECEIVE_OPTIONS_H

#include "cmd/common_options.h"
#include "cmd/options.h"

/* What `thanos receive` was told. */
struct receive_options {
	struct log_options log;
	struct runtime_options runtime;
	struct tracing_options tracing;
	struct http_options http;
	struct grpc_options grpc;
	struct request_log_options request_log;
	struct store_limits_options store_limits;
	struct objstore_options objstore;
	struct option_list enable_feature;
	const char *hash_func;
	struct option_list label;
	int64_t matcher_cache_size;
	const char *receive_capnproto_address;
	const char *receive_default_tenant_id;
	int64_t receive_forward_async_workers;
	const char *receive_grpc_compression;
	const char *receive_grpc_service_config;
	const char *receive_hashrings;
	const char *receive_hashrings_algorithm;
	const char *receive_hashrings_file;
	int64_t receive_hashrings_file_refresh_interval_ms;
	int64_t receive_lazy_retrieval_max_buffered_responses;
	const char *receive_local_endpoint;
	bool receive_otlp_enable_target_info;
	struct option_list receive_otlp_promote_resource_attributes;
	const char *receive_relabel_config;
	const char *receive_relabel_config_file;
	const char *receive_replica_header;
	int64_t receive_replication_factor;
	const char *receive_replication_protocol;
	const char *receive_split_tenant_label_name;
	const char *receive_tenant_certificate_field;
	const char *receive_tenant_header;
	const char *receive_tenant_label_name;
	const char *remote_write_address;
	const char *remote_write_client_server_name;
	const char *remote_write_client_tls_ca;
	const char *remote_write_client_tls_cert;
	const char *remote_write_client_tls_key;
	const char *remote_write_client_tls_min_version;
	bool remote_write_client_tls_secure;
	bool remote_write_client_tls_skip_verify;
	const char *remote_write_server_tls_cert;
	struct option_list remote_write_server_tls_ciphers;
	const char *remote_write_server_tls_client_ca;
	struct option_list remote_write_server_tls_curves;
	const char *remote_write_server_tls_key;
	const char *remote_write_server_tls_min_version;
	int64_t shipper_upload_concurrency;
	bool tsdb_allow_overlapping_blocks;
	uint64_t tsdb_block_expanded_postings_cache_size;
	bool tsdb_enable_native_histograms;
	uint64_t tsdb_head_expanded_postings_cache_size;
	int64_t tsdb_max_exemplars;
	uint64_t tsdb_max_retention_bytes;
	bool tsdb_no_lockfile;
	int64_t tsdb_out_of_order_cap_max;
	int64_t tsdb_out_of_order_time_window_ms;
	const char *tsdb_path;
	int64_t tsdb_retention_ms;
	int64_t tsdb_too_far_in_future_time_window_ms;
	bool tsdb_wal_compression;
	int64_t receive_forward_max_backoff_ms;
	int64_t receive_forward_timeout_ms;
	int64_t receive_artificial_max_delay_ms;
	const char *receive_limits_config;
	const char *receive_limits_config_file;
	int64_t receive_limits_config_reload_timer_ms;
	bool shipper_allow_out_of_order_uploads;
	bool shipper_skip_corrupted_blocks;
	int64_t tsdb_max_block_duration_ms;
	bool tsdb_memory_snapshot_on_shutdown;
	int64_t tsdb_min_block_duration_ms;
	int64_t tsdb_write_queue_size;
	const char *tsdb_wal_sync;
	uint64_t receive_memory_limit;
};

/* The command: name, help and rows. */
extern const struct option_command receive_command;

#endif
