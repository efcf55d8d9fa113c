/* SPDX-License-Identifier: MIT */
/*
 * Registers: rdi = data, rsi = passes left, rdx = node; the rest is scratch. r9 = the CPU's bit,
 * r10 = turns left in a wait.
 */
#include "primitive.h"

#include "draft.h"

#define FRAME_BYTES 64
#define PAIR_MAX_BYTES 96
#define SLOT_BYTES 384 /* what a pair has behind the loop */
#define SLOT_ODD_BYTES 320 /* from the start of it to the second part */

#define TICKET_SERVED 4 /* offset of the ticket that is served; the next one comes first */
#define READER 0x100 /* the low byte is the writer's */
#define LOCKED 1 /* of a queued spinlock; the rest is the address of the last node */
#define TAIL_MASK (-256)
#define AT(member) ((s32)offsetof(struct primitive_data, member))
#define NODE(member) ((s32)offsetof(struct primitive_node, member))

/* A pair in the making. */
struct pair {
	struct assembler *a;
	enum primitive primitive;
	s32 word; /* offset of the object */
	u64 slow, odd; /* where its two parts behind the loop will be */
	u64 taken; /* where the first leads back to */
	u64 done; /* and the second */
	u64 give_up;
};

static struct asm_operand word_of(const struct pair *p)
{
	return asm_mem(ASM_RDI, p->word);
}

static void op(const struct pair *p, enum asm_op insn, u32 bytes, struct asm_operand to,
	       struct asm_operand from)
{
	asm_insn(p->a, insn, bytes, to, from);
}

static void locked(const struct pair *p, enum asm_op insn, u32 bytes, struct asm_operand from)
{
	asm_locked(p->a, true, insn, bytes, word_of(p), from);
}

/* One turn of a wait, for ever but for the count. Return: where it begins. */
static u64 wait_turn(const struct pair *p)
{
	u64 turn = asm_here(p->a);

	op(p, ASM_PAUSE, 8, asm_none(), asm_none());
	op(p, ASM_SUB, 8, asm_reg(ASM_R10), asm_imm(1));
	asm_jump_if(p->a, ASM_IF_ZERO, p->give_up);
	return turn;
}

static u64 wait_begin(const struct pair *p)
{
	asm_load(p->a, ASM_R10, ASM_RDI, AT(max_spins));
	return wait_turn(p);
}

/* Look, and try only when it is free, for that takes the line away from others. */
static void wait_and_try(const struct pair *p, u32 bytes, void (*try)(const struct pair *p),
			 enum asm_condition is_taken)
{
	u64 turn = wait_begin(p);

	op(p, ASM_CMP, bytes, word_of(p), asm_imm(0));
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, turn);
	try(p);
	asm_jump_if(p->a, is_taken, turn);
	asm_jmp(p->a, ASM_NEAR, p->taken);
}

/* ---- Spinlocks ---- */

static void tas_try(const struct pair *p)
{
	locked(p, ASM_BTS, 4, asm_imm(0));
}

static void tas_take(const struct pair *p)
{
	tas_try(p);
	asm_jump_if(p->a, ASM_IF_CARRY, p->slow);
}

static void tas_wait(const struct pair *p)
{
	wait_and_try(p, 4, tas_try, ASM_IF_CARRY);
}

static void xchg_try(const struct pair *p)
{
	op(p, ASM_MOV, 4, asm_reg(ASM_RAX), asm_imm(1));
	op(p, ASM_XCHG, 4, word_of(p), asm_reg(ASM_RAX));
	op(p, ASM_TEST, 4, asm_reg(ASM_RAX), asm_reg(ASM_RAX));
}

static void xchg_take(const struct pair *p)
{
	xchg_try(p);
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, p->slow);
}

static void xchg_wait(const struct pair *p)
{
	wait_and_try(p, 4, xchg_try, ASM_IF_NOT_ZERO);
}

static void store_zero(const struct pair *p)
{
	op(p, ASM_MOV, 4, word_of(p), asm_imm(0));
}

