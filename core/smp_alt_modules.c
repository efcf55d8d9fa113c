/* SPDX-License-Identifier: MIT */
/*
 * smp_alt_modules: which text can be switched, and the policy of when it is.
 */
#include "smp_alt.h"

#include "fault.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "page_alloc.h"
#include "smp_alt_nodes.h"
#include "text_patching.h"

/* All under text_mutex. */
static struct smp_alt_module *smp_alt_modules;
static struct smp_alt_core core;
static struct smp_alt_policy policy;
static struct smp_alt_state state;
static bool booted;

/* No other CPU can ever come, so what is in UP form stays so. */
static bool alone_for_good(void)
{
	return machine_nr_cpus_present() == 1;
}

static bool has_instrs(void)
{
	return core.instrs.start;
}

/* 2006: back and forth, unless all was decided at boot. */
static bool can_switch(void)
{
	return policy.two_way && !policy.noreplace_smp && !policy.smp_alt_boot && !alone_for_good();
}

/* Is text that is added now to be changed later? */
static bool is_remembered(void)
{
	return can_switch() || (state.uniproc_patched && !alone_for_good());
}

/* ---- The list ---- */

/* Where the node of @mod hangs; where one can be appended when there is none. */
static struct smp_alt_module **find_link(const struct module *mod)
{
	struct smp_alt_module **link = &smp_alt_modules;

	while (*link && (*link)->mod != mod)
		link = &(*link)->next;
	return link;
}

static void drop_node(struct smp_alt_module **link)
{
	struct smp_alt_module *node = *link;

	*link = node->next;
	smp_alt_node_free(node);
	state.nr_modules--;
}

static void drop_all_nodes(void)
{
	while (smp_alt_modules)
		drop_node(&smp_alt_modules);
}

/* ---- Changing text ---- */

static void add_result(const struct smp_locks_result *one)
{
	struct smp_locks_result *sum = &state.locks;

	sum->nr_changed += one->nr_changed;
	sum->nr_already += one->nr_already;
	sum->nr_zero += one->nr_zero;
	sum->nr_out_of_range += one->nr_out_of_range;
	sum->nr_unexpected += one->nr_unexpected;
	if (!sum->first_unexpected)
		sum->first_unexpected = one->first_unexpected;
}

static int change_locks(const struct smp_alt_module *text, bool smp)
{
	struct smp_locks_result one;
	int err = smp ? alternatives_smp_lock(text->locks, text->locks_end, text->text,
					      text->text_end, policy.up_form, &one)
		      : alternatives_smp_unlock(text->locks, text->locks_end, text->text,
						text->text_end, policy.up_form, &one);

	add_result(&one);
	return err;
}

static int change_instrs(bool smp)
{
	if (!has_instrs())
		return 0;
	return smp ? alternatives_smp_apply(&core.instrs, &state.instrs)
		   : alternatives_up_apply(&core.instrs, &state.instrs);
}

static int change_list(bool smp)
{
	int err = 0;

	memset(&state.locks, 0, sizeof(state.locks));
	for (const struct smp_alt_module *node = smp_alt_modules; node && !err; node = node->next)
		err = change_locks(node, smp);
	return err;
}

/* The 2006 table is all or nothing, unless what was written did not read back. */
static bool nothing_was_written(int err)
{
	return err == -ERR_REFUSED || err == -ERR_FAULT;
}

/*
 * The state says UP from before the first byte until after the last: whoever fails half way has
 * left text that no second CPU may run.
 */
static int change_to(bool smp)
{
	int err = change_instrs(smp);

	if (nothing_was_written(err))
		return err;
	state.uniproc_patched = true;
	state.nr_changes++;
	if (!err)
		err = change_list(smp);
	if (err && !smp)
		smp = !change_instrs(true) && !change_list(true);
	else if (err)
		smp = false;
	state.uniproc_patched = !smp;
	return err;
}

/* ---- The tables ---- */

