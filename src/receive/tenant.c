#include "receive/tenant.h"

#include "base/compiler.h"

/* Names in the data directory that are not tenants. */
static const char *const reserved[] = { "lost+found", "quarantine", "thanos.shipper.json", "lock" };

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
	       c == '=' || c == '-';
}

bool tenant_name_valid(struct str name)
{
	if (name.n == 0 || name.n > TENANT_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_name_char(name.p[i]))
			return false;
	if (str_eq(name, STR(".")) || str_eq(name, STR("..")))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (str_eq_c(name, reserved[i]))
			return false;
	return true;
}

int tenant_name_check(struct str name, struct err *err)
{
	if (tenant_name_valid(name))
		return 0;
	return err_set(err, ERR_INVALID_ARGUMENT,
		       "tenant name not valid: want 1 to %d of A-Z a-z 0-9 . _ = -, got %zu bytes", TENANT_NAME_MAX,
		       name.n);
}