static void ticket_take(const struct pair *p)
{
	op(p, ASM_MOV, 4, asm_reg(ASM_RAX), asm_imm(1));
	locked(p, ASM_XADD, 4, asm_reg(ASM_RAX));
	op(p, ASM_CMP, 4, asm_reg(ASM_RAX), asm_mem(ASM_RDI, p->word + TICKET_SERVED));
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, p->slow);
}

static void ticket_wait(const struct pair *p)
{
	u64 turn = wait_begin(p);

	op(p, ASM_CMP, 4, asm_reg(ASM_RAX), asm_mem(ASM_RDI, p->word + TICKET_SERVED));
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, turn);
	asm_jmp(p->a, ASM_NEAR, p->taken);
}

/* Only who holds the lock writes it. */
static void ticket_release(const struct pair *p)
{
	op(p, ASM_INC, 4, asm_mem(ASM_RDI, p->word + TICKET_SERVED), asm_none());
}

/* ---- The queued spinlock: free and nobody waits = 0 ---- */

static void queued_take(const struct pair *p)
{
	asm_zero_eax(p->a);
	op(p, ASM_MOV, 4, asm_reg(ASM_RCX), asm_imm(LOCKED));
	locked(p, ASM_CMPXCHG, 8, asm_reg(ASM_RCX));
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, p->slow);
}

/* rax = the word. This CPU becomes the last in the queue; rax = the node before it, or 0. */
static void queued_join(const struct pair *p)
{
	u64 again;

	op(p, ASM_MOV, 8, asm_mem(ASM_RDX, NODE(next)), asm_imm(0));
	op(p, ASM_MOV, 8, asm_mem(ASM_RDX, NODE(is_first)), asm_imm(0));
	again = asm_here(p->a);
	op(p, ASM_MOV, 8, asm_reg(ASM_RCX), asm_reg(ASM_RAX));
	op(p, ASM_AND, 8, asm_reg(ASM_RCX), asm_imm(LOCKED));
	op(p, ASM_OR, 8, asm_reg(ASM_RCX), asm_reg(ASM_RDX));
	locked(p, ASM_CMPXCHG, 8, asm_reg(ASM_RCX));
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, again);
	op(p, ASM_AND, 8, asm_reg(ASM_RAX), asm_imm(TAIL_MASK));
}

/* Where what comes after the wait in the queue stands in the slot. */
#define QUEUED_FIRST_BYTES 128

static void queued_await_turn(const struct pair *p, u64 first)
{
	u64 turn;

	asm_load(p->a, ASM_R10, ASM_RDI, AT(max_spins));
	op(p, ASM_TEST, 8, asm_reg(ASM_RAX), asm_reg(ASM_RAX));
	asm_jump_if(p->a, ASM_IF_ZERO, first);
	op(p, ASM_MOV, 8, asm_mem(ASM_RAX, NODE(next)), asm_reg(ASM_RDX));
	turn = wait_turn(p);
	op(p, ASM_CMP, 8, asm_mem(ASM_RDX, NODE(is_first)), asm_imm(0));
	asm_jump_if(p->a, ASM_IF_ZERO, turn);
	asm_jmp(p->a, ASM_NEAR, first);
}

/*
 * The first of the queue waits for the lock itself. If it is the last, too, it leaves an empty
 * queue; else it takes the lock, which nobody else may while there is a queue, and tells the next.
 */
static void queued_first(const struct pair *p)
{
	u64 turn = wait_turn(p);

	asm_load(p->a, ASM_RAX, ASM_RDI, p->word);
	op(p, ASM_TEST, 4, asm_reg(ASM_RAX), asm_imm(LOCKED));
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, turn);
	op(p, ASM_MOV, 8, asm_reg(ASM_RAX), asm_reg(ASM_RDX));
	op(p, ASM_MOV, 4, asm_reg(ASM_RCX), asm_imm(LOCKED));
	locked(p, ASM_CMPXCHG, 8, asm_reg(ASM_RCX));
	asm_jump_if(p->a, ASM_IF_ZERO, p->taken);
	locked(p, ASM_OR, 8, asm_imm(LOCKED));
	turn = wait_turn(p);
	asm_load(p->a, ASM_RAX, ASM_RDX, NODE(next));
	op(p, ASM_TEST, 8, asm_reg(ASM_RAX), asm_reg(ASM_RAX));
	asm_jump_if(p->a, ASM_IF_ZERO, turn);
	op(p, ASM_MOV, 8, asm_mem(ASM_RAX, NODE(is_first)), asm_imm(1));
	asm_jmp(p->a, ASM_NEAR, p->taken);
}

