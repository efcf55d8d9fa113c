/* SPDX-License-Identifier: MIT */
/*
 * The 2006 form: sequences that are replaced as a whole, and restored.
 *
 * Every function walks the table twice: the first walk finds out whether all of it can be done, the
 * second does it. So a damaged table changes nothing.
 */
#include "smp_altinstr.h"

#include "fault.h"
#include "insn.h"
#include "machine_text.h"
#include "mem.h"
#include "nops.h"
#include "relocate.h"
#include "text_map.h"
#include "text_patching.h"
#include "x86.h"

#define SITE_MAX_BYTES 255

/* The two forms of a site. */
enum form {
	FORM_SMP,
	FORM_UP,
};

struct area {
	const u8 *begin, *end;
};

static u8 *site_of(const struct smp_altinstr *entry)
{
	return self_relative(&entry->instr_offset);
}

static const u8 *replacement_of(const struct smp_altinstr *entry)
{
	return self_relative(&entry->replacement_offset);
}

static u8 *saved_of(const struct smp_altinstr *entry)
{
	return self_relative(&entry->saved_offset);
}

static struct area area(const u8 *begin, size_t bytes)
{
	return (struct area){ .begin = begin, .end = begin + bytes };
}

static struct area site_area(const struct smp_altinstr *entry)
{
	return area(site_of(entry), entry->instrlen);
}

static struct area replacement_area(const struct smp_altinstr *entry)
{
	return area(replacement_of(entry), entry->replacementlen);
}

static struct area saved_area(const struct smp_altinstr *entry)
{
	return area(saved_of(entry), entry->instrlen);
}

static bool overlap(struct area a, struct area b)
{
	return a.begin < b.end && b.begin < a.end;
}

/* By numbers: what a damaged table points at need not be an object. */
static bool lies_in(struct area a, struct area outer)
{
	u64 begin = (u64)a.begin - (u64)outer.begin, bytes = (u64)outer.end - (u64)outer.begin;

	return begin <= bytes && (u64)(a.end - a.begin) <= bytes - begin;
}

static bool is_padding(const struct smp_altinstr *entry)
{
	static const struct smp_altinstr zero;

	return !memcmp(entry, &zero, sizeof(zero));
}

/* The first entry at or behind @entry that is one; the end when there is none. */
static const struct smp_altinstr *skip_padding(const struct smp_altinstr_table *table,
					       const struct smp_altinstr *entry)
{
	while (entry < table->end && is_padding(entry))
		entry++;
	return entry;
}

static const struct smp_altinstr *first_entry(const struct smp_altinstr_table *table)
{
	return skip_padding(table, table->start);
}

static const struct smp_altinstr *next_entry(const struct smp_altinstr_table *table,
					     const struct smp_altinstr *entry)
{
	return skip_padding(table, entry + 1);
}

/* ---- The rules ---- */

/* What the site is to hold in UP form. Return: NULL, or why it cannot. */
static const char *up_form(const struct smp_altinstr *entry, u8 *buf)
{
	struct relocation_refusal refusal;

	memcpy(buf, replacement_of(entry), entry->replacementlen);
	if (!fault(UP_NOT_RELOCATED) &&
	    text_poke_apply_relocation(buf, site_of(entry), entry->instrlen, replacement_of(entry),
				       entry->replacementlen, &refusal))
		return refusal.why;
	nops_fill(buf + entry->replacementlen, entry->instrlen - entry->replacementlen);
	return NULL;
}

static bool is_whole_instructions(const u8 *code, size_t len)
{
	struct insn insn;

	for (size_t at = 0; at < len; at += insn.len)
		if (insn_decode(&insn, code + at, len - at))
			return false;
	return true;
}

static bool is_in_text(const struct smp_altinstr_table *table, struct area a)
{
	const struct area text = { table->text, table->text_end };
	const struct area core = { (const u8 *)_stext, (const u8 *)_etext };

	return overlap(a, text) || overlap(a, core) || text_contains(a.begin, 1) ||
	       text_contains(a.end - 1, 1);
}

