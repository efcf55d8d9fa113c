/* SPDX-License-Identifier: MIT */
/*
 * Tables of alternatives before anything is done with them: what an entry may say, and that sites
 * keep out of each other's way.
 */
#include "alternative_site.h"

#include "fault.h"
#include "machine.h"
#include "mem.h"
#include "text_map.h"

const char *alt_rule_name(enum alt_rule rule)
{
	static const char *const names[NR_ALT_RULES] = {
		[ALT_RULE_NONE] = "none",
		[ALT_RULE_TABLE] = "the table ends within an entry, or before it begins",
		[ALT_RULE_LENGTH] = "the site has no bytes, or over 254",
		[ALT_RULE_REPLACEMENT_LENGTH] = "the replacement is longer than its site",
		[ALT_RULE_FEATURE] = "there is no feature of this number",
		[ALT_RULE_FLAGS] = "there is no such flag",
		[ALT_RULE_TEXT] = "the site is outside registered text",
		[ALT_RULE_OTHER_TEXT] = "the site is in another text than the first one",
		[ALT_RULE_BOUNDARY] = "the site begins or ends in the middle of an instruction",
		[ALT_RULE_DUPLICATE] = "entries of one site are not next to each other",
		[ALT_RULE_OVERLAP] = "the site overlaps another one",
		[ALT_RULE_REPLACEMENT] = "the replacement lies outside of its section",
		[ALT_RULE_PLACE] = "the replacement stands where a site is",
		[ALT_RULE_ORIGINAL] = "the code of the site cannot be kept",
		[ALT_RULE_RELOCATION] = "the replacement cannot be moved to the site",
		[ALT_RULE_CALL_FORM] = "not CALL rel32 in place of CALL through a pointer",
		[ALT_RULE_CALL_NULL] = "the pointer of the call is null",
		[ALT_RULE_CALL_REACH] = "the function called is out of reach",
	};

	return rule < NR_ALT_RULES ? names[rule] : "?";
}

int alt_refuse_pair(const struct alt_job *job, const struct alt_instr *entry,
		    const struct alt_instr *other, enum alt_rule rule)
{
	job->refusal->rule = rule;
	job->refusal->entry = (u32)(entry - job->table->start);
	job->refusal->other_entry = (u32)(other - job->table->start);
	job->refusal->addr = rule == ALT_RULE_TABLE ? NULL : alt_instr_site(entry);
	return -ERR_REFUSED;
}

int alt_refuse(const struct alt_job *job, const struct alt_instr *entry, enum alt_rule rule)
{
	return alt_refuse_pair(job, entry, job->table->start, rule);
}

static bool wins(const struct alt_instr *entry, const struct cpu_features *features)
{
	return cpu_feature_has(features, entry->cpuid) != !!(entry->flags & ALT_FLAG_NOT);
}

bool alt_next_site(const struct alt_table *table, const struct cpu_features *features,
		   struct alt_site *cursor)
{
	const struct alt_instr *entry = cursor->end ? cursor->end : table->start;

	if (entry >= table->end)
		return false;
	*cursor = (struct alt_site){ .addr = alt_instr_site(entry), .first = entry };
	for (; entry < table->end && alt_instr_site(entry) == cursor->addr; entry++) {
		if (entry->instrlen > cursor->len)
			cursor->len = entry->instrlen;
		if (wins(entry, features) && !(fault(ALT_FIRST_WINS) && cursor->winner))
			cursor->winner = entry;
	}
	cursor->end = entry;
	return true;
}

/* ---- One entry ---- */

/* What ends with its text ends where an instruction does, for that was decoded to its end. */
static bool on_boundaries(const struct text_map *map, const u8 *addr, u8 len)
{
	return text_map_starts(map, addr) &&
	       (text_map_of(addr, len + 1) != map || text_map_starts(map, addr + len));
}

/* Where the first entry's site lies, there all of them have to. */
static int check_place(const struct alt_job *job, const struct alt_instr *entry)
{
	const u8 *addr = alt_instr_site(entry);
	const struct text_map *map = text_map_of(addr, entry->instrlen);

	if (!map)
		return alt_refuse(job, entry, ALT_RULE_TEXT);
	if (map != text_map_of(alt_instr_site(job->table->start), 1))
		return alt_refuse(job, entry, ALT_RULE_OTHER_TEXT);
	if (!on_boundaries(map, addr, entry->instrlen))
		return alt_refuse(job, entry, ALT_RULE_BOUNDARY);
	return 0;
}

static bool is_in_section(const struct alt_table *table, const struct alt_instr *entry)
{
	const u8 *repl = alt_instr_replacement(entry);

	return repl >= table->repl && repl <= table->repl_end &&
	       entry->replacementlen <= (size_t)(table->repl_end - repl);
}

