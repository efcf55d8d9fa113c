/* SPDX-License-Identifier: MIT */
/*
 * Guarantee (G2): what the #BP handler makes of a site is what the instruction would have done. The
 * oracle is the CPU: the very bytes are put into text that is INT3 all around, run with chosen
 * registers and flags on a stack full of canaries, and the trap at the end shows where they led.
 * The emulation gets the same start, and all registers and the stack must be equal.
 */
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "host.h"
#include "int3.h"
#include "nops.h"
#include "text_patching.h"
#include "x86.h"

#define TEXT_BYTES (4 * PAGE_BYTES)
#define SITE_OFFSET (2 * PAGE_BYTES)
#define STACK_BYTES (256 * 1024ul) /* the signal frame goes here, and it can hold AVX-512 state */
#define WORDS_ABOVE 32
/* The ABI's red zone, less the word that a RET takes off before the trap. */
#define WORDS_BELOW 15
#define CANARY_WORDS (WORDS_BELOW + WORDS_ABOVE)
#define STATUS_FLAGS (EFLAGS_CF | EFLAGS_PF | EFLAGS_AF | EFLAGS_ZF | EFLAGS_SF | EFLAGS_OF)

void run_insn(const struct trap_regs *regs);
extern const char run_insn_exit[];

static u8 *text, *site;
static u64 *stack_top; /* the words around it are watched */

struct outcome {
	struct trap_regs regs;
	u64 stack[CANARY_WORDS];
};

static struct trap_regs landed;

static bool catch_landing(struct trap_regs *regs)
{
	landed = *regs;
	landed.ip -= INT3_INSN_SIZE;
	regs->ip = (u64)run_insn_exit;
	return true;
}

/* Far out nothing is mapped, and the fetch faults: the instruction is done by then. */
static void catch_fault(int signal, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	static const int order[] = { REG_R15, REG_R14, REG_R13, REG_R12, REG_RBP,
				     REG_RBX, REG_R11, REG_R10, REG_R9,	 REG_R8,
				     REG_RAX, REG_RCX, REG_RDX, REG_RSI, REG_RDI };

	(void)signal;
	if ((void *)g[REG_RIP] != info->si_addr)
		abort(); /* a bug of the test or of core, and not a fetch */
	for (u32 i = 0; i < ARRAY_SIZE(order); i++)
		((u64 *)&landed)[i] = (u64)g[order[i]];
	landed.ip = (u64)g[REG_RIP];
	landed.sp = (u64)g[REG_RSP];
	landed.flags = (u64)g[REG_EFL];
	g[REG_RIP] = (greg_t)run_insn_exit;
}

static void fill_stack(u64 top)
{
	for (int i = -WORDS_BELOW; i < WORDS_ABOVE; i++)
		stack_top[i] = 0x5ca1ab1e00000000 + (u64)(i + WORDS_BELOW);
	stack_top[0] = top;
}

static struct trap_regs start_regs(u64 flags)
{
	struct trap_regs regs;
	u64 *words = (u64 *)&regs;

	for (size_t i = 0; i < sizeof(regs) / sizeof(u64); i++)
		words[i] = 0x1111111111111111 * (i % 15 + 1);
	regs.ip = (u64)site;
	regs.sp = (u64)stack_top;
	regs.flags = flags | EFLAGS_IF | 2;
	return regs;
}

/* The three words of the trap itself are nobody's business; RF and the like neither. */
static void forget_trap(struct trap_regs *regs)
{
	regs->vector = regs->error_code = regs->cs = regs->ss = 0;
	regs->flags &= STATUS_FLAGS | EFLAGS_DF | EFLAGS_IF;
}

static void keep(struct outcome *ret, const struct trap_regs *regs)
{
	ret->regs = *regs;
	forget_trap(&ret->regs);
	memcpy(ret->stack, stack_top - WORDS_BELOW, sizeof(ret->stack));
}

/* INT3 from the site on, so that what a longer instruction left behind is not run. */
static void clear_site(void)
{
	u8 int3s[16];

	memset(int3s, INT3_INSN_OPCODE, sizeof(int3s));
	assert_int_equal(text_poke_copy(site, int3s, sizeof(int3s)), 0);
}