static void queued_wait(const struct pair *p)
{
	u64 first = p->slow + QUEUED_FIRST_BYTES;

	queued_join(p);
	queued_await_turn(p, first);
	asm_fill_to(p->a, first);
	queued_first(p);
}

/* The low byte, of a queued spinlock or the writer's; the rest may change meanwhile. */
static void store_low_byte(const struct pair *p)
{
	op(p, ASM_MOV, 1, word_of(p), asm_imm(0));
}

/* ---- Readers and writers ---- */

static void read_try(const struct pair *p)
{
	op(p, ASM_MOV, 4, asm_reg(ASM_RAX), asm_imm(READER));
	locked(p, ASM_XADD, 4, asm_reg(ASM_RAX));
	op(p, ASM_TEST, 1, asm_reg(ASM_RAX), asm_reg(ASM_RAX));
}

static void read_take(const struct pair *p)
{
	read_try(p);
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, p->slow);
}

static void read_release(const struct pair *p)
{
	locked(p, ASM_SUB, 4, asm_imm(READER));
}

static void read_wait(const struct pair *p)
{
	u64 turn, again;

	asm_load(p->a, ASM_R10, ASM_RDI, AT(max_spins));
	again = asm_here(p->a);
	read_release(p);
	turn = wait_turn(p);
	op(p, ASM_CMP, 1, word_of(p), asm_imm(0));
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, turn);
	read_try(p);
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, again);
	asm_jmp(p->a, ASM_NEAR, p->taken);
}

static void write_try(const struct pair *p)
{
	asm_zero_eax(p->a);
	op(p, ASM_MOV, 4, asm_reg(ASM_RCX), asm_imm(1));
	locked(p, ASM_CMPXCHG, 4, asm_reg(ASM_RCX));
}

static void write_take(const struct pair *p)
{
	write_try(p);
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, p->slow);
}

static void write_wait(const struct pair *p)
{
	wait_and_try(p, 4, write_try, ASM_IF_NOT_ZERO);
}

/* ---- What sleeps in a kernel; here it spins ---- */

static void down(const struct pair *p)
{
	locked(p, ASM_DEC, 4, asm_none());
	asm_jump_if(p->a, ASM_IF_SIGN, p->slow);
}

static void down_wait(const struct pair *p)
{
	u64 turn, again;

	asm_load(p->a, ASM_R10, ASM_RDI, AT(max_spins));
	again = asm_here(p->a);
	locked(p, ASM_INC, 4, asm_none());
	turn = wait_turn(p);
	op(p, ASM_CMP, 4, word_of(p), asm_imm(0));
	asm_jump_if(p->a, ASM_IF_LESS_OR_EQUAL, turn);
	locked(p, ASM_DEC, 4, asm_none());
	asm_jump_if(p->a, ASM_IF_SIGN, again);
	asm_jmp(p->a, ASM_NEAR, p->taken);
}

/* The branch is for those who sleep, and must be woken. */
static void up(const struct pair *p)
{
	locked(p, ASM_INC, 4, asm_none());
	asm_jump_if(p->a, ASM_IF_LESS_OR_EQUAL, p->odd);
}

static void go_on(const struct pair *p)
{
	asm_jmp(p->a, ASM_NEAR, p->done);
}

static void mutex_try(const struct pair *p)
{
	asm_zero_eax(p->a);
	locked(p, ASM_CMPXCHG, 8, asm_reg(ASM_RDX));
}

static void mutex_take(const struct pair *p)
{
	mutex_try(p);
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, p->slow);
}

