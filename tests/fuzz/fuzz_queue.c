/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: whatever is asked of the queue and of the writers beside it, what is refused changes
 * no byte and no entry and names a rule that really is broken; what is accepted writes exactly what
 * was asked, in the order of the protocol; and a CPU that meets an INT3 meanwhile goes where the
 * instruction leads.
 *
 * The input is a program: a byte says which operation, the bytes behind it are its arguments.
 */
#include "fuzz.h"

#include "queue_calls.h"
#include "queue_trap.h"
#include "x86.h"

#define MAX_CANDIDATES 16
#define MAX_OPS 64
#define MAX_OPCODE 255

static u8 *candidates[MAX_CANDIDATES]; /* where an instruction was put */
static u32 nr_candidates;

/* ---- Arguments ---- */

/* Computed as numbers: many of them are outside of everything. */
static u8 *take_addr(struct fuzz_input *in)
{
	u8 how = take_u8(in) % 16;
	u64 text = (u64)sim_text;

	if (how < 8 && nr_candidates)
		return candidates[take_u8(in) % nr_candidates];
	if (how < 10 && nr_candidates)
		return (u8 *)((u64)candidates[nr_candidates - 1] + take_u8(in) % 8);
	switch (how) {
	case 10:
		return (u8 *)take_u64(in);
	case 11:
		return (u8 *)(text - 8 + take_u8(in) % 16);
	case 12:
		return (u8 *)(text + SIM_TEXT_BYTES - 8 + take_u8(in) % 16);
	case 13:
		return nr_candidates ? (u8 *)((u64)candidates[0] + (u64)(s8)take_u8(in)) : NULL;
	default:
		return sim_text + take_u16(in) % SIM_TEXT_BYTES;
	}
}

static const struct {
	u8 len;
	u8 bytes[8];
} templates[] = {
	{ 5, { 0x0F, 0x1F, 0x44, 0, 0 } },
	{ 5, { 0xE8, 1, 2, 3, 4 } },
	{ 5, { 0xE9, 4, 3, 2, 1 } },
	{ 6, { 0x0F, 0x84, 5, 6, 7, 0x80 } },
	{ 2, { 0xEB, 0x10 } },
	{ 2, { 0x74, 0x90 } },
	{ 1, { 0xC3 } },
	{ 1, { 0x90 } },
	{ 1, { 0xCC } },
	{ 2, { 0x66, 0x90 } },
	{ 5, { 0xC3, 0xCC, 0xCC, 0xCC, 0xCC } },
	{ 5, { 0xEB, 0x7F, 0xCC, 0xCC, 0xCC } },
	{ 5, { 0xB8, 0x44, 0, 0, 0xC3 } },
	{ 6, { 0xF0, 0x0F, 0xC1, 0x03, 0x90, 0x90 } },
	{ 7, { 0x0F, 0x1F, 0x80, 0, 0, 0, 0 } },
	{ 3, { 0xEB, 0x00, 0xCC } },
};

/* Return: how many of @bytes. A template, its operand changed or not, or any bytes at all. */
static size_t take_code(struct fuzz_input *in, u8 bytes[MAX_OPCODE])
{
	u8 how = take_u8(in), nr = how % 32;
	size_t len = take_u8(in) % 17;

	memset(bytes, 0, MAX_OPCODE);
	if (nr >= 2 * ARRAY_SIZE(templates) - 8) {
		take_into(in, bytes, len);
		return len;
	}
	nr %= ARRAY_SIZE(templates);
	memcpy(bytes, templates[nr].bytes, templates[nr].len);
	if (how & 0x80)
		bytes[templates[nr].len - 1] = take_u8(in);
	if (how & 0x40)
		bytes[0] ^= take_u8(in) & 15;
	return templates[nr].len;
}

/* As long as the contract says: the instruction's own bytes; for what is none, all that may be. */
static u8 *take_emulate(struct fuzz_input *in)
{
	u8 bytes[MAX_OPCODE];
	u8 len;

	if (take_u8(in) % 4)
		return NULL;
	take_code(in, bytes);
	len = model_effect(bytes, 15).len;
	return exact_copy(bytes, len ? len : 15);
}

static void op_add(struct fuzz_input *in, void (*call)(const struct request *))
{
	u8 bytes[MAX_OPCODE], how;
	struct request r;
	u8 *opcode;

	r.addr = take_addr(in);
	r.len = take_code(in, bytes);
	how = take_u8(in);
	if (how % 16 == 0)
		r.len = take_u8(in);
	if (how % 64 == 1)
		r.len = take_u64(in);
	opcode = exact_copy(bytes, r.len < MAX_OPCODE ? r.len : MAX_OPCODE);
	r.opcode = how % 64 == 2 ? NULL : opcode;
	r.emulate = take_emulate(in);
	call(&r);
	free((void *)r.emulate);
	free(opcode);
}

/* So many sites that the queue can fill up. */
static void op_row(struct fuzz_input *in)
{
	u8 old = take_u8(in) % 10, new = take_u8(in) % 10, stride = 1 + take_u8(in) % 8;
	size_t offset = take_u16(in) % SIM_TEXT_BYTES;

	for (u32 nr = 2 * take_u8(in); nr; nr--, offset += stride) {
		struct request r = { .addr = sim_text + offset, .len = templates[new].len };
		u8 *opcode;

		if (!model_in_text(r.addr, sizeof(templates[0].bytes)))
			return;
		sim_put(offset, templates[old].bytes, templates[old].len);
		memcpy(model.text + offset, templates[old].bytes, templates[old].len);
		model_rewritten(offset, templates[old].len);
		opcode = exact_copy(templates[new].bytes, r.len);
		r.opcode = opcode;
		checked_add(&r);
		free(opcode);
	}
}

