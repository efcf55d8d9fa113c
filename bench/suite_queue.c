/* SPDX-License-Identifier: MIT */
/*
 * Does the queue flush exactly when it must (I9), does a batch sync exactly as often as its shape
 * needs (I8), and is a call from the wrong context refused, before a byte is written?
 *
 * Nobody else runs the sites here. After every sample the text is what it was, byte for byte.
 */
#include "suite_queue.h"

#include "format.h"
#include "machine.h"
#include "mem.h"
#include "text_patching.h"
#include "x86.h"

#define NR_SHAPE_SITES 16 /* half of them with a tail, half of one byte */

static const struct series queue_series[] = { { "checks", "count" } };

void queue_expect(struct bench_run *run, bool is_so, const char *what)
{
	struct queue *q = run->priv;

	q->nr_checks++;
	if (!is_so)
		bench_violation(run, "%s", what);
}

void queue_expect_text_as_built(struct bench_run *run)
{
	const struct queue *q = run->priv;

	queue_expect(run, !memcmp(q->sites.region.pages, q->built, q->sites.region.text_bytes),
		     "text is not what it was before");
}

bool queue_was_refused(int err, enum text_poke_rule rule)
{
	return err == -ERR_REFUSED && smp_text_poke_refusal()->rule == rule;
}

int queue_add(const struct site *site, bool new)
{
	return smp_text_poke_batch_add(site->addr, new ? site->new : site->old, site->len, NULL);
}

/* ---- Set-up and tear-down ---- */

static int begin(struct bench_run *run)
{
	struct queue *q = machine_alloc(sizeof(*q));

	if (!q)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = q;
	run->cpus = machine_nr_cpus();
	q->random = random_from(run->seed);
	return answers_alloc(run, &q->answers);
}

static int keep_text(struct bench_run *run, int err)
{
	struct queue *q = run->priv;
	const struct region *region = &q->sites.region;

	if (err)
		return bench_fail(run, err, "%s", region_why());
	run->sites = q->sites.nr_sites;
	q->built = machine_alloc(region->text_bytes);
	if (!q->built)
		return bench_fail(run, -ERR_NOMEM, "no memory for a copy of the text");
	memcpy(q->built, region->pages, region->text_bytes);
	return 0;
}

static int order_setup(struct bench_run *run)
{
	struct queue *q;
	int err = begin(run);

	if (err)
		return err;
	q = run->priv;
	return keep_text(run, region_build_sites(&q->sites, SITE_NOP5_JMP32, NR_ORDER_SITES,
						 SITE_STRIDE_BYTES, 0));
}

/* Sites with a tail and of one byte in turn, so that a batch of one kind leaves gaps. */
static int shape_setup(struct bench_run *run)
{
	struct site_place places[NR_SHAPE_SITES];
	struct queue *q;
	int err = begin(run);

	if (err)
		return err;
	q = run->priv;
	for (u32 i = 0; i < NR_SHAPE_SITES; i++) {
		places[i].form = i % 2 ? SITE_NOP1_RET : SITE_NOP5_JMP32;
		places[i].offset = (NR_SHAPE_SITES + 1) * SITE_FAR_BYTES + i * 71;
	}
	return keep_text(run, region_build_places(&q->sites, places, NR_SHAPE_SITES, PAGE_BYTES));
}

static void queue_teardown(struct bench_run *run)
{
	struct queue *q = run->priv;

	if (!q)
		return;
	if (!text_poke_refs_idle())
		bench_violation(run, "something is still queued, or a reference held");
	if (q->built)
		machine_free(q->built, q->sites.region.text_bytes);
	if (q->sites.region.pages)
		site_region_free(&q->sites);
	answers_free(&q->answers);
	machine_free(q, sizeof(*q));
}

/* ---- Flushes ---- */

static void put_ascending(struct queue *q, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		q->order[i] = i;
}

static void put_descending(struct queue *q, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		q->order[i] = nr - 1 - i;
}

static void put_equal(struct queue *q, u32 nr)
{
	memset(q->order, 0, nr * sizeof(q->order[0]));
}

