/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include "acpi.h"
#include "firmware.h"
#include "machine.h"
#include "x86.h"

#define HZ_BEFORE_CALIBRATION 6000000000ull
#define PM_TIMER_TICKS (ACPI_PM_TIMER_HZ / 40) /* 25 ms */
#define STALL_US 20000
#define NR_PM_READS 16
/* A timer that stands still must not hang us: 6e8 ticks are 100 ms at the fastest. */
#define PM_TIMER_GIVE_UP_TICKS 600000000ull

#define CPUID_HYPERVISOR 0x40000000
#define CPUID_HYPERVISOR_TSC_KHZ 0x40000010

static u64 tsc_hz = HZ_BEFORE_CALIBRATION;
static u64 source_hz[NR_CLOCK_SOURCES];
static enum clock_source chosen = CLOCK_STALL;
static u64 start_tsc;

/*
 * (a * b + add) / c without losing a bit in between; U64_MAX when the result does not fit. The
 * compiler would call a function of libgcc, which is not linked here.
 */
static u64 mul_div(u64 a, u64 b, u64 add, u64 c)
{
	unsigned __int128 product = (unsigned __int128)a * b + add;
	u64 high = (u64)(product >> 64), quotient, remainder;

	if (high >= c)
		return UINT64_MAX;
	__asm__("divq %4"
		: "=a"(quotient), "=d"(remainder)
		: "a"((u64)product), "d"(high), "r"(c)
		: "cc");
	return quotient;
}

u64 machine_tsc_hz(void)
{
	return tsc_hz;
}

u64 machine_ticks(u64 ns)
{
	u64 ticks = mul_div(ns, tsc_hz, 0, NSEC_PER_SEC);

	/* Deadlines are compared as signed differences; half the range is centuries. */
	return ticks > INT64_MAX ? INT64_MAX : ticks;
}

u64 machine_ns(u64 tsc_ticks)
{
	return mul_div(tsc_ticks, NSEC_PER_SEC, tsc_hz / 2, tsc_hz);
}

/* Crystal frequency times ratio; many CPUs give the ratio only, and some hypervisors neither. */
static u64 ask_cpuid(void)
{
	struct cpuid_regs r;

	if (cpuid(0, 0).eax < 0x15)
		return 0;
	r = cpuid(0x15, 0);
	return r.eax && r.ebx && r.ecx ? mul_div(r.ecx, r.ebx, 0, r.eax) : 0;
}

static u64 ask_hypervisor(void)
{
	if (!(cpuid(1, 0).ecx & 1u << 31))
		return 0;
	if (cpuid(CPUID_HYPERVISOR, 0).eax < CPUID_HYPERVISOR_TSC_KHZ)
		return 0;
	return 1000ull * cpuid(CPUID_HYPERVISOR_TSC_KHZ, 0).eax;
}

struct pm_reading {
	u32 count;
	u64 tsc;
};

/* Of several readings the one that was least delayed. */
static struct pm_reading read_pm_timer(const struct acpi_pm_timer *timer)
{
	struct pm_reading best = { 0 };
	u64 before, delay, least = UINT64_MAX;
	u32 i, count;

	for (i = 0; i < NR_PM_READS; i++) {
		before = rdtsc_ordered();
		count = inl(timer->port) & timer->mask;
		delay = rdtsc_ordered() - before;
		if (delay < least) {
			least = delay;
			best.count = count;
			best.tsc = before + delay / 2;
		}
	}
	return best;
}

static u64 measure_pm_timer(void)
{
	struct acpi_pm_timer timer;
	struct pm_reading from, to;
	u32 ticks;

	if (!acpi_find_pm_timer(&timer))
		return 0;
	from = read_pm_timer(&timer);
	do {
		to = read_pm_timer(&timer);
		ticks = (to.count - from.count) & timer.mask;
	} while (ticks < PM_TIMER_TICKS && to.tsc - from.tsc < PM_TIMER_GIVE_UP_TICKS);
	if (ticks < PM_TIMER_TICKS)
		return 0;
	return mul_div(to.tsc - from.tsc, ACPI_PM_TIMER_HZ, ticks / 2, ticks);
}

static u64 measure_stall(void)
{
	u64 start, ticks;

	firmware_enter();
	start = rdtsc_ordered();
	firmware.bs->Stall(STALL_US);
	ticks = rdtsc_ordered() - start;
	firmware_leave();
	return mul_div(ticks, 1000000, 0, STALL_US);
}

void clock_init(void)
{
	u32 source;

	source_hz[CLOCK_CPUID_15H] = ask_cpuid();
	source_hz[CLOCK_HYPERVISOR] = ask_hypervisor();
	source_hz[CLOCK_PM_TIMER] = measure_pm_timer();
	source_hz[CLOCK_STALL] = measure_stall();
	for (source = 0; source < NR_CLOCK_SOURCES; source++) {
		if (source_hz[source]) {
			chosen = (enum clock_source)source;
			tsc_hz = source_hz[source];
			return;
		}
	}
}

u64 clock_hz(enum clock_source source)
{
	return source_hz[source];
}

enum clock_source clock_chosen(void)
{
	return chosen;
}

const char *clock_name(enum clock_source source)
{
	static const char *const names[NR_CLOCK_SOURCES] = {
		[CLOCK_CPUID_15H] = "cpuid_15h",
		[CLOCK_HYPERVISOR] = "hypervisor",
		[CLOCK_PM_TIMER] = "pm_timer",
		[CLOCK_STALL] = "stall",
	};

	return names[source];
}

u64 clock_spread_ppm(void)
{
	u64 least = UINT64_MAX, most = 0;
	u32 source;

	for (source = 0; source < NR_CLOCK_SOURCES; source++) {
		if (!source_hz[source])
			continue;
		if (source_hz[source] < least)
			least = source_hz[source];
		if (source_hz[source] > most)
			most = source_hz[source];
	}
	return most ? mul_div(most - least, 1000000, 0, least) : 0;
}

void clock_stamp_start(void)
{
	start_tsc = rdtsc();
}

u64 clock_since_start_ns(void)
{
	return machine_ns(rdtsc() - start_tsc);
}
