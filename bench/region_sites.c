/* SPDX-License-Identifier: MIT */
/*
 * Regions of sites: where their cells stand.
 */
#include "region.h"

#include "cell.h"
#include "draft.h"
#include "insn.h"
#include "machine.h"
#include "mem.h"
#include "text_patching.h"
#include "x86.h"

/* ---- Equal sites at equal distances ---- */

/*
 * NOP5 against JMP32 is how compilers lay out a rarely taken branch: the old path falls through to
 * the next site, the new one stands far from the sites and jumps back. Functions stand there too.
 */
#define COLD_STRIDE_BYTES 16

static bool is_out_of_line(enum site_form form)
{
	return form == SITE_NOP5_JMP32 || cell_has_functions(form);
}

/* Where the paths of the @i-th site are, behind @end of the sites. */
static void place_cold(struct cell *cell, enum site_form form, u64 end, u32 i)
{
	bool shared = cell_has_functions(form);

	cell->old = end + COLD_STRIDE_BYTES;
	cell->new = end + (shared ? 2 : i + 1) * COLD_STRIDE_BYTES;
}

static void emit_cold(struct assembler *a, enum site_form form, u64 end, u32 nr_sites, u64 first,
		      u32 stride)
{
	struct cell cell;

	if (cell_has_functions(form)) {
		place_cold(&cell, form, end, 0);
		cell_emit_functions(a, &cell);
		return;
	}
	for (u32 i = 0; i < nr_sites; i++) {
		cell.next = first + (u64)(i + 1) * stride;
		place_cold(&cell, form, end, i);
		asm_fill_to(a, cell.new);
		cell_emit_new_path(a, form, &cell);
	}
}

static int emit_sites(struct site_region *ret, struct assembler *a, enum site_form form, u32 stride,
		      u32 offset)
{
	u64 first = asm_here(a) + stride + offset;
	u64 end = first + (u64)ret->nr_sites * stride - cell_lead_bytes(form);
	int err = 0;

	asm_jmp(a, ASM_NEAR, first - cell_lead_bytes(form));
	for (u32 i = 0; i < ret->nr_sites && !err && !a->error; i++) {
		u64 lead = first + (u64)i * stride - cell_lead_bytes(form);
		struct cell cell = { .next = lead + stride };

		asm_fill_to(a, lead);
		if (is_out_of_line(form)) {
			place_cold(&cell, form, end, i);
			cell_emit_hot(a, form, &cell);
		} else {
			cell_emit(a, form, &cell);
		}
		err = a->error ? a->error : cell_site_bytes(&ret->sites[i], form, &cell);
	}
	asm_fill_to(a, end);
	asm_ret(a);
	if (is_out_of_line(form))
		emit_cold(a, form, end, ret->nr_sites, first, stride);
	return err ? err : a->error;
}

/* ---- Sites laid out by hand ---- */

/*
 * Forms with a displacement of 32 bits have their new path before the first site, so far away that
 * the displacement differs from the old one in every byte.
 */
#define FAR_PATH_BYTES 16
#define FAR_PERIOD_BYTES 256 /* moving a path by this leaves the lowest byte as it is */
#define ENTRY_BYTES 16

static bool has_far_path(enum site_form form)
{
	return site_form_len(form) >= 5;
}

static u32 lead_offset(const struct site_place *place)
{
	return place->offset - (u32)cell_lead_bytes(place->form);
}

/* The second byte of the displacement, or of what stands there in the old form: 0F 1F 44 00 00. */
static u8 second_byte_of_old(enum site_form form)
{
	return form == SITE_NOP5_JMP32 ? 0x44 : 0;
}

/* Return: where the new path of @place goes, as close below @limit as can be. */
static u32 far_offset(const struct site_place *place, u32 limit)
{
	u32 behind = place->offset + site_form_len(place->form);
	u32 far = limit - FAR_PATH_BYTES;

	far -= (far - behind - FAR_DISP_LOW) % FAR_PERIOD_BYTES;
	if ((u8)((far - behind) >> 8) == second_byte_of_old(place->form))
		far -= FAR_PERIOD_BYTES;
	return far;
}

/* Fill far[i] for each place, from the last to the first. Return: where the region begins. */
static u32 place_far_paths(const struct site_place *places, u32 nr_sites, u32 *far)
{
	u32 limit = lead_offset(&places[0]);

	for (u32 i = nr_sites; i-- > 0;) {
		far[i] = 0;
		if (!has_far_path(places[i].form))
			continue;
		limit = far[i] = far_offset(&places[i], limit);
	}
	return (limit - ENTRY_BYTES) / ENTRY_BYTES * ENTRY_BYTES;
}

static bool places_are_right(const struct site_place *places, u32 nr_sites, size_t align_bytes)
{
	if (!nr_sites || !align_bytes || align_bytes & (align_bytes - 1))
		return false;
	for (u32 i = 0; i < nr_sites; i++) {
		u64 least = i ? (u64)places[i - 1].offset + SITE_TRAIL_BYTES + SITE_LEAD_BYTES
			      : (nr_sites + 1ull) * SITE_FAR_BYTES;

		if (places[i].form >= NR_SITE_FORMS || places[i].offset < least)
			return false;
	}
	return true;
}

/* Where a pass goes on behind @places[i], the last of which is at @end. */
static u64 next_lead(const struct site_place *places, u32 nr_sites, u32 i)
{
	return i + 1 < nr_sites ? lead_offset(&places[i + 1]) : places[i].offset + SITE_TRAIL_BYTES;
}