/* ---- Operations on the text ---- */

static void op_put(struct fuzz_input *in)
{
	u8 bytes[MAX_OPCODE];
	u8 *addr = take_addr(in);
	size_t len = take_code(in, bytes);

	if (!model_in_text(addr, len))
		return;
	sim_put(addr - sim_text, bytes, len);
	memcpy(model.text + (addr - sim_text), bytes, len);
	model_rewritten(addr - sim_text, len);
	if (nr_candidates == MAX_CANDIDATES)
		nr_candidates = 0;
	candidates[nr_candidates++] = addr;
}

static void op_register(struct fuzz_input *in)
{
	u8 *text = take_addr(in);
	size_t bytes = take_u16(in) % 1024;
	const u8 *bad = NULL, *want_bad = NULL;
	int err, want;

	/* It takes the lock, which is not for a CPU that has it. */
	if (model.locked || model.nr_ranges == MODEL_MAX_RANGES)
		return;
	err = text_register(text, bytes, &bad);
	want = model_register(text, bytes, &want_bad);
	MUST(err == want && bad == want_bad, "error %d instead of %d, bad byte at %p and not %p",
	     err, want, (const void *)bad, (const void *)want_bad);
}

static void op_unregister(struct fuzz_input *in)
{
	u8 nr = take_u8(in);
	const u8 *text = take_addr(in);

	if (model.locked || model.nr_sites)
		return;
	if (nr % 2 && model.nr_ranges)
		text = sim_text + model.ranges[nr % model.nr_ranges].offset;
	text_unregister(text);
	model_unregister(text);
}

static void op_lock(void)
{
	if (model.locked)
		text_mutex_unlock();
	else
		text_mutex_lock();
	model.locked = !model.locked;
}

static void op_machine(struct fuzz_input *in)
{
	u8 how = take_u8(in);

	queue_salt = take_u16(in);
	sim.irqs_off = how % 8 == 1;
	sim.fail_open = how % 8 == 2;
	sim.nr_cpus = how % 8 == 3 ? 1 : SIM_NR_CPUS;
	sim.caps &= ~MACHINE_CAP_STALE_INT3;
	if (how & 0x80)
		sim.caps |= MACHINE_CAP_STALE_INT3;
}

static size_t take_len(struct fuzz_input *in)
{
	u8 how = take_u8(in);

	if (how >> 3 == 31)
		return take_u64(in);
	return how % 8 == 7 ? take_u16(in) % (SIM_TEXT_BYTES + 2) : how % 8;
}

static void op_write(struct fuzz_input *in)
{
	enum writer writer = take_u8(in) % NR_WRITERS;
	u8 *addr = take_addr(in), *src;
	size_t len = take_len(in), nr_bytes;

	/* These take the lock. */
	if (model.locked && (writer == COPY || writer == SET))
		return;
	nr_bytes = len && writer != SET && model_in_text(addr, len) ? len : 1;
	src = malloc(nr_bytes);
	MUST(src, "no memory");
	for (size_t i = 0; i < nr_bytes; i++)
		src[i] = i < 16 ? take_u8(in) : src[i % 16];
	checked_write(writer, addr, src, len);
	free(src);
}

/* ---- The program ---- */

static void run_op(struct fuzz_input *in)
{
	switch (take_u8(in) % 24) {
	case 0 ... 4:
		return op_put(in);
	case 5 ... 10:
		return op_add(in, checked_add);
	case 11:
	case 12:
		return op_add(in, checked_single);
	case 13:
		return checked_process(smp_text_poke_batch_process);
	case 14:
		return checked_process(smp_text_poke_batch_finish);
	case 15:
		return op_row(in);
	case 16:
		return op_lock();
	case 17:
		return op_machine(in);
	case 18:
		return op_register(in);
	case 19:
		return op_unregister(in);
	case 20:
		return op_write(in);
	case 21:
		return trap_plan(take_addr(in), take_u16(in));
	case 22:
		return trap_now(take_addr(in), take_u16(in));
	default:
		return op_write(in);
	}
}

static void engine_once(void)
{
	static bool ready;

	if (ready)
		return;
	sim_reset();
	text_unregister(sim_text);
	ready = true;
}

/* The engine is set up once, since it keeps what it allocates; all else begins anew. */
static void begin(void)
{
	static const u8 int3s[SIM_TEXT_BYTES] = { [0 ... SIM_TEXT_BYTES - 1] = INT3_INSN_OPCODE };
	static const struct model_range ranges[] = { { 64, 192 }, { 4096 - 128, 256 } };
	const u8 *bad = NULL;

	engine_once();
	sim_put(0, int3s, sizeof(int3s));
	model_reset();
	nr_candidates = 0;
	traps_forget();
	sim.at_event = queue_at_event;
	op_machine(&(struct fuzz_input){ 0 });
	for (u32 i = 0; i < ARRAY_SIZE(ranges); i++) {
		const u8 *text = sim_text + ranges[i].offset;

		MUST(!text_register(text, ranges[i].bytes, &bad), "range %u", i);
		MUST(!model_register(text, ranges[i].bytes, &bad), "range %u", i);
	}
	op_lock();
}

static void end(void)
{
	if (model.locked)
		op_lock();
	text_poke_array.nr_entries = 0;
	for (u32 i = 0; i < model.nr_ranges; i++)
		text_unregister(sim_text + model.ranges[i].offset);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };

	begin();
	all_is_as_modelled();
	for (u32 i = 0; i < MAX_OPS && in.left; i++) {
		run_op(&in);
		all_is_as_modelled();
	}
	end();
	return 0;
}
