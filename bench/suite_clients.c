/* SPDX-License-Identifier: MIT */
/*
 * Do the real clients of the batch keep their promises on running CPUs, and what do they cost?
 *
 * Every sample is one change to the new form and one back: a static key enabled and disabled, a
 * static call retargeted, a tracer switched on and off. The other CPUs run through the sites and
 * hold each pass to I1-I3, so a call of the old function or a missed hit of the tracer after the
 * change is a violation; and to what the client says of itself meanwhile. Each of them has passed
 * in both forms before the sample ends.
 */
#include "bench.h"
#include "client.h"
#include "machine.h"
#include "text_patching.h"
#include "two_patchers.h"

enum {
	CLIENTS_NEW,
	CLIENTS_OLD,
	CLIENTS_SYNCS,
	CLIENTS_TRAPS,
	CLIENTS_PASSES,
	NR_CLIENTS_SERIES,
};

static const struct series switch_series[NR_CLIENTS_SERIES] = {
	[CLIENTS_NEW] = { "enable", "ns" },	  [CLIENTS_OLD] = { "disable", "ns" },
	[CLIENTS_SYNCS] = { "syncs", "count" },	  [CLIENTS_TRAPS] = { "traps", "count" },
	[CLIENTS_PASSES] = { "passes", "count" },
};

static const struct series call_series[NR_CLIENTS_SERIES] = {
	[CLIENTS_NEW] = { "there", "ns" },	  [CLIENTS_OLD] = { "back", "ns" },
	[CLIENTS_SYNCS] = { "syncs", "count" },	  [CLIENTS_TRAPS] = { "traps", "count" },
	[CLIENTS_PASSES] = { "passes", "count" },
};

/* What a row of the table is run with. */
struct subject {
	const struct client_kind *kind;
	u32 nr_sites;
};

static int clients_setup(struct bench_run *run)
{
	const struct subject *subject = run->bench->param;
	struct client *client = machine_alloc(sizeof(*client));

	if (!client)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = client;
	run->cpus = machine_nr_cpus();
	run->sites = subject->nr_sites;
	return client_build(run, client, subject->kind, subject->nr_sites);
}

static int clients_check(struct bench_run *run)
{
	struct client *client = run->priv;
	int err = toggle_check(run, &client->t);

	return err ? err : toggle_start_victims(run, &client->t);
}

/* One change, and a pass of everybody through what it made. */
static int change(struct bench_run *run, struct client *client, u64 *ret_ns)
{
	const struct smp_text_poke_stats *stats = smp_text_poke_stats();
	u64 begin, syncs = stats->nr_syncs_ever;
	int err = toggle(run, &client->t, &begin);

	if (err)
		return err;
	*ret_ns = machine_ns(stats->stamp[TEXT_POKE_STAMP_END] - begin);
	client_check_change(run, client, stats->nr_syncs_ever - syncs);
	return toggle_wait_pass(run, &client->t);
}

static int clients_sample(struct bench_run *run, u64 *values)
{
	struct client *client = run->priv;
	u64 syncs = smp_text_poke_stats()->nr_syncs_ever, traps = toggle_traps(NULL);
	u64 passes = victims_passes(&client->t.victims);
	int err = change(run, client, &values[CLIENTS_NEW]);

	if (!err)
		err = change(run, client, &values[CLIENTS_OLD]);
	if (err)
		return err;
	values[CLIENTS_SYNCS] = smp_text_poke_stats()->nr_syncs_ever - syncs;
	values[CLIENTS_TRAPS] = toggle_traps(NULL) - traps;
	values[CLIENTS_PASSES] = victims_passes(&client->t.victims) - passes;
	return 0;
}

static void clients_teardown(struct bench_run *run)
{
	struct client *client = run->priv;

	if (!client)
		return;
	client_end(run, client);
	machine_free(client, sizeof(*client));
}

/* 56 is what Linux reports for the key that started batching; 300 is more than a batch takes. */
static const struct subject key_1 = { &client_static_key, 1 };
static const struct subject key_56 = { &client_static_key, 56 };
static const struct subject key_256 = { &client_static_key, 256 };
static const struct subject call_56 = { &client_static_call, 56 };
static const struct subject tracer_1 = { &client_tracer, 1 };
static const struct subject tracer_56 = { &client_tracer, 56 };
static const struct subject tracer_256 = { &client_tracer, 256 };
static const struct subject tracer_300 = { &client_tracer, 300 };

#define CLIENT_BENCH(title, what, names)                                                           \
	{                                                                                          \
		.name = (title), .series = (names), .nr_series = NR_CLIENTS_SERIES,                \
		.param = &(what), .setup = clients_setup, .check = clients_check,                  \
		.sample = clients_sample, .teardown = clients_teardown,                            \
	}

static const struct bench client_benches[] = {
	CLIENT_BENCH("static-key-1", key_1, switch_series),
	CLIENT_BENCH("static-key-56", key_56, switch_series),
	CLIENT_BENCH("static-key-256", key_256, switch_series),
	TWO_PATCHERS_BENCH("static-key-two-patchers"),
	CLIENT_BENCH("static-call-56", call_56, call_series),
	CLIENT_BENCH("tracer-1", tracer_1, switch_series),
	CLIENT_BENCH("tracer-56", tracer_56, switch_series),
	CLIENT_BENCH("tracer-256", tracer_256, switch_series),
	CLIENT_BENCH("tracer-300", tracer_300, switch_series),
};

const struct suite suite_clients = {
	.name = "clients",
	.question = "do static keys, static calls and a tracer keep their promises?",
	.benches = client_benches,
	.nr_benches = ARRAY_SIZE(client_benches),
};
