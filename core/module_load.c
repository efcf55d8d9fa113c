/* SPDX-License-Identifier: MIT */
/*
 * Loading and unloading: each step in its place, and undone in reverse.
 */
#include "module_load.h"

#include "fault.h"
#include "mem.h"
#include "smp_alt.h"
#include "text_patching.h"

/* Under module_mutex, as are the steps below; text_mutex nests in it. */
static int apply(const struct module *mod, struct module_load_report *ret)
{
	const struct alt_table table = {
		.start = mod->alternatives.start,
		.end = mod->alternatives.end,
		.repl = mod->replacements.start,
		.repl_end = mod->replacements.end,
	};

	ret->step = MODULE_STEP_ALTERNATIVES;
	if (!table.start || fault(MODULE_KEEPS_ORIGINALS))
		return 0;
	return apply_alternatives(&table, &ret->alternatives);
}

/* Who cannot be remembered, or written, keeps its LOCKs and may run. */
static int add_locks(const struct module *mod, struct module_load_report *ret)
{
	int err;

	ret->step = MODULE_STEP_LOCKS;
	if (!mod->locks.start)
		return 0;
	err = alternatives_smp_module_add(mod, mod->name.text, mod->locks.start, mod->locks.end,
					  (u8 *)mod->text, (u8 *)mod->text_end);
	ret->keeps_locks = err == -ERR_NOMEM || err == -ERR_FAULT;
	return ret->keeps_locks ? 0 : err;
}

/*
 * This memory may have been text before, and another CPU may have that decoded still. Alone, the
 * same is done for this CPU.
 */
static int let_all_see(struct module_load_report *ret)
{
	ret->step = MODULE_STEP_SYNC;
	return smp_text_poke_sync_each_cpu();
}

/* From the text as it was copied to the text as it is to run. */
static int make_ready(const struct module *mod, struct module_load_report *ret)
{
	int err;

	text_mutex_lock();
	err = apply(mod, ret);
	if (!err)
		err = add_locks(mod, ret);
	if (!err)
		err = let_all_see(ret);
	if (err)
		alternatives_smp_module_del(mod);
	text_mutex_unlock();
	return err;
}

static int go_live(struct module *mod, struct module_load_report *ret)
{
	int err = make_ready(mod, ret);

	if (err)
		return err;
	ret->step = MODULE_STEP_LIVE;
	return module_set_live(mod);
}

/*
 * Look-ups of other CPUs may be standing on it: COMING is passed over, not invisible. Should it not
 * come off the list, it stays GOING.
 */
static void take_back(struct module *mod)
{
	module_set_going(mod);
	module_unlink(mod, NULL);
}

static int link_and_go_live(struct module *mod, const struct module_info *info,
			    enum module_insert how, struct module_load_report *ret)
{
	int err;

	module_mutex_lock();
	ret->step = MODULE_STEP_LINK;
	err = module_link(mod, info, how, &ret->clash);
	if (!err) {
		err = go_live(mod, ret);
		if (err)
			take_back(mod);
	}
	module_mutex_unlock();
	return err;
}

int module_load(struct module *mod, const struct module_info *info, enum module_insert how,
		struct module_load_report *ret)
{
	struct module_load_report unwanted;
	int err;

	if (!ret)
		ret = &unwanted;
	memset(ret, 0, sizeof(*ret));
	ret->step = MODULE_STEP_TEXT;
	if (info->text >= info->text_end)
		return -ERR_INVAL;
	err = text_register(info->text, info->text_end - info->text, &ret->bad);
	if (err)
		return err;
	err = link_and_go_live(mod, info, how, ret);
	if (!err)
		ret->step = MODULE_STEP_NONE;
	else if (mod->state != MODULE_GOING)
		text_unregister(info->text);
	return err;
}

static int forget(struct module *mod, struct stop_report *ret)
{
	if (mod->state != MODULE_GOING && module_set_going(mod))
		return -ERR_INVAL;
	text_mutex_lock();
	if (!fault(UNLOADED_STAYS_LISTED))
		alternatives_smp_module_del(mod);
	text_mutex_unlock();
	return module_unlink(mod, ret);
}

int module_unload(struct module *mod, struct stop_report *ret)
{
	const u8 *text = mod->text;
	int err;

	module_mutex_lock();
	err = forget(mod, ret);
	module_mutex_unlock();
	if (!err)
		text_unregister(text);
	return err;
}

const char *module_step_name(enum module_step step)
{
	static const char *const names[] = {
		[MODULE_STEP_NONE] = "nothing failed",
		[MODULE_STEP_TEXT] = "its text is no code",
		[MODULE_STEP_LINK] = "it could not be put on the list",
		[MODULE_STEP_ALTERNATIVES] = "its alternatives were refused",
		[MODULE_STEP_LOCKS] = "its lock table was refused",
		[MODULE_STEP_SYNC] = "a CPU did not serialise",
		[MODULE_STEP_LIVE] = "it could not go live",
	};

	return names[step];
}