/* By the image's node, or by 2006 sites that are still switched; what was loaded has its own. */
static bool tables_are_needed(void)
{
	bool needed = *find_link(NULL) || (has_instrs() && is_remembered());

	return needed && !fault(FREE_TABLE_EARLY);
}

static int free_tables(void)
{
	int err;

	if (!core.pages)
		return 0;
	err = free_init_pages("SMP alternatives", core.pages, core.pages_end);
	if (err)
		return err;
	state.tables_freed = true;
	state.locks.first_unexpected = NULL;
	state.instrs.entry = NULL;
	core.locks = core.locks_end = NULL;
	core.instrs.start = core.instrs.end = NULL;
	return 0;
}

int free_smp_locks(void)
{
	if (!text_mutex_held())
		return -ERR_PERM;
	if (!page_alloc_ready())
		return -ERR_BUSY;
	if (state.tables_freed || tables_are_needed())
		return 0;
	return free_tables();
}

/* ---- Boot ---- */

static int check_text(const s32 *locks, const s32 *locks_end, const u8 *text, const u8 *text_end)
{
	if (!text_mutex_held())
		return -ERR_PERM;
	if (locks_end < locks || text_end < text)
		return -ERR_INVAL;
	return text_contains(text, text_end - text) ? 0 : -ERR_RANGE;
}

/*
 * Nothing remembered, nothing changed when it cannot be. An entry that is no LOCK at all is counted
 * and left alone: feature alternatives may have replaced the instruction.
 */
static int add(const struct smp_alt_module *text)
{
	struct smp_alt_module *node = NULL, **link = find_link(text->mod);
	int err;

	if (*link)
		return -ERR_EXIST;
	if (is_remembered()) {
		node = smp_alt_node_alloc();
		if (!node)
			state.nr_not_remembered++;
		if (!node && !fault(ADD_WITHOUT_NODE))
			return -ERR_NOMEM;
	}
	memset(&state.locks, 0, sizeof(state.locks));
	err = state.uniproc_patched ? change_locks(text, false) : 0;
	if (!node)
		return err;
	if (err) {
		smp_alt_node_free(node);
		return err;
	}
	*node = *text;
	*link = node;
	state.nr_modules++;
	return 0;
}

static int add_core(void)
{
	const struct smp_alt_module text = {
		.name = "core kernel",
		.locks = core.locks,
		.locks_end = core.locks_end,
		.text = core.text,
		.text_end = core.text_end,
	};

	return add(&text);
}

/* Both would write there, and the second would not know what the first has left. */
static int check_locks_against_instrs(void)
{
	for (const s32 *entry = core.locks; entry < core.locks_end; entry++) {
		const u8 *prefix = self_relative(entry);

		if (*entry && smp_altinstr_touches(&core.instrs, prefix, prefix + 1)) {
			state.locks.first_unexpected = entry;
			return -ERR_REFUSED;
		}
	}
	return 0;
}

static int save_instrs(void)
{
	int err;

	if (!has_instrs())
		return 0;
	err = alternatives_smp_save(&core.instrs, &state.instrs);
	return err ? err : check_locks_against_instrs();
}

static bool starts_up(void)
{
	return !policy.noreplace_smp &&
	       (alone_for_good() || (policy.two_way ? can_switch() : policy.max_cpus <= 1));
}

static int boot_up(void)
{
	int err = change_instrs(false);

	if (nothing_was_written(err))
		return err;
	state.uniproc_patched = true;
	if (!err)
		err = add_core();
	if (err)
		change_to(true);
	return err;
}

/* Before seed 1: whatever the allocator says, and it says no unless it is of the same age. */
static void free_tables_at_boot(void)
{
	if (!state.uniproc_patched || alone_for_good())
		free_tables();
}

/* Before the first byte changes: may it, and can it? */
static int prepare_up(void)
{
	return machine_nr_cpus_online() > 1 ? -ERR_BUSY : save_instrs();
}

static void forget_image(void)
{
	memset(&core, 0, sizeof(core));
	memset(&policy, 0, sizeof(policy));
	booted = false;
}

