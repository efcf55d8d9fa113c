/* SPDX-License-Identifier: MIT */
#include "patched.h"

#include "format.h"
#include "image_patching.h"
#include "machine_text.h"
#include "screen.h"

/* Three columns a byte. What is longer is cut, and its length says so. */
#define MAX_BYTES_SHOWN 40
#define HEX_BYTES (3 * MAX_BYTES_SHOWN + 1)

static const char *feature_name(u32 feature)
{
	static const struct {
		u32 feature;
		const char *name;
	} names[] = {
		{ X86_FEATURE_ALWAYS, "always" },
		{ X86_FEATURE_RDTSCP, "rdtscp" },
		{ X86_FEATURE_UP, "up" },
		{ X86_FEATURE_MWAIT, "mwait" },
		{ X86_FEATURE_ERMS, "erms" },
		{ X86_FEATURE_FSRM, "fsrm" },
		{ X86_FEATURE_SERIALIZE, "serialize" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].feature == feature)
			return names[i].name;
	return "?";
}

static const char *hex(char *buf, const u8 *bytes, size_t len)
{
	size_t at = 0;

	buf[0] = 0;
	for (size_t i = 0; i < len && i < MAX_BYTES_SHOWN; i++)
		at += format(buf + at, HEX_BYTES - at, "%s%02x", i ? " " : "", bytes[i]);
	return buf;
}

static void log_site(struct results *log, const struct image_site *place)
{
	const struct alt_instr *winner = place->site.winner;
	char before[HEX_BYTES], now[HEX_BYTES];

	screen_note(log, "text+0x%lx, %u bytes, %s%s: %s -> %s",
		    (u64)(place->site.addr - (const u8 *)_stext), place->site.len,
		    winner && winner->flags & ALT_FLAG_NOT ? "not " : "",
		    winner ? feature_name(winner->cpuid) : "kept",
		    hex(before, place->before, place->site.len),
		    hex(now, place->site.addr, place->site.len));
}

void patched_log(struct results *log)
{
	const struct image_patched *p = image_patched();
	struct image_site place = { 0 };

	if (!p->done) {
		screen_note(log, "own text not patched: %s", p->why_not);
		return;
	}
	while (image_next_site(&place))
		log_site(log, &place);
	if (p->started_up)
		screen_note(
			log,
			"%u LOCK prefixes to 3e, %u sequences to UP form, until other CPUs start",
			p->to_up.nr_changed, p->nr_sequences_to_up);
	if (!p->is_up && p->started_up)
		screen_note(log, "%u LOCK prefixes back to f0, %u sequences to SMP form",
			    p->to_smp.nr_changed, p->nr_sequences_to_smp);
	if (p->freed)
		screen_note(log, "their tables are freed: %lu bytes",
			    (u64)(p->freed_end - p->freed));
}

static void write_number(struct results *results, const char *key, u64 value)
{
	char text[24];

	format(text, sizeof(text), "%lu", value);
	results_fact(results, key, text);
}

void patched_facts(struct results *results)
{
	const struct image_patched *p = image_patched();
	char text[128];

	if (!p->done) {
		format(text, sizeof(text), "not patched: %s", p->why_not);
		results_fact(results, "own_text", text);
		return;
	}
	results_fact(results, "own_text", "patched");
	write_number(results, "own_sites", p->alternatives.nr_sites);
	write_number(results, "own_sites_replaced", p->alternatives.nr_replaced);
	write_number(results, "own_sites_kept", p->alternatives.nr_kept);
	write_number(results, "own_sites_bytes", p->alternatives.nr_bytes);
	write_number(results, "own_apply_ns", p->apply_ns);
	results_fact(results, "own_locks_started", p->started_up ? "up" : "smp");
	results_fact(results, "own_locks_now", p->is_up ? "up" : "smp");
	write_number(results, "own_locks_to_up", p->to_up.nr_changed);
	write_number(results, "own_locks_to_smp", p->to_smp.nr_changed);
	write_number(results, "own_sequences_to_up", p->nr_sequences_to_up);
	write_number(results, "own_sequences_to_smp", p->nr_sequences_to_smp);
	write_number(results, "own_locks_to_up_ns", p->to_up_ns);
	write_number(results, "own_locks_to_smp_ns", p->to_smp_ns);
	write_number(results, "own_pages_left_mapped", p->nr_left_mapped);
	write_number(results, "own_lock_table_freed_bytes", (u64)(p->freed_end - p->freed));
}
