/* SPDX-License-Identifier: MIT */
#include "queue_calls.h"

#include "fuzz.h"
#include "queue_model.h"
#include "queue_trap.h"
#include "x86.h"

/* ---- What a batch does, step by step ---- */

static struct {
	bool running;
	bool wrote_tails, wrote_heads;
	u32 nr_syncs; /* of the protocol */
} batch;

static void text_is_as_modelled(const char *when)
{
	MUST(!memcmp(sim_text, model.text, SIM_TEXT_BYTES), "%s", when);
}

/* A sync that has something to wait for follows each step that wrote something. */
static void batch_step(void)
{
	if (batch.nr_syncs == 0)
		model_write_int3s();
	else if (!batch.wrote_tails && model_write_tails())
		batch.wrote_tails = true;
	else if (!batch.wrote_heads && model_write_heads())
		batch.wrote_heads = true;
	else
		return; /* settling: nothing new */
	batch.nr_syncs++;
}

u16 queue_salt;

/* Another site and another CPU each time. */
static void trap_at_a_site(void)
{
	u32 nr = queue_salt + sim.nr_of_kind[SIM_SYNC];

	if (model.nr_sites)
		trap_now(model.sites[nr % model.nr_sites].addr, (u16)(nr * 0x9E37));
}

void queue_at_event(enum sim_event_kind kind, u32 nr)
{
	if (batch.running) {
		model.referenced = nr == 1 || kind == SIM_SYNC;
		if (kind == SIM_SYNC && sim.nr_of_kind[SIM_CLOSE])
			model.referenced = false;
		if (kind == SIM_SYNC)
			batch_step();
		text_is_as_modelled("at an event of a batch");
		trap_at_a_site();
	}
	traps_at_event();
}

static bool any_site(bool (*is)(const struct model_site *))
{
	for (u32 i = 0; i < model.nr_sites; i++)
		if (is(&model.sites[i]))
			return true;
	return false;
}

static bool has_tail(const struct model_site *site)
{
	return site->len > 1;
}

static bool has_head(const struct model_site *site)
{
	return site->bytes[0] != INT3_INSN_OPCODE;
}

struct flush {
	u32 nr_syncs;
	int err;
};

/* Before a call that may process the queue: what it must do. */
static struct flush expect_flush(bool will_run)
{
	struct flush flush = { 0 };

	memset(&batch, 0, sizeof(batch));
	sim_forget();
	if (!will_run || !model.nr_sites)
		return flush;
	if (sim.fail_open) {
		flush.err = -ERR_FAULT;
		return flush;
	}
	batch.running = true;
	flush.nr_syncs = 1 + any_site(has_tail) + any_site(has_head);
	return flush;
}

static void check_flush(const struct flush *flush, bool will_run)
{
	u32 settles = flush->nr_syncs && sim.caps & MACHINE_CAP_STALE_INT3;

	batch.running = false;
	model.referenced = false;
	MUST(sim.nr_of_kind[SIM_SYNC] == flush->nr_syncs + settles, "%u syncs instead of %u + %u",
	     sim.nr_of_kind[SIM_SYNC], flush->nr_syncs, settles);
	if (flush->nr_syncs)
		MUST(smp_text_poke_stats()->nr_syncs == flush->nr_syncs, "the stats say %u",
		     smp_text_poke_stats()->nr_syncs);
	if (will_run)
		model.nr_sites = 0;
	traps_forget();
}

/* ---- After each operation ---- */

static void queue_is_as_modelled(void)
{
	const u8 *end = NULL;

	MUST(text_poke_array.nr_entries == model.nr_sites, "%u entries, not %u",
	     text_poke_array.nr_entries, model.nr_sites);
	for (u32 i = 0; i < model.nr_sites; i++) {
		const struct smp_text_poke_loc *tpl = &text_poke_array.vec[i];
		const struct model_site *site = &model.sites[i];
		u32 implied = site->len == JCC32_INSN_SIZE;

		MUST(text_poke_addr(tpl) == site->addr && tpl->len == site->len, "entry %u", i);
		MUST(!memcmp(tpl->text, site->bytes + implied, site->len - implied), "entry %u", i);
		MUST(!end || (const u8 *)text_poke_addr(tpl) >= end,
		     "the queue is unsorted, or overlaps, at entry %u", i);
		end = site->addr + site->len;
	}
}

void all_is_as_modelled(void)
{
	text_is_as_modelled("after an operation");
	queue_is_as_modelled();
	MUST(!sim.alias_is_open, "the alias was left open");
	MUST(text_mutex_held() == model.locked, "text_mutex");
	MUST(model.nr_sites || text_poke_refs_idle(), "a reference is held while nothing runs");
}

/* ---- Operations on the queue ---- */

static enum text_poke_rule broken_rule(const struct request *r)
{
	for (enum text_poke_rule rule = 1; rule < NR_TEXT_POKE_RULES; rule++)
		if (model_breaks(rule, r))
			return rule;
	return TEXT_POKE_RULE_NONE;
}