static void mutex_wait(const struct pair *p)
{
	wait_and_try(p, 8, mutex_try, ASM_IF_NOT_ZERO);
}

static void mutex_release(const struct pair *p)
{
	op(p, ASM_MOV, 8, asm_reg(ASM_RAX), asm_reg(ASM_RDX));
	op(p, ASM_XOR, 4, asm_reg(ASM_RCX), asm_reg(ASM_RCX));
	locked(p, ASM_CMPXCHG, 8, asm_reg(ASM_RCX));
	asm_jump_if(p->a, ASM_IF_NOT_ZERO, p->odd);
}

static void found_wrong(const struct pair *p)
{
	op(p, ASM_INC, 8, asm_mem(ASM_RDX, NODE(nr_errors)), asm_none());
	asm_jmp(p->a, ASM_NEAR, p->done);
}

/* ---- Counts and bits ---- */

/* Nobody may get what has no reference left. */
static void ref_get(const struct pair *p)
{
	op(p, ASM_MOV, 4, asm_reg(ASM_RAX), asm_imm(1));
	locked(p, ASM_XADD, 4, asm_reg(ASM_RAX));
	op(p, ASM_TEST, 4, asm_reg(ASM_RAX), asm_reg(ASM_RAX));
	asm_jump_if(p->a, ASM_IF_LESS_OR_EQUAL, p->odd);
}

/* The last one would free it; somebody else keeps one throughout. */
static void ref_put(const struct pair *p)
{
	locked(p, ASM_DEC, 4, asm_none());
	asm_jump_if(p->a, ASM_IF_LESS_OR_EQUAL, p->odd);
}

static void bit_set(const struct pair *p)
{
	locked(p, ASM_BTS, 8, asm_reg(ASM_R9));
	asm_jump_if(p->a, ASM_IF_CARRY, p->odd);
}

static void bit_clear(const struct pair *p)
{
	locked(p, ASM_BTR, 8, asm_reg(ASM_R9));
	asm_jump_if(p->a, ASM_IF_NO_CARRY, p->odd);
}

/* ---- The region ---- */

static const struct {
	void (*take)(const struct pair *p);
	void (*release)(const struct pair *p);
	void (*slow)(const struct pair *p); /* leads to taken; NULL = there is none */
	void (*odd)(const struct pair *p); /* leads to done; NULL = there is none */
} emitters[NR_PRIMITIVES] = {
	[PRIMITIVE_TAS] = { tas_take, store_zero, tas_wait, NULL },
	[PRIMITIVE_XCHG] = { xchg_take, store_zero, xchg_wait, NULL },
	[PRIMITIVE_TICKET] = { ticket_take, ticket_release, ticket_wait, NULL },
	[PRIMITIVE_QUEUED] = { queued_take, store_low_byte, queued_wait, NULL },
	[PRIMITIVE_READ] = { read_take, read_release, read_wait, found_wrong },
	[PRIMITIVE_WRITE] = { write_take, store_low_byte, write_wait, NULL },
	[PRIMITIVE_SEMAPHORE] = { down, up, down_wait, go_on },
	[PRIMITIVE_MUTEX] = { mutex_take, mutex_release, mutex_wait, found_wrong },
	[PRIMITIVE_REF] = { ref_get, ref_put, NULL, found_wrong },
	[PRIMITIVE_BIT] = { bit_set, bit_clear, NULL, found_wrong },
};

const struct primitive_kind primitive_kinds[NR_PRIMITIVES] = {
	[PRIMITIVE_TAS] = { "tas", true, true, 0, 1, 0 },
	[PRIMITIVE_XCHG] = { "xchg", true, true, 0, 1, 0 },
	[PRIMITIVE_TICKET] = { "ticket", true, true, 0, 1, 1ull << 32 | 1 },
	[PRIMITIVE_QUEUED] = { "queued", true, true, 0, LOCKED, 0 },
	[PRIMITIVE_READ] = { "rwlock-read", false, true, 0, 1, 0 },
	[PRIMITIVE_WRITE] = { "rwlock-write", true, true, 0, 1, 0 },
	[PRIMITIVE_SEMAPHORE] = { "semaphore", true, true, 1, 0, 0 },
	[PRIMITIVE_MUTEX] = { "mutex", true, true, 0, 1, 0 },
	[PRIMITIVE_REF] = { "ref", false, false, 1, 1, 0 },
	[PRIMITIVE_BIT] = { "bit", false, false, 0, 0, 0 },
};

