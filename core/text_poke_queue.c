/* SPDX-License-Identifier: MIT */
/*
 * The queue: every site and every replacement is decoded and checked here, before the first byte
 * changes. What is refused leaves no trace but smp_text_poke_refusal().
 */
#include "text_patching.h"

#include "fault.h"
#include "insn.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "smp_text_poke.h"
#include "text_map.h"
#include "x86.h"

/* What the checks learn about a site on its way into the queue. */
struct candidate {
	u8 *addr;
	const u8 *opcode;
	size_t len;
	const u8 *emulate;
	struct text_map *map; /* of the text that holds the site */
	struct insn site, new, own; /* own: of an emulate argument */
	const struct insn *emulated;
};

static struct text_poke_refusal refusal;

const struct text_poke_refusal *smp_text_poke_refusal(void)
{
	return &refusal;
}

const char *text_poke_rule_name(enum text_poke_rule rule)
{
	static const char *const names[NR_TEXT_POKE_RULES] = {
		[TEXT_POKE_RULE_NONE] = "none",
		[TEXT_POKE_RULE_LENGTH] = "length is 0 or over the limit of its form",
		[TEXT_POKE_RULE_TEXT] = "site is outside registered text",
		[TEXT_POKE_RULE_BOUNDARY] = "site is in the middle of an instruction",
		[TEXT_POKE_RULE_REACH] = "site is out of reach of _stext",
		[TEXT_POKE_RULE_SITE_DECODE] = "bytes at the site are no instruction",
		[TEXT_POKE_RULE_SITE_LENGTH] = "instruction at the site has another length",
		[TEXT_POKE_RULE_NEW_DECODE] = "replacement is no instruction",
		[TEXT_POKE_RULE_NEW_LENGTH] = "replacement has another length",
		[TEXT_POKE_RULE_EMULATE] = "replacement cannot be emulated",
		[TEXT_POKE_RULE_OVERLAP] = "site overlaps one already queued",
		[TEXT_POKE_RULE_LOCK] = "text_mutex is not held",
		[TEXT_POKE_RULE_CONTEXT] = "called from a trap or with interrupts off",
		[TEXT_POKE_RULE_STOPPED] = "the engine stopped at an earlier timeout",
		[TEXT_POKE_RULE_ORDER] = "table of sites is not in the order of addresses",
		[TEXT_POKE_RULE_UNEXPECTED] = "site holds none of the forms its table knows",
		[TEXT_POKE_RULE_TARGET] = "target is out of reach of the site",
	};

	return rule < NR_TEXT_POKE_RULES ? names[rule] : "?";
}

static int refuse(enum text_poke_rule rule, const void *addr, const u8 *bytes, size_t len)
{
	refusal = (struct text_poke_refusal){ .rule = rule, .addr = addr };
	if (bytes) {
		refusal.nr_bytes = len < sizeof(refusal.bytes) ? len : sizeof(refusal.bytes);
		memcpy(refusal.bytes, bytes, refusal.nr_bytes);
	}
	return -ERR_REFUSED;
}

int text_poke_refuse(enum text_poke_rule rule, const void *addr, const u8 *bytes, size_t len)
{
	return refuse(rule, addr, bytes, len);
}

int text_poke_check_context(void)
{
	if (fault(SKIP_CONTEXT_CHECK))
		return 0;
	if (!text_mutex_held())
		return refuse(TEXT_POKE_RULE_LOCK, NULL, NULL, 0);
	if (smp_text_poke_in_trap() || machine_irqs_off())
		return refuse(TEXT_POKE_RULE_CONTEXT, NULL, NULL, 0);
	if (smp_text_poke_stopped())
		return refuse(TEXT_POKE_RULE_STOPPED, NULL, NULL, 0);
	return 0;
}

