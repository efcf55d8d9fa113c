/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: the program's own text is tested, patched and put into UP form in one call, its LOCKs
 * are back before a second CPU can be started, and what cannot be done is said and has changed
 * nothing.
 *
 * Each case runs in a process of its own, because a program is patched once.
 */
#include "alternative_fixture.h"
#include "child.h"

#include "boot_alternatives.h"
#include "image_patching.h"

#define SITE 100
#define LOCKS 200
#define NR_LOCKS 3
#define INT3_SITE 300

/* Pages of its own; what is not used is padding. */
static s32 locks[PAGE_BYTES / sizeof(s32)] __attribute__((aligned(PAGE_BYTES)));
static struct image image;
static int nmis_stopped, object_told;

/* What the machine was last asked to do with these pages, and when. */
static struct {
	u32 nr_shut;
	bool after_boot; /* alternative_instructions() was through */
	bool locks_were_back;
} pages_seen;

static const u8 lock_inc[] = { LOCK_PREFIX_BYTE, 0x48, 0xFF, 0x07 };

/* The part of the machine that nothing else of core needs. */
u64 machine_ns(u64 tsc_ticks)
{
	return tsc_ticks;
}

static int stop_nmi(void)
{
	nmis_stopped++;
	return 0;
}

static int restart_nmi(void)
{
	nmis_stopped--;
	return 0;
}

static bool locks_are(u8 prefix);

static int access_pages(void *begin, size_t bytes, bool accessible)
{
	if (begin != (void *)locks || accessible)
		return 0;
	CHILD_REQUIRE(bytes == sizeof(locks) && locks[0] == (s32)0xCCCCCCCC);
	pages_seen.nr_shut++;
	pages_seen.after_boot = alternatives_patched();
	pages_seen.locks_were_back = locks_are(LOCK_PREFIX_BYTE);
	return 0;
}

/* What a CPU would do: trap, and go on where the hook says. */
static void pass_int3(void *arg)
{
	u64 stack[64];
	struct trap_regs regs = { .sp = (u64)&stack[32], .di = (u64)arg };

	if (sim_trap(0, sim_text + INT3_SITE, &regs))
		((void (*)(void *))regs.ip)(arg);
}

static void tell_object(void *unused)
{
	(void)unused;
	object_told++;
	__alt_reloc_selftest(&alt_reloc_selftest_object);
}

static void put_locks(void)
{
	for (u32 i = 0; i < NR_LOCKS; i++) {
		u8 *at = sim_put(LOCKS + 8 * i, lock_inc, sizeof(lock_inc));

		locks[i] = (s32)(at - (u8 *)&locks[i]);
	}
}

/* One site that is replaced, one that is kept, three LOCKs; one of four CPUs runs. */
static int setup(void **state)
{
	reset(state);
	text_mutex_unlock();
	sim.nr_cpus = 1;
	add_entry(sim_put(SITE, B(0x90, 0x90)), 2, B(0x31, 0xC0), X86_FEATURE_ALWAYS);
	add_entry(sim_put(SITE + 8, B(0x50)), 1, B(0xC3), X86_FEATURE_UP);
	put_locks();
	image = (struct image){
		.text = sim_text,
		.text_end = sim_text + SIM_TEXT_BYTES,
		.alternatives = the_table(),
		.locks = locks,
		.locks_end = locks + NR_LOCKS + 1,
		.pages = (u8 *)locks,
		.pages_end = (u8 *)locks + sizeof(locks),
		.access = access_pages,
		.stop_nmi = stop_nmi,
		.restart_nmi = restart_nmi,
		.int3_code = { sim_text + INT3_SITE, pass_int3 },
		.reloc_code = tell_object,
	};
	/* Registered by what is tested, and by nobody before. */
	text_unregister(sim_text);
	return 0;
}

static bool locks_are(u8 prefix)
{
	for (u32 i = 0; i < NR_LOCKS; i++)
		if (sim_text[LOCKS + 8 * i] != prefix)
			return false;
	return true;
}