/* Any @nr of all sites, each once (Fisher and Yates). */
static void put_random(struct queue *q, u32 nr)
{
	put_ascending(q, NR_ORDER_SITES);
	for (u32 i = 0; i < nr; i++) {
		u32 other = i + random_below(&q->random, NR_ORDER_SITES - i), kept = q->order[i];

		q->order[i] = q->order[other];
		q->order[other] = kept;
	}
}

static u32 flushes_ascending(const struct queue *q, u32 nr)
{
	(void)q;
	return nr > TEXT_POKE_ARRAY_MAX ? 2 : 1;
}

static u32 flushes_descending(const struct queue *q, u32 nr)
{
	(void)q;
	return nr;
}

static u32 flushes_equal(const struct queue *q, u32 nr)
{
	(void)q;
	(void)nr;
	return 1;
}

/* One for each step down, one whenever the array is full, and one in the end. */
static u32 flushes_random(const struct queue *q, u32 nr)
{
	u32 nr_flushes = 1, nr_queued = 0;

	for (u32 i = 0; i < nr; i++) {
		if (nr_queued == TEXT_POKE_ARRAY_MAX || (i && q->order[i] < q->order[i - 1])) {
			nr_flushes++;
			nr_queued = 0;
		}
		nr_queued++;
	}
	return nr_flushes;
}

struct order {
	void (*put)(struct queue *q, u32 nr);
	u32 (*flushes)(const struct queue *q, u32 nr);
	bool repeats; /* all but the first are refused: they overlap */
};

static const struct order ascending = { put_ascending, flushes_ascending, false };
static const struct order descending = { put_descending, flushes_descending, false };
static const struct order equal = { put_equal, flushes_equal, true };
static const struct order random_order = { put_random, flushes_random, false };

static int queue_in_order(struct bench_run *run, u32 nr, bool new)
{
	const struct order *order = run->bench->param;
	struct queue *q = run->priv;
	int err, finished;

	for (u32 i = 0; i < nr; i++) {
		err = queue_add(&q->sites.sites[q->order[i]], new);
		if (i && order->repeats) {
			queue_expect(run, queue_was_refused(err, TEXT_POKE_RULE_OVERLAP),
				     "an address that is queued already was not refused");
			err = 0;
		}
		if (err)
			break;
	}
	finished = smp_text_poke_batch_finish();
	err = err ? err : finished;
	return err ? bench_fail(run, err, "%u entries: %s", nr, error_name(err)) : 0;
}

static int check_flushes(struct bench_run *run, u32 nr, bool new)
{
	const struct order *order = run->bench->param;
	struct queue *q = run->priv;
	u64 before = smp_text_poke_stats()->nr_batches, nr_flushes, expected;
	int err;

	text_mutex_lock();
	err = queue_in_order(run, nr, new);
	nr_flushes = smp_text_poke_stats()->nr_batches - before;
	text_mutex_unlock();
	expected = order->flushes(q, nr);
	q->nr_checks++;
	if (!err && nr_flushes != expected)
		bench_violation(run, "%u entries: %lu flushes instead of %lu", nr, nr_flushes,
				expected);
	return err;
}

static const u32 order_sizes[] = { 1, 2, TEXT_POKE_ARRAY_MAX - 1, TEXT_POKE_ARRAY_MAX,
				   TEXT_POKE_ARRAY_MAX + 1 };

/* One size, there and back. */
static int order_sample(struct bench_run *run, u64 *values)
{
	const struct order *order = run->bench->param;
	struct queue *q = run->priv;
	u32 nr = order_sizes[q->next_size++ % ARRAY_SIZE(order_sizes)];
	int err;

	q->nr_checks = 0;
	order->put(q, nr);
	err = check_flushes(run, nr, true);
	if (!err)
		err = check_flushes(run, nr, false);
	queue_expect_text_as_built(run);
	values[0] = q->nr_checks;
	return err;
}

/* Every size once, however little time there is for samples. */
static int order_check(struct bench_run *run)
{
	u64 nr_checks;
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(order_sizes) && !err; i++)
		err = order_sample(run, &nr_checks);
	return err;
}

/* ---- Syncs ---- */

enum to {
	TO_OLD,
	TO_NEW,
	TO_INT3, /* sites of one byte; others get their new form */
};

