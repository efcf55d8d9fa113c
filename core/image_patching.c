/* SPDX-License-Identifier: MIT */
/*
 * The program's own text: registered, tested, patched, and its LOCKs taken out while it is alone.
 */
#include "image_patching.h"

#include "boot_alternatives.h"
#include "fault.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "module.h"
#include "page_alloc.h"
#include "text_patching.h"
#include "x86.h"

static const struct image *image;
static struct image_policy chosen;
static struct image_patched report;

static struct module own_module;

/* What every site held before, in the order of the table. */
static u8 *originals;
static size_t originals_bytes;

/* For the list of smp_alt_modules. */
static u8 *node_pool;

/* ---- What the sites held ---- */

static bool next_site(struct alt_site *site)
{
	return alt_next_site(&image->alternatives, &report.alternatives.features, site);
}

/* The table has not been checked yet; what lies outside of the text is not read, but refused later.
 */
static size_t readable_bytes(const struct alt_site *site)
{
	return text_contains(site->addr, site->len) ? site->len : 0;
}

static int keep_originals(void)
{
	struct alt_site site = { 0 };
	size_t at = 0;

	for (originals_bytes = 0; next_site(&site);)
		originals_bytes += readable_bytes(&site);
	if (!originals_bytes)
		return 0;
	originals = machine_alloc(originals_bytes);
	if (!originals)
		return -ERR_NOMEM;
	memset(&site, 0, sizeof(site));
	for (; next_site(&site); at += readable_bytes(&site))
		memcpy(originals + at, site.addr, readable_bytes(&site));
	return 0;
}

bool image_next_site(struct image_site *cursor)
{
	const u8 *before = cursor->site.len ? cursor->before + cursor->site.len : originals;

	if (!image || !report.done || !next_site(&cursor->site))
		return false;
	cursor->before = before;
	return true;
}

/* ---- UP and SMP ---- */

static int add_node_pool(void)
{
	const struct page_alloc_setup setup = { .access = image->access };
	int err;

	node_pool = machine_alloc(PAGE_BYTES);
	if (!node_pool)
		return -ERR_NOMEM;
	err = page_alloc_setup(&setup);
	if (!err)
		err = page_alloc_add_pool("UP text", node_pool, node_pool + PAGE_BYTES);
	if (!err && image->pages)
		err = page_alloc_add_reserved("SMP tables", image->pages, image->pages_end);
	return err;
}

static struct smp_altinstr_table sequences(void)
{
	if (image->sequences == image->sequences_end)
		return (struct smp_altinstr_table){ 0 };
	return (struct smp_altinstr_table){
		.start = image->sequences,
		.end = image->sequences_end,
		.text = image->text,
		.text_end = image->text_end,
		.up = image->sequences_up,
		.up_end = image->sequences_up_end,
		.saved = image->sequences_saved,
		.saved_end = image->sequences_saved_end,
	};
}

/* Options can ask for one CPU or more; until others are started there is one. */
static int start_up(void)
{
	const struct smp_alt_core core = {
		.locks = image->locks,
		.locks_end = image->locks_end,
		.text = image->text,
		.text_end = image->text_end,
		.instrs = sequences(),
		.pages = image->pages,
		.pages_end = image->pages_end,
	};
	const struct smp_alt_policy policy = {
		.up_form = SMP_UP_DS,
		.max_cpus = 1,
		.noreplace_smp = chosen.noreplace_smp,
		.two_way = chosen.two_way || chosen.smp_alt_boot,
		.smp_alt_boot = chosen.smp_alt_boot,
	};
	int err = add_node_pool();

	return err ? err : alternatives_smp_boot(&core, &policy);
}

/* Also what stands there after an error. */
static void note_form(void)
{
	report.is_up = alternatives_smp_state()->uniproc_patched;
	if (report.is_up)
		cpu_feature_set(X86_FEATURE_UP);
	else
		cpu_feature_clear(X86_FEATURE_UP);
}

/* Only once the map of pages is drawn; under text_mutex. Nothing is freed while it is needed. */
static int free_tables(void)
{
	struct page_books books;
	int err = free_smp_locks();

	if (err || !alternatives_smp_state()->tables_freed)
		return err;
	page_alloc_audit(&books);
	report.nr_left_mapped = (u32)books.nr_left_mapped;
	report.freed = image->pages;
	report.freed_end = image->pages_end;
	/* It pointed into the table. */
	report.to_up.first_unexpected = report.to_smp.first_unexpected = NULL;
	return 0;
}

