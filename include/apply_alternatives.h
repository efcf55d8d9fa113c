/* SPDX-License-Identifier: MIT */
/*
 * Tables of alternatives (.altinstructions): each site gets the bytes that suit the CPU, once.
 *
 * The specification's cases that stop a kernel, or go wrong silently, are refusals here, and a
 * table is gone through as a whole before its first site changes.
 */
#ifndef SMPOKE_APPLY_ALTERNATIVES_H
#define SMPOKE_APPLY_ALTERNATIVES_H

#include "alternative.h"
#include "cpu_feature.h"
#include "relocate.h"
#include "types.h"

#define ALT_MAX_PATCH_LEN 254

/* The rules that a table can break. */
enum alt_rule {
	ALT_RULE_NONE,
	ALT_RULE_TABLE, /* the table ends within an entry, or before it begins */
	ALT_RULE_LENGTH, /* a site of no bytes, or of over ALT_MAX_PATCH_LEN */
	ALT_RULE_REPLACEMENT_LENGTH, /* the replacement is longer than the entry says its site is */
	ALT_RULE_FEATURE, /* no such feature number */
	ALT_RULE_FLAGS, /* flags that mean nothing */
	ALT_RULE_TEXT, /* site outside registered text */
	ALT_RULE_OTHER_TEXT, /* site in another text than the first site's: one table, one text */
	ALT_RULE_BOUNDARY, /* the site begins or ends in the middle of an instruction */
	ALT_RULE_DUPLICATE, /* an earlier entry, but not the one before, is of the same site */
	ALT_RULE_OVERLAP, /* the site overlaps an earlier one */
	ALT_RULE_REPLACEMENT, /* the replacement lies outside of where the table says they are */
	ALT_RULE_PLACE, /* the replacement stands where a site is, so one would change the other */
	ALT_RULE_ORIGINAL, /* the site's own NOPs cannot be merged; see nops_optimize() */
	ALT_RULE_RELOCATION, /* the replacement cannot be moved to the site; .relocation says why */
	ALT_RULE_CALL_FORM, /* DIRECT_CALL: not CALL rel32 over CALL [RIP + disp32] and padding */
	ALT_RULE_CALL_NULL, /* DIRECT_CALL: the pointer is null */
	ALT_RULE_CALL_REACH, /* DIRECT_CALL: the function is out of reach of a CALL rel32 */
	NR_ALT_RULES,
};

struct alt_refusal {
	enum alt_rule rule; /* ALT_RULE_NONE: nothing was refused */
	u32 entry; /* the first that breaks it, counted from 0 */
	u32 other_entry; /* DUPLICATE, OVERLAP, PLACE: the one it collides with */
	const u8 *addr; /* of the entry's site; NULL for ALT_RULE_TABLE */
	struct relocation_refusal relocation; /* ALT_RULE_RELOCATION; bytes of the replacement */
};

/* Every site is replaced or kept; both are written, kept ones with their NOPs merged. */
struct alt_result {
	u32 nr_entries;
	u32 nr_sites;
	u32 nr_replaced;
	u32 nr_kept;
	u64 nr_bytes; /* written */
	struct cpu_features features; /* by which all was decided */
	struct alt_refusal refusal;
};

/* A table, and the section that all of its replacements lie in. */
struct alt_table {
	const struct alt_instr *start, *end; /* .altinstructions */
	const u8 *repl, *repl_end; /* .altinstr_replacement */
};

/* One site, with all the entries that are of it. */
struct alt_site {
	u8 *addr;
	u8 len; /* the longest that an entry says */
	const struct alt_instr *first, *end; /* its entries: [first, end) */
	const struct alt_instr *winner; /* what it becomes; NULL = it keeps its code */
};

static inline u8 *alt_instr_site(const struct alt_instr *entry)
{
	return self_relative(&entry->instr_offset);
}

static inline const u8 *alt_instr_replacement(const struct alt_instr *entry)
{
	return self_relative(&entry->repl_offset);
}

/**
 * alt_next_site() - walk a table by sites
 * @cursor: all zero to begin with, and the site found before from then on
 * @features: what the winner is decided by; alt_result.features tells afterwards what became of a
 *	site, whatever has happened to the features since
 *
 * Of the entries of a site the last one wins whose feature is there, or not there with
 * ALT_FLAG_NOT. Reads the table only. Context: any.
 * Return: false at the end, and @cursor is what it was.
 */
bool alt_next_site(const struct alt_table *table, const struct cpu_features *features,
		   struct alt_site *cursor);

/**
 * apply_alternatives() - write every site of a table as boot_cpu_features want it
 * @table: its sites lie in one registered text (text_register())
 * @ret: always filled
 *
 * The bytes are made in a buffer: the winner's replacement, padded to the site's length and
 * relocated, or the site's own code; then runs of NOPs are merged. They are written by one
 * text_poke_early(), and each site exactly once, even if nothing about it changes. A DIRECT_CALL
 * to nop_func() becomes NOPs.
 *
 * Nobody else may execute the text, nor may the site be of what writes it (mem.h, text_poke.c), and
 * no code outside of a site may jump into it but to its start. The pointer of a DIRECT_CALL must be
 * readable. Applying a table twice is not meant: a DIRECT_CALL is refused then, and whatever is
 * kept or replaced is written again.
 *
 * Context: boot CPU, text_mutex held, interrupts on, not from a trap. Allocates a bit for each byte
 * between the first and the last site while it runs. Cost: each instruction of each replacement is
 * decoded about four times, no cross-CPU sync.
 * Return: 0; -ERR_REFUSED with .refusal set and nothing written; -ERR_PERM without the lock;
 * -ERR_NOMEM; or the error of text_poke_early(), which leaves the sites before, as .nr_sites says.
 */
int apply_alternatives(const struct alt_table *table, struct alt_result *ret);

const char *alt_rule_name(enum alt_rule rule);

/* nop_func() - the function that does nothing; a DIRECT_CALL to it is left out */
void nop_func(void);

#endif