static void run_on_cpu(struct outcome *ret, const u8 *bytes, size_t len, u64 flags, u64 top)
{
	struct sigaction action = { .sa_sigaction = catch_fault,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct trap_regs regs = start_regs(flags);

	/* Each time, because cmocka takes the signal for itself around every test. */
	assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0);

	memset(ret, 0, sizeof(*ret));
	clear_site();
	assert_int_equal(text_poke_copy(site, bytes, len), 0);
	iret_to_self();
	fill_stack(top);
	memset(&landed, 0, sizeof(landed));
	text_set_bp_hook(catch_landing);
	run_insn(&regs);
	keep(ret, &landed);
}

/*
 * Put back what the trap found: INT3 on the site, then ask core what the entry of its queue does.
 */
static void emulate_entry(struct outcome *ret, const struct smp_text_poke_loc *tpl, u64 flags,
			  u64 top)
{
	struct trap_regs regs = start_regs(flags);

	memset(ret, 0, sizeof(*ret));
	fill_stack(top);
	regs.ip += INT3_INSN_SIZE;
	assert_true(int3_emulate(&regs, (u64)site, tpl->opcode, tpl->len, tpl->disp));
	keep(ret, &regs);
}

static void emulate_memory(struct outcome *ret, u64 flags, u64 top)
{
	struct trap_regs regs = start_regs(flags);

	memset(ret, 0, sizeof(*ret));
	fill_stack(top);
	regs.ip += INT3_INSN_SIZE;
	assert_true(int3_emulate_memory(&regs, site));
	keep(ret, &regs);
}

/* Where two outcomes differ; registers by their place in struct trap_regs. */
static void show_difference(const struct outcome *cpu, const struct outcome *ours)
{
	const u64 *a = (const u64 *)&cpu->regs, *b = (const u64 *)&ours->regs;

	for (size_t i = 0; i < sizeof(cpu->regs) / sizeof(u64); i++)
		if (a[i] != b[i])
			print_error("  register %zu: cpu %llx, we %llx\n", i,
				    (unsigned long long)a[i], (unsigned long long)b[i]);
	for (int i = 0; i < CANARY_WORDS; i++)
		if (cpu->stack[i] != ours->stack[i])
			print_error("  stack word %d: cpu %llx, we %llx\n", i - WORDS_BELOW,
				    (unsigned long long)cpu->stack[i],
				    (unsigned long long)ours->stack[i]);
}

static void expect_same(const char *what, const char *by, u64 flags, const struct outcome *cpu,
			const struct outcome *ours)
{
	bool same = !memcmp(&cpu->regs, &ours->regs, sizeof(cpu->regs)) &&
		    !memcmp(cpu->stack, ours->stack, sizeof(cpu->stack));

	if (!same) {
		print_error("%s by %s, flags %llx: cpu to %llx, we to %llx\n", what, by,
			    (unsigned long long)flags, (unsigned long long)cpu->regs.ip,
			    (unsigned long long)ours->regs.ip);
		show_difference(cpu, ours);
	}
	assert_true(same);
}

/* What the queue makes of @bytes for the site, without writing them. */
static void queue_entry(struct smp_text_poke_loc *ret, const u8 *bytes, size_t len)
{
	assert_int_equal(text_poke_copy(site, nop_bytes(len), len), 0);
	text_mutex_lock();
	assert_int_equal(smp_text_poke_batch_add(site, bytes, len, NULL), 0);
	*ret = text_poke_array.vec[0];
	text_poke_array.nr_entries = 0;
	text_mutex_unlock();
}

/* Both emulations against the CPU, from the same start. */
static void compare(const char *what, const u8 *bytes, size_t len, u64 flags, u64 top)
{
	struct smp_text_poke_loc tpl;
	struct outcome cpu, ours;

	queue_entry(&tpl, bytes, len);
	run_on_cpu(&cpu, bytes, len, flags, top);
	emulate_entry(&ours, &tpl, flags, top);
	expect_same(what, "queue", flags, &cpu, &ours);
	emulate_memory(&ours, flags, top);
	expect_same(what, "memory", flags, &cpu, &ours);
}

static u64 flags_of_pattern(u32 pattern)
{
	static const u64 bits[] = { EFLAGS_CF, EFLAGS_PF, EFLAGS_ZF, EFLAGS_SF, EFLAGS_OF };
	u64 flags = 0;

	for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
		if (pattern >> i & 1)
			flags |= bits[i];
	return flags;
}

#define NR_PATTERNS 32

