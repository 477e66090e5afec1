#include "http/multipart.h"

#include <string.h>

/* Longest boundary: RFC 2046, 5.1.1. */
#define BOUNDARY_MAX 70

/* Most bytes of a part's head. */
#define HEAD_MAX 8192

/* A parameter of a field's value (";name=x" or ";name=\"x\""), which `params` is what follows the first ';' of; {NULL, 0}: none. */
static struct str field_param(struct str params, const char *name)
{
	while (params.p && params.n) {
		struct str key = str_trim(str_cut(&params, '='));
		if (!params.p)
			break;
		bool quoted = params.n && params.p[0] == '"';
		if (quoted)
			str_cut(&params, '"');
		struct str value = str_cut(&params, quoted ? '"' : ';');
		if (str_eq_nocase(key, str_c(name)))
			return quoted ? value : str_trim(value);
		if (quoted)
			str_cut(&params, ';');
	}
	return (struct str){ NULL, 0 };
}

struct str http_multipart_boundary(struct str type)
{
	struct str main = str_trim(str_cut(&type, ';'));
	struct str b = str_eq_nocase(main, STR("multipart/form-data")) ? field_param(type, "boundary")
								       : (struct str){ NULL, 0 };
	return b.n <= BOUNDARY_MAX ? b : (struct str){ NULL, 0 };
}

/* Takes what is before the first `sep` off *s; false, with nothing taken, where there is none. */
static bool take_until(struct str *s, struct str sep, struct str *ret)
{
	const char *at = s->n ? memmem(s->p, s->n, sep.p, sep.n) : NULL;
	if (!at)
		return false;
	*ret = str_mem(s->p, (size_t)(at - s->p));
	s->n -= ret->n + sep.n;
	s->p += ret->n + sep.n;
	return true;
}

/* The name of the value that a part's head is about; {NULL, 0}: none, or a file. */
static struct str part_name(struct str head)
{
	struct str line;
	while (head.n) {
		if (!take_until(&head, STR("\r\n"), &line)) {
			line = head;
			head.n = 0;
		}
		struct str field = str_trim(str_cut(&line, ':'));
		if (!line.p || !str_eq_nocase(field, STR("content-disposition")))
			continue;
		struct str kind = str_trim(str_cut(&line, ';'));
		if (!str_eq_nocase(kind, STR("form-data")) || field_param(line, "filename").p)
			break;
		return field_param(line, "name");
	}
	return (struct str){ NULL, 0 };
}

static int malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID_ARGUMENT, "multipart: %s", what);
}

int http_multipart_parse(struct http_params *ps, struct arena *a, struct str body, struct str boundary, struct err *err)
{
	char sep_buf[4 + BOUNDARY_MAX] = "\r\n--";
	struct str before, head, value;
	if (boundary.n == 0 || boundary.n > BOUNDARY_MAX)
		return malformed(err, "no boundary of 1 to 70 bytes");
	memcpy(sep_buf + 4, boundary.p, boundary.n);
	struct str sep = str_mem(sep_buf, 4 + boundary.n);
	/* The first delimiter may be where the body begins. */
	struct str first = str_mem(sep.p + 2, sep.n - 2);
	if (!str_has_prefix(body, first) ? !take_until(&body, sep, &before) : !take_until(&body, first, &before))
		return malformed(err, "no part begins");
	while (!str_has_prefix(body, STR("--"))) {
		if (!take_until(&body, STR("\r\n"), &before) || str_trim(before).n)
			return malformed(err, "something follows a boundary");
		if (str_has_prefix(body, STR("\r\n")) ? !take_until(&body, STR("\r\n"), &head)
						      : !take_until(&body, STR("\r\n\r\n"), &head))
			return malformed(err, "a part's head does not end");
		if (head.n > HEAD_MAX)
			return malformed(err, "a part's head is too large");
		if (!take_until(&body, sep, &value))
			return malformed(err, "a part does not end");
		struct str name = part_name(head);
		int rc = name.p ? http_params_add(ps, a, name, value, err) : 0;
		if (rc)
			return rc;
	}
	return 0;
}