static void patch_and_enable(u32 nr_present)
{
	const struct image_patched *p = image_patched();

	sim.nr_present = nr_present;
	CHILD_REQUIRE(!image_patch(&image));
	CHILD_REQUIRE(p->done && !p->why_not && !nmis_stopped && object_told == 1);
	CHILD_REQUIRE(p->started_up && p->is_up && p->to_up.nr_changed == NR_LOCKS);
	CHILD_REQUIRE(locks_are(SMP_UP_DS) && cpu_feature_test(X86_FEATURE_UP));
	CHILD_REQUIRE(!image_enable_smp());
	CHILD_REQUIRE(!text_mutex_held());
}

static void then_smp(u32 nr_present)
{
	const struct image_patched *p = image_patched();

	patch_and_enable(nr_present);
	CHILD_REQUIRE(locks_are(LOCK_PREFIX_BYTE) && !cpu_feature_test(X86_FEATURE_UP));
	CHILD_REQUIRE(p->started_up && !p->is_up && p->to_smp.nr_changed == NR_LOCKS);
	/* Again is fine, and does nothing: others may run by now. */
	sim.nr_cpus = 2;
	CHILD_REQUIRE(!image_enable_smp() && locks_are(LOCK_PREFIX_BYTE));
}

static void freed_when_smp(u32 nr_present)
{
	sim.nr_present = nr_present;
	CHILD_REQUIRE(!image_patch(&image));
	CHILD_REQUIRE(!pages_seen.nr_shut && !image_patched()->freed);
	CHILD_REQUIRE(!image_enable_smp());
	CHILD_REQUIRE(pages_seen.nr_shut == 1 && pages_seen.locks_were_back);
	CHILD_REQUIRE(image_patched()->freed == (u8 *)locks);
	CHILD_REQUIRE(image_patched()->freed_end == (u8 *)locks + sizeof(locks));
	CHILD_REQUIRE(!image_enable_smp() && pages_seen.nr_shut == 1);
	image_release();
}

static void the_lock_table_is_freed_when_locks_are_back_for_good(void **state)
{
	(void)state;
	in_child(freed_when_smp, 4);
}

static void freed_at_once(u32 nr_present)
{
	sim.nr_present = nr_present;
	CHILD_REQUIRE(!image_patch(&image));
	CHILD_REQUIRE(pages_seen.nr_shut == 1 && pages_seen.after_boot);
	CHILD_REQUIRE(locks_are(SMP_UP_DS) && image_patched()->freed == (u8 *)locks);
	image_release();
}

static void with_one_cpu_for_good_it_is_freed_by_the_late_stage(void **state)
{
	(void)state;
	in_child(freed_at_once, 1);
}

static void locks_are_out_while_one_cpu_runs_and_back_before_the_next(void **state)
{
	(void)state;
	in_child(then_smp, 4);
}

static void then_up_for_good(u32 nr_present)
{
	patch_and_enable(nr_present);
	CHILD_REQUIRE(locks_are(SMP_UP_DS) && image_patched()->is_up);
}

static void with_one_cpu_for_good_locks_stay_out(void **state)
{
	(void)state;
	in_child(then_up_for_good, 1);
}

static void never_out(u32 nr_present)
{
	const struct image_patched *p = image_patched();

	sim.nr_present = nr_present;
	image_choose((struct image_policy){ .noreplace_smp = true });
	CHILD_REQUIRE(!image_patch(&image) && locks_are(LOCK_PREFIX_BYTE));
	CHILD_REQUIRE(p->done && !p->started_up && !p->is_up && !p->to_up.nr_changed);
	CHILD_REQUIRE(!cpu_feature_test(X86_FEATURE_UP));
	CHILD_REQUIRE(!image_enable_smp() && locks_are(LOCK_PREFIX_BYTE));
	/* Nothing will ever ask for the table. */
	CHILD_REQUIRE(p->freed == (u8 *)locks);
}

static void with_noreplace_smp_locks_stay(void **state)
{
	(void)state;
	in_child(never_out, 1);
	in_child(never_out, 4);
}

static void too_late(u32 nr_present)
{
	sim.nr_present = nr_present;
	CHILD_REQUIRE(!image_patch(&image));
	sim.nr_cpus = 2;
	CHILD_REQUIRE(image_enable_smp() == -ERR_BUSY);
	CHILD_REQUIRE(image_patched()->is_up && locks_are(SMP_UP_DS));
}