static void every_condition_jumps_when_the_cpu_jumps(void **state)
{
	(void)state;
	for (u8 cc = 0; cc < 16; cc++) {
		const u8 jcc8[] = { 0x70 | cc, 0x40 };
		const u8 jcc32[] = { 0x0F, 0x80 | cc, 0x00, 0x08, 0, 0 };

		for (u32 pattern = 0; pattern < NR_PATTERNS; pattern++) {
			compare("jcc8", jcc8, 2, flags_of_pattern(pattern), 0);
			compare("jcc32", jcc32, 6, flags_of_pattern(pattern), 0);
		}
	}
}

static void calls_jumps_and_returns_go_where_the_cpu_goes(void **state)
{
	static const u8 rows[][5] = {
		{ 0xE8, 0x00, 0x00, 0x00, 0x00 }, { 0xE8, 0x10, 0x00, 0x00, 0x00 },
		{ 0xE8, 0x00, 0xF8, 0xFF, 0xFF }, { 0xE9, 0x00, 0x00, 0x00, 0x00 },
		{ 0xE9, 0x10, 0x00, 0x00, 0x00 }, { 0xE9, 0x00, 0xF8, 0xFF, 0xFF },
	};
	static const u8 ret = 0xC3;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		compare("call, jmp", rows[i], 5, 0, 0);
		compare("call, jmp", rows[i], 5, STATUS_FLAGS, 0);
	}
	compare("ret", &ret, 1, 0, (u64)text + 7);
	compare("ret", &ret, 1, STATUS_FLAGS, (u64)text + TEXT_BYTES - 1);
}

static void short_branches_reach_both_ends(void **state)
{
	(void)state;
	for (int rel = -128; rel < 128; rel++) {
		const u8 jmp8[] = { 0xEB, (u8)rel }, jo8[] = { 0x70, (u8)rel };

		/* Into itself: it would run its own displacement, or for ever. */
		if (rel == -1 || rel == -2)
			continue;
		compare("jmp8", jmp8, 2, 0, 0);
		compare("jo8", jo8, 2, EFLAGS_OF, 0);
	}
}

