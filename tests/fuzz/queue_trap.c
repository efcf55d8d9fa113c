/* SPDX-License-Identifier: MIT */
#include "queue_trap.h"

#include "fuzz.h"
#include "queue_model.h"
#include "trap.h"
#include "x86.h"

#define MAX_PLANNED 8
#define CANARY 0xC0FFEE5A5A5AFEEDull

struct planned {
	const u8 *addr;
	u16 how;
	u32 events_to_go;
};

static struct planned planned[MAX_PLANNED];
static u32 nr_planned;

/* The interrupted stack: SP points at [2], an emulated CALL pushes into [1]. */
static u64 stack[4];

/* How a trap must end. */
enum outcome {
	FOREIGN, /* not ours: nothing has changed */
	HANDLED, /* a site of the running batch */
	STALE, /* no INT3 in memory any more */
};

struct end {
	enum outcome outcome;
	u64 ip;
	bool pushes, pops;
	u64 pushed;
};

static struct end end_of_effect(const u8 *addr, u8 site_len, const struct effect *effect, u64 flags)
{
	u64 target = (u64)addr + effect->len + (u64)effect->rel;
	struct end end = { .ip = (u64)addr + site_len };

	switch (effect->form) {
	case FORM_RET:
		end.ip = stack[2];
		end.pops = true;
		break;
	case FORM_CALL:
		end.ip = target;
		end.pushes = true;
		end.pushed = (u64)addr + CALL_INSN_SIZE;
		break;
	case FORM_JMP:
		end.ip = target;
		break;
	case FORM_JCC:
		if (model_condition(flags, effect->condition))
			end.ip = target;
		break;
	default:
		break;
	}
	return end;
}

static const struct model_site *site_at(const u8 *addr)
{
	for (u32 i = 0; i < model.nr_sites; i++)
		if (model.sites[i].addr == addr)
			return &model.sites[i];
	return NULL;
}

/* The entry of a running batch decides; else what memory holds. */
static struct end end_of_trap(const u8 *addr, u64 flags)
{
	const struct model_site *site = model.referenced ? site_at(addr) : NULL;
	struct effect effect;
	struct end end;

	if (site && site->effect.form != FORM_INT3) {
		end = end_of_effect(addr, site->len, &site->effect, flags);
		end.outcome = HANDLED;
		return end;
	}
	effect = model_effect(sim_text + (addr - sim_text), sim_text + SIM_TEXT_BYTES - addr);
	if (*addr == INT3_INSN_OPCODE)
		return (struct end){ .outcome = FOREIGN, .ip = (u64)addr + INT3_INSN_SIZE };
	end = end_of_effect(addr, effect.len, &effect, flags);
	if (effect.form == FORM_NONE)
		end.ip = (u64)addr;
	end.outcome = STALE;
	return end;
}

/* ---- From inside a trap everything must be refused ---- */

static u32 inside_cpu, nr_inside;

static void misuse_inside(void)
{
	static const u8 ret[] = { RET_INSN_OPCODE };
	enum text_poke_rule want = inside_cpu ? TEXT_POKE_RULE_LOCK : TEXT_POKE_RULE_CONTEXT;
	int err = smp_text_poke_batch_add(sim_text, ret, sizeof(ret), NULL);

	nr_inside++;
	MUST(err == -ERR_REFUSED && smp_text_poke_refusal()->rule == want,
	     "a call from inside a trap: error %d, '%s'", err,
	     text_poke_rule_name(smp_text_poke_refusal()->rule));
	MUST(smp_text_poke_batch_process() == -ERR_REFUSED, "process() from inside a trap");
}

/* ---- One trap ---- */

/* The processor can only have been at an instruction. */
static bool can_trap(const u8 *addr)
{
	return model_in_text(addr, 1) &&
	       model_effect(addr, (size_t)(sim_text + SIM_TEXT_BYTES - addr)).len;
}

/* Exactly one of the counters counts. */
static void check_counters(u32 cpu, struct text_poke_traps before, enum outcome outcome)
{
	struct text_poke_traps after = text_poke_traps(cpu);

	MUST(after.nr_handled - before.nr_handled == (outcome == HANDLED) &&
		     after.nr_stale - before.nr_stale == (outcome == STALE) &&
		     after.nr_foreign - before.nr_foreign == (outcome == FOREIGN),
	     "cpu %u did not count one trap as outcome %d", cpu, outcome);
}

static u64 flags_of(u16 how)
{
	return (how & 1 ? EFLAGS_CF : 0) | (how & 2 ? EFLAGS_PF : 0) | (how & 4 ? EFLAGS_ZF : 0) |
	       (how & 8 ? EFLAGS_SF : 0) | (how & 16 ? EFLAGS_OF : 0);
}

void trap_now(const u8 *addr, u16 how)
{
	u32 cpu = how >> 5 & 3;
	struct trap_regs regs = { .ax = CANARY, .flags = flags_of(how), .sp = (u64)&stack[2] };
	struct text_poke_traps before = text_poke_traps(cpu);
	struct end end;
	u64 sp;
	bool ours, inside;

	if (!can_trap(addr))
		return;
	for (u32 i = 0; i < ARRAY_SIZE(stack); i++)
		stack[i] = CANARY + i;
	end = end_of_trap(addr, regs.flags);
	/* While a batch runs, so that there is something to process, and the lock is held. */
	inside = how & 0x80 && end.outcome == HANDLED && end.pushes;
	inside_cpu = cpu;
	nr_inside = 0;
	if (inside)
		regs.sp = sim_gate(misuse_inside);
	sp = regs.sp;
	ours = sim_trap(cpu, addr, &regs);
	MUST(ours == (end.outcome != FOREIGN), "a trap at %p: ours is %d", (const void *)addr,
	     ours);
	MUST(regs.ip == end.ip, "a trap at %p leads to %#lx and not to %#lx", (const void *)addr,
	     regs.ip, end.ip);
	MUST(regs.sp == sp - 8 * end.pushes + 8 * end.pops, "the stack pointer");
	MUST(!end.pushes || *(u64 *)regs.sp == end.pushed, "the return address");
	MUST(regs.ax == CANARY && regs.flags == flags_of(how), "another register has changed");
	MUST(stack[0] == CANARY && stack[2] == CANARY + 2 && stack[3] == CANARY + 3 &&
		     (inside || end.pushes || stack[1] == CANARY + 1),
	     "the stack was written beside its top");
	MUST(nr_inside == inside, "the trap was not entered");
	check_counters(cpu, before, end.outcome);
}

void trap_plan(const u8 *addr, u16 how)
{
	if (nr_planned == MAX_PLANNED)
		return;
	planned[nr_planned++] = (struct planned){ addr, how, how >> 8 & 7 };
}

void traps_at_event(void)
{
	for (u32 i = 0; i < nr_planned; i++)
		if (!planned[i].events_to_go--)
			trap_now(planned[i].addr, planned[i].how);
}

void traps_forget(void)
{
	nr_planned = 0;
}