/* What can be said of an entry by itself. Return: NULL, or the rule it breaks. */
static const char *rule_broken(const struct smp_altinstr_table *table,
			       const struct smp_altinstr *entry)
{
	struct area site = site_area(entry);

	if (!entry->instrlen || entry->zero)
		return "no record: its length is 0, or its last field is not";
	if (entry->replacementlen > entry->instrlen)
		return "the UP form is longer than its site";
	if (!lies_in(site, (struct area){ table->text, table->text_end }))
		return "the site is not in the text";
	if (!lies_in(replacement_area(entry), (struct area){ table->up, table->up_end }))
		return "the UP form is not where the table says they are";
	if (is_in_text(table, saved_area(entry)))
		return "the save area is text: it would be writable and executable";
	if (!lies_in(saved_area(entry), (struct area){ table->saved, table->saved_end }))
		return "the save area is not where the table says they are";
	if (!is_whole_instructions(site.begin, entry->instrlen))
		return "the site does not end with an instruction";
	return NULL;
}

/* What two entries, or one and itself, may not have in common. */
static const char *collision(const struct smp_altinstr *a, const struct smp_altinstr *b)
{
	if (overlap(saved_area(a), replacement_area(b)) ||
	    overlap(saved_area(b), replacement_area(a)))
		return "a save area lies on a UP form";
	/* Else what is to be written would change while it is written. */
	if (overlap(site_area(a), replacement_area(b)) ||
	    overlap(site_area(b), replacement_area(a)))
		return "a UP form lies on a site";
	if (a == b)
		return NULL;
	if (overlap(site_area(a), site_area(b)))
		return "the site overlaps another";
	if (overlap(saved_area(a), saved_area(b)))
		return "the save area overlaps another";
	return NULL;
}

static const char *any_collision(const struct smp_altinstr_table *table,
				 const struct smp_altinstr *entry)
{
	const struct area records = { (const u8 *)table->start, (const u8 *)table->end };
	const struct smp_altinstr *other = first_entry(table);
	const char *why = NULL;

	if (overlap(saved_area(entry), records))
		return "the save area lies on the table";
	/* With the ones before it, and with itself; those behind it come to it themselves. */
	for (; other <= entry && !why; other = next_entry(table, other))
		why = collision(other, entry);
	return why;
}

static const char *why_not_saved(const struct smp_altinstr_table *table,
				 const struct smp_altinstr *entry)
{
	u8 up[SITE_MAX_BYTES];
	const char *why = rule_broken(table, entry);

	if (!why)
		why = any_collision(table, entry);
	if (!why)
		why = up_form(entry, up);
	if (!why && !memcmp(site_of(entry), up, entry->instrlen))
		why = "the site is in UP form already";
	return why;
}

static const char *why_not_applied(const struct smp_altinstr_table *table,
				   const struct smp_altinstr *entry)
{
	u8 up[SITE_MAX_BYTES];
	const char *why = rule_broken(table, entry);

	if (!why)
		why = up_form(entry, up);
	if (!why && memcmp(site_of(entry), up, entry->instrlen) &&
	    memcmp(site_of(entry), saved_of(entry), entry->instrlen))
		why = "the site holds neither what was saved nor its UP form";
	return why;
}

/* ---- The walks ---- */

static int refuse(struct smp_altinstr_result *ret, const struct smp_altinstr *entry,
		  const char *why, int err)
{
	ret->entry = entry;
	ret->why = why;
	return err;
}

/* The first walk. @why_not says what is wrong with an entry. */
static int check(const struct smp_altinstr_table *table, struct smp_altinstr_result *ret,
		 const char *(*why_not)(const struct smp_altinstr_table *table,
					const struct smp_altinstr *entry))
{
	*ret = (struct smp_altinstr_result){ 0 };
	if (!text_mutex_held())
		return -ERR_PERM;
	if (table->text_end < table->text ||
	    !text_contains(table->text, table->text_end - table->text))
		return -ERR_RANGE;
	for (const struct smp_altinstr *entry = first_entry(table); entry < table->end;
	     entry = next_entry(table, entry)) {
		const char *why = why_not(table, entry);

		if (why)
			return refuse(ret, entry, why, -ERR_REFUSED);
		if (fault(CHECK_FIRST_ENTRY_ONLY))
			break;
	}
	return 0;
}

