#include "cmd/common_options.h"

#include <stddef.h>

#define O(member) offsetof(struct log_options, member)
static const struct option log_rows[] = {
	{ "log.level", OPTION_STRING, O(log_level), .def = "info", .choices = "error|warn|info|debug",
	  .help = "Minimum log severity." },
	{ "log.format", OPTION_STRING, O(log_format), .def = "logfmt", .choices = "logfmt|json|journald",
	  .help = "Log encoding." },
	{ "debug.name", OPTION_STRING, O(debug_name), .flags = OPTION_HIDDEN, .help = "Logger \"name\" prefix." },
};
#undef O

#define O(member) offsetof(struct runtime_options, member)
static const struct option runtime_rows[] = {
	{ "enable-auto-gomemlimit", OPTION_BOOL, O(enable_auto_gomemlimit), .def = "false", .flags = OPTION_INERT,
	  .note = "there is no Go runtime", .help = "Derive the runtime memory limit from cgroup/system memory." },
	{ "auto-gomemlimit.ratio", OPTION_FLOAT, O(auto_gomemlimit_ratio), .def = "0.9", .flags = OPTION_INERT,
	  .note = "there is no Go runtime",
	  .help = "Fraction of detected memory used as the limit when auto-gomemlimit is on." },
};
#undef O

#define O(member) offsetof(struct tracing_options, member)
static const struct option tracing_rows[] = {
	{ "tracing.config", OPTION_STRING, O(tracing_config), .flags = OPTION_LATER, .note = "tracing",
	  .help = "Inline tracing YAML; exclusive with the -file form." },
	{ "tracing.config-file", OPTION_STRING, O(tracing_config_file), .flags = OPTION_LATER, .note = "tracing",
	  .help = "Path of the tracing YAML (env $(VAR) substituted); exclusive with tracing.config." },
};
#undef O

#define O(member) offsetof(struct http_options, member)
static const struct option http_rows[] = {
	{ "http-address", OPTION_STRING, O(http_address), .def = "0.0.0.0:10902",
	  .help = "Bind address of the HTTP server (metrics, probes, pprof, API, UI)." },
	{ "http-grace-period", OPTION_DURATION, O(http_grace_period_ms), .def = "2m",
	  .help = "How long HTTP shutdown may drain after a signal." },
	{ "http.config", OPTION_STRING, O(http_config),
	  .help = "Path of exporter-toolkit web config (TLS, HTTP/2, headers, basic auth) for the HTTP server; experimental." },
};
#undef O

#define O(member) offsetof(struct grpc_options, member)
static const struct option grpc_rows[] = {
	{ "grpc-address", OPTION_STRING, O(grpc_address), .def = "0.0.0.0:10901",
	  .help = "Bind address of the gRPC server (Store/Info/Rules/... APIs)." },
	{ "grpc-grace-period", OPTION_DURATION, O(grpc_grace_period_ms), .def = "2m", .flags = OPTION_GO_TIME,
	  .help = "How long GracefulStop of gRPC may take before a hard stop." },
	{ "grpc-server-max-connection-age", OPTION_DURATION, O(grpc_server_max_connection_age_ms), .def = "60m",
	  .flags = OPTION_GO_TIME, .help = "Server-side max age of a gRPC connection before it is recycled." },
	{ "grpc-server-tls-cert", OPTION_STRING, O(grpc_server_tls_cert),
	  .help = "Server certificate path; empty = plaintext; re-read on change." },
	{ "grpc-server-tls-ciphers", OPTION_LIST, O(grpc_server_tls_ciphers),
	  .help = "Go cipher-suite names allowed on gRPC; unset = Go defaults." },
	{ "grpc-server-tls-client-ca", OPTION_STRING, O(grpc_server_tls_client_ca),
	  .help = "CA path enabling mandatory client-certificate verification; empty = none." },
	{ "grpc-server-tls-curves", OPTION_LIST, O(grpc_server_tls_curves),
	  .help = "Curves allowed on gRPC (CurveP256,CurveP384,CurveP521,X25519); unset = Go defaults." },
	{ "grpc-server-tls-key", OPTION_STRING, O(grpc_server_tls_key),
	  .help = "Server private key path; must be set together with the cert." },
	{ "grpc-server-tls-min-version", OPTION_STRING, O(grpc_server_tls_min_version), .def = "1.3",
	  .choices = "1.0|1.1|1.2|1.3", .help = "Lowest TLS version accepted." },
};
#undef O

#define O(member) offsetof(struct objstore_options, member)
static const struct option objstore_rows[] = {
	{ "objstore.config", OPTION_STRING, O(objstore_config), .flags = OPTION_LATER,
	  .note = "uploading to object storage", .help = "Inline bucket YAML." },
	{ "objstore.config-file", OPTION_STRING, O(objstore_config_file), .flags = OPTION_LATER,
	  .note = "uploading to object storage",
	  .help = "Path of bucket YAML (env substituted); exclusive with objstore.config." },
};
#undef O

#define O(member) offsetof(struct request_log_options, member)
static const struct option request_log_rows[] = {
	{ "request.logging-config", OPTION_STRING, O(request_logging_config), .help = "Inline request-logging YAML." },
	{ "request.logging-config-file", OPTION_STRING, O(request_logging_config_file),
	  .help = "Path of YAML selecting which HTTP/gRPC requests are logged." },
};
#undef O

#define O(member) offsetof(struct store_limits_options, member)
static const struct option store_limits_rows[] = {
	{ "store.limits.request-series", OPTION_INT, O(store_limits_request_series), .def = "0",
	  .help = "Series cap per Series call (ResourceExhausted); 0 = none." },
	{ "store.limits.request-samples", OPTION_INT, O(store_limits_request_samples), .def = "0",
	  .help = "Sample cap per Series call, enforced as chunks*120; 0 = none." },
};
#undef O

const struct option_rows log_option_rows = OPTION_ROWS(log_rows);
const struct option_rows runtime_option_rows = OPTION_ROWS(runtime_rows);
const struct option_rows tracing_option_rows = OPTION_ROWS(tracing_rows);
const struct option_rows http_option_rows = OPTION_ROWS(http_rows);
const struct option_rows grpc_option_rows = OPTION_ROWS(grpc_rows);
const struct option_rows objstore_option_rows = OPTION_ROWS(objstore_rows);
const struct option_rows request_log_option_rows = OPTION_ROWS(request_log_rows);
const struct option_rows store_limits_option_rows = OPTION_ROWS(store_limits_rows);
