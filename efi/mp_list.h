/* SPDX-License-Identifier: MIT */
/*
 * Which of the CPUs that firmware lists are to be started, and why the others are not.
 */
#ifndef EFI_MP_LIST_H
#define EFI_MP_LIST_H

#include "mp_services.h"
#include "percpu.h"

struct mp_list {
	struct percpu *slots; /* room for all that firmware lists; zeroed */
	u32 nr_slots;
	u32 max_apic_id; /* that an interrupt can be sent to */
	u32 nr_disabled, nr_unhealthy, nr_unreachable;
	bool is_cut_off; /* what follows */
	char refused[256]; /* "apic 3 disabled, apic 5 unhealthy"; empty when none was */
};

/* mp_list_add() - one more of firmware's list; the boot CPU is none of them */
void mp_list_add(struct mp_list *list, UINTN number, const struct mp_processor_info *info);

#endif
