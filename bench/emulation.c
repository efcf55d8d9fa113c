/* SPDX-License-Identifier: MIT */
#include "emulation.h"

#include "assemble.h"
#include "format.h"
#include "int3.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "nops.h"
#include "x86.h"

#define LAUNCHER_BYTES 256
#define SITE_PAGE (EMULATION_TEXT_BYTES / 2) /* the one page that is registered */
#define SITE_ROOM_BYTES 16 /* what a subject may leave behind on the site */

#define STACK_BYTES (64 * 1024ul) /* the host puts its signal frame here, vector registers too */
#define RED_ZONE_BYTES 128

#define REG_WORDS (sizeof(struct trap_regs) / sizeof(u64))

static const u64 chosen_flags[] = { EFLAGS_CF, EFLAGS_PF, EFLAGS_AF, EFLAGS_ZF,
				    EFLAGS_SF, EFLAGS_OF, EFLAGS_DF };

_Static_assert(EMULATION_NR_PATTERNS == 1u << ARRAY_SIZE(chosen_flags),
	       "a pattern is a bit a flag");

/* What the hook works with; static, because a hook gets no argument. */
static struct {
	u64 site;
	struct smp_text_poke_loc entry;
	u32 nr_traps;
} trapped;

static noinstr bool emulate_trap(struct trap_regs *regs)
{
	if (regs->ip - INT3_INSN_SIZE != trapped.site)
		return false;
	/* An emulation that leads back here would do so for ever. */
	if (trapped.nr_traps++)
		return false;
	return int3_emulate(regs, trapped.site, trapped.entry.opcode, trapped.entry.len,
			    trapped.entry.disp);
}

/* ---- The place ---- */

/* Flags last of all that changes them: only MOV and JMP follow. RDI is the way to the values. */
static void emit_launcher(struct assembler *a, u64 site)
{
	static const struct {
		enum asm_reg reg;
		s32 offset;
	} loads[] = {
		{ ASM_RSP, offsetof(struct trap_regs, sp) },
		{ ASM_RAX, offsetof(struct trap_regs, ax) },
		{ ASM_RCX, offsetof(struct trap_regs, cx) },
		{ ASM_RDX, offsetof(struct trap_regs, dx) },
		{ ASM_RBX, offsetof(struct trap_regs, bx) },
		{ ASM_RBP, offsetof(struct trap_regs, bp) },
		{ ASM_RSI, offsetof(struct trap_regs, si) },
		{ ASM_R8, offsetof(struct trap_regs, r8) },
		{ ASM_R9, offsetof(struct trap_regs, r9) },
		{ ASM_R10, offsetof(struct trap_regs, r10) },
		{ ASM_R11, offsetof(struct trap_regs, r11) },
		{ ASM_R12, offsetof(struct trap_regs, r12) },
		{ ASM_R13, offsetof(struct trap_regs, r13) },
		{ ASM_R14, offsetof(struct trap_regs, r14) },
		{ ASM_R15, offsetof(struct trap_regs, r15) },
		{ ASM_RDI, offsetof(struct trap_regs, di) },
	};

	asm_push_mem(a, ASM_RDI, offsetof(struct trap_regs, flags));
	asm_popfq(a);
	for (u32 i = 0; i < ARRAY_SIZE(loads); i++)
		asm_load(a, loads[i].reg, ASM_RDI, loads[i].offset);
	asm_jmp(a, ASM_NEAR, site);
}

static int build_launcher(const struct emulation *e)
{
	u8 code[LAUNCHER_BYTES];
	struct assembler a;

	asm_begin(&a, code, sizeof(code), (u64)e->text);
	emit_launcher(&a, (u64)e->site);
	return a.error ? a.error : text_poke_copy(e->text, code, a.len);
}

int emulation_setup(struct bench_run *run)
{
	struct emulation *e = machine_alloc(sizeof(*e));
	int err;

	if (!e)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = e;
	run->cpus = 1;
	run->sites = 1;
	e->random = random_from(run->seed);
	e->stack = machine_alloc(STACK_BYTES);
	e->text = text_alloc(EMULATION_TEXT_BYTES, PAGE_BYTES);
	if (!e->stack || !e->text)
		return bench_fail(run, -ERR_NOMEM, "no memory for text and stack");
	e->site = e->text + SITE_PAGE + random_below(&e->random, PAGE_BYTES - SITE_ROOM_BYTES);
	err = text_register(e->text + SITE_PAGE, PAGE_BYTES, NULL);
	if (!err)
		err = build_launcher(e);
	return err ? bench_fail(run, err, "the launcher could not be written") : 0;
}

void emulation_teardown(struct bench_run *run)
{
	struct emulation *e = run->priv;

	if (!e)
		return;
	if (e->text) {
		text_unregister(e->text + SITE_PAGE);
		text_free(e->text, EMULATION_TEXT_BYTES);
	}
	if (e->stack)
		machine_free(e->stack, STACK_BYTES);
	machine_free(e, sizeof(*e));
}

