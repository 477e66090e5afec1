/* Lists of endpoints: the first byte chooses endpoint YAML, file SD as YAML or as JSON. */
#include "discovery/endpoint_yaml.h"
#include "discovery/file_sd.h"

#include "base/assert.h"
#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_yaml(struct str text)
{
	struct endpoint_yaml *y;
	struct err err = ERR_NONE;
	int rc = endpoint_yaml_parse(text, "fuzz.yaml", &y, &err);
	if (rc != 0) {
		CHECK(rc == -err.code && err.msg[0]);
		return;
	}
	for (size_t i = 0; i < y->n_specs; i++) {
		struct endpoint_client c = endpoint_client_resolve(&y->specs[i].client, &y->defaults);
		CHECK(c.compression && c.min_version && c.tls != ENDPOINT_UNSET && y->specs[i].address[0]);
	}
	endpoint_yaml_free(y);
}

static void try_file(struct str text, const char *name)
{
	char **targets;
	size_t n;
	struct err err = ERR_NONE;
	int rc = file_sd_parse(text, name, &targets, &n, &err);
	if (rc != 0)
		CHECK(rc == -err.code && err.msg[0]);
	else
		file_list_free(targets, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct str text = str_mem(data + 1, size - 1);
	if (data[0] % 3 == 0)
		try_yaml(text);
	else
		try_file(text, data[0] % 3 == 1 ? "fuzz.yml" : "fuzz.json");
	return 0;
}
