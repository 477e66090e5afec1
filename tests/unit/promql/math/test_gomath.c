/* Elementary functions: the numbers are what Go's math package gives, where the C library has another last bit. */
#include "base/compiler.h"
#include "promql/math/gomath.h"
#include "unit/unit.h"

#include <math.h>

struct of_one {
	double (*fn)(double);
	double x, want;
};

static const struct of_one of_one[] = {
	{ go_acos, -0x1.f1826b142ea15p-01, 0x1.73993135a0e72p+01 },
	{ go_acos, 0x1.bf033706f8e16p-01, 0x1.04c6e5fb2c568p-01 },
	{ go_acos, 0x1.a722e6c1c9932p-15, 0x1.921c66fe7547ep+00 },
	{ go_acos, -0x1.8ad8b8d49a5ep-03, 0x1.c3ca6998510c9p+00 },
	{ go_acos, 0x1.4017a78c1ffbp-11, 0x1.91f7b24f27999p+00 },
	{ go_acosh, 0x1.d4ab5203b899ap+01, 0x1.f8c95414433a2p+00 },
	{ go_acosh, 0x1.9050fc0203306p+04, 0x1.f4c9faf30151p+01 },
	{ go_acosh, 0x1.c10eee296f396p+06, 0x1.5a7ebe1ae30eap+02 },
	{ go_acosh, 0x1.3437d758c5f5cp+01, 0x1.869571f1d3fb6p+00 },
	{ go_acosh, 0x1.d805f9df6448p+01, 0x1.faaf02b57c3dcp+00 },
	{ go_asin, -0x1.105fbb2f3fa9ep-02, -0x1.13b1484bdc24p-02 },
	{ go_asin, 0x1.50bfc0cf306dcp-02, 0x1.572279bace92p-02 },
	{ go_asin, -0x1.cbc4eb847da12p-01, -0x1.1d7bf3d3653a8p+00 },
	{ go_asin, 0x1.80f718a81ae07p-01, 0x1.b3ab5f9a7848cp-01 },
	{ go_asin, -0x1.b6fc8891c02fp-03, -0x1.ba6b63ee83412p-03 },
	{ go_asinh, 0x1.3b75ea90623ap+06, 0x1.43e639ae015ap+02 },
	{ go_asinh, 0x1.a2dd69a2f49a1p+01, 0x1.e6b7410d5c7cap+00 },
	{ go_asinh, 0x1.acfd3f647f2c7p+09, 0x1.dca78d4ab22b8p+02 },
	{ go_asinh, 0x1.76e1422c420bep+09, 0x1.d406900e36f7ap+02 },
	{ go_asinh, 0x1.26f6cd48cf527p+01, 0x1.9270d5e66e9eap+00 },
	{ go_atan, -0x1.f86221accfffp+07, -0x1.911bd7f568da8p+00 },
	{ go_atan, 0x1.b1dcaa56ecbc2p+09, 0x1.91d42e89499dcp+00 },
	{ go_atan, -0x1.9d51eb652209fp+06, -0x1.8fa57cf130625p+00 },
	{ go_atan, 0x1.7a16653b8d6c8p+27, 0x1.921fb52e9814bp+00 },
	{ go_atan, 0x1.2f25710bb573p-01, 0x1.11b4241e6635ap-01 },
	{ go_atanh, -0x1.73f7d76e0a2ap-03, -0x1.7824233d91f4bp-03 },
	{ go_atanh, 0x1.8fb5c0bdf626p-03, 0x1.94e78876bd654p-03 },
	{ go_atanh, 0x1.8d12c2048a2p-03, 0x1.9229fdb2c903fp-03 },
	{ go_atanh, 0x1.563b0353b6878p-03, 0x1.5978700cc10fbp-03 },
	{ go_atanh, -0x1.c85471c1ec30cp-03, -0x1.d01d7112e3c12p-03 },
	{ go_cos, -0x1.139b2ec8eef36p+06, 0x1.f46040fa15379p-01 },
	{ go_cos, 0x1.0414642e397a8p-03, 0x1.fbe085b77fef5p-01 },
	{ go_cos, 0x1.61872e29a4062p-01, 0x1.8ab85353edb8fp-01 },
	{ go_cos, 0x1.9090e78d5dcbp+07, 0x1.6c60fbb5e0dc5p-01 },
	{ go_cos, 0x1.e10b8fdd069acp+00, -0x1.36b55ccb85a46p-02 },
	{ go_cosh, 0x1.69545163e8948p+00, 0x1.161f4e47ed67cp+01 },
	{ go_cosh, 0x1.905806703979ep+08, 0x1.7d1d9204b091p+576 },
	{ go_cosh, 0x1.75153099e3856p+08, 0x1.2f5045fa8bfc4p+537 },
	{ go_cosh, 0x1.9ed9de88df6aep+04, 0x1.53501616a2ed5p+36 },
	{ go_cosh, -0x1.94618516f148fp+07, 0x1.9fa3831bf2178p+290 },
	{ go_exp, 0x1.d56f441e50c7p+00, 0x1.9075942df41d2p+02 },
	{ go_exp, 0x1.0031bdcd96dc6p+00, 0x1.5c344a4b7bcabp+01 },
	{ go_exp, -0x1.3608ec97ffddbp+09, 0x1.5887e8f7b50efp-895 },
	{ go_exp, -0x1.175e21ed61dep+06, 0x1.2e35508e14077p-101 },
	{ go_exp, -0x1.53673aaf88062p+09, 0x1.9cc9eb30e63cep-980 },
	{ go_exp2, 0x1.488cb9229ef97p+04, 0x1.72c382c12506ap+20 },
	{ go_exp2, -0x1.a25697f295855p+06, 0x1.556d78f99fb3ep-105 },
	{ go_exp2, -0x1.c87573178705ep+08, 0x1.7487aa758eb58p-457 },
	{ go_exp2, 0x1.a89a8d1ba75c4p+00, 0x1.941c72ca80372p+01 },
	{ go_exp2, 0x1.34895af2329e8p-01, 0x1.84b9e6787f8a6p+00 },
	{ go_log, 0x1.a9b65164f45ap+01, 0x1.33a4c9ca09988p+00 },
	{ go_log, 0x1.6016af394232dp+00, 0x1.465ab7bf5a6acp-02 },
	{ go_log, 0x1.7fd37fa849c4ep+07, 0x1.507362b717f8ep+02 },
	{ go_log, 0x1.900ee76fb9842p-02, -0x1.e1358e3b371cep-01 },
	{ go_log, 0x1.7491996eb83fcp-02, -0x1.02d4300f7e1cep+00 },
	{ go_log10, 0x1.b266f94370187p+19, 0x1.7cc00daba383bp+02 },
	{ go_log10, 0x1.64936d527090dp+01, 0x1.c79ee0429b94bp-02 },
	{ go_log10, 0x1.a252e36268502p-01, -0x1.67744f32cee87p-04 },
	{ go_log10, 0x1.b8060103c41ecp+00, 0x1.e1c3569892f1fp-03 },
	{ go_log10, 0x1.73ca5785a3e74p+07, 0x1.22776127d147fp+01 },
	{ go_log1p, 0x1.abc3094317b0fp-02, 0x1.657057e18e234p-02 },
	{ go_log1p, 0x1.08a50ed48a6aep-01, 0x1.aaa881765d622p-02 },
	{ go_log1p, 0x1.7bdc72d6dea8p-02, 0x1.4315046a1190ep-02 },
	{ go_log1p, 0x1.8a912021718b3p-02, 0x1.4dc0c0d156845p-02 },
	{ go_log1p, -0x1.5addf3f81c838p-02, -0x1.a787d57c91fb4p-02 },
	{ go_log2, 0x1.25e959e4fbff9p-02, -0x1.ccfebac225f62p+00 },
	{ go_log2, 0x1.7c9ed2e46ce06p+00, 0x1.24f8974392b9ep-01 },
	{ go_log2, 0x1.a329282167d5bp+01, 0x1.b61bae6c55a6ap+00 },
	{ go_log2, 0x1.b081eb6c46dbap-01, -0x1.f2857c24627p-03 },
	{ go_log2, 0x1.13b48a94d170ap+00, 0x1.b633acc6c5328p-04 },
	{ go_sin, 0x1.db64673ec5842p+07, -0x1.bfe09e169dde5p-01 },
	{ go_sin, 0x1.11423d179e5dp+00, 0x1.c07d7d2bdbbabp-01 },
	{ go_sin, 0x1.76c1a7adc2d12p+01, 0x1.b28cbcde0fdf5p-03 },
	{ go_sin, 0x1.8a8d120bc7657p+08, -0x1.ebe4adfe32d3bp-01 },
	{ go_sin, 0x1.8a687afd6978ap+00, 0x1.ffc478d317381p-01 },
	{ go_sinh, -0x1.69a6d2298dbap-05, -0x1.69c4e5a933d8p-05 },
	{ go_sinh, -0x1.dd307bf8f68d8p-04, -0x1.de45029d109c6p-04 },
	{ go_sinh, 0x1.f2d627bdd7ef3p+00, 0x1.b8144eb77a543p+01 },
	{ go_sinh, 0x1.c1d3cb2927c0fp+00, 0x1.67e3f286e3a15p+01 },
	{ go_sinh, 0x1.084dc713fbf06p+00, 0x1.39d353de7a119p+00 },
	{ go_tan, 0x1.0daf351a4e91p+07, -0x1.016b28a14f787p-02 },
	{ go_tan, -0x1.825cdac80751bp+04, 0x1.81e6d7ec5a962p+00 },
	{ go_tan, -0x1.4c0cd17831549p+10, 0x1.a9836da90171ap-01 },
	{ go_tan, 0x1.5bb0d55f5f86fp+27, 0x1.796f788a3bca9p-02 },
	{ go_tan, 0x1.c748c97893f7p+01, 0x1.c38ca97c314cep-02 },
	{ go_tanh, 0x1.6769aab1728f6p-01, 0x1.3614103e621d4p-01 },
	{ go_tanh, -0x1.4b45cbdbd155ep-01, -0x1.23aa417cc4cdfp-01 },
	{ go_tanh, 0x1.103df700b8fdbp-02, 0x1.0a010e6dd7133p-02 },
	{ go_tanh, -0x1.362d18065db65p-02, -0x1.2d067fb882627p-02 },
	{ go_tanh, 0x1.3ca5af873cb3cp-27, 0x1.3ca5af873cb3cp-27 },
};