u64 emulation_target(struct emulation *e, enum reach reach)
{
	u8 *lowest = e->text + LAUNCHER_BYTES, *highest = e->text + EMULATION_TEXT_BYTES - 1, *any;

	if (reach != REACH_ANY)
		return (u64)(reach == REACH_LOWEST ? lowest : highest);
	do
		any = lowest + random_below(&e->random, (u32)(highest - lowest));
	while (any >= e->site && any < e->site + SITE_ROOM_BYTES);
	return (u64)any;
}

/* ---- One run from the launcher to a foreign INT3 ---- */

/*
 * Other registers for each subject, and the stack at both alignments to 16: the CPU aligns it
 * before it pushes, so the word that a CALL pushes is a hole of the trap frame in one case and part
 * of it in the other.
 */
static void choose_start(struct emulation *e)
{
	u64 *words = (u64 *)&e->start;

	for (u32 i = 0; i < REG_WORDS; i++)
		words[i] = random_next(&e->random);
	e->sp = (u64 *)(e->stack + STACK_BYTES - PAGE_BYTES) + random_below(&e->random, 2);
	e->start.sp = (u64)e->sp;
}

static u64 flags_of(u32 pattern)
{
	u64 flags = 0;

	for (u32 i = 0; i < ARRAY_SIZE(chosen_flags); i++)
		if (pattern >> i & 1)
			flags |= chosen_flags[i];
	return flags;
}

static void fill_stack(u64 *sp, u64 top)
{
	for (int i = -EMULATION_WORDS_BELOW; i < EMULATION_WORDS_ABOVE; i++)
		sp[i] = 0x5ca1ab1e00000000 + (u64)(i + EMULATION_WORDS_BELOW);
	sp[0] = top;
}

/* IF, IOPL and their like stay what they are. */
static void launch(const struct emulation *e, const struct subject *s, u64 flags,
		   struct outcome *ret)
{
	struct trap_regs regs = e->start;
	struct machine_fault fault = { 0 };

	regs.flags = (read_flags() & ~flags_of(EMULATION_NR_PATTERNS - 1)) | flags;
	fill_stack(e->sp, s->top);
	machine_probe((cpu_fn)e->text, &regs, &fault);
	ret->vector = fault.vector;
	ret->regs = fault.regs;
	/* Of the instruction under way, nobody's to keep; QEMU 10 leaves it set behind a REP. */
	ret->regs.flags &= ~EFLAGS_RF;
	memcpy(ret->stack, e->sp - EMULATION_WORDS_BELOW, sizeof(ret->stack));
}

/* ---- Are they the same? ---- */

static const char *const reg_names[REG_WORDS] = {
	"r15", "r14", "r13", "r12", "rbp",	   "rbx",	 "r11", "r10", "r9",	"r8", "rax",
	"rcx", "rdx", "rsi", "rdi", "trap vector", "error code", "ip",	"cs",  "flags", "sp", "ss",
};

/*
 * From which word on the stack is comparable. In ring 0 a trap pushes its frame right below the
 * stack pointer, the last trap of both runs too, so that nothing is left there; what an emulation
 * would write too low there is the frame that vectors.S returns with, and the context would tell.
 * On the host the kernel leaves the ABI's red zone alone, so its words must be equal too: the
 * emulation may write there the one word that a CALL pushes.
 */
static u32 first_word(const struct emulation *e, const struct outcome *real)
{
	u64 from = real->regs.sp, lowest = (u64)(e->sp - EMULATION_WORDS_BELOW);

	if (!(machine_caps() & MACHINE_CAP_RING0))
		from -= RED_ZONE_BYTES;
	return from > lowest ? (u32)((from - lowest) / sizeof(u64)) : 0;
}

static int differs(struct bench_run *run, const struct subject *s, u64 flags, const char *what,
		   u64 ours, u64 real)
{
	const u8 *bytes = s->has_emulate ? s->emulate : s->queued;
	u64 number = 0;

	for (u32 i = 0; i < EMULATION_MAX_LEN; i++)
		number = number << 8 | bytes[i];
	run->violations++;
	return bench_fail(run, -ERR_VERIFY, "%s (%012lx) under flags %lx: %s is %lx, the CPU's %lx",
			  run->bench->name, number, flags, what, ours, real);
}

