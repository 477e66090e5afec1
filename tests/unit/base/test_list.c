#include "base/list.h"

#include "unit/unit.h"

struct item {
	int v;
	struct list link;
};

static void test_order_and_removal_during_a_walk(void **state)
{
	struct list head = LIST_SELF(head);
	struct item items[5];
	for (int i = 0; i < 5; i++) {
		items[i].v = i;
		list_push_back(&head, &items[i].link);
	}
	int sum = 0;
	list_for_each (it, &head) {
		struct item *x = list_entry(it, struct item, link);
		sum += x->v;
		if (x->v % 2)
			list_del(&x->link);
	}
	assert_int_equal(sum, 10);
	list_del(&items[1].link); /* twice is harmless */
	assert_int_equal(list_entry(list_pop_front(&head), struct item, link)->v, 0);
	assert_int_equal(list_entry(list_pop_front(&head), struct item, link)->v, 2);
	assert_int_equal(list_entry(list_pop_front(&head), struct item, link)->v, 4);
	assert_null(list_pop_front(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order_and_removal_during_a_walk) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
