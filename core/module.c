/* SPDX-License-Identifier: MIT */
/*
 * The list of modules: one writer under module_mutex, readers on every CPU without a lock.
 */
#include "module.h"

#include "atomic.h"
#include "fault.h"
#include "machine_text.h"
#include "mem.h"
#include "spinlock.h"
#include "text_patching.h"
#include "x86.h"

/* What a sync may take: an emulated CPU may have to wait for a free one of the real. */
#define STOP_TIMEOUT_NS (5 * NSEC_PER_SEC)

static struct list_head modules = LIST_HEAD_INIT(modules);

/* 0 = free, else the owner's CPU + 1. Protects the list and all states. text_mutex nests in it. */
static u32 module_mutex_owner;

static force_inline struct module *module_of(struct list_head *node)
{
	return list_entry(node, struct module, list);
}

/* ---- The lock ---- */

void module_mutex_lock(void)
{
	u32 me = machine_this_cpu() + 1;

	/*
	 * A-modules: pairs with R-modules. Without it the list could be seen half changed by the
	 * last owner. Interrupts stay on: who waits here is stopped by the owner's stop_machine().
	 */
	spin_lock(&module_mutex_owner, me);
}

void module_mutex_unlock(void)
{
	/* R-modules: pairs with A-modules: what was done to the list is seen by the next owner. */
	store_release(&module_mutex_owner, 0);
}

bool module_mutex_held(void)
{
	return load_relaxed(&module_mutex_owner) == machine_this_cpu() + 1;
}

/* ---- Readers: noinstr from here to module_name_at(). ---- */

static force_inline bool holds(const struct module *mod, const u8 *addr)
{
	/* A-live: pairs with R-live. Without it a look-up could find text that is not ready. */
	return load_acquire(&mod->state) == MODULE_LIVE && addr >= mod->text &&
	       addr < mod->text_end;
}

noinstr const struct module *module_lookup(const void *addr)
{
	/* A-link: pairs with R-link. Without it an entry could be met before it has a state. */
	list_for_each_rcu(node, &modules) if (holds(module_of(node), addr)) return module_of(node);
	return NULL;
}

/* The name is copied while the module is held: afterwards its memory may be another one's. */
noinstr bool module_name_at(const void *addr, struct module_name *ret_name, u64 *ret_offset)
{
	const struct module *mod;

	stop_hold();
	mod = module_lookup(addr);
	if (mod) {
		*ret_name = mod->name;
		*ret_offset = (const u8 *)addr - mod->text;
	}
	stop_release();
	return mod;
}

/* ---- The writer: under module_mutex. ---- */

static bool same_name(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

struct module *module_find(const char *name)
{
	if (!module_mutex_held())
		return NULL;
	list_for_each(node, &modules) if (same_name(module_of(node)->name.text,
						    name)) return module_of(node);
	return NULL;
}

u32 module_nr(void)
{
	u32 nr = 0;

	if (!module_mutex_held())
		return 0;
	list_for_each(node, &modules) nr++;
	return nr;
}

static bool is_linked(const struct module *mod)
{
	list_for_each(node, &modules) if (module_of(node) == mod) return true;
	return false;
}

/* Return: its length, or MODULE_NAME_BYTES when it is too long. */
static size_t name_length(const char *name)
{
	size_t len = 0;

	while (len < MODULE_NAME_BYTES && name[len])
		len++;
	return len;
}

static bool is_good_name(const char *name)
{
	return name && *name && name_length(name) < MODULE_NAME_BYTES;
}

static bool is_good_table(const struct module_table *table)
{
	return table->start <= table->end && !table->start == !table->end;
}

static const struct module *clash_of(const struct module_info *info)
{
	list_for_each(node, &modules)
	{
		const struct module *mod = module_of(node);

		if (same_name(mod->name.text, info->name) ||
		    (info->text < mod->text_end && mod->text < info->text_end))
			return mod;
	}
	return NULL;
}

static int check_new(const struct module *mod, const struct module_info *info,
		     const struct module **ret_clash)
{
	const struct module *clash;

	if (!module_mutex_held())
		return -ERR_PERM;
	if (!is_good_name(info->name) || info->text >= info->text_end ||
	    !is_good_table(&info->alternatives) || !is_good_table(&info->replacements) ||
	    !is_good_table(&info->locks))
		return -ERR_INVAL;
	if (!text_contains(info->text, info->text_end - info->text))
		return -ERR_RANGE;
	clash = is_linked(mod) ? mod : clash_of(info);
	if (!clash)
		return 0;
	if (ret_clash)
		*ret_clash = clash;
	return -ERR_EXIST;
}

static void fill(struct module *mod, const struct module_info *info)
{
	memset(&mod->name, 0, sizeof(mod->name));
	memcpy(mod->name.text, info->name, name_length(info->name));
	mod->text = info->text;
	mod->text_end = info->text_end;
	mod->alternatives = info->alternatives;
	mod->replacements = info->replacements;
	mod->locks = info->locks;
	store_relaxed(&mod->state, MODULE_COMING);
}

static void add(void *arg)
{
	struct module *mod = arg;

	/*
	 * R-link: name, range and state are there before a look-up can meet the module. Pairs with
	 * A-link.
	 */
	list_add_rcu(&mod->list, &modules);
}

static void take_out(void *arg)
{
	struct module *mod = arg;

	list_del(&mod->list);
}

/* Under text_mutex, because a sync may not wait for a CPU that is stopped. */
static int stopped(cpu_fn fn, struct module *mod, struct stop_report *ret)
{
	int err;

	if (text_mutex_held())
		return -ERR_PERM;
	text_mutex_lock();
	err = stop_machine(machine_this_cpu(), fn, mod, STOP_TIMEOUT_NS, ret);
	text_mutex_unlock();
	return err;
}

int module_link(struct module *mod, const struct module_info *info, enum module_insert how,
		const struct module **ret_clash)
{
	int err = check_new(mod, info, ret_clash);

	if (err)
		return err;
	if (fault(PUBLISH_BEFORE_INIT))
		add(mod);
	fill(mod, info);
	if (how == MODULE_INSERT_STOP)
		return stopped(add, mod, NULL);
	if (!fault(PUBLISH_BEFORE_INIT))
		add(mod);
	return 0;
}

int module_set_live(struct module *mod)
{
	if (!module_mutex_held())
		return -ERR_PERM;
	if (mod->state != MODULE_COMING)
		return -ERR_INVAL;
	/* R-live: what was done to its text is there before a look-up finds it. Pairs with A-live.
	 */
	store_release(&mod->state, MODULE_LIVE);
	return 0;
}

int module_set_going(struct module *mod)
{
	if (!module_mutex_held())
		return -ERR_PERM;
	if (mod->state != MODULE_COMING && mod->state != MODULE_LIVE)
		return -ERR_INVAL;
	/* Nothing is published: a look-up that has found it goes on, and module_unlink() waits. */
	store_relaxed(&mod->state, MODULE_GOING);
	return 0;
}

int module_unlink(struct module *mod, struct stop_report *ret)
{
	int err = 0;

	if (!module_mutex_held())
		return -ERR_PERM;
	if (mod->state != MODULE_GOING)
		return -ERR_INVAL;
	if (fault(REMOVE_WITHOUT_STOP))
		take_out(mod);
	else
		err = stopped(take_out, mod, ret);
	if (!err)
		mod->state = MODULE_UNUSED;
	return err;
}
