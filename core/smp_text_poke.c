/* SPDX-License-Identifier: MIT */
/*
 * The engine: patch instructions that other CPUs are executing.
 *
 * Steps 1-8 are those of docs/protocol.md, "The protocol", word for word; the labels R-refs,
 * A-refs,
 * ... are its "Ordering".
 */
#include "text_patching.h"

#include "atomic.h"
#include "fault.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "smp_text_poke.h"
#include "x86.h"

struct smp_text_poke_array text_poke_array;

static struct smp_text_poke_stats stats;
static bool stopped;

/* A CPU may hold its reference more than once (an NMI inside the handler), so it is a count. */
struct text_poke_ref {
	u32 count;
	u32 depth; /* traps under way on this CPU */
	struct text_poke_traps traps;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

_Static_assert(sizeof(struct text_poke_ref) == FALSE_SHARING_BYTES, "one line pair a CPU");

/* One line pair a CPU: trapping CPUs must not fight over a line (Linux 4334336e769b). */
static struct text_poke_ref *text_poke_array_refs;
static u32 nr_refs;

int text_poke_init(void)
{
	nr_refs = machine_nr_cpus_present();
	text_poke_array_refs = machine_alloc(nr_refs * sizeof(*text_poke_array_refs));
	if (!text_poke_array_refs)
		return -ERR_NOMEM;
	text_set_bp_hook(smp_text_poke_bp_hook);
	return 0;
}

/* ---- The #BP side: noinstr from here to put_text_poke_array(). ---- */

noinstr bool try_get_text_poke_array(u32 *ref)
{
	/*
	 * A-refs: pairs with R-refs. Without it this CPU could trap on our INT3, find a reference
	 * it may take, and still read entries of the batch before.
	 */
	u32 count = load_acquire(ref);

	while (count) {
		if (raw_atomic_try_cmpxchg(ref, count, count + 1))
			return true;
		count = load_acquire(ref);
	}
	return false;
}

noinstr void put_text_poke_array(u32 *ref)
{
	/*
	 * R-put: pairs with A-put. Without it the queue could be refilled while this CPU still
	 * reads it.
	 */
	raw_atomic_dec(ref);
}

noinstr bool smp_text_poke_int3_handler(struct trap_regs *regs)
{
	u32 *ref = &text_poke_array_refs[machine_this_cpu()].count;
	bool handled;

	if (!fault(HANDLER_WITHOUT_REF) && !try_get_text_poke_array(ref))
		return false;
	handled = text_poke_emulate_site(text_poke_array.vec, text_poke_array.nr_entries, regs);
	if (!fault(HANDLER_WITHOUT_REF))
		put_text_poke_array(ref);
	return handled;
}

/*
 * A trap that no running batch explains. Memory decides: a byte that is INT3 no more was fetched
 * before it went (legal on the host, where the kernel delivers the signal later; a stale
 * translation under TCG), and what stands there now is what this CPU should have run.
 */
static noinstr bool handle_late_trap(struct trap_regs *regs, struct text_poke_traps *traps)
{
	const u8 *addr = (const u8 *)(regs->ip - INT3_INSN_SIZE);

	if (*(const volatile u8 *)addr == INT3_INSN_OPCODE)
		return false;
	if (!int3_emulate_memory(regs, addr))
		regs->ip = (u64)addr;
	traps->nr_stale++;
	return true;
}

/* A batch may begin between the two looks; it cannot do so every time within one trap. */
#define LATE_TRAP_LOOKS 8

noinstr bool smp_text_poke_bp_hook(struct trap_regs *regs)
{
	struct text_poke_ref *ref = &text_poke_array_refs[machine_this_cpu()];
	u64 tick = rdtsc();
	bool ours = false;

	ref->depth++;
	for (int look = 0; look < LATE_TRAP_LOOKS && !ours; look++) {
		if (smp_text_poke_int3_handler(regs)) {
			ref->traps.nr_handled++;
			ours = true;
		} else {
			ours = handle_late_trap(regs, &ref->traps);
		}
	}
	if (ours)
		ref->traps.last_tick = tick;
	else
		ref->traps.nr_foreign++;
	ref->depth--;
	return ours;
}

/* ---- The patching side. ---- */

int smp_text_poke_sync_each_cpu(void)
{
	return machine_sync_core_each_cpu(NULL);
}

static void take_references(void)
{
	for (u32 cpu = 0; cpu < nr_refs; cpu++) {
		/*
		 * R-refs: publish the entries before the first INT3 can be fetched. Pairs with
		 * A-refs. Without it a CPU may trap, find no reference, and treat our INT3 as
		 * foreign.
		 */
		store_release(&text_poke_array_refs[cpu].count, 1);
	}
}

/* A CPU that died in the handler reads no entry any more; its number may become another CPU's. */
static bool forget_dead(u32 cpu)
{
	if (!machine_cpu_dead(cpu))
		return false;
	text_poke_array_refs[cpu].count = 0;
	text_poke_array_refs[cpu].depth = 0;
	return true;
}

/* Return: 0, or -ERR_TIMEOUT when a CPU stays in the handler. */
static int drop_references(void)
{
	u64 deadline = rdtsc() + machine_ticks(NSEC_PER_SEC);

	/* R-put, as in the handler: who comes last lets A-put go on. */
	for (u32 cpu = 0; cpu < nr_refs; cpu++)
		raw_atomic_dec(&text_poke_array_refs[cpu].count);
	for (u32 cpu = 0; cpu < nr_refs; cpu++) {
		u32 *count = &text_poke_array_refs[cpu].count;

		/*
		 * A-put: pairs with R-put. Without it the next batch_add() overwrites entries being
		 * read.
		 */
		if (!load_acquire(count))
			continue;
		stats.nr_ref_waits++;
		while (load_acquire(count) && !fault(DROP_REFS_EARLY) && !forget_dead(cpu)) {
			if (rdtsc() > deadline)
				return -ERR_TIMEOUT;
			cpu_relax();
		}
	}
	return 0;
}

static void write_byte(u8 *addr, ptrdiff_t delta, u8 byte)
{
	*(volatile u8 *)(addr + delta) = byte;
}

static void write_int3s(ptrdiff_t delta)
{
	for (u32 i = 0; i < text_poke_array.nr_entries; i++) {
		struct smp_text_poke_loc *tpl = &text_poke_array.vec[i];
		u8 *addr = text_poke_addr(tpl);

		/*
		 * By the alias, like every access until step 7: an emulator keeps few translations,
		 * and text and alias would push each other out.
		 */
		tpl->old = *(addr + delta);
		if (!fault(OMIT_INT3))
			write_byte(addr, delta, INT3_INSN_OPCODE);
	}
}

/*
 * The bytes behind the first. A Jcc rel32 keeps five of its six in text[], others len - 1 of len.
 */
static const u8 *tail_of(const struct smp_text_poke_loc *tpl)
{
	return tpl->len == JCC32_INSN_SIZE ? tpl->text : tpl->text + 1;
}

static u8 head_of(const struct smp_text_poke_loc *tpl)
{
	return tpl->len == JCC32_INSN_SIZE ? 0x0F : tpl->text[0];
}

/* The bytes behind the first, lowest first, zeroes above them. */
static u64 tail_bits(const struct smp_text_poke_loc *tpl, u32 nr_bytes)
{
	u64 bits = 0;

	/* From len to old: text[] stands two bytes up, and no byte loop is needed. */
	memcpy(&bits, &tpl->len, sizeof(bits));
	bits >>= tpl->len == JCC32_INSN_SIZE ? 16 : 24;
	return bits & ((1ull << 8 * nr_bytes) - 1);
}

/*
 * A tail in one store, or two where it crosses an aligned word: the neighbours are written with
 * what they hold, and text_mutex keeps other writers away. Fewer stores matter to an emulator,
 * which pays for each one into translated code, and pays four times for an unaligned one.
 */
static void write_tail(const struct smp_text_poke_loc *tpl, ptrdiff_t delta)
{
	u64 tail = (u64)text_poke_addr(tpl) + delta + INT3_INSN_SIZE;
	volatile u64 *word = (volatile u64 *)(tail & ~7ull);
	u32 nr_bytes = tpl->len - INT3_INSN_SIZE, shift = 8 * (tail & 7);
	u64 bits = tail_bits(tpl, nr_bytes), mask = (1ull << 8 * nr_bytes) - 1;

	*word = (*word & ~(mask << shift)) | bits << shift;
	if (shift + 8 * nr_bytes > 64) {
		word++;
		mask = fault(CLOBBER_NEIGHBOURS) ? ~0ull : mask >> (64 - shift);
		*word = (*word & ~mask) | bits >> (64 - shift);
	}
}

/* Return: how many sites have a tail. */
static u32 write_tails(ptrdiff_t delta)
{
	u32 nr_tails = 0;

	for (u32 i = 0; i < text_poke_array.nr_entries; i++) {
		const struct smp_text_poke_loc *tpl = &text_poke_array.vec[i];

		if (tpl->len == 1)
			continue;
		write_tail(tpl, delta);
		nr_tails++;
	}
	return nr_tails;
}

/* Return: how many first bytes were written; an INT3 that is to stay needs none. */
static u32 write_heads(ptrdiff_t delta)
{
	u32 nr_heads = 0;

	for (u32 i = 0; i < text_poke_array.nr_entries; i++) {
		const struct smp_text_poke_loc *tpl = &text_poke_array.vec[i];
		u8 head = head_of(tpl);

		if (head == INT3_INSN_OPCODE)
			continue;
		write_byte(text_poke_addr(tpl), delta, head);
		nr_heads++;
	}
	return nr_heads;
}

static bool site_reads_back(const struct smp_text_poke_loc *tpl)
{
	const u8 *addr = text_poke_addr(tpl);

	if (tpl->len == 5)
		return *addr == tpl->text[0] && !memcmp(addr + 1, tpl->text + 1, 4);
	return *addr == head_of(tpl) && !memcmp(addr + 1, tail_of(tpl), tpl->len - 1);
}

static bool all_read_back(void)
{
	for (u32 i = 0; i < text_poke_array.nr_entries; i++)
		if (!site_reads_back(&text_poke_array.vec[i]))
			return false;
	return true;
}

/*
 * First and last stamp hold back what comes before and after; those in between are bare, since each
 * fence would cost as much as a store, and may be early by tens of cycles.
 */
static void stamp(enum text_poke_stamp which)
{
	bool outer = which == TEXT_POKE_STAMP_BEGIN || which == TEXT_POKE_STAMP_END;

	stats.stamp[which] = outer ? rdtsc_ordered() : rdtsc();
}

static int batch_sync(bool needed, bool skip)
{
	if (!needed || skip)
		return 0;
	stats.nr_syncs++;
	stats.nr_syncs_ever++;
	return smp_text_poke_sync_each_cpu();
}

/* Steps 3-7, with the alias open. Return: 0 or -ERR_TIMEOUT. */
static int patch_three_phases(ptrdiff_t delta)
{
	u32 nr_tails, nr_heads;
	int err;

	if (fault(TAIL_FIRST))
		write_tails(delta);
	/* Step 3: INT3 over every first byte. Sync: no CPU decodes an old instruction any more. */
	write_int3s(delta);
	stamp(TEXT_POKE_STAMP_INT3);
	err = batch_sync(true, fault(SKIP_SYNC1));
	stamp(TEXT_POKE_STAMP_SYNC1);
	if (err)
		return err;
	if (fault(PUBLISH_LATE))
		take_references();

	/* Step 4: the tails, dead bytes behind an INT3. Sync if there was one. */
	nr_tails = write_tails(delta);
	stamp(TEXT_POKE_STAMP_TAIL);
	err = batch_sync(nr_tails, fault(SKIP_SYNC2));
	stamp(TEXT_POKE_STAMP_SYNC2);
	if (err)
		return err;

	/* Step 5: the first bytes. Sync if there was one: no CPU takes the INT3 any more. */
	nr_heads = write_heads(delta);
	stamp(TEXT_POKE_STAMP_HEAD);
	err = batch_sync(nr_heads, fault(SKIP_SYNC3));
	stamp(TEXT_POKE_STAMP_SYNC3);
	return err;
}

/*
 * An emulator that translates code can drop a page's translation before the store and retranslate
 * the old byte. Writing the first bytes once more and one more sync is what ends it. Not part of
 * the protocol; only where the machine has the quirk, after the last stamp.
 */
static int text_settle(void)
{
	u64 begin = rdtsc_ordered();
	ptrdiff_t delta;
	int err;

	if (!(machine_caps() & MACHINE_CAP_STALE_INT3) || fault(SETTLE_LEFT_OUT))
		return 0;
	err = text_alias_open(&delta);
	if (err)
		return err;
	write_heads(delta);
	text_alias_close();
	err = smp_text_poke_sync_each_cpu();
	stats.nr_settle_syncs = 1;
	stats.settle_ticks = rdtsc_ordered() - begin;
	return err;
}

static void begin_stats(void)
{
	u64 nr_batches = stats.nr_batches + 1, nr_syncs_ever = stats.nr_syncs_ever;

	memset(&stats, 0, sizeof(stats));
	stats.nr_batches = nr_batches;
	stats.nr_syncs_ever = nr_syncs_ever;
	stats.nr_sites = text_poke_array.nr_entries;
	stamp(TEXT_POKE_STAMP_BEGIN);
}

static int process_queued(void)
{
	ptrdiff_t delta;
	int err;

	begin_stats();
	/* Step 1: every CPU gets a reference to the queue. */
	if (!fault(PUBLISH_LATE))
		take_references();
	/* Step 2: open the alias. */
	err = text_alias_open(&delta);
	if (err)
		return drop_references() ? -ERR_TIMEOUT : err;
	stamp(TEXT_POKE_STAMP_OPEN);

	/*
	 * Steps 3-5. On a timeout the references stay: CPUs on a half-written site are emulated on.
	 */
	err = patch_three_phases(delta);
	/* Step 6: close the alias. */
	if (!fault(LEAVE_ALIAS_OPEN))
		text_alias_close();
	if (err)
		return err;
	/* Step 7: every byte reads back as asked. */
	if (!all_read_back())
		return -ERR_VERIFY;
	/* Step 8: the references go, when no CPU is in the handler. */
	err = drop_references();
	stamp(TEXT_POKE_STAMP_END);
	return err ? err : text_settle();
}

int smp_text_poke_batch_process(void)
{
	int err;

	if (!text_poke_array.nr_entries)
		return 0;
	err = text_poke_check_context();
	if (err)
		return err;
	err = process_queued();
	/* Half patched: entries and references must stay, or a CPU on an INT3 has nobody to ask. */
	if (err == -ERR_TIMEOUT || err == -ERR_VERIFY)
		stopped = true;
	else
		text_poke_array.nr_entries = 0;
	stats.quiet_tick = rdtsc();
	return err;
}

int smp_text_poke_batch_finish(void)
{
	return smp_text_poke_batch_process();
}

bool smp_text_poke_stopped(void)
{
	return stopped;
}

bool smp_text_poke_in_trap(void)
{
	/* Before text_poke_init() nobody can be. */
	return nr_refs && text_poke_array_refs[machine_this_cpu()].depth;
}

const struct smp_text_poke_stats *smp_text_poke_stats(void)
{
	return &stats;
}

struct text_poke_traps text_poke_traps(u32 cpu)
{
	return cpu < nr_refs ? text_poke_array_refs[cpu].traps : (struct text_poke_traps){ 0 };
}

bool text_poke_refs_idle(void)
{
	/* A-put: a handler that has let go has read its entry. */
	for (u32 cpu = 0; cpu < nr_refs; cpu++)
		if (load_acquire(&text_poke_array_refs[cpu].count))
			return false;
	return !text_poke_array.nr_entries;
}
