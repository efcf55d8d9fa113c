/* SPDX-License-Identifier: MIT */
#include "client.h"

#include "machine.h"
#include "mem.h"
#include "text_patching.h"

#define SYNCS_A_BATCH 3 /* sites with a tail */

/* Where a CALL or JMP rel32 of five bytes leads. */
static u8 *target_of(const struct site *site, const u8 *form)
{
	s32 rel;

	memcpy(&rel, form + 1, sizeof(rel));
	return site->addr + site->len + rel;
}

static void *alloc_table(struct client *client, size_t entry_bytes)
{
	client->table_bytes = client->t.sites.nr_sites * entry_bytes;
	client->table = machine_alloc(client->table_bytes);
	return client->table;
}

/* ---- Static key ---- */

static int register_key(struct client *client)
{
	const struct site_region *sites = &client->t.sites;
	struct jump_entry *entries = alloc_table(client, sizeof(*entries));

	if (!entries)
		return -ERR_NOMEM;
	for (u32 i = 0; i < sites->nr_sites; i++) {
		const struct site *site = &sites->sites[i];

		entries[i].code = site->addr;
		entries[i].target = target_of(site, site->new);
		entries[i].size = site->len;
	}
	client->key.entries = entries;
	client->key.nr_entries = sites->nr_sites;
	return static_key_register(&client->key);
}

static int unregister_key(struct client *client)
{
	return static_key_unregister(&client->key);
}

static int change_key(void *arg, bool new)
{
	struct client *client = arg;

	return new ? static_key_enable(&client->key) : static_key_disable(&client->key);
}

static bool key_is_on(const void *arg)
{
	const struct client *client = arg;

	return static_key_enabled(&client->key);
}

const struct client_kind client_static_key = {
	.form = SITE_NOP5_JMP32,
	.register_sites = register_key,
	.unregister = unregister_key,
	.change = change_key,
	.is_new = key_is_on,
};

/* ---- Static call ---- */

static int register_call(struct client *client)
{
	const struct site_region *region = &client->t.sites;
	struct static_call_site *sites = alloc_table(client, sizeof(*sites));

	if (!sites)
		return -ERR_NOMEM;
	for (u32 i = 0; i < region->nr_sites; i++)
		sites[i].addr = region->sites[i].addr;
	client->call.func = target_of(&region->sites[0], region->sites[0].old);
	client->call.sites = sites;
	client->call.nr_sites = region->nr_sites;
	return static_call_register(&client->call);
}

static int unregister_call(struct client *client)
{
	return static_call_unregister(&client->call);
}

static int change_call(void *arg, bool new)
{
	struct client *client = arg;
	const struct site *first = &client->t.sites.sites[0];

	return static_call_update(&client->call, target_of(first, new ? first->new : first->old));
}

const struct client_kind client_static_call = {
	.form = SITE_CALL_FUNC,
	.register_sites = register_call,
	.unregister = unregister_call,
	.change = change_call,
};

/* ---- Tracer ---- */

static int register_tracer(struct client *client)
{
	const struct site_region *region = &client->t.sites;
	u8 **sites = alloc_table(client, sizeof(*sites));

	if (!sites)
		return -ERR_NOMEM;
	for (u32 i = 0; i < region->nr_sites; i++)
		sites[i] = region->sites[i].addr;
	client->tracer.sites = sites;
	client->tracer.nr_sites = region->nr_sites;
	client->tracer.trampoline = target_of(&region->sites[0], region->sites[0].new);
	return tracer_register(&client->tracer);
}

static int unregister_tracer(struct client *client)
{
	return tracer_unregister(&client->tracer);
}

static int change_tracer(void *arg, bool new)
{
	struct client *client = arg;

	return new ? tracer_enable(&client->tracer) : tracer_disable(&client->tracer);
}

static bool tracer_is_on(const void *arg)
{
	const struct client *client = arg;

	return tracer_enabled(&client->tracer);
}

const struct client_kind client_tracer = {
	.form = SITE_NOP5_CALL,
	.register_sites = register_tracer,
	.unregister = unregister_tracer,
	.change = change_tracer,
	.is_new = tracer_is_on,
};

/* ---- Each of them ---- */

int client_build(struct bench_run *run, struct client *client, const struct client_kind *kind,
		 u32 nr_sites)
{
	const struct text_poke_refusal *refusal = smp_text_poke_refusal();
	struct toggler *t = &client->t;
	int err = region_build_sites(&t->sites, kind->form, nr_sites, SITE_STRIDE_BYTES, 0);

	if (err)
		return bench_fail(run, err, "%s", region_why());
	client->kind = kind;
	t->change = kind->change;
	t->client = client;
	t->watch.is_new = kind->is_new;
	t->watch.client = client;
	err = kind->register_sites(client);
	if (err == -ERR_REFUSED)
		return bench_fail(run, err, "site %lx refused: %s", (u64)refusal->addr,
				  text_poke_rule_name(refusal->rule));
	if (err)
		return bench_fail(run, err, "the sites could not be registered");
	client->registered = true;
	return 0;
}

void client_end(struct bench_run *run, struct client *client)
{
	victims_stop(&client->t.victims);
	/* Its sites are about to be freed. */
	if (client->registered && client->kind->unregister(client))
		run->violations++;
	toggle_end(run, &client->t);
	if (client->table)
		machine_free(client->table, client->table_bytes);
}

void client_check_change(struct bench_run *run, const struct client *client, u64 nr_syncs)
{
	u32 nr_sites = client->t.sites.nr_sites;
	u32 nr_batches = (nr_sites + TEXT_POKE_ARRAY_MAX - 1) / TEXT_POKE_ARRAY_MAX;

	toggle_judge(run, &client->t);
	if (nr_syncs != SYNCS_A_BATCH * nr_batches)
		bench_violation(run, "a change of %u sites took %lu syncs", nr_sites, nr_syncs);
}