static void check_refusal(const struct request *r)
{
	const struct text_poke_refusal *refusal = smp_text_poke_refusal();
	const char *name = text_poke_rule_name(refusal->rule);

	MUST(model_breaks(refusal->rule, r), "refused as '%s'", name);
	MUST(name[0] && name[0] != '?', "rule %d has no name", refusal->rule);
	MUST(sim.nr_events == 0, "what was refused opened the alias or synced");
}

static void expect_refusal(const struct request *r, int err, enum text_poke_rule rule)
{
	MUST((err == -ERR_REFUSED) == (rule != TEXT_POKE_RULE_NONE),
	     "error %d, '%s', and by the model '%s'", err,
	     text_poke_rule_name(smp_text_poke_refusal()->rule), text_poke_rule_name(rule));
	if (rule)
		check_refusal(r);
}

void checked_add(const struct request *r)
{
	enum text_poke_rule rule = broken_rule(r);
	bool flushes = !rule && model_must_flush(r->addr);
	struct flush flush = expect_flush(flushes);
	int err = smp_text_poke_batch_add(r->addr, r->opcode, r->len, r->emulate);

	expect_refusal(r, err, rule);
	if (rule)
		return;
	MUST(err == flush.err, "error %d instead of %d", err, flush.err);
	check_flush(&flush, flushes);
	if (!err)
		model_add(r);
}

/* With a queue that need not be flushed first, so that there is one batch to compare. */
void checked_single(const struct request *r)
{
	enum text_poke_rule rule = broken_rule(r);
	struct flush flush;
	int err;

	if (!rule && model_must_flush(r->addr))
		checked_process(smp_text_poke_batch_finish);
	if (!rule)
		model_add(r);
	flush = expect_flush(!rule);
	err = smp_text_poke_single(r->addr, r->opcode, r->len, r->emulate);
	expect_refusal(r, err, rule);
	MUST(rule || err == flush.err, "error %d instead of %d", err, flush.err);
	check_flush(&flush, !rule);
}

void checked_process(int (*call)(void))
{
	bool allowed = model.locked && !sim.irqs_off;
	struct flush flush = expect_flush(allowed);
	int want = !model.nr_sites ? 0 : allowed ? flush.err : -ERR_REFUSED;
	int err = call();

	MUST(err == want, "error %d instead of %d", err, want);
	check_flush(&flush, allowed);
}

/* ---- The writers ---- */

static int call_writer(enum writer writer, u8 *addr, const u8 *src, size_t len)
{
	switch (writer) {
	case POKE:
		return text_poke(addr, src, len);
	case KGDB:
		return text_poke_kgdb(addr, src, len);
	case EARLY:
		return text_poke_early(addr, src, len);
	case COPY:
		return text_poke_copy(addr, src, len);
	case COPY_LOCKED:
		return text_poke_copy_locked(addr, src, len, true);
	default:
		return text_poke_set(addr, *src, len);
	}
}

static bool lock_allows(enum writer writer, int *ret_err)
{
	*ret_err = writer == KGDB ? -ERR_BUSY : -ERR_PERM;
	switch (writer) {
	case POKE:
	case COPY_LOCKED:
		return model.locked;
	case KGDB:
		return !model.locked;
	case EARLY:
		return model.locked || sim.nr_cpus == 1;
	default:
		return true;
	}
}

static bool is_own_text(const u8 *addr, size_t len)
{
	const u8 *end = (const u8 *)_etext;
	u64 behind = (u64)addr - (u64)_stext;

	return addr < end && (behind < (u64)(end - (u8 *)_stext) || len > -behind);
}

static int want_of_writer(enum writer writer, const u8 *addr, size_t len)
{
	bool chunks = writer >= COPY;
	int err;

	if (!lock_allows(writer, &err))
		return err;
	if ((writer == COPY || writer == SET) && is_own_text(addr, len))
		return -ERR_PERM;
	if (!len || !model_in_text(addr, len))
		return -ERR_RANGE;
	if (!chunks && ((u64)addr + len - 1) / PAGE_BYTES - (u64)addr / PAGE_BYTES > 1)
		return -ERR_RANGE;
	return sim.fail_open ? -ERR_FAULT : 0;
}

void checked_write(enum writer writer, u8 *addr, const u8 *src, size_t len)
{
	int want = want_of_writer(writer, addr, len), err;

	sim_forget();
	memset(&batch, 0, sizeof(batch));
	err = call_writer(writer, addr, src, len);
	MUST(err == want, "writer %d: error %d instead of %d", writer, err, want);
	traps_forget();
	if (err)
		return;
	for (size_t i = 0; i < len; i++)
		model.text[addr - sim_text + i] = writer == SET ? *src : src[i];
	model_rewritten(addr - sim_text, len);
}