/* Nothing is mapped that far out, so the CPU faults on the fetch there, with the CALL done. */
static void displacements_reach_the_ends_of_s32(void **state)
{
	static const u8 rows[][6] = {
		{ 0xE9, 0xFF, 0xFF, 0xFF, 0x7F },
		{ 0xE9, 0x00, 0x00, 0x00, 0x80 },
		{ 0xE8, 0xFF, 0xFF, 0xFF, 0x7F },
		{ 0xE8, 0x00, 0x00, 0x00, 0x80 },
	};
	static const u8 jz[][6] = {
		{ 0x0F, 0x84, 0xFF, 0xFF, 0xFF, 0x7F },
		{ 0x0F, 0x84, 0x00, 0x00, 0x00, 0x80 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		compare("extreme", rows[i], 5, 0, 0);
	for (u32 i = 0; i < ARRAY_SIZE(jz); i++) {
		compare("extreme jz", jz[i], 6, EFLAGS_ZF, 0);
		compare("extreme jz, not taken", jz[i], 6, 0, 0);
	}
}

static void nops_of_every_queued_length_fall_through(void **state)
{
	(void)state;
	for (u8 len = 1; len <= 5; len++) {
		compare("nop", nop_bytes(len), len, 0, 0);
		compare("nop", nop_bytes(len), len, STATUS_FLAGS, 0);
	}
}

/* Longer ones stand in text too, and a late trap may meet them. */
static void nops_of_every_length_are_known_in_memory(void **state)
{
	struct outcome cpu, ours;

	(void)state;
	for (u8 len = 1; len <= NOP_MAX_BYTES; len++) {
		run_on_cpu(&cpu, nop_bytes(len), len, EFLAGS_ZF, 0);
		emulate_memory(&ours, EFLAGS_ZF, 0);
		expect_same("nop", "memory", EFLAGS_ZF, &cpu, &ours);
	}
}

/* A short jump or a RET filled up with INT3s counts from its own end, not from the site's. */
static void padded_branches_count_from_their_own_end(void **state)
{
	static const u8 rows[][5] = {
		{ 0xEB, 0x10, 0xCC, 0xCC, 0xCC }, { 0xEB, 0x80, 0xCC, 0xCC, 0xCC },
		{ 0xEB, 0x7F, 0xCC, 0xCC, 0xCC }, { 0xEB, 0x00, 0xCC, 0xCC, 0xCC },
		{ 0xC3, 0xCC, 0xCC, 0xCC, 0xCC },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		compare("padded", rows[i], 5, 0, (u64)text + 99);
	for (u8 len = 3; len <= 5; len++)
		compare("padded", rows[0], len, 0, 0);
}

/* With an emulate argument of another length than the site: the target is the argument's own. */
static void an_emulate_argument_keeps_its_target(void **state)
{
	static const u8 mov[] = { 0xB8, 1, 0, 0, 0 };
	static const struct {
		u8 bytes[6];
		s32 target; /* from the site */
	} rows[] = {
		{ { 0xEB, 0x10 }, 2 + 0x10 },
		{ { 0xE9, 0x00, 0x01, 0, 0 }, 5 + 0x100 },
		{ { 0x0F, 0x84, 0x00, 0x01, 0, 0 }, 6 + 0x100 },
		{ { 0x74, 0xF0 }, 2 - 0x10 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct smp_text_poke_loc tpl;
		struct outcome ours;

		assert_int_equal(text_poke_copy(site, nop_bytes(5), 5), 0);
		text_mutex_lock();
		assert_int_equal(smp_text_poke_batch_add(site, mov, 5, rows[i].bytes), 0);
		tpl = text_poke_array.vec[0];
		text_poke_array.nr_entries = 0;
		text_mutex_unlock();
		emulate_entry(&ours, &tpl, EFLAGS_ZF, 0);
		assert_int_equal(ours.regs.ip, (u64)site + rows[i].target);
	}
}

static void what_cannot_be_emulated_changes_nothing(void **state)
{
	struct trap_regs regs = start_regs(0), before = regs;

	(void)state;
	for (u32 opcode = 0; opcode < 256; opcode++) {
		switch (opcode) {
		case 0xC3:
		case 0xE8:
		case 0xE9:
		case 0xEB:
		case 0x70 ... 0x7F:
		case 0x90:
			continue;
		}
		assert_false(int3_emulate(&regs, (u64)site, (u8)opcode, 5, 0x100));
		assert_memory_equal(&regs, &before, sizeof(regs));
	}
}

static void memory_that_is_none_of_the_forms_changes_nothing(void **state)
{
	static const u8 rows[][6] = {
		{ 0xCC },	{ 0xB8, 1, 0, 0, 0 }, { 0x0F, 0x0B },	    { 0x0F, 0x94, 0xC0 },
		{ 0xF3, 0x90 }, { 0x0F, 0x1F, 0xC0 }, { 0x3E, 0x74, 0x00 }, { 0xC2, 0, 0 },
	};
	struct trap_regs regs = start_regs(0), before = regs;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(text_poke_copy(site, rows[i], sizeof(rows[i])), 0);
		assert_false(int3_emulate_memory(&regs, site));
		assert_memory_equal(&regs, &before, sizeof(regs));
	}
}

static int setup(void **state)
{
	const char *reason;
	u8 *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);

	(void)state;
	if (stack == MAP_FAILED || host_setup(&reason) || text_poke_init())
		return -1;
	stack_top = (u64 *)(stack + STACK_BYTES - PAGE_BYTES);
	text = text_alloc(TEXT_BYTES, PAGE_BYTES);
	site = text + SITE_OFFSET;
	return text && !text_register(text, TEXT_BYTES, NULL) ? 0 : -1;
}

/* To no lock and no queue, whatever a failed test left. */
static int reset(void **state)
{
	(void)state;
	if (text_mutex_held())
		text_mutex_unlock();
	text_poke_array.nr_entries = 0;
	return 0;
}

#define INT3_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		INT3_TEST(every_condition_jumps_when_the_cpu_jumps),
		INT3_TEST(calls_jumps_and_returns_go_where_the_cpu_goes),
		INT3_TEST(short_branches_reach_both_ends),
		INT3_TEST(nops_of_every_queued_length_fall_through),
		INT3_TEST(nops_of_every_length_are_known_in_memory),
		INT3_TEST(padded_branches_count_from_their_own_end),
		INT3_TEST(an_emulate_argument_keeps_its_target),
		INT3_TEST(what_cannot_be_emulated_changes_nothing),
		INT3_TEST(memory_that_is_none_of_the_forms_changes_nothing),
		INT3_TEST(displacements_reach_the_ends_of_s32),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("int3", tests, setup, NULL);
}
