/* SPDX-License-Identifier: MIT */
/*
 * What one site is to hold: a replacement in its place, or its own code, with the NOPs merged.
 */
#include "alternative_site.h"

#include "fault.h"
#include "mem.h"
#include "nops.h"
#include "text_patching.h"

#define NOP_BYTE 0x90
#define CALL_POINTER_SIZE 6 /* FF 15 disp32: CALL [RIP + disp32] */

void nop_func(void)
{
}

/* ---- DIRECT_CALL ---- */

static bool is_padding(const u8 *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != NOP_BYTE)
			return false;
	return true;
}

/* The specification wants six bytes; a longer replacement in the group pads them further. */
static bool is_call_by_pointer(const struct alt_site *site)
{
	return site->len >= CALL_POINTER_SIZE && site->addr[0] == 0xFF && site->addr[1] == 0x15 &&
	       is_padding(site->addr + CALL_POINTER_SIZE, site->len - CALL_POINTER_SIZE);
}

static u64 call_target(const struct alt_site *site)
{
	s32 disp;
	u64 target;

	memcpy(&disp, site->addr + 2, sizeof(disp));
	memcpy(&target, site->addr + CALL_POINTER_SIZE + disp, sizeof(target));
	return target;
}

static int check_call(const struct alt_job *job, const struct alt_site *site,
		      const struct alt_instr *entry)
{
	if (entry->replacementlen != CALL_INSN_SIZE ||
	    alt_instr_replacement(entry)[0] != CALL_INSN_OPCODE || !is_call_by_pointer(site))
		return alt_refuse(job, entry, ALT_RULE_CALL_FORM);
	if (entry == site->winner && !call_target(site))
		return alt_refuse(job, entry, ALT_RULE_CALL_NULL);
	return 0;
}

/* In the replacement's place: it is moved to the site's with everything else. */
static int direct_call(const struct alt_job *job, const struct alt_site *site, u8 *buf)
{
	const struct alt_instr *entry = site->winner;
	u64 next = (u64)alt_instr_replacement(entry) + CALL_INSN_SIZE;
	s64 rel = (s64)(call_target(site) - next);
	s32 disp = (s32)rel;

	if (rel != disp)
		return alt_refuse(job, entry, ALT_RULE_CALL_REACH);
	memcpy(buf + 1, &disp, sizeof(disp));
	return 0;
}

static bool is_direct_call(const struct alt_site *site, const struct alt_instr *entry)
{
	return entry == site->winner && entry->flags & ALT_FLAG_DIRECT_CALL;
}

/* ---- The bytes ---- */

/* Bytes of the replacement that count: none of a call to the function that does nothing. */
static u8 used_bytes(const struct alt_site *site, const struct alt_instr *entry)
{
	if (is_direct_call(site, entry) && call_target(site) == (u64)nop_func)
		return 0;
	return entry->replacementlen;
}

static int relocate(const struct alt_job *job, const struct alt_site *site,
		    const struct alt_instr *entry, u8 *buf)
{
	int err = text_poke_apply_relocation(buf, site->addr, site->len,
					     alt_instr_replacement(entry), used_bytes(site, entry),
					     &job->refusal->relocation);

	return err ? alt_refuse(job, entry, ALT_RULE_RELOCATION) : 0;
}

static int build_replacement(const struct alt_job *job, const struct alt_site *site,
			     const struct alt_instr *entry, u8 *buf)
{
	u8 len = used_bytes(site, entry);
	bool is_call = is_direct_call(site, entry) && len;
	int err = 0;

	memcpy(buf, alt_instr_replacement(entry), len);
	memset(buf + len, NOP_BYTE, site->len - len);
	if (is_call && !fault(ALT_DIRECT_CALL_LATE))
		err = direct_call(job, site, buf);
	if (!err)
		err = relocate(job, site, entry, buf);
	if (!err && is_call && fault(ALT_DIRECT_CALL_LATE))
		err = direct_call(job, site, buf);
	return err;
}

int alt_build(const struct alt_job *job, const struct alt_site *site, const struct alt_instr *entry,
	      u8 *buf)
{
	int err = 0;

	if (!entry)
		memcpy(buf, site->addr, site->len);
	else if (entry->flags & ALT_FLAG_DIRECT_CALL)
		err = check_call(job, site, entry);
	if (!err && entry)
		err = build_replacement(job, site, entry, buf);
	if (!err && nops_optimize(buf, site->len))
		err = alt_refuse(job, entry ? entry : site->first, ALT_RULE_ORIGINAL);
	return err;
}
