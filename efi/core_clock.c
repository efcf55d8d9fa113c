/* SPDX-License-Identifier: MIT */
#include "core_clock.h"

#include "cpu_look.h"
#include "machine_noise.h"

#define HAS_APERF (1u << 0) /* CPUID 6 ECX */
#define FIXED_1_AND_2 (1ull << 33 | 1ull << 34) /* of PERF_GLOBAL_CTRL */
#define FIXED_CTR_MASK 0xFF0ull /* of FIXED_CTR_CTRL: four bits for each of the two */
#define FIXED_CTR_ON 0x330ull /* in every ring, without an interrupt */
#define NR_TRY_TURNS 1000

struct counter {
	u32 msr;
	u64 mask; /* its width */
	u64 last, total;
};

static struct {
	enum core_clock kind;
	const char *why;
	struct counter core, reference;
	bool has_smis;
	bool switched_on;
	u64 saved_ctrl, saved_global;
} clock = { .why = "nobody looked" };

static bool advance(struct counter *counter)
{
	u64 now;

	if (!msr_read(counter->msr, &now))
		return false;
	counter->total += (now - counter->last) & counter->mask;
	counter->last = now;
	return true;
}

static bool read_both(struct core_cycles *ret)
{
	if (!advance(&clock.core) || !advance(&clock.reference))
		return false;
	*ret = (struct core_cycles){ clock.core.total, clock.reference.total };
	return true;
}

/* They must move while this CPU works. */
static bool counts(u32 core_msr, u32 reference_msr, u64 mask)
{
	struct core_cycles before, after;

	clock.core = (struct counter){ .msr = core_msr, .mask = mask };
	clock.reference = (struct counter){ .msr = reference_msr, .mask = mask };
	if (!read_both(&before))
		return false;
	for (u32 i = 0; i < NR_TRY_TURNS; i++)
		cpu_relax();
	return read_both(&after) && after.core != before.core &&
	       after.reference != before.reference;
}

/* Fixed counters 1 and 2, since version 2, and their width. */
static bool has_fixed(const struct cpuid_regs *perfmon)
{
	u32 version = perfmon->eax & 0xFF, nr = perfmon->edx & 0x1F;
	u32 width = perfmon->edx >> 5 & 0xFF;

	return version >= 2 && nr >= 3 && width >= 32 && width < 64;
}

static bool switch_on(void)
{
	if (!msr_read(MSR_FIXED_CTR_CTRL, &clock.saved_ctrl) ||
	    !msr_read(MSR_PERF_GLOBAL_CTRL, &clock.saved_global))
		return false;
	clock.switched_on = true;
	return msr_write(MSR_FIXED_CTR_CTRL, (clock.saved_ctrl & ~FIXED_CTR_MASK) | FIXED_CTR_ON) &&
	       msr_write(MSR_PERF_GLOBAL_CTRL, clock.saved_global | FIXED_1_AND_2);
}

static bool try_fixed(const struct cpuid_regs *perfmon)
{
	u64 mask = (1ull << (perfmon->edx >> 5 & 0x3F)) - 1;

	if (switch_on() && counts(MSR_FIXED_CTR1, MSR_FIXED_CTR2, mask))
		return true;
	core_clock_restore();
	clock.why = "CPUID has fixed counters, but they do not count";
	return false;
}

static bool try_aperf(void)
{
	if (counts(MSR_APERF, MSR_MPERF, UINT64_MAX))
		return true;
	clock.why = "CPUID has APERF and MPERF, but they do not count";
	return false;
}

static enum core_clock find(const struct core_clock_leaves *leaves)
{
	clock.why = "CPUID has neither fixed counters nor APERF and MPERF";
	if (has_fixed(&leaves->perfmon) && try_fixed(&leaves->perfmon))
		return CORE_CLOCK_FIXED;
	if (leaves->power.ecx & HAS_APERF && try_aperf())
		return CORE_CLOCK_APERF;
	return CORE_CLOCK_NONE;
}

void core_clock_setup(const struct core_clock_leaves *leaves)
{
	u64 value;

	clock.kind = find(leaves);
	clock.has_smis = msr_read(MSR_SMI_COUNT, &value);
}

void core_clock_look(struct core_clock_leaves *ret)
{
	u32 max = cpuid(0, 0).eax;

	*ret = (struct core_clock_leaves){ 0 };
	if (max >= 6)
		ret->power = cpuid(6, 0);
	if (max >= 0xA)
		ret->perfmon = cpuid(0xA, 0);
}

void core_clock_restore(void)
{
	if (!clock.switched_on)
		return;
	msr_write(MSR_PERF_GLOBAL_CTRL, clock.saved_global);
	msr_write(MSR_FIXED_CTR_CTRL, clock.saved_ctrl);
	clock.switched_on = false;
}

enum core_clock machine_core_clock(const char **ret_why)
{
	*ret_why = clock.kind == CORE_CLOCK_NONE ? clock.why : NULL;
	return clock.kind;
}

bool machine_core_cycles(struct core_cycles *ret)
{
	return clock.kind != CORE_CLOCK_NONE && read_both(ret);
}

bool machine_smis(u64 *ret)
{
	/* 32 bits, which nobody fills with these. */
	return clock.has_smis && msr_read(MSR_SMI_COUNT, ret);
}

bool machine_switches(u64 *ret)
{
	(void)ret;
	return false;
}