/* RET, JMP8 and JMP32 never fall through, so INT3s may fill the rest of a longer site. */
static bool fills_site(const struct insn *insn, const u8 *bytes, size_t len)
{
	if (insn->len == len)
		return true;
	if (insn->len > len)
		return false;
	if (insn->kind != INSN_RET && insn->kind != INSN_JMP8 && insn->kind != INSN_JMP32)
		return false;
	for (size_t i = insn->len; i < len; i++)
		if (bytes[i] != INT3_INSN_OPCODE)
			return false;
	return true;
}

static int check_place(struct candidate *c)
{
	s64 rel = (s64)((u64)c->addr - (u64)_stext);
	size_t max = c->len >= 2 && c->opcode[0] == 0x0F && (c->opcode[1] & 0xF0) == 0x80
			     ? JCC32_INSN_SIZE
			     : TEXT_POKE_MAX_OPCODE_SIZE;

	if (c->len > max)
		return refuse(TEXT_POKE_RULE_LENGTH, c->addr, c->opcode, c->len);
	if (rel != (s32)rel)
		return refuse(TEXT_POKE_RULE_REACH, c->addr, c->opcode, c->len);
	c->map = text_map_of(c->addr, c->len);
	if (!c->map)
		return refuse(TEXT_POKE_RULE_TEXT, c->addr, c->opcode, c->len);
	return 0;
}

static int check_site(struct candidate *c)
{
	if (insn_decode(&c->site, c->addr, c->len))
		return refuse(TEXT_POKE_RULE_SITE_DECODE, c->addr, c->addr, c->len);
	if (!fills_site(&c->site, c->addr, c->len))
		return refuse(TEXT_POKE_RULE_SITE_LENGTH, c->addr, c->addr, c->len);
	if (!text_map_starts(c->map, c->addr))
		return refuse(TEXT_POKE_RULE_BOUNDARY, c->addr, c->addr, c->len);
	return 0;
}

static int check_replacement(struct candidate *c)
{
	if (insn_decode(&c->new, c->opcode, c->len))
		return refuse(TEXT_POKE_RULE_NEW_DECODE, c->addr, c->opcode, c->len);
	if (!fills_site(&c->new, c->opcode, c->len))
		return refuse(TEXT_POKE_RULE_NEW_LENGTH, c->addr, c->opcode, c->len);
	return 0;
}

/*
 * The handler counts from addr + len. A jump that is shorter or longer than its site counts from
 * its own end, so the difference goes into the displacement, once.
 */
static s64 emulated_disp(const struct candidate *c)
{
	if (!c->emulated->is_relative)
		return 0;
	if (fault(WRONG_PADDED))
		return c->emulated->rel;
	return (s64)c->emulated->rel + c->emulated->len - (s64)c->len;
}

/*
 * The emulate argument is one instruction with a length of its own, so no more of it is copied than
 * was decoded; of one that is no instruction the first byte.
 */
static int refuse_emulation(const struct candidate *c)
{
	if (!c->emulate)
		return refuse(TEXT_POKE_RULE_EMULATE, c->addr, c->opcode, c->len);
	return refuse(TEXT_POKE_RULE_EMULATE, c->addr, c->emulate,
		      c->emulated->len ? c->emulated->len : 1);
}

static int check_emulation(struct candidate *c)
{
	c->emulated = c->emulate ? &c->own : &c->new;
	if (c->emulate && insn_decode(&c->own, c->emulate, INSN_MAX_BYTES))
		return refuse_emulation(c);
	if (c->emulated->kind == INSN_OTHER)
		return refuse_emulation(c);
	/* A CALL pushes addr + 5, so its site must have five bytes. */
	if (c->emulated->kind == INSN_CALL && c->len != CALL_INSN_SIZE)
		return refuse_emulation(c);
	return emulated_disp(c) == (s32)emulated_disp(c) ? 0 : refuse_emulation(c);
}

/*
 * Equal addresses too: the second entry would record INT3 as the old byte of the first. Asked
 * before any flush, so that what is refused does not depend on how full the queue is.
 */