struct of_two {
	double (*fn)(double, double);
	double x, y, want;
};

static const struct of_two of_two[] = {
	{ go_pow, 0x1.2734506fce8a6p+00, -0x1.160a71e9c5eeep+07, 0x1.56e0bcc6b6e2ap-29 },
	{ go_pow, 0x1.026713730f285p+00, 0x1.10c2580876e03p+02, 0x1.0a65c74142d5cp+00 },
	{ go_pow, 0x1.5d6be866bfe84p+34, 0x1.c893bfd97199bp+01, 0x1.d6e57b5676547p+122 },
	{ go_pow, 0x1.84bbe5a571be1p+00, 0x1.eab937d0175bap+03, 0x1.2ea840a772ea6p+09 },
	{ go_pow, 0x1.7cf869e608e78p+00, -0x1.d0f3b448d6b3cp-03, 0x1.d3d070588ed38p-01 },
	{ go_pow, 0x1.1fd9b410c47edp+00, -0x1.9b8c8d6f4e934p-03, 0x1.f4137cd7f69f6p-01 },
	{ go_pow, 0x1.08f82b7010f0ep-03, -0x1.11d1d4b13efd8p+00, 0x1.1d2bca6c42e67p+03 },
	{ go_pow, 0x1.d22246ea0d246p-01, 0x1.035f658578477p+08, 0x1.d77f0cff07964p-36 },
	{ go_atan2, 0x1.99006cf2cc656p-65, 0x1.278d6c4eece4cp-86, 0x1.921faf7c5644ep+00 },
	{ go_atan2, 0x1.fb1f082117e8cp+06, 0x1.46d7eb8490cap+07, 0x1.51d170b4d113dp-01 },
	{ go_atan2, -0x1.1ae947e86be2p-05, -0x1.5b72013db6eb5p+07, -0x1.921931a8e39f3p+01 },
	{ go_atan2, 0x1.22c114bba643ap+38, 0x1.17ab3f1e021c9p-01, 0x1.921fb54440e5p+00 },
	{ go_atan2, 0x1.de03b85ec41b8p-01, 0x1.f8fbb0834e6aap-01, 0x1.8414a34517051p-01 },
	{ go_atan2, 0x1.868c7435d7547p+01, -0x1.5568d41123f3p-02, 0x1.adfcaee5b9d81p+00 },
	{ go_atan2, 0x1.10ac54e39b356p+00, -0x1.4144c1a40715cp-01, 0x1.0d34a8036f00ap+01 },
	{ go_atan2, 0x1.7512208c49ccp-01, -0x1.95545871bff72p-01, 0x1.32e4fbfdb95dcp+01 },
};

