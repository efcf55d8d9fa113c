/* SPDX-License-Identifier: MIT */
/*
 * What can be masked is what the local APIC delivers by itself: its two pins, of which one is
 * usually wired to the chipset's NMI, its performance counters, its thermal sensor and its count of
 * corrected errors. An NMI that another CPU or a device sends as a message has no mask; no CPU of
 * ours runs yet, and firmware's own send none. Port 70h could hold back the chipset's too, but it
 * is also the index of firmware's clock and cannot be read back, so it is left alone; the pin that
 * it would arrive at is masked.
 *
 * An NMI that comes all the same runs vector_nmi, which no site is in.
 */
#include "nmi.h"

#include "apic.h"

#define APIC_VERSION 0x03
#define LVT_MASKED (1u << 16)
#define LVT_MODE (7u << 8)
#define LVT_MODE_NMI (4u << 8)

/* Numbered as the version register counts them (SDM vol. 3, "Local APIC Version Register"). */
static const struct {
	u32 reg, number;
} sources[] = {
	{ 0x35, 1 }, /* LINT0 */
	{ 0x36, 2 }, /* LINT1 */
	{ 0x34, 4 }, /* performance counters */
	{ 0x33, 5 }, /* thermal sensor */
	{ 0x2F, 6 }, /* corrected machine checks */
};

static u32 before[ARRAY_SIZE(sources)];

/* In x2APIC mode, reading a register that is not there is a #GP. */
static bool has_source(u32 i)
{
	return sources[i].number <= (apic_read(&boot_percpu, APIC_VERSION) >> 16 & 0xFF);
}

static bool sends_nmi(u32 lvt)
{
	return (lvt & LVT_MODE) == LVT_MODE_NMI && !(lvt & LVT_MASKED);
}

int nmi_stop(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(sources); i++) {
		before[i] = has_source(i) ? apic_read(&boot_percpu, sources[i].reg) : 0;
		if (sends_nmi(before[i]))
			apic_write(&boot_percpu, sources[i].reg, before[i] | LVT_MASKED);
	}
	return 0;
}

int nmi_restart(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(sources); i++)
		if (sends_nmi(before[i]))
			apic_write(&boot_percpu, sources[i].reg, before[i]);
	return 0;
}
