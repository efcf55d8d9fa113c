/* SPDX-License-Identifier: MIT */
#include "trapped_sites.h"

#include "machine.h"
#include "mem.h"
#include "x86.h"

/* What the hook works with; static, because a hook gets no argument. */
static struct {
	const struct smp_text_poke_loc *vec;
	u32 nr_entries;
	struct trapped_ref *refs;
	struct trapped_ref *shared; /* NULL = each CPU its own */
} current;

static noinstr bool trapped_hook(struct trap_regs *regs)
{
	struct trapped_ref *mine = &current.refs[machine_this_cpu()];
	u32 *count = current.shared ? &current.shared->count : &mine->count;
	bool handled;

	if (!try_get_text_poke_array(count))
		return false;
	handled = text_poke_emulate_site(current.vec, current.nr_entries, regs);
	put_text_poke_array(count);
	mine->nr_traps++;
	return handled;
}

/* ---- Set-up ---- */

/* One batch that makes all sites new, or old; @ret_vec: its entries, in the order of addresses. */
static int make(const struct site_region *sites, bool new, struct smp_text_poke_loc *ret_vec)
{
	int err = 0, end;

	text_mutex_lock();
	for (u32 i = 0; i < sites->nr_sites && !err; i++) {
		const struct site *site = &sites->sites[i];

		err = smp_text_poke_batch_add(site->addr, new ? site->new : site->old, site->len,
					      NULL);
	}
	if (!err && ret_vec)
		memcpy(ret_vec, text_poke_array.vec, sites->nr_sites * sizeof(*ret_vec));
	/* What was queued before an error must go, too: its text is about to be freed. */
	end = smp_text_poke_batch_finish();
	text_mutex_unlock();
	return err ? err : end;
}

static int make_form(struct trapped_sites *t, const struct site_region *sites,
		     struct smp_text_poke_loc *ret_vec)
{
	int err = make(sites, true, t->as_old ? NULL : ret_vec);

	return err || !t->as_old ? err : make(sites, false, ret_vec);
}

static int put_int3s(const struct site_region *sites)
{
	const u8 int3 = INT3_INSN_OPCODE;
	int err = 0;

	text_mutex_lock();
	for (u32 i = 0; i < sites->nr_sites && !err; i++)
		err = text_poke(sites->sites[i].addr, &int3, sizeof(int3));
	if (!err)
		err = smp_text_poke_sync_each_cpu();
	text_mutex_unlock();
	return err;
}

static int build(struct bench_run *run, struct site_region *sites, enum site_form form, u32 nr)
{
	if (region_build_sites(sites, form, nr, SITE_STRIDE_BYTES, 0))
		return bench_fail(run, -ERR_NOMEM, "%s", region_why());
	return 0;
}

static int patch(struct bench_run *run, struct trapped_sites *t)
{
	int err = make_form(t, &t->plain, NULL);

	if (!err)
		err = make_form(t, &t->sites, t->vec);
	if (!err)
		err = put_int3s(&t->sites);
	return err ? bench_fail(run, err, "the sites could not be patched") : 0;
}

int trapped_sites_setup(struct bench_run *run, struct trapped_sites *t,
			const struct trapped_form *form, u32 nr_sites)
{
	int err;

	t->as_old = form->as_old;
	t->nr_refs = machine_nr_cpus() + 1;
	t->refs = machine_alloc(t->nr_refs * sizeof(*t->refs));
	if (!t->refs)
		return bench_fail(run, -ERR_NOMEM, "no memory for references");
	for (u32 i = 0; i < t->nr_refs; i++)
		t->refs[i].count = 1;
	err = build(run, &t->plain, form->form, nr_sites);
	if (!err)
		err = build(run, &t->sites, form->form, nr_sites);
	if (!err)
		err = patch(run, t);
	if (err)
		return err;
	current.vec = t->vec;
	current.nr_entries = nr_sites;
	current.refs = t->refs;
	trapped_sites_share(t, false);
	t->before = text_set_bp_hook(trapped_hook);
	t->borrowed = true;
	return 0;
}

void trapped_sites_teardown(struct trapped_sites *t)
{
	if (t->borrowed)
		text_set_bp_hook(t->before);
	if (t->sites.region.text)
		site_region_free(&t->sites);
	if (t->plain.region.text)
		site_region_free(&t->plain);
	if (t->refs)
		machine_free(t->refs, t->nr_refs * sizeof(*t->refs));
}

/* ---- Use ---- */

void trapped_sites_share(struct trapped_sites *t, bool shared)
{
	current.shared = shared ? &t->refs[t->nr_refs - 1] : NULL;
}

u32 *trapped_sites_ref(struct trapped_sites *t, u32 cpu, bool shared)
{
	return &t->refs[shared ? t->nr_refs - 1 : cpu].count;
}

static bool pass(struct trapped_sites *t, const struct site_region *sites)
{
	struct tokens tokens = { 0 };

	((site_fn)sites->region.text)(&tokens);
	return tokens.old == (t->as_old ? sites->nr_sites : 0) &&
	       tokens.new == (t->as_old ? 0 : sites->nr_sites);
}

bool trapped_sites_pass(struct trapped_sites *t, u32 cpu)
{
	u64 before = t->refs[cpu].nr_traps;

	return pass(t, &t->sites) && t->refs[cpu].nr_traps - before == t->sites.nr_sites;
}

bool trapped_sites_plain_pass(struct trapped_sites *t)
{
	return pass(t, &t->plain);
}