static int check_overlap(const struct candidate *c)
{
	for (u32 i = text_poke_array.nr_entries; i-- > 0;) {
		const struct smp_text_poke_loc *tpl = &text_poke_array.vec[i];
		const u8 *queued = text_poke_addr(tpl);

		if (queued < c->addr + c->len && c->addr < queued + tpl->len &&
		    !fault(ALLOW_OVERLAP))
			return refuse(TEXT_POKE_RULE_OVERLAP, c->addr, c->opcode, c->len);
		/* Sorted, and no site is longer than JCC32_INSN_SIZE: earlier ones cannot reach. */
		if (queued + JCC32_INSN_SIZE <= c->addr)
			break;
	}
	return 0;
}

/* What the handler switches on: one opcode a form, Jcc by its 70-7F twin, 90 for every NOP. */
static u8 emulated_opcode(const struct insn *insn)
{
	switch (insn->kind) {
	case INSN_INT3:
		return INT3_INSN_OPCODE;
	case INSN_RET:
		return RET_INSN_OPCODE;
	case INSN_CALL:
		return CALL_INSN_OPCODE;
	case INSN_JMP8:
	case INSN_JMP32:
		return JMP32_INSN_OPCODE;
	case INSN_JCC8:
	case INSN_JCC32:
		return 0x70 | insn->condition;
	default:
		return 0x90;
	}
}

/* Everything has been checked: from here on nothing can fail. */
static void __smp_text_poke_batch_add(const struct candidate *c)
{
	struct smp_text_poke_loc *tpl = &text_poke_array.vec[text_poke_array.nr_entries];

	memset(tpl, 0, sizeof(*tpl));
	tpl->rel_addr = (s32)(c->addr - (u8 *)_stext);
	tpl->len = c->len;
	tpl->opcode = emulated_opcode(c->emulated);
	tpl->disp = (s32)emulated_disp(c);
	if (c->len == JCC32_INSN_SIZE)
		memcpy(tpl->text, c->opcode + 1, JCC32_INSN_SIZE - 1);
	else
		memcpy(tpl->text, c->opcode, c->len);
	/* Its padding, if it has any, is no place for another site any more. */
	if (c->site.len < c->len)
		text_map_one_insn(c->map, c->addr, c->len);
	text_poke_array.nr_entries++;
}

/* text_poke_addr_ordered() - would the queue stay sorted with @addr at its end? */
static bool text_poke_addr_ordered(const void *addr)
{
	u32 nr = text_poke_array.nr_entries;

	return !nr || fault(QUEUE_UNSORTED) || text_poke_addr(&text_poke_array.vec[nr - 1]) <= addr;
}

static int check_candidate(struct candidate *c)
{
	int err = text_poke_check_context();

	if (!err && (!c->len || !c->opcode))
		err = refuse(TEXT_POKE_RULE_LENGTH, c->addr, NULL, 0);
	if (!err)
		err = check_place(c);
	if (!err)
		err = check_site(c);
	if (!err)
		err = check_replacement(c);
	return err ? err : check_emulation(c);
}

int text_poke_check(void *addr, const void *opcode, size_t len)
{
	struct candidate c = { .addr = addr, .opcode = opcode, .len = len };

	return check_candidate(&c);
}

int smp_text_poke_batch_add(void *addr, const void *opcode, size_t len, const void *emulate)
{
	struct candidate c = { .addr = addr, .opcode = opcode, .len = len, .emulate = emulate };
	int err;

	err = check_candidate(&c);
	if (!err)
		err = check_overlap(&c);
	if (!err &&
	    (text_poke_array.nr_entries == TEXT_POKE_ARRAY_MAX || !text_poke_addr_ordered(addr)))
		err = smp_text_poke_batch_finish();
	if (err)
		return err;
	__smp_text_poke_batch_add(&c);
	return 0;
}

int smp_text_poke_single(void *addr, const void *opcode, size_t len, const void *emulate)
{
	int err = smp_text_poke_batch_add(addr, opcode, len, emulate);

	return err ? err : smp_text_poke_batch_finish();
}
