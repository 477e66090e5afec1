#include "config.h"

#include "cmd/version.h"

#if defined(__x86_64__)
#define ARCH "amd64"
#elif defined(__aarch64__)
#define ARCH "arm64"
#else
#define ARCH "unknown"
#endif

const char *const thanos_version = PACKAGE_VERSION;
const char *const thanos_revision = TH_REVISION;

void version_print(struct strbuf *out)
{
	strbuf_printf(out, "thanos, version %s (branch: main, revision: %s)\n", thanos_version, thanos_revision);
	strbuf_printf(out, "  compiler:         %s\n", __VERSION__);
	strbuf_printf(out, "  platform:         linux/" ARCH "\n");
}
