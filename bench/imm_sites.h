/* SPDX-License-Identifier: MIT */
/*
 * Sites that say which of their bytes a CPU has run: MOV of an immediate, so that any mix of the
 * bytes of two forms is a MOV again, which harms nobody, and its registers tell the mix.
 */
#ifndef SMPOKE_BENCH_IMM_SITES_H
#define SMPOKE_BENCH_IMM_SITES_H

#include "region.h"
#include "types.h"

/* What differs between the two forms, in consecutive bytes. */
enum imm_kind {
	IMM_1, /* MOV EAX, imm32: its first byte, or the first 2, or all 4 */
	IMM_2,
	IMM_4,
	IMM_8, /* MOV RAX, imm64: all of it */
	IMM_16, /* MOV RAX, imm64 and MOV RDX, imm64: all of the first, 6 bytes of the second */
	IMM_WHOLE, /* MOV EAX, imm32 against MOV EDX, imm32: all 5 bytes of the instruction */
	NR_IMM_KINDS,
};

#define IMM_MAX_BYTES 16
#define IMM_WHOLE_BYTES 5

/* The room a site needs before and behind the first byte that differs. */
#define IMM_LEAD_BYTES 32
#define IMM_TRAIL_BYTES 32

/* Both registers are 0 before. */
struct imm_ran {
	u64 rax, rdx;
};

typedef struct imm_ran (*imm_fn)(void);

struct imm_site {
	imm_fn run;
	u8 *addr; /* of the instruction */
	u8 *bytes; /* the first that differs */
};

struct imm_sites {
	struct region region;
	enum imm_kind kind;
	u32 nr_sites;
	struct imm_site *sites;
	u32 width; /* bytes that differ */
	u8 old[IMM_MAX_BYTES], new[IMM_MAX_BYTES]; /* the same at every site */
	struct imm_ran ran_old, ran_new;
	u8 *stand_in[2]; /* IMM_WHOLE: a function for each form that does the same, to be called */
	bool registered;
};

/* What one run of a site has come to. */
enum imm_outcome {
	IMM_RAN_OLD,
	IMM_RAN_NEW,
	IMM_RAN_EACH, /* IMM_16: one instruction old and the other one new, each of them whole */
	IMM_RAN_TORN, /* an instruction of bytes of both, or of neither */
};

/**
 * imm_sites_build() - sites whose differing bytes begin at @offsets of the region's pages
 * @offsets: ascending, IMM_LEAD_BYTES + IMM_TRAIL_BYTES apart, the first at IMM_LEAD_BYTES or more
 *
 * All hold their old form. IMM_WHOLE is registered as text that can be patched.
 * Return: as region_build_sites(); the caller owes imm_sites_free() in either case.
 */
int imm_sites_build(struct imm_sites *ret, enum imm_kind kind, const u32 *offsets, u32 nr_sites);
void imm_sites_free(struct imm_sites *sites);

/* imm_outcome() - what @ran says of a site */
enum imm_outcome imm_outcome(const struct imm_sites *sites, struct imm_ran ran);

/* imm_store() - the other form of site @i in one store; not for IMM_WHOLE. Alias open, boot CPU. */
void imm_store(const struct imm_sites *sites, u32 i, ptrdiff_t delta, bool new);

#endif
