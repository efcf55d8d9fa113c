/* SPDX-License-Identifier: MIT */
/*
 * Which CPUs of firmware's list are started: 1 to more than 255, some switched off, some broken.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "mp_list.h"

#define GOOD (MP_STATUS_ENABLED | MP_STATUS_HEALTHY)
#define XAPIC_MAX 254

static struct mp_list list;

static void begin(u32 nr, u32 max_apic_id)
{
	free(list.slots);
	memset(&list, 0, sizeof(list));
	list.slots = aligned_alloc(FALSE_SHARING_BYTES, nr * sizeof(*list.slots));
	memset(list.slots, 0, nr * sizeof(*list.slots));
	list.max_apic_id = max_apic_id;
}

static void add(u32 number, u64 apic_id, u32 status)
{
	struct mp_processor_info info = { .processor_id = apic_id, .status = status };

	mp_list_add(&list, number, &info);
}

static void all_but_the_boot_cpu_wherever_it_stands(void **state)
{
	(void)state;
	for (u32 boot = 0; boot < 4; boot++) {
		begin(4, XAPIC_MAX);
		for (u32 i = 0; i < 4; i++)
			add(i, 2 * i, i == boot ? GOOD | MP_STATUS_BSP : GOOD);
		assert_int_equal(list.nr_slots, 3);
		assert_string_equal(list.refused, "");
		for (u32 i = 0; i < 3; i++) {
			u32 number = i < boot ? i : i + 1;

			assert_int_equal(list.slots[i].mp_number, number);
			assert_int_equal(list.slots[i].apic_id, 2 * number);
			assert_ptr_equal(list.slots[i].self, &list.slots[i]);
			assert_int_not_equal(list.slots[i].cpu, 0);
		}
	}
}

static void one_cpu_has_nobody_to_start(void **state)
{
	(void)state;
	begin(1, XAPIC_MAX);
	add(0, 0, GOOD | MP_STATUS_BSP);
	assert_int_equal(list.nr_slots, 0);
	assert_string_equal(list.refused, "");
}

static void those_that_firmware_keeps_are_refused_by_name(void **state)
{
	(void)state;
	begin(6, XAPIC_MAX);
	add(0, 0, GOOD | MP_STATUS_BSP);
	add(1, 2, MP_STATUS_HEALTHY);
	add(2, 4, GOOD);
	add(3, 6, MP_STATUS_ENABLED);
	add(4, 8, 0);
	add(5, 10, GOOD);
	assert_int_equal(list.nr_slots, 2);
	assert_int_equal(list.slots[1].apic_id, 10);
	assert_int_equal(list.nr_disabled, 2);
	assert_int_equal(list.nr_unhealthy, 1);
	assert_string_equal(list.refused, "apic 2 disabled, apic 6 unhealthy, apic 8 disabled");
}

static void more_than_255_in_x2apic_mode(void **state)
{
	(void)state;
	begin(600, UINT32_MAX);
	for (u32 i = 0; i < 600; i++)
		add(i, 4 * i, i ? GOOD : GOOD | MP_STATUS_BSP);
	assert_int_equal(list.nr_slots, 599);
	assert_int_equal(list.slots[598].apic_id, 2396);
	assert_int_equal(list.slots[598].mp_number, 599);
}

static void what_xapic_cannot_address_is_refused_by_name(void **state)
{
	(void)state;
	begin(4, XAPIC_MAX);
	add(0, 0, GOOD | MP_STATUS_BSP);
	add(1, 254, GOOD);
	add(2, 255, GOOD);
	add(3, 256, GOOD);
	assert_int_equal(list.nr_slots, 1);
	assert_int_equal(list.nr_unreachable, 2);
	assert_string_equal(list.refused,
			    "apic 255 out of reach of xAPIC, apic 256 out of reach of xAPIC");
}

static void too_many_names_end_in_a_word_that_says_so(void **state)
{
	(void)state;
	begin(300, UINT32_MAX);
	for (u32 i = 0; i < 300; i++)
		add(i, i, MP_STATUS_HEALTHY);
	assert_int_equal(list.nr_disabled, 300);
	assert_true(strlen(list.refused) < sizeof(list.refused));
	assert_non_null(strstr(list.refused, "apic 0 disabled, apic 1 disabled, "));
	assert_string_equal(list.refused + strlen(list.refused) - 18, "disabled, and more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_but_the_boot_cpu_wherever_it_stands),
		cmocka_unit_test(one_cpu_has_nobody_to_start),
		cmocka_unit_test(those_that_firmware_keeps_are_refused_by_name),
		cmocka_unit_test(more_than_255_in_x2apic_mode),
		cmocka_unit_test(what_xapic_cannot_address_is_refused_by_name),
		cmocka_unit_test(too_many_names_end_in_a_word_that_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