/* The late init stage: alternative_instructions() has left the table alone (seed 1). */
static int init_late(void)
{
	int err;

	text_mutex_lock();
	err = page_alloc_init_late();
	if (!err)
		err = free_tables();
	text_mutex_unlock();
	return err;
}

static int decide_smp(void)
{
	u64 begin = rdtsc();
	int err;

	text_mutex_lock();
	err = start_up();
	report.to_up = alternatives_smp_state()->locks;
	report.nr_sequences_to_up = alternatives_smp_state()->instrs.nr_changed;
	report.two_way = chosen.two_way && !chosen.smp_alt_boot && !chosen.noreplace_smp;
	note_form();
	text_mutex_unlock();
	report.started_up = report.is_up;
	report.to_up_ns = machine_ns(rdtsc() - begin);
	return err;
}

int image_enable_smp(void)
{
	u64 begin = rdtsc();
	int err;

	if (!report.is_up || machine_nr_cpus_present() == 1 || fault(LOCKS_STAY_UP))
		return 0;
	text_mutex_lock();
	err = alternatives_enable_smp();
	report.to_smp = alternatives_smp_state()->locks;
	report.nr_sequences_to_smp = alternatives_smp_state()->instrs.nr_changed;
	note_form();
	report.to_smp_ns = machine_ns(rdtsc() - begin);
	if (!err)
		err = free_tables();
	text_mutex_unlock();
	return err;
}

/* ---- Boot ---- */

static int test_int3(void)
{
	return int3_selftest(&image->int3_code);
}

static int test_relocation(void)
{
	return alt_reloc_selftest(image->reloc_code);
}

/* Return: NULL, or what is wrong. */
static const char *apply(void)
{
	const struct alt_boot boot = {
		.table = image->alternatives,
		.stop_nmi = image->stop_nmi,
		.int3_selftest = test_int3,
		.decide_smp = decide_smp,
		.restart_nmi = image->restart_nmi,
		.reloc_selftest = test_relocation,
	};
	enum alt_boot_step step = ALT_BOOT_STOP_NMI;
	u64 begin = rdtsc();
	int err = alternative_instructions(&boot, &report.alternatives, &step);

	report.apply_ns = machine_ns(rdtsc() - begin);
	if (err == -ERR_REFUSED && report.alternatives.refusal.rule)
		return alt_rule_name(report.alternatives.refusal.rule);
	return err ? alt_boot_step_name(step) : NULL;
}

static const char *register_text(void)
{
	const u8 *bad;

	switch (text_register(image->text, (size_t)(image->text_end - image->text), &bad)) {
	case 0:
		return NULL;
	case -ERR_CORRUPT:
		report.alternatives.refusal.addr = bad;
		return "its text has bytes that are no instruction";
	case -ERR_NOMEM:
		return "no memory for the map of its text";
	}
	return "its text cannot be written";
}

/* So that whoever traps in it can say where; what is loaded since comes before it on the list. */
static int link_own(void)
{
	const struct module_info info = {
		.name = "smpoke",
		.text = image->text,
		.text_end = image->text_end,
	};
	int err;

	module_mutex_lock();
	err = module_link(&own_module, &info, MODULE_INSERT_RCU, NULL);
	if (!err)
		err = module_set_live(&own_module);
	module_mutex_unlock();
	return err;
}

static void unlink_own(void)
{
	module_mutex_lock();
	if (!module_set_going(&own_module))
		module_unlink(&own_module, NULL);
	module_mutex_unlock();
}

const char *image_patch(const struct image *own)
{
	image = own;
	report.why_not = register_text();
	if (report.why_not)
		return report.why_not;
	cpu_features_init();
	report.alternatives.features = boot_cpu_features;
	if (keep_originals())
		report.why_not = "no memory for what its sites held";
	else
		report.why_not = apply();
	if (!report.why_not && init_late())
		report.why_not = "its SMP tables cannot be freed";
	if (!report.why_not && link_own())
		report.why_not = "it cannot be put on the list of modules";
	report.done = !report.why_not;
	return report.why_not;
}

void image_choose(struct image_policy policy)
{
	chosen = policy;
}

void image_not_patched(const char *why)
{
	report.why_not = why;
}

void image_release(void)
{
	if (!image)
		return;
	unlink_own();
	text_mutex_lock();
	alternatives_smp_exit();
	page_alloc_exit();
	text_mutex_unlock();
	text_unregister(image->text);
	machine_free(node_pool, PAGE_BYTES);
	machine_free(originals, originals_bytes);
	node_pool = originals = NULL;
	image = NULL;
	report.done = false;
	report.freed = report.freed_end = NULL;
}

const struct image_patched *image_patched(void)
{
	return &report;
}