static int check_entry(const struct alt_job *job, const struct alt_instr *entry)
{
	if (!entry->instrlen || entry->instrlen > ALT_MAX_PATCH_LEN)
		return alt_refuse(job, entry, ALT_RULE_LENGTH);
	if (entry->replacementlen > entry->instrlen && !fault(ALT_NO_LENGTH_CHECK))
		return alt_refuse(job, entry, ALT_RULE_REPLACEMENT_LENGTH);
	if (entry->cpuid >= NR_CPU_FEATURES)
		return alt_refuse(job, entry, ALT_RULE_FEATURE);
	if (entry->flags & ~ALT_FLAGS)
		return alt_refuse(job, entry, ALT_RULE_FLAGS);
	if (!is_in_section(job->table, entry))
		return alt_refuse(job, entry, ALT_RULE_REPLACEMENT);
	return check_place(job, entry);
}

static int check_entries(const struct alt_job *job)
{
	int err = 0;

	for (const struct alt_instr *entry = job->table->start; !err && entry < job->table->end;
	     entry++)
		err = check_entry(job, entry);
	return err;
}

/* ---- One against the others ---- */

/* A bit for each byte from the first site to the last: set where a site is. */
struct claims {
	const u8 *from, *to;
	u64 *bits;
};

static bool is_claimed(const struct claims *claims, const u8 *addr)
{
	size_t i = addr - claims->from;

	return addr >= claims->from && addr < claims->to && claims->bits[i / 64] >> i % 64 & 1;
}

static bool any_claimed(const struct claims *claims, const u8 *addr, u8 len)
{
	for (u8 i = 0; i < len; i++)
		if (is_claimed(claims, addr + i))
			return true;
	return false;
}

static void claim(struct claims *claims, const struct alt_site *site)
{
	for (u8 i = 0; i < site->len; i++) {
		size_t bit = site->addr + i - claims->from;

		claims->bits[bit / 64] |= 1ull << bit % 64;
	}
}

/* The first of the table's sites that has a byte of [addr, addr + len). There is one. */
static struct alt_site find_claimant(const struct alt_job *job, const u8 *addr, u8 len)
{
	struct alt_site site = { 0 };

	while (alt_next_site(job->table, job->features, &site))
		if (site.addr < addr + len && addr < site.addr + site.len)
			break;
	return site;
}

static int claim_sites(const struct alt_job *job, struct claims *claims)
{
	struct alt_site site = { 0 }, other;

	while (alt_next_site(job->table, job->features, &site)) {
		if (any_claimed(claims, site.addr, site.len)) {
			other = find_claimant(job, site.addr, site.len);
			return alt_refuse_pair(job, site.first, other.first,
					       other.addr == site.addr ? ALT_RULE_DUPLICATE
								       : ALT_RULE_OVERLAP);
		}
		claim(claims, &site);
	}
	return 0;
}

/* Else a site that is written would change what a later one is given. */
static int check_replacements(const struct alt_job *job, const struct claims *claims)
{
	for (const struct alt_instr *entry = job->table->start; entry < job->table->end; entry++) {
		const u8 *repl = alt_instr_replacement(entry);

		if (any_claimed(claims, repl, entry->replacementlen)) {
			struct alt_site site = find_claimant(job, repl, entry->replacementlen);

			return alt_refuse_pair(job, entry, site.first, ALT_RULE_PLACE);
		}
	}
	return 0;
}

/* Whole words, of which the last one may have nothing to say. */
static size_t claims_bytes(const struct claims *claims)
{
	return ((size_t)(claims->to - claims->from) / 64 + 1) * sizeof(*claims->bits);
}

static struct claims span_of(const struct alt_job *job)
{
	struct claims span = { .from = alt_instr_site(job->table->start) };
	struct alt_site site = { 0 };

	span.to = span.from;
	while (alt_next_site(job->table, job->features, &site)) {
		if (site.addr < span.from)
			span.from = site.addr;
		if (site.addr + site.len > span.to)
			span.to = site.addr + site.len;
	}
	return span;
}

static int check_collisions(const struct alt_job *job)
{
	struct claims claims = span_of(job);
	int err;

	claims.bits = machine_alloc(claims_bytes(&claims));
	if (!claims.bits)
		return -ERR_NOMEM;
	err = claim_sites(job, &claims);
	if (!err)
		err = check_replacements(job, &claims);
	machine_free(claims.bits, claims_bytes(&claims));
	return err;
}

int alt_check_table(const struct alt_job *job)
{
	u64 bytes = (u64)job->table->end - (u64)job->table->start;
	int err;

	if (job->table->end < job->table->start || bytes % sizeof(*job->table->start))
		return alt_refuse(job, job->table->start, ALT_RULE_TABLE);
	if (!bytes)
		return 0;
	err = check_entries(job);
	return err ? err : check_collisions(job);
}
