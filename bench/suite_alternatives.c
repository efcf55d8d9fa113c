/* SPDX-License-Identifier: MIT */
/*
 * How long does it take to apply a table of alternatives, and how much of that is relocation, and
 * how much filling up with NOPs?
 *
 * The code is NR_SITES times NOP7, and each replacement adds 1 to RAX; where it has to be
 * relocated, from a word in memory, which every site must find. A sample applies the whole table;
 * what stands there already is written again.
 */
#include "bench.h"
#include "apply_alternatives.h"
#include "draft.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "region.h"
#include "text_patching.h"
#include "x86.h"

#define NR_SITES 256
#define SITE_BYTES 7
#define DETOUR_MAX_BYTES 16
#define FRAME_BYTES 64

static const struct series alternatives_series[] = { { "apply", "ns" } };

/* One kind of replacement, the same for every site. */
struct alt_subject {
	u8 bytes[SITE_BYTES];
	u8 len;
	/* Where the displacement in its last four bytes leads. */
	enum {
		LEADS_NOWHERE, /* there is none */
		TO_ONE, /* tables->one */
		TO_FUNCTION, /* which adds 1, and returns */
		TO_DETOUR, /* the site's own, which adds 1, and jumps behind the site */
	} to;
	u16 flags; /* of the entry, whose feature every CPU has */
};

static const struct alt_subject same_length = { { 0x48, 0x8D, 0x80, 0x01 }, 7, LEADS_NOWHERE, 0 };
static const struct alt_subject filled_up = { { 0x48, 0x8D, 0x40, 0x01 }, 4, LEADS_NOWHERE, 0 };
static const struct alt_subject relocated = { { 0x48, 0x03, 0x05 }, 7, TO_ONE, 0 };
static const struct alt_subject relocated_call = { { CALL_INSN_OPCODE }, 5, TO_FUNCTION, 0 };
static const struct alt_subject relocated_jump = { { JMP32_INSN_OPCODE }, 5, TO_DETOUR, 0 };
static const struct alt_subject kept = {
	{ 0x48, 0x8D, 0x40, 0x01 }, 4, LEADS_NOWHERE, ALT_FLAG_NOT
};

struct tables {
	u64 one;
	struct alt_instr entries[NR_SITES];
	u8 replacements[NR_SITES][SITE_BYTES];
};

struct alt_bench {
	struct region region;
	struct tables *tables;
	u8 *first; /* site */
	u64 function;
	u64 detour[NR_SITES];
};

static void emit_add_1(struct assembler *a)
{
	asm_insn(a, ASM_ADD, 8, asm_reg(ASM_RAX), asm_imm(1));
}

static void emit_code(struct assembler *a, struct alt_bench *alt)
{
	u64 first;

	asm_zero_eax(a);
	first = asm_here(a);
	alt->first = (u8 *)first;
	for (u32 i = 0; i < NR_SITES; i++)
		asm_nop(a, SITE_BYTES);
	asm_ret(a);
	alt->function = asm_here(a);
	emit_add_1(a);
	asm_ret(a);
	for (u32 i = 0; i < NR_SITES; i++) {
		alt->detour[i] = asm_here(a);
		emit_add_1(a);
		asm_jmp(a, ASM_NEAR, first + (i + 1) * SITE_BYTES);
	}
}

static int build_region(struct alt_bench *alt)
{
	struct draft draft;
	int err = draft_begin(&draft, &alt->region,
			      NR_SITES * (SITE_BYTES + DETOUR_MAX_BYTES) + FRAME_BYTES, PAGE_BYTES,
			      0);

	if (!err)
		emit_code(&draft.a, alt);
	return draft_finish(&draft, &alt->region, err);
}

static u64 target_of(const struct alt_bench *alt, const struct alt_subject *subject, u32 i)
{
	if (subject->to == TO_FUNCTION)
		return alt->function;
	return subject->to == TO_DETOUR ? alt->detour[i] : (u64)&alt->tables->one;
}

static void fill_entry(struct alt_bench *alt, const struct alt_subject *subject, u32 i)
{
	struct alt_instr *entry = &alt->tables->entries[i];
	u8 *replacement = alt->tables->replacements[i];
	u8 *site = alt->first + i * SITE_BYTES;
	s32 disp = (s32)(target_of(alt, subject, i) - (u64)(replacement + subject->len));

	memcpy(replacement, subject->bytes, SITE_BYTES);
	if (subject->to != LEADS_NOWHERE)
		memcpy(replacement + subject->len - sizeof(disp), &disp, sizeof(disp));
	entry->instr_offset = (s32)(site - (u8 *)&entry->instr_offset);
	entry->repl_offset = (s32)(replacement - (u8 *)&entry->repl_offset);
	entry->cpuid = X86_FEATURE_ALWAYS;
	entry->flags = subject->flags;
	entry->instrlen = SITE_BYTES;
	entry->replacementlen = subject->len;
}

