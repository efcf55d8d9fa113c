/* SPDX-License-Identifier: MIT */
/*
 * The cell of a site: one patchable instruction, what stands before it, and its two paths, each of
 * which leaves its token and goes on at the next cell.
 */
#ifndef SMPOKE_BENCH_CELL_H
#define SMPOKE_BENCH_CELL_H

#include "assemble.h"
#include "region.h"
#include "types.h"

/* Addresses: the site, what it leads to when old, what it leads to when new. */
struct cell {
	u64 site, old, new, next;
	u64 back; /* where what a CALL came back to leads on; not every form has it */
	bool new_is_far; /* stands elsewhere, and is known before the cell is encoded */
};

/*
 * The lowest byte of the displacement of a path that is far. 0F 0B is UD2, so that the first byte
 * of a NOP5 with the tail of a JMP32 traps.
 */
#define FAR_DISP_LOW 0x0B

/* cell_lead_bytes() - what stands before a site of this form; a pass enters the cell there */
u64 cell_lead_bytes(enum site_form form);

/**
 * cell_emit() - the cell of a site in its old form, from its lead on
 *
 * cell->next is given, and cell->new if it is far; the rest is filled in.
 */
void cell_emit(struct assembler *a, enum site_form form, struct cell *cell);

/*
 * cell_emit_hot() - a site whose new path stands elsewhere, and with functions the old one too;
 * what comes back, or falls through, goes on to the next cell
 */
void cell_emit_hot(struct assembler *a, enum site_form form, struct cell *cell);

/* cell_has_functions() - do the sites of this form call functions that all of them share? */
bool cell_has_functions(enum site_form form);

/* cell_emit_functions() - at cell->old the one of SITE_CALL_FUNC's old form, at cell->new the other
 */
void cell_emit_functions(struct assembler *a, const struct cell *cell);

/* cell_emit_new_path() - where it stands elsewhere; only cell->next is looked at */
void cell_emit_new_path(struct assembler *a, enum site_form form, const struct cell *cell);

/* cell_site_bytes() - both forms of a site that has been emitted. Return: 0 or -ERR_CORRUPT. */
int cell_site_bytes(struct site *ret, enum site_form form, const struct cell *cell);

#endif
