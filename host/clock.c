/* SPDX-License-Identifier: MIT */
/*
 * The TSC's rate, from CPUID where it says so and measured in any case, and the conversions.
 */
#include <time.h>

#include "host.h"
#include "x86.h"

#define NR_WINDOWS 5
#define WINDOW_NS (4 * NSEC_PER_MSEC)
#define NR_TRIES 16
#define AGREE_PPM 1000
#define UNCALIBRATED_HZ 6000000000ull
/* Leaves 4 bits above the point: rates up to 16 GHz and down to 63 MHz fit in 64 bits. */
#define SHIFT 60

typedef unsigned __int128 u128;

static u64 tsc_hz = UNCALIBRATED_HZ;
static u64 ticks_per_ns_fixed = (u64)(((u128)UNCALIBRATED_HZ << SHIFT) / NSEC_PER_SEC);
static u64 ns_per_tick_fixed = (u64)(((u128)NSEC_PER_SEC << SHIFT) / UNCALIBRATED_HZ);
static struct clock_facts facts;

struct instant {
	u64 tsc, ns;
};

static u64 raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

/* Both clocks at one moment: the try that took the shortest was the least disturbed. */
static struct instant instant_now(void)
{
	struct instant best = { 0 };
	u64 shortest = ~0ull;

	for (int i = 0; i < NR_TRIES; i++) {
		u64 before = rdtsc_ordered(), ns = raw_ns(), took = rdtsc_ordered() - before;

		if (took < shortest) {
			shortest = took;
			best = (struct instant){ before + took / 2, ns };
		}
	}
	return best;
}

static struct instant instant_after(const struct instant *start, u64 ns)
{
	struct instant now;
	u64 limit = start->tsc + UNCALIBRATED_HZ; /* a clock that stands still must not hold us */

	do {
		now = instant_now();
	} while (now.ns - start->ns < ns && now.tsc < limit);
	return now;
}

static u64 rate_between(const struct instant *a, const struct instant *b)
{
	u64 ns = b->ns - a->ns;

	return ns ? (u64)((u128)(b->tsc - a->tsc) * NSEC_PER_SEC / ns) : 0;
}

static void measure(void)
{
	struct instant first = instant_now(), from = first, to = first;
	u64 low = ~0ull, high = 0;

	for (int i = 0; i < NR_WINDOWS; i++) {
		u64 hz;

		to = instant_after(&from, WINDOW_NS);
		hz = rate_between(&from, &to);
		low = hz < low ? hz : low;
		high = hz > high ? hz : high;
		from = to;
	}
	facts.measured_hz = rate_between(&first, &to);
	facts.spread_ppm = low ? (u64)((u128)(high - low) * 1000000 / low) : 0;
}

static u64 hz_from_cpuid(void)
{
	struct cpuid_regs r;

	if (cpuid(0, 0).eax < 0x15)
		return 0;
	r = cpuid(0x15, 0);
	if (!r.eax || !r.ebx || !r.ecx)
		return 0;
	return (u64)r.ecx * r.ebx / r.eax;
}

static bool agree(u64 a, u64 b)
{
	u64 difference = a > b ? a - b : b - a;

	return (u128)difference * 1000000 <= (u128)b * AGREE_PPM;
}

static void use_rate(u64 hz)
{
	tsc_hz = hz;
	ticks_per_ns_fixed = (u64)((((u128)hz << SHIFT) + NSEC_PER_SEC / 2) / NSEC_PER_SEC);
	ns_per_tick_fixed = (u64)((((u128)NSEC_PER_SEC << SHIFT) + hz / 2) / hz);
}

void clock_setup(void)
{
	measure();
	facts.cpuid_hz = hz_from_cpuid();
	facts.exact = facts.cpuid_hz && agree(facts.cpuid_hz, facts.measured_hz);
	if (facts.exact)
		use_rate(facts.cpuid_hz);
	else if (facts.measured_hz > 1ull << 26 && facts.measured_hz < 1ull << 33)
		use_rate(facts.measured_hz);
}

const struct clock_facts *clock_facts(void)
{
	return &facts;
}

u64 machine_tsc_hz(void)
{
	return tsc_hz;
}

/* Cut off at half the range, so that rdtsc() plus this is later than now for any argument. */
u64 machine_ticks(u64 ns)
{
	u128 ticks = ((u128)ns * ticks_per_ns_fixed) >> SHIFT;

	return ticks < INT64_MAX ? (u64)ticks : INT64_MAX;
}

u64 machine_ns(u64 tsc_ticks)
{
	u128 ns = ((u128)tsc_ticks * ns_per_tick_fixed + ((u128)1 << (SHIFT - 1))) >> SHIFT;

	return ns < UINT64_MAX ? (u64)ns : UINT64_MAX;
}