static int boot(void)
{
	int err = starts_up() ? prepare_up() : 0;

	if (err) {
		forget_image();
		return err;
	}
	booted = true;
	err = starts_up() ? boot_up() : 0;
	if (policy.free_at_boot)
		free_tables_at_boot();
	return err;
}

int alternatives_smp_boot(const struct smp_alt_core *new_core,
			  const struct smp_alt_policy *new_policy)
{
	int err = check_text(new_core->locks, new_core->locks_end, new_core->text,
			     new_core->text_end);

	if (err)
		return err;
	if (booted)
		return -ERR_EXIST;
	core = *new_core;
	policy = *new_policy;
	memset(&state, 0, sizeof(state));
	return boot();
}

int alternatives_smp_exit(void)
{
	if (!text_mutex_held())
		return -ERR_PERM;
	drop_all_nodes();
	memset(&state, 0, sizeof(state));
	forget_image();
	return 0;
}

/* ---- Modules ---- */

int alternatives_smp_module_add(const struct module *mod, const char *name, const s32 *locks,
				const s32 *locks_end, u8 *text, u8 *text_end)
{
	const struct smp_alt_module added = {
		.mod = mod,
		.name = name,
		.locks = locks,
		.locks_end = locks_end,
		.text = text,
		.text_end = text_end,
	};
	int err = check_text(locks, locks_end, text, text_end);

	if (err)
		return err;
	if (!mod)
		return -ERR_INVAL;
	return state.uniproc_patched || is_remembered() ? add(&added) : 0;
}

/* Seed 0: in SMP form for good, nothing is on the list. */
static bool may_have_nodes(void)
{
	return is_remembered() || policy.keep_nodes || fault(DEL_WALKS_AFTER_SMP);
}

int alternatives_smp_module_del(const struct module *mod)
{
	struct smp_alt_module **link;

	if (!text_mutex_held())
		return -ERR_PERM;
	if (!mod)
		return -ERR_INVAL;
	if (!may_have_nodes())
		return 0;
	state.nr_del_walks++;
	link = find_link(mod);
	if (*link)
		drop_node(link);
	return 0;
}

int alternatives_text_reserved(const void *start, const void *end)
{
	if (!text_mutex_held())
		return -ERR_PERM;
	if (is_remembered() && smp_altinstr_touches(&core.instrs, start, end))
		return 1;
	for (const struct smp_alt_module *node = smp_alt_modules; node; node = node->next)
		if (smp_locks_touch(node->locks, node->locks_end, node->text, node->text_end, start,
				    end))
			return 1;
	return 0;
}

/* ---- Switching ---- */

int alternatives_enable_smp(void)
{
	int err;

	if (!text_mutex_held())
		return -ERR_PERM;
	if (policy.two_way)
		return alternatives_smp_switch(true);
	if (alone_for_good())
		return -ERR_UNSUPPORTED;
	if (!state.uniproc_patched)
		return 0;
	if (machine_nr_cpus_online() > 1)
		return -ERR_BUSY;
	err = change_to(true);
	if (err)
		return err;
	if (!policy.keep_nodes && !fault(KEEP_NODES_AFTER_SMP))
		drop_all_nodes();
	/* Not a reason to stay in UP form: a refusal stands in page_alloc_refusal(). */
	free_smp_locks();
	return 0;
}

int alternatives_smp_switch(bool smp)
{
	if (!text_mutex_held())
		return -ERR_PERM;
	if (!policy.two_way)
		return -ERR_UNSUPPORTED;
	if (!can_switch())
		return 0;
	if (machine_nr_cpus_online() > 1 && (state.uniproc_patched || !smp))
		return -ERR_BUSY;
	if (smp == !state.uniproc_patched && !fault(SWITCH_ANYWAY)) {
		state.nr_changes_saved++;
		return 0;
	}
	return change_to(smp);
}

const struct smp_alt_state *alternatives_smp_state(void)
{
	return &state;
}
