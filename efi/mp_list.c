/* SPDX-License-Identifier: MIT */
#include "mp_list.h"

#include "strings.h"

#define MORE ", and more"

/* By name, as long as there is room for it and for saying that there are more. */
static void refuse(struct mp_list *list, u32 apic_id, const char *why)
{
	size_t before = string_length(list->refused);
	struct string s;

	if (list->is_cut_off)
		return;
	string_init(&s, list->refused + before, sizeof(list->refused) - before);
	if (before)
		string_add(&s, ", ");
	string_add(&s, "apic ");
	string_dec(&s, apic_id);
	string_char(&s, ' ');
	string_add(&s, why);
	if (before + s.len + sizeof(MORE) <= sizeof(list->refused))
		return;
	list->is_cut_off = true;
	string_init(&s, list->refused + before, sizeof(MORE));
	string_add(&s, MORE);
}

void mp_list_add(struct mp_list *list, UINTN number, const struct mp_processor_info *info)
{
	u32 apic_id = (u32)info->processor_id;
	struct percpu *pc;

	if (info->status & MP_STATUS_BSP)
		return;
	if (!(info->status & MP_STATUS_ENABLED)) {
		list->nr_disabled++;
		refuse(list, apic_id, "disabled");
		return;
	}
	if (!(info->status & MP_STATUS_HEALTHY)) {
		list->nr_unhealthy++;
		refuse(list, apic_id, "unhealthy");
		return;
	}
	if (apic_id > list->max_apic_id) {
		list->nr_unreachable++;
		refuse(list, apic_id, "out of reach of xAPIC");
		return;
	}
	pc = &list->slots[list->nr_slots++];
	pc->self = pc;
	pc->apic_id = apic_id;
	pc->mp_number = number;
	/* Provisional, but never 0: that is the boot CPU, or who stands in for it. */
	pc->cpu = list->nr_slots;
}