static void emit_far_paths(struct assembler *a, const struct site_place *places, u32 nr_sites,
			   const u32 *far, u64 pages)
{
	for (u32 i = 0; i < nr_sites; i++) {
		struct cell cell = { .next = pages + next_lead(places, nr_sites, i) };

		if (!far[i])
			continue;
		asm_fill_to(a, pages + far[i]);
		cell_emit_new_path(a, places[i].form, &cell);
	}
}

static int emit_places(struct site_region *ret, struct assembler *a,
		       const struct site_place *places, const u32 *far)
{
	u64 pages = (u64)ret->region.pages;
	int err = 0;

	asm_jmp(a, ASM_NEAR, pages + lead_offset(&places[0]));
	emit_far_paths(a, places, ret->nr_sites, far, pages);
	for (u32 i = 0; i < ret->nr_sites && !err && !a->error; i++) {
		struct cell cell = {
			.next = pages + next_lead(places, ret->nr_sites, i),
			.new = pages + far[i],
			.new_is_far = has_far_path(places[i].form),
		};

		asm_fill_to(a, pages + lead_offset(&places[i]));
		cell_emit(a, places[i].form, &cell);
		err = a->error ? a->error : cell_site_bytes(&ret->sites[i], places[i].form, &cell);
	}
	asm_fill_to(a, pages + next_lead(places, ret->nr_sites, ret->nr_sites - 1));
	asm_ret(a);
	return err ? err : a->error;
}

/* ---- Both ---- */

/* Each site holds its old form, and both forms decode to its length. */
static int check_site(const struct site *site)
{
	struct insn insn;

	if (insn_decode(&insn, site->addr, site->len))
		return draft_undecodable(site->addr);
	if (insn.len != site->len || memcmp(site->addr, site->old, site->len))
		return draft_fail(-ERR_CORRUPT, "code region: a site does not hold its old form");
	if (insn_decode(&insn, site->new, site->len) || insn.len != site->len)
		return draft_fail(-ERR_CORRUPT,
				  "code region: the new form of a site does not decode");
	return 0;
}

/* The paths between sites decode too; INT3s fill the gaps by the thousand, and need no decoder. */
static int check_sites(const struct site_region *region)
{
	const u8 *end = region->region.text_end;
	int err = 0;

	for (const u8 *p = region->region.text; p < end;) {
		struct insn insn = { .len = 1 };

		if (*p != INT3_INSN_OPCODE && insn_decode(&insn, p, end - p))
			return draft_undecodable(p);
		p += insn.len;
	}
	for (u32 i = 0; i < region->nr_sites && !err; i++)
		err = check_site(&region->sites[i]);
	return err;
}

static int alloc_sites(struct site_region *ret, u32 nr_sites)
{
	ret->nr_sites = nr_sites;
	ret->sites = machine_alloc(nr_sites * sizeof(*ret->sites));
	return ret->sites ? 0 : draft_fail(-ERR_NOMEM, "no memory for the sites");
}

/* From the draft to text that may be run and patched, or to nothing at all. */
static int finish_sites(struct site_region *ret, struct draft *draft, int err)
{
	struct region *region = &ret->region;

	err = draft_finish(draft, region, err);
	if (!err)
		err = check_sites(ret);
	if (!err)
		err = region_load(region, "sites", region->pages + region->text_bytes, NULL);
	if (err)
		site_region_free(ret);
	return err;
}

int region_build_sites(struct site_region *ret, enum site_form form, u32 nr_sites, u32 stride_bytes,
		       u32 offset_bytes)
{
	size_t bytes = (size_t)(nr_sites + 1) * (stride_bytes + COLD_STRIDE_BYTES) + offset_bytes +
		       SITE_STRIDE_BYTES;
	struct draft draft;
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->is_traced = form == SITE_NOP5_CALL;
	err = draft_begin(&draft, &ret->region, bytes, PAGE_BYTES, 0);
	if (!err)
		err = alloc_sites(ret, nr_sites);
	if (!err)
		err = emit_sites(ret, &draft.a, form, stride_bytes, offset_bytes);
	return finish_sites(ret, &draft, err);
}

int region_build_places(struct site_region *ret, const struct site_place *places, u32 nr_sites,
			size_t align_bytes)
{
	struct draft draft;
	u32 *far;
	int err;

	memset(ret, 0, sizeof(*ret));
	if (!places_are_right(places, nr_sites, align_bytes))
		return draft_fail(-ERR_INVAL, "code region: sites too close, or in no order");
	far = machine_alloc(nr_sites * sizeof(*far));
	if (!far)
		return draft_fail(-ERR_NOMEM, "no memory for the sites");
	err = draft_begin(&draft, &ret->region,
			  places[nr_sites - 1].offset + SITE_TRAIL_BYTES + SITE_LEAD_BYTES,
			  align_bytes, place_far_paths(places, nr_sites, far));
	if (!err)
		err = alloc_sites(ret, nr_sites);
	if (!err)
		err = emit_places(ret, &draft.a, places, far);
	machine_free(far, nr_sites * sizeof(*far));
	return finish_sites(ret, &draft, err);
}

void site_region_free(struct site_region *region)
{
	region_free(&region->region);
	if (region->sites)
		machine_free(region->sites, region->nr_sites * sizeof(*region->sites));
	memset(region, 0, sizeof(*region));
}
