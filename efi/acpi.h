/* SPDX-License-Identifier: MIT */
/* The two things we want from ACPI. */
#ifndef EFI_ACPI_H
#define EFI_ACPI_H

#include "types.h"

#define ACPI_PM_TIMER_HZ 3579545

struct acpi_pm_timer {
	u16 port;
	u32 mask; /* the counter has 24 or 32 bits */
};

/* acpi_find_pm_timer() - false when there is none, or none that is reached by port */
bool acpi_find_pm_timer(struct acpi_pm_timer *ret);

/* acpi_nr_cpus() - those that are listed as enabled, whether firmware starts them or not; 0 = no
 * list */
u32 acpi_nr_cpus(void);

#endif