int alternatives_smp_save(const struct smp_altinstr_table *table, struct smp_altinstr_result *ret)
{
	int err = check(table, ret, why_not_saved);

	if (err)
		return err;
	for (const struct smp_altinstr *entry = first_entry(table); entry < table->end;
	     entry = next_entry(table, entry)) {
		if (fault(SAVE_SKIPPED) && entry == table->start)
			continue;
		memcpy(saved_of(entry), site_of(entry), entry->instrlen);
	}
	return 0;
}

/* @buf has room for the UP form. Both have been checked. */
static const u8 *bytes_of(const struct smp_altinstr *entry, enum form form, u8 *buf)
{
	if (form == FORM_SMP)
		return saved_of(entry);
	up_form(entry, buf);
	return buf;
}

static void write_site(const struct smp_altinstr *entry, enum form form, ptrdiff_t delta,
		       struct smp_altinstr_result *ret)
{
	u8 buf[SITE_MAX_BYTES];
	const u8 *bytes = bytes_of(entry, form, buf);

	if (!memcmp(site_of(entry), bytes, entry->instrlen)) {
		ret->nr_already++;
		return;
	}
	memcpy(site_of(entry) + delta, bytes,
	       fault(RESTORE_SHORT) && form == FORM_SMP ? entry->replacementlen : entry->instrlen);
	ret->nr_changed++;
}

static int write_sites(const struct smp_altinstr_table *table, enum form form,
		       struct smp_altinstr_result *ret)
{
	ptrdiff_t delta;
	int err = text_alias_open(&delta);

	if (err)
		return err;
	for (const struct smp_altinstr *entry = first_entry(table); entry < table->end;
	     entry = next_entry(table, entry))
		write_site(entry, form, delta, ret);
	text_alias_close();
	/* This CPU may have the other form decoded. On bare metal the close has seen to it already.
	 */
	sync_this_core();
	return 0;
}

/* The map of where instructions begin follows, and every byte is read back. */
static int check_written(const struct smp_altinstr_table *table, enum form form,
			 struct smp_altinstr_result *ret)
{
	u8 buf[SITE_MAX_BYTES];

	for (const struct smp_altinstr *entry = first_entry(table); entry < table->end;
	     entry = next_entry(table, entry)) {
		text_map_rewritten(site_of(entry), entry->instrlen);
		if (memcmp(site_of(entry), bytes_of(entry, form, buf), entry->instrlen))
			return refuse(ret, entry, "the site did not read back", -ERR_VERIFY);
	}
	return 0;
}

static int apply(const struct smp_altinstr_table *table, enum form form,
		 struct smp_altinstr_result *ret)
{
	int err = check(table, ret, why_not_applied);

	if (!err)
		err = write_sites(table, form, ret);
	if (!err)
		err = check_written(table, form, ret);
	if (!err)
		ret->nr_padding = (u32)(table->end - table->start) - ret->nr_changed -
				  ret->nr_already;
	return err;
}

int alternatives_up_apply(const struct smp_altinstr_table *table, struct smp_altinstr_result *ret)
{
	return apply(table, FORM_UP, ret);
}

int alternatives_smp_apply(const struct smp_altinstr_table *table, struct smp_altinstr_result *ret)
{
	return apply(table, FORM_SMP, ret);
}

bool smp_altinstr_touches(const struct smp_altinstr_table *table, const u8 *start, const u8 *end)
{
	const struct area wanted = { start, end };

	for (const struct smp_altinstr *entry = first_entry(table); entry < table->end;
	     entry = next_entry(table, entry)) {
		if (overlap(site_area(entry), wanted))
			return true;
	}
	return false;
}
