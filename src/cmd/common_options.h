/*
 * cmd/common_options.h - option groups that several components share.
 *
 * A component's config struct embeds these; its option_group entries name the
 * rows and where the struct lies. Strings are borrowed from the parse's arena
 * and NULL where unset. One field per flag, named after it.
 */
#ifndef CMD_COMMON_OPTIONS_H
#define CMD_COMMON_OPTIONS_H

#include "cmd/options.h"

/* Logging. */
struct log_options {
	const char *log_level;
	const char *log_format;
	const char *debug_name;
};

/* Memory limits of the Go runtime; accepted for compatibility. */
struct runtime_options {
	bool enable_auto_gomemlimit;
	double auto_gomemlimit_ratio;
};

/* Tracing. */
struct tracing_options {
	const char *tracing_config;
	const char *tracing_config_file;
};

/* The HTTP server of metrics, probes, API and UI. */
struct http_options {
	const char *http_address;
	int64_t http_grace_period_ms;
	const char *http_config;
};

/* The gRPC server. */
struct grpc_options {
	const char *grpc_address;
	int64_t grpc_grace_period_ms;
	int64_t grpc_server_max_connection_age_ms;
	const char *grpc_server_tls_cert;
	struct option_list grpc_server_tls_ciphers;
	const char *grpc_server_tls_client_ca;
	struct option_list grpc_server_tls_curves;
	const char *grpc_server_tls_key;
	const char *grpc_server_tls_min_version;
};

/* The bucket. */
struct objstore_options {
	const char *objstore_config;
	const char *objstore_config_file;
};

/* Logging of requests. */
struct request_log_options {
	const char *request_logging_config;
	const char *request_logging_config_file;
};

/* Limits of a Series call. */
struct store_limits_options {
	int64_t store_limits_request_series;
	int64_t store_limits_request_samples;
};

/* Rows that fill a struct log_options. */
extern const struct option_rows log_option_rows;

/* Rows that fill a struct runtime_options. */
extern const struct option_rows runtime_option_rows;

/* Rows that fill a struct tracing_options. */
extern const struct option_rows tracing_option_rows;

/* Rows that fill a struct http_options. */
extern const struct option_rows http_option_rows;

/* Rows that fill a struct grpc_options. */
extern const struct option_rows grpc_option_rows;

/* Rows that fill a struct objstore_options. */
extern const struct option_rows objstore_option_rows;

/* Rows that fill a struct request_log_options. */
extern const struct option_rows request_log_option_rows;

/* Rows that fill a struct store_limits_options. */
extern const struct option_rows store_limits_option_rows;

#endif
