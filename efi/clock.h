/* SPDX-License-Identifier: MIT */
/* Calibration of the TSC, and what each source said. */
#ifndef EFI_CLOCK_H
#define EFI_CLOCK_H

#include "types.h"

/* In the order in which they are believed. */
enum clock_source {
	CLOCK_CPUID_15H,
	CLOCK_HYPERVISOR,
	CLOCK_PM_TIMER,
	CLOCK_STALL,
	NR_CLOCK_SOURCES,
};

/* clock_init() - ask every source, use the best; takes some 50 ms. Boot CPU. */
void clock_init(void);

/* clock_hz() - what @source said; 0 = it said nothing */
u64 clock_hz(enum clock_source source);
enum clock_source clock_chosen(void);
const char *clock_name(enum clock_source source);

/* clock_spread_ppm() - how far the sources are apart */
u64 clock_spread_ppm(void);

/* clock_since_start_ns() - since efi_main() */
void clock_stamp_start(void);
u64 clock_since_start_ns(void);

#endif
