/* SPDX-License-Identifier: MIT */
/*
 * The local APIC, on a model of its MSRs and its memory window that knows what the manual forbids:
 * MSRs of x2APIC in xAPIC mode, the way back, a mode without "enabled". QEMU's emulator has no
 * x2APIC.
 *
 * Guarantees: each mode is told by IA32_APIC_BASE alone, and only its own registers are touched; an
 * interrupt or NMI goes out with the right destination and mode in either; the switch to x2APIC is
 * refused where CPUID has none, done once, keeps the id, and is remembered; other CPUs follow.
 */
#include "unit.h"

#include <asm/prctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "apic.h"
#include "machine.h"

#define MSR_APIC_BASE 0x1B
#define ENABLED (1ull << 11)
#define X2APIC (1ull << 10)
#define ICR_ASSERT (1u << 14)
#define ICR_PENDING (1u << 12)
#define UNTOUCHED 0x5A5A5A5A

/* ---- The CPU ---- */

static struct {
	u64 base;
	bool has_x2apic;
	u32 id;
	u64 icr; /* the last one written by MSR */
	u32 nr_icr, nr_mode_changes, eoi;
	bool irqs_off;
	u32 nr_forbidden; /* each would be a #GP, or a dead machine */
} cpu;

static u32 window[1024] __attribute__((aligned(4096)));

static bool is_x2apic(void)
{
	return cpu.base & X2APIC;
}

u64 rdmsr(u32 msr)
{
	if (msr == MSR_APIC_BASE)
		return cpu.base;
	cpu.nr_forbidden += !is_x2apic();
	if (msr == MSR_X2APIC + APIC_ID)
		return cpu.id;
	return msr == MSR_X2APIC + APIC_IRR + 7 ? 1u << (VECTOR_SYNC % 32) : 0;
}

static void change_mode(u64 value)
{
	/* SDM vol. 3, "x2APIC State Transitions". */
	cpu.nr_forbidden += (value & X2APIC) && (!(value & ENABLED) || !cpu.has_x2apic);
	cpu.nr_forbidden += is_x2apic() && !(value & X2APIC) && (value & ENABLED);
	/* On the boot CPU: an interrupt in between would be acknowledged in the wrong place. */
	cpu.nr_forbidden += value != cpu.base && !cpu.irqs_off && boot_percpu.apic;
	cpu.nr_mode_changes += value != cpu.base;
	cpu.base = value;
}

void wrmsr(u32 msr, u64 value)
{
	if (msr == MSR_APIC_BASE) {
		change_mode(value);
		return;
	}
	cpu.nr_forbidden += !is_x2apic();
	if (msr == MSR_X2APIC + APIC_ICR) {
		cpu.icr = value;
		cpu.nr_icr++;
	} else if (msr == MSR_X2APIC + APIC_EOI) {
		cpu.eoi++;
	} else {
		cpu.nr_forbidden += msr == MSR_X2APIC + APIC_ICR_HIGH;
	}
}

struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	(void)subleaf;
	return (struct cpuid_regs){ .ecx = leaf == 1 && cpu.has_x2apic ? 1u << 21 : 0 };
}

u64 machine_irq_save(void)
{
	u64 before = !cpu.irqs_off;

	cpu.irqs_off = true;
	return before;
}

void machine_irq_restore(u64 flags)
{
	cpu.irqs_off = !flags;
}

struct percpu boot_percpu = { .self = &boot_percpu };

/* A CPU as firmware leaves it, and what the program knows of it. */
static void boot(u64 mode, u32 id, bool has_x2apic)
{
	memset(&cpu, 0, sizeof(cpu));
	for (u32 i = 0; i < ARRAY_SIZE(window); i++)
		window[i] = UNTOUCHED;
	window[APIC_ID * 4] = id << 24;
	window[APIC_ICR * 4] = 0;
	cpu.base = (u64)window | mode;
	cpu.id = id;
	cpu.has_x2apic = has_x2apic;
	memset(&boot_percpu, 0, sizeof(boot_percpu));
	boot_percpu.self = &boot_percpu;
	assert_true(apic_detect(&boot_percpu));
}

/* Nothing was done that the manual forbids, and the window was left alone but for @nr words. */
static void expect_clean(u32 nr_touched)
{
	u32 nr = 0;

	for (u32 i = 0; i < ARRAY_SIZE(window); i++)
		nr += window[i] != UNTOUCHED && i != APIC_ID * 4;
	assert_int_equal(cpu.nr_forbidden, 0);
	assert_int_equal(nr, nr_touched);
	assert_false(cpu.irqs_off);
}

/* ---- The cases ---- */

static void the_mode_is_what_the_base_says(void **state)
{
	static struct percpu pc; /* aligned, where an old compiler's stack is not */

	(void)state;
	/* CPUID says x2APIC, and firmware has not turned it on. */
	boot(ENABLED, 5, true);
	assert_ptr_equal(boot_percpu.apic, window);
	assert_int_equal(boot_percpu.apic_id, 5);
	boot(ENABLED | X2APIC, 0x1234, true);
	assert_null(boot_percpu.apic);
	assert_int_equal(boot_percpu.apic_id, 0x1234);
	expect_clean(1);
	cpu.base = (u64)window;
	assert_false(apic_detect(&pc));
}