static void test_last_bits_are_those_of_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(of_one); i++)
		if (of_one[i].fn(of_one[i].x) != of_one[i].want)
			fail_msg("row %zu: f(%a) is %a, not %a", i, of_one[i].x, of_one[i].fn(of_one[i].x),
				 of_one[i].want);
	for (size_t i = 0; i < ARRAY_LEN(of_two); i++)
		if (of_two[i].fn(of_two[i].x, of_two[i].y) != of_two[i].want)
			fail_msg("row %zu: f(%a, %a) is %a, not %a", i, of_two[i].x, of_two[i].y,
				 of_two[i].fn(of_two[i].x, of_two[i].y), of_two[i].want);
}

static void test_exponentials_end_where_those_of_go_do(void **state)
{
	(void)state;
	assert_true(go_exp(0) == 1);
	assert_true(go_exp(709.44) == INFINITY); /* below the largest double */
	assert_true(isfinite(go_exp(709.43)));
	assert_true(go_exp(-744.9) == 0x1p-1074);
	assert_true(go_exp(-746) == 0);
	assert_true(go_exp(-INFINITY) == 0);
	assert_true(go_exp(INFINITY) == INFINITY);
	assert_true(isnan(go_exp(NAN)));
	assert_true(go_exp2(-1074) == 0x1p-1074);
	assert_true(go_exp2(1024) == INFINITY);
	assert_true(go_sinh(-710) == -INFINITY && go_cosh(710) == INFINITY);
	assert_true(go_tanh(-50) == -1);
}