static int alternatives_setup(struct bench_run *run)
{
	struct alt_bench *alt = machine_alloc(sizeof(*alt));

	if (!alt)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = alt;
	run->cpus = 1;
	run->sites = NR_SITES;
	alt->tables = text_near_alloc(sizeof(*alt->tables));
	if (!alt->tables)
		return bench_fail(run, -ERR_NOMEM, "no memory for a table");
	if (build_region(alt))
		return bench_fail(run, -ERR_NOMEM, "%s", region_why());
	if (region_load(&alt->region, "alternatives", alt->region.text_end, NULL))
		return bench_fail(run, -ERR_CORRUPT, "%s", region_why());
	alt->tables->one = 1;
	for (u32 i = 0; i < NR_SITES; i++)
		fill_entry(alt, run->bench->param, i);
	return 0;
}

static int apply(struct bench_run *run, u64 *ret_ns)
{
	const struct alt_bench *alt = run->priv;
	const struct tables *tables = alt->tables;
	const struct alt_table table = {
		.start = tables->entries,
		.end = tables->entries + NR_SITES,
		.repl = tables->replacements[0],
		.repl_end = tables->replacements[NR_SITES],
	};
	struct alt_result result;
	u64 begin;
	int err;

	text_mutex_lock();
	begin = rdtsc_ordered();
	err = apply_alternatives(&table, &result);
	*ret_ns = machine_ns(rdtsc_ordered() - begin);
	text_mutex_unlock();
	if (err == -ERR_REFUSED)
		return bench_fail(run, err, "entry %u refused: %s", result.refusal.entry,
				  alt_rule_name(result.refusal.rule));
	if (err)
		return bench_fail(run, err, "the table could not be applied");
	if (result.nr_sites != NR_SITES)
		return bench_fail(run, -ERR_VERIFY, "%u sites written", result.nr_sites);
	return 0;
}

struct code_run {
	u64 (*code)(void);
	u64 rax;
};

static void run_code(void *arg)
{
	struct code_run *once = arg;

	once->rax = once->code();
}

/* Before it is applied the code does nothing, and after that what its sites became. */
static int alternatives_check(struct bench_run *run)
{
	const struct alt_bench *alt = run->priv;
	struct code_run once = { .code = (u64(*)(void))alt->region.text };
	const struct alt_subject *subject = run->bench->param;
	u64 want = subject->flags & ALT_FLAG_NOT ? 0 : NR_SITES, ns;
	int err;

	if (machine_probe(run_code, &once, NULL) || once.rax)
		return bench_fail(run, -ERR_VERIFY, "the code is wrong before it is patched");
	err = apply(run, &ns);
	if (err)
		return err;
	if (machine_probe(run_code, &once, NULL) || once.rax != want)
		return bench_fail(run, -ERR_VERIFY, "patched, it computes %lx and not %lx",
				  once.rax, want);
	return 0;
}

static int alternatives_sample(struct bench_run *run, u64 *values)
{
	return apply(run, values);
}

static void alternatives_teardown(struct bench_run *run)
{
	struct alt_bench *alt = run->priv;

	if (!alt)
		return;
	if (alt->region.text)
		region_free(&alt->region);
	if (alt->tables)
		text_near_free(alt->tables, sizeof(*alt->tables));
	machine_free(alt, sizeof(*alt));
}

#define ALTERNATIVES_BENCH(title, subject)                                                         \
	{                                                                                          \
		.name = (title), .series = alternatives_series, .nr_series = 1,                    \
		.param = &(subject), .setup = alternatives_setup, .check = alternatives_check,     \
		.sample = alternatives_sample, .teardown = alternatives_teardown,                  \
	}

static const struct bench alternatives_benches[] = {
	ALTERNATIVES_BENCH("same-length", same_length),
	ALTERNATIVES_BENCH("filled-up", filled_up),
	ALTERNATIVES_BENCH("relocated", relocated),
	ALTERNATIVES_BENCH("relocated-call", relocated_call),
	ALTERNATIVES_BENCH("relocated-jump", relocated_jump),
	ALTERNATIVES_BENCH("kept", kept),
};

const struct suite suite_alternatives = {
	.name = "alternatives",
	.question = "how long does it take to apply a table of alternatives?",
	.benches = alternatives_benches,
	.nr_benches = ARRAY_SIZE(alternatives_benches),
};