struct shape {
	bool tails, one_byte; /* which sites take part */
	enum to to;
	u32 nr_syncs;
};

/* In this order: each finds what the one before has left. */
static const struct shape shapes[] = {
	{ true, false, TO_NEW, 3 }, { true, false, TO_OLD, 3 },	 { false, true, TO_NEW, 2 },
	{ false, true, TO_OLD, 2 }, { false, true, TO_INT3, 1 }, { false, true, TO_OLD, 2 },
	{ true, true, TO_NEW, 3 },  { true, true, TO_OLD, 3 },	 { true, true, TO_INT3, 3 },
	{ true, true, TO_OLD, 3 },
};

static const u8 *bytes_of(const struct site *site, enum to to)
{
	static const u8 int3 = INT3_INSN_OPCODE;

	if (to == TO_OLD)
		return site->old;
	return to == TO_INT3 && site->len == 1 ? &int3 : site->new;
}

static int queue_shape(const struct queue *q, const struct shape *shape)
{
	int err = 0;

	for (u32 i = 0; i < q->sites.nr_sites && !err; i++) {
		const struct site *site = &q->sites.sites[i];

		if (site->len == 1 ? shape->one_byte : shape->tails)
			err = smp_text_poke_batch_add(site->addr, bytes_of(site, shape->to),
						      site->len, NULL);
	}
	return err;
}

static int check_shape(struct bench_run *run, const struct shape *shape)
{
	struct queue *q = run->priv;
	int err, finished;

	text_mutex_lock();
	answers_note(&q->answers);
	err = queue_shape(q, shape);
	finished = smp_text_poke_batch_finish();
	answers_check(run, &q->answers);
	text_mutex_unlock();
	err = err ? err : finished;
	if (err)
		return bench_fail(run, err, "shape %u: %s", (u32)(shape - shapes), error_name(err));
	q->nr_checks += machine_nr_cpus();
	if (smp_text_poke_stats()->nr_syncs != shape->nr_syncs)
		bench_violation(run, "shape %u: %u syncs instead of %u", (u32)(shape - shapes),
				smp_text_poke_stats()->nr_syncs, shape->nr_syncs);
	return 0;
}

static int shape_sample(struct bench_run *run, u64 *values)
{
	struct queue *q = run->priv;
	int err = 0;

	q->nr_checks = 0;
	for (u32 i = 0; i < ARRAY_SIZE(shapes) && !err; i++)
		err = check_shape(run, &shapes[i]);
	queue_expect_text_as_built(run);
	values[0] = q->nr_checks;
	return err;
}

#define QUEUE_BENCH(title, set_up, take, ...)                                                      \
	{                                                                                          \
		.name = (title), .series = queue_series, .nr_series = 1, .setup = (set_up),        \
		.sample = (take), .teardown = queue_teardown, __VA_ARGS__                          \
	}

static const struct bench queue_benches[] = {
	QUEUE_BENCH("ascending", order_setup, order_sample, .check = order_check,
		    .param = &ascending),
	QUEUE_BENCH("descending", order_setup, order_sample, .check = order_check,
		    .param = &descending),
	QUEUE_BENCH("equal", order_setup, order_sample, .check = order_check, .param = &equal),
	QUEUE_BENCH("random", order_setup, order_sample, .check = order_check,
		    .param = &random_order),
	QUEUE_BENCH("syncs", shape_setup, shape_sample, .check = NULL),
	QUEUE_BENCH("no-lock", shape_setup, queue_no_lock_sample, .check = NULL),
	QUEUE_BENCH("lock-elsewhere", shape_setup, queue_lock_elsewhere_sample,
		    .needs_caps = MACHINE_CAP_SMP, .min_cpus = 2),
	QUEUE_BENCH("irqs-off", shape_setup, queue_irqs_off_sample,
		    .needs_caps = MACHINE_CAP_IRQ_OFF),
};

const struct suite suite_queue = {
	.name = "queue",
	.question = "are flushes and syncs exact, and calls from a wrong context refused?",
	.benches = queue_benches,
	.nr_benches = ARRAY_SIZE(queue_benches),
};
