/* Date functions: seconds since the epoch to parts of the UTC calendar. */
#include "promql/vector/vector.h"

#include <math.h>

/* A day of the proleptic Gregorian calendar. */
struct civil {
	int64_t year;
	int month, day; /* 1.. */
};

/* Days since 1970-01-01 to a date, by eras of 400 years that begin in March. */
static struct civil civil_of_days(int64_t z)
{
	z += 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int month = (int)(mp < 10 ? mp + 3 : mp - 9);
	return (struct civil){ yoe + era * 400 + (month <= 2), month, (int)(doy - (153 * mp + 2) / 5 + 1) };
}

static bool is_leap(int64_t y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int days_in_month(struct civil c)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	return c.month == 2 && is_leap(c.year) ? 29 : days[c.month - 1];
}

static int day_of_year(struct civil c)
{
	int n = c.day;
	for (struct civil m = { c.year, 1, 1 }; m.month < c.month; m.month++)
		n += days_in_month(m);
	return n;
}

/* A float as whole seconds; what does not fit is the smallest number, as on amd64. */
static int64_t seconds(double t)
{
	return t >= -0x1p63 && t < 0x1p63 ? (int64_t)t : INT64_MIN;
}

/* Go counts from the year -292277022399; what lies before wraps around to the far future. */
#define GO_EPOCH (-9223372028715321600)

double calendar_fn(enum promql_fn fn, double t)
{
	int64_t s = seconds(t);
	int64_t days = s < GO_EPOCH ? (int64_t)((uint64_t)s / 86400) : s / 86400 - (s % 86400 < 0);
	int64_t sod = s < GO_EPOCH ? (int64_t)((uint64_t)s % 86400) : s - days * 86400;
	switch (fn) {
	case PROMQL_FN_MINUTE:
		return (double)(sod / 60 % 60);
	case PROMQL_FN_HOUR:
		return (double)(sod / 3600);
	case PROMQL_FN_DAY_OF_WEEK:
		return (double)(((days + 4) % 7 + 7) % 7);
	case PROMQL_FN_DAY_OF_MONTH:
		return civil_of_days(days).day;
	case PROMQL_FN_DAY_OF_YEAR:
		return day_of_year(civil_of_days(days));
	case PROMQL_FN_DAYS_IN_MONTH:
		return days_in_month(civil_of_days(days));
	case PROMQL_FN_MONTH:
		return civil_of_days(days).month;
	default:
		return (double)civil_of_days(days).year;
	}
}