static void an_interrupt_goes_out_by_memory(void **state)
{
	(void)state;
	boot(ENABLED, 0, false);
	apic_send(7, VECTOR_SYNC);
	assert_int_equal(window[APIC_ICR_HIGH * 4], 7u << 24);
	assert_int_equal(window[APIC_ICR * 4], ICR_ASSERT | VECTOR_SYNC);
	assert_int_equal(cpu.nr_icr, 0);
	apic_send(3, APIC_NMI);
	assert_int_equal(window[APIC_ICR_HIGH * 4], 3u << 24);
	assert_int_equal(window[APIC_ICR * 4], ICR_ASSERT | APIC_NMI);
	expect_clean(2);
}

static void one_that_never_ends_sending_is_not_waited_for_for_ever(void **state)
{
	(void)state;
	boot(ENABLED, 0, false);
	apic_send(1, VECTOR_SYNC);
	window[APIC_ICR * 4] |= ICR_PENDING;
	apic_send(2, VECTOR_WAKE);
	assert_int_equal(window[APIC_ICR_HIGH * 4], 2u << 24);
	assert_int_equal(window[APIC_ICR * 4], ICR_ASSERT | VECTOR_WAKE);
}

static void an_interrupt_goes_out_by_msr(void **state)
{
	(void)state;
	boot(ENABLED | X2APIC, 0, true);
	apic_send(0x10203, VECTOR_SYNC);
	assert_int_equal(cpu.icr, 0x10203ull << 32 | ICR_ASSERT | VECTOR_SYNC);
	apic_send(0x100, APIC_NMI);
	assert_int_equal(cpu.icr, 0x100ull << 32 | ICR_ASSERT | APIC_NMI);
	assert_int_equal(cpu.nr_icr, 2);
	apic_eoi(&boot_percpu);
	assert_int_equal(cpu.eoi, 1);
	assert_true(apic_vector_in(&boot_percpu, APIC_IRR, VECTOR_SYNC));
	assert_false(apic_vector_in(&boot_percpu, APIC_IRR, VECTOR_WAKE));
	expect_clean(1);
}

static void the_switch_is_refused_where_there_is_none(void **state)
{
	(void)state;
	boot(ENABLED, 4, false);
	assert_false(apic_has_x2apic());
	assert_false(apic_use_x2apic());
	assert_int_equal(cpu.nr_mode_changes, 0);
	assert_ptr_equal(boot_percpu.apic, window);
	assert_false(apic_switched());
	expect_clean(1);
}

static void where_firmware_has_done_it_nothing_is_switched(void **state)
{
	(void)state;
	boot(ENABLED | X2APIC, 4, true);
	assert_true(apic_use_x2apic());
	assert_int_equal(cpu.nr_mode_changes, 0);
	assert_false(apic_switched());
}

/* The last one: that it has happened is never forgotten. */
static void the_switch_is_done_once_and_others_follow(void **state)
{
	u32 id;

	(void)state;
	boot(ENABLED, 4, true);
	assert_true(apic_use_x2apic());
	assert_true(apic_use_x2apic());
	assert_int_equal(cpu.nr_mode_changes, 1);
	assert_true(apic_switched());
	assert_null(boot_percpu.apic);
	assert_int_equal(boot_percpu.apic_id, 4);
	apic_send(9, VECTOR_SYNC);
	assert_int_equal(cpu.icr, 9ull << 32 | ICR_ASSERT | VECTOR_SYNC);
	expect_clean(1);

	/* Another CPU, as INIT leaves it. */
	cpu.base = (u64)window | ENABLED;
	cpu.id = 9;
	apic_follow_boot_cpu();
	assert_true(is_x2apic());
	assert_true(apic_my_id(&id));
	assert_int_equal(id, 9);
	expect_clean(1);
}

static void others_stay_as_they_are_when_the_boot_cpu_does(void **state)
{
	(void)state;
	boot(ENABLED, 0, true);
	apic_follow_boot_cpu();
	assert_int_equal(cpu.nr_mode_changes, 0);
	assert_false(is_x2apic());
}

/* A process has no use for GS; the program finds its own data there. */
static int setup(void **state)
{
	(void)state;
	return (int)syscall(SYS_arch_prctl, ARCH_SET_GS, &boot_percpu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mode_is_what_the_base_says),
		cmocka_unit_test(an_interrupt_goes_out_by_memory),
		cmocka_unit_test(one_that_never_ends_sending_is_not_waited_for_for_ever),
		cmocka_unit_test(an_interrupt_goes_out_by_msr),
		cmocka_unit_test(the_switch_is_refused_where_there_is_none),
		cmocka_unit_test(where_firmware_has_done_it_nothing_is_switched),
		cmocka_unit_test(others_stay_as_they_are_when_the_boot_cpu_does),
		cmocka_unit_test(the_switch_is_done_once_and_others_follow),
	};

	return cmocka_run_group_tests_name("apic", tests, setup, NULL);
}