/* A reader must find that whoever wrote has written both. */
static void emit_holder(struct pair *p)
{
	if (p->primitive == PRIMITIVE_READ) {
		asm_load(p->a, ASM_RAX, ASM_RDI, AT(counter));
		op(p, ASM_CMP, 8, asm_reg(ASM_RAX), asm_mem(ASM_RDI, AT(mirror)));
		asm_jump_if(p->a, ASM_IF_NOT_ZERO, p->odd);
		p->done = asm_here(p->a);
		return;
	}
	op(p, ASM_INC, 8, asm_mem(ASM_RDI, AT(counter)), asm_none());
	if (p->primitive == PRIMITIVE_WRITE)
		op(p, ASM_INC, 8, asm_mem(ASM_RDI, AT(mirror)), asm_none());
}

static void emit_pair(struct pair *p, bool counts)
{
	emitters[p->primitive].take(p);
	p->taken = asm_here(p->a);
	if (counts)
		emit_holder(p);
	emitters[p->primitive].release(p);
	if (!p->done)
		p->done = asm_here(p->a);
}

static void emit_behind(const struct pair *p)
{
	asm_fill_to(p->a, p->slow);
	if (emitters[p->primitive].slow)
		emitters[p->primitive].slow(p);
	asm_fill_to(p->a, p->odd);
	if (emitters[p->primitive].odd)
		emitters[p->primitive].odd(p);
}

static u32 loop_bytes(u32 nr_pairs)
{
	return FRAME_BYTES + CACHE_LINE_BYTES + nr_pairs * PAIR_MAX_BYTES;
}

static void emit_loop(struct assembler *a, struct pair *pairs, u32 nr_pairs, bool counts)
{
	u64 loop, give_up;

	asm_load(a, ASM_R9, ASM_RDX, NODE(bit));
	asm_align(a, CACHE_LINE_BYTES);
	loop = asm_here(a);
	for (u32 i = 0; i < nr_pairs; i++)
		emit_pair(&pairs[i], counts);
	asm_sub_imm(a, ASM_RSI, 1);
	asm_jnz(a, ASM_NEAR, loop);
	give_up = asm_here(a);
	asm_insn(a, ASM_MOV, 8, asm_reg(ASM_RAX), asm_reg(ASM_RSI));
	asm_ret(a);
	for (u32 i = 0; i < nr_pairs; i++) {
		pairs[i].give_up = give_up;
		emit_behind(&pairs[i]);
	}
}

int primitive_build(struct region *ret, enum primitive primitive, u32 nr_objects, u32 nr_pairs,
		    bool counts)
{
	struct pair pairs[PRIMITIVE_MAX_PAIRS];
	struct draft draft;
	u32 behind = loop_bytes(nr_pairs);
	int err = draft_begin(&draft, ret, behind + nr_pairs * SLOT_BYTES + FRAME_BYTES, PAGE_BYTES,
			      0);

	if (!err && nr_pairs > ARRAY_SIZE(pairs))
		err = draft_fail(-ERR_RANGE, "too many pairs in a code region");
	for (u32 i = 0; i < nr_pairs && !err; i++) {
		u64 slow = draft.a.base + behind + i * SLOT_BYTES;

		pairs[i] = (struct pair){
			.a = &draft.a,
			.primitive = primitive,
			.word = AT(object) + (s32)(i % nr_objects * CACHE_LINE_BYTES),
			.slow = slow,
			.odd = slow + SLOT_ODD_BYTES,
		};
	}
	if (!err) {
		emit_loop(&draft.a, pairs, nr_pairs, counts);
		ret->nr_ops = nr_pairs;
	}
	return region_finish_locks(&draft, ret, err);
}