static int expect_same(struct bench_run *run, const struct subject *s, u64 flags,
		       const struct outcome *real)
{
	const struct emulation *e = run->priv;
	const struct outcome *ours = &e->ours;
	const u64 *a = (const u64 *)&real->regs, *b = (const u64 *)&ours->regs;
	char what[24];

	if (trapped.nr_traps != 1)
		return differs(run, s, flags, "number of traps", trapped.nr_traps, 1);
	for (u32 i = 0; i < REG_WORDS; i++)
		if (a[i] != b[i])
			return differs(run, s, flags, reg_names[i], b[i], a[i]);
	for (u32 i = first_word(e, real); i < EMULATION_STACK_WORDS; i++) {
		if (real->stack[i] == ours->stack[i])
			continue;
		format(what, sizeof(what), "stack word %d", (int)i - EMULATION_WORDS_BELOW);
		return differs(run, s, flags, what, ours->stack[i], real->stack[i]);
	}
	return 0;
}

/* None of the forms changes these, so the CPU must show what the launcher was to load. */
static bool started_as_chosen(const struct emulation *e, u64 flags, const struct outcome *real)
{
	u64 chosen = flags_of(EMULATION_NR_PATTERNS - 1);

	return !memcmp(&real->regs, &e->start, offsetof(struct trap_regs, vector)) &&
	       (real->regs.flags & chosen) == flags;
}

/* The CPU's run must be one: from the site, if not by an INT3, to another place in the text. */
static int expect_ran(struct bench_run *run, const struct subject *s, u64 flags,
		      const struct outcome *real)
{
	const struct emulation *e = run->priv;
	const u8 *ip = (const u8 *)real->regs.ip - INT3_INSN_SIZE;

	if (real->vector != TRAP_BP || !text_contains(ip, 1) ||
	    (ip == e->site) != (s->real[0] == INT3_INSN_OPCODE))
		return bench_fail(run, -ERR_FAULT, "control: %s on the CPU took vector %u at %lx",
				  run->bench->name, real->vector, (u64)ip);
	if (!started_as_chosen(e, flags, real))
		return bench_fail(run, -ERR_VERIFY, "control: the launcher loads wrong values");
	return 0;
}

/* ---- A subject, with all flags ---- */

/* Through the queue, which makes of it what the handler would get. */
static int queue(const struct emulation *e, const struct subject *s)
{
	int err;

	text_mutex_lock();
	err = smp_text_poke_batch_add(e->site, s->queued, s->len,
				      s->has_emulate ? s->emulate : NULL);
	if (!err) {
		trapped.entry = text_poke_array.vec[0];
		err = smp_text_poke_batch_finish();
	}
	text_mutex_unlock();
	return err;
}

/* From INT3s, whatever the last subject left, by way of a NOP to the instruction. */
static int put_real(const struct emulation *e, const struct subject *s)
{
	int err = text_poke_set(e->site, INT3_INSN_OPCODE, SITE_ROOM_BYTES);

	if (!err)
		err = text_poke_copy(e->site, nop_bytes(s->len), s->len);
	if (!err)
		err = queue(e, s);
	return err || !s->has_emulate ? err : text_poke_copy(e->site, s->real, s->len);
}

/* Spread over all patterns, the first and the last among them. */
static u64 nth_flags(u32 i, u32 nr_patterns)
{
	return flags_of(i * (EMULATION_NR_PATTERNS - 1) / (nr_patterns - 1));
}

/* No hook: an INT3 that is met by mistake must not be emulated here. */
static int run_on_cpu(struct bench_run *run, const struct subject *s, u32 nr_patterns)
{
	struct emulation *e = run->priv;
	text_bp_hook hook = text_set_bp_hook(NULL);
	int err = 0;

	for (u32 i = 0; i < nr_patterns && !err; i++) {
		u64 flags = nth_flags(i, nr_patterns);

		launch(e, s, flags, &e->real[i]);
		err = expect_ran(run, s, flags, &e->real[i]);
	}
	text_set_bp_hook(hook);
	return err;
}

static int run_emulated(struct bench_run *run, const struct subject *s, u32 nr_patterns)
{
	struct emulation *e = run->priv;
	text_bp_hook hook = text_set_bp_hook(emulate_trap);
	int err = 0;

	trapped.site = (u64)e->site;
	for (u32 i = 0; i < nr_patterns && !err; i++) {
		u64 flags = nth_flags(i, nr_patterns);

		trapped.nr_traps = 0;
		launch(e, s, flags, &e->ours);
		err = expect_same(run, s, flags, &e->real[i]);
	}
	text_set_bp_hook(hook);
	return err;
}

int emulation_compare(struct bench_run *run, const struct subject *s, u32 nr_patterns)
{
	const u8 int3 = INT3_INSN_OPCODE;
	struct emulation *e = run->priv;
	int err;

	choose_start(e);
	err = put_real(e, s);
	if (err)
		return bench_fail(run, err, "%s could not be written: %s", run->bench->name,
				  error_name(err));
	err = run_on_cpu(run, s, nr_patterns);
	if (!err)
		err = text_poke_copy(e->site, &int3, 1);
	return err ? err : run_emulated(run, s, nr_patterns);
}