static void test_logarithms_of_poles_and_subnormals(void **state)
{
	(void)state;
	assert_true(go_log(0) == -INFINITY && go_log2(-0.0) == -INFINITY && go_log10(0) == -INFINITY);
	assert_true(isnan(go_log(-1)) && isnan(go_log2(-1)) && isnan(go_log10(-INFINITY)) && isnan(go_log(NAN)));
	assert_true(go_log(INFINITY) == INFINITY && go_log2(INFINITY) == INFINITY);
	assert_true(go_log2(0x1p-1074) == -1074 && go_log2(8) == 3);
	assert_true(fabs(go_log(0x1p-1074) + 744.4400719213812) < 1e-12);
	assert_true(go_log1p(-1) == -INFINITY && isnan(go_log1p(-2)) && go_log1p(INFINITY) == INFINITY);
	assert_true(isnan(go_acosh(0.5)) && go_acosh(1) == 0 && go_atanh(-1) == -INFINITY && isnan(go_atanh(2)));
	assert_true(isnan(go_asin(1.5)) && isnan(go_acos(-1.5)));
}

static void test_angles_of_special_numbers(void **state)
{
	(void)state;
	assert_true(isnan(go_sin(INFINITY)) && isnan(go_cos(NAN)) && isnan(go_tan(-INFINITY)));
	assert_true(signbit(go_sin(-0.0)) && go_sin(-0.0) == 0);
	assert_true(go_atan(INFINITY) == M_PI_2 && go_atan2(-1, 0) == -M_PI_2 && go_atan2(0, -1) == M_PI);
	assert_true(go_sin(0x1p29) == 0x1.4e67c0e2622dfp-02 && go_cos(1e300) == -0x1.2699022adc4c1p-01 &&
		    go_tan(-0x1.fp900) == -0x1.5fede2d639311p+00);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_bits_are_those_of_go),
		cmocka_unit_test(test_exponentials_end_where_those_of_go_do),
		cmocka_unit_test(test_logarithms_of_poles_and_subnormals),
		cmocka_unit_test(test_angles_of_special_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