static void a_cpu_that_runs_already_is_told_of(void **state)
{
	(void)state;
	in_child(too_late, 4);
}

static void walk(u32 unused)
{
	struct image_site cursor = { 0 };

	(void)unused;
	CHILD_REQUIRE(!image_next_site(&cursor) || !"there is no site before it is patched");
	CHILD_REQUIRE(!image_patch(&image));
	CHILD_REQUIRE(image_next_site(&cursor) && cursor.site.addr == sim_text + SITE);
	CHILD_REQUIRE(cursor.site.winner && !memcmp(cursor.before, "\x90\x90", 2));
	CHILD_REQUIRE(!memcmp(cursor.site.addr, "\x31\xC0", 2));
	CHILD_REQUIRE(image_next_site(&cursor) && cursor.site.addr == sim_text + SITE + 8);
	/* UP was not there yet when sites were decided on. */
	CHILD_REQUIRE(!cursor.site.winner && cursor.before[0] == 0x50 && *cursor.site.addr == 0x50);
	CHILD_REQUIRE(!image_next_site(&cursor));
}

static void each_site_is_told_with_what_it_held_before(void **state)
{
	(void)state;
	in_child(walk, 0);
}

/* ---- What cannot be done ---- */

/* Return: nothing was written by what failed for @why. */
static void fails(const char *why)
{
	u64 hash = sim_hash();
	const char *said = image_patch(&image);

	CHILD_REQUIRE(said && strstr(said, why));
	CHILD_REQUIRE(said == image_patched()->why_not && !image_patched()->done);
	CHILD_REQUIRE(sim_hash() == hash && !nmis_stopped && !alternatives_patched());
	CHILD_REQUIRE(!text_mutex_held());
}

static void spoil(u32 what)
{
	switch (what) {
	case 0:
		sim_put(50, B(0x06)); /* no instruction in 64-bit mode */
		fails("no instruction");
		CHILD_REQUIRE(image_patched()->alternatives.refusal.addr == sim_text + 50);
		break;
	case 1:
		entries[1].cpuid = NR_CPU_FEATURES;
		fails("no feature of this number");
		CHILD_REQUIRE(image_patched()->alternatives.refusal.entry == 1);
		break;
	case 2: /* and what a site outside holds is not read */
		entries[1].instr_offset = INT32_MAX / 2;
		fails("outside registered text");
		break;
	case 3:
		sim_put(INT3_SITE, B(0x90));
		image.int3_code.site = sim_text + INT3_SITE + 1;
		fails("INT3 self-test");
		break;
	case 4:
		image.text_end = sim_text + SIM_TEXT_BYTES + 4096;
		fails("cannot be written");
		break;
	}
}

static void what_is_wrong_is_said_and_nothing_is_written(void **state)
{
	(void)state;
	for (u32 what = 0; what <= 4; what++)
		in_child(spoil, what);
}

static void not_patched(u32 unused)
{
	struct image_site cursor = { 0 };

	(void)unused;
	image_not_patched("it may not be");
	CHILD_REQUIRE(!strcmp(image_patched()->why_not, "it may not be"));
	CHILD_REQUIRE(!image_patched()->done && !image_enable_smp());
	CHILD_REQUIRE(!image_next_site(&cursor));
	image_release();
}

static void a_machine_may_say_why_it_cannot(void **state)
{
	(void)state;
	in_child(not_patched, 0);
}

#define IMAGE_TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IMAGE_TEST(locks_are_out_while_one_cpu_runs_and_back_before_the_next),
		IMAGE_TEST(with_one_cpu_for_good_locks_stay_out),
		IMAGE_TEST(the_lock_table_is_freed_when_locks_are_back_for_good),
		IMAGE_TEST(with_one_cpu_for_good_it_is_freed_by_the_late_stage),
		IMAGE_TEST(with_noreplace_smp_locks_stay),
		IMAGE_TEST(a_cpu_that_runs_already_is_told_of),
		IMAGE_TEST(each_site_is_told_with_what_it_held_before),
		IMAGE_TEST(what_is_wrong_is_said_and_nothing_is_written),
		IMAGE_TEST(a_machine_may_say_why_it_cannot),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("image_patching", tests, NULL, NULL);
}
