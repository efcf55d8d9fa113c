/* SPDX-License-Identifier: MIT */
/*
 * Code regions: text built at run time, the subjects of every benchmark.
 *
 * A region is encoded into a scratch buffer, copied into text through the alias, decoded again in
 * its place and compared with the plan before anybody may run it.
 */
#ifndef SMPOKE_BENCH_REGION_H
#define SMPOKE_BENCH_REGION_H

#include "assemble.h"
#include "module.h"
#include "types.h"

#define REGION_LINES 8 /* of the "8 lines" subjects */

struct region {
	u8 *text, *text_end; /* the code; it is entered at its start */
	u8 *pages; /* what holds it; INT3 around the code */
	size_t text_bytes; /* allocated */
	s32 *locks, *locks_end; /* .smp_locks: self-relative offsets of the LOCK bytes */
	size_t locks_bytes; /* allocated */
	u32 nr_ops; /* operations in one pass of the loop */
	const u8 *body, *body_end; /* those of region_build_loop() */
	struct module *module; /* what it is loaded as */
};

/* The body that region_build_rmw() makes: @mem has REGION_LINES lines. Return: rax. */
typedef u64 (*rmw_fn)(void *mem, u64 nr_passes);

#define REGION_START_VALUE 5

/* Emits the @i-th operation of a loop. */
typedef void (*region_emit)(struct assembler *a, const void *arg, u32 i);

/**
 * region_build_loop() - a loop over @nr_ops operations, to be called as rmw_fn
 *
 * At the start rax and the registers of region_line_reg() hold REGION_START_VALUE, and carry is
 * clear; rdi and rsi belong to the loop. Return: as region_build_rmw().
 */
int region_build_loop(struct region *ret, u32 nr_ops, region_emit emit, const void *arg);

/* region_line_reg() - a register for operations on a line, one of REGION_LINES in turn */
enum asm_reg region_line_reg(u32 line);

/**
 * region_build_rmw() - a loop over @nr_ops copies of one read-modify-write operation
 * @nr_lines: 1 = all on one cache line, each waits for the last; 8 = in turn on eight lines
 * @lock: with LOCK prefixes and a .smp_locks table, or without either
 * @nr_ops: 0 gives the empty loop, whose cost is the overhead
 *
 * Registers at the start: rax = 5; the register operands hold 5.
 * Return: 0; -ERR_NOMEM; -ERR_CORRUPT when what stands in text is not what was planned.
 */
int region_build_rmw(struct region *ret, enum asm_rmw op, bool lock, u32 nr_lines, u32 nr_ops);

/**
 * region_build_locks() - @nr_locks times LOCK INC qword [mem], one every @stride_bytes, and RET
 * @stride_bytes: a multiple of 8, at least 8; NOPs in between
 *
 * To be called as rmw_fn; the number of passes is not looked at. Return: as region_build_rmw().
 */
int region_build_locks(struct region *ret, u32 nr_locks, u32 stride_bytes);

/* What a site toggles between. */
enum site_form {
	SITE_NOP5_JMP32,
	SITE_NOP2_JMP8,
	SITE_CALL_CALL,
	SITE_NOP1_RET,
	SITE_NOP2_JZ8,
	SITE_JZ32_JZ32,
	SITE_JMP32_CALL,
	SITE_JZ32_JNS32,
	NR_SITE_FORMS,
	/* With functions that all sites share, so only region_build_sites() makes them. */
	SITE_CALL_FUNC = NR_SITE_FORMS, /* CALL of one of two functions */
	SITE_NOP5_CALL, /* a traced entry: NOP5 or CALL of a trampoline, and the body behind it */
	NR_ALL_SITE_FORMS,
};

const char *site_form_name(enum site_form form);
u32 site_form_len(enum site_form form); /* of both forms, in bytes */

#define SITE_MAX_BYTES 6

/* One patchable instruction: executed in its old form it counts tokens->old, else tokens->new. */
struct site {
	u8 *addr;
	u8 len;
	u8 old[SITE_MAX_BYTES], new[SITE_MAX_BYTES];
};

struct tokens {
	u64 old, new;
};

/*
 * tokens_since() - what the sites have counted since @before
 *
 * The body of a traced entry counts old in both forms, so a call of the trampoline takes one away.
 */
static inline struct tokens tokens_since(const struct tokens *now, const struct tokens *before,
					 bool is_traced)
{
	struct tokens ran = { now->old - before->old, now->new - before->new };

	if (is_traced)
		ran.old -= ran.new;
	return ran;
}

struct site_region {
	struct region region;
	struct site *sites;
	u32 nr_sites;
	bool is_traced; /* SITE_NOP5_CALL */
};

typedef void (*site_fn)(struct tokens *tokens);

#define SITE_STRIDE_BYTES 64

/**
 * region_build_sites() - @nr_sites sites that one pass runs through, in address order
 * @stride_bytes: between sites; at least SITE_STRIDE_BYTES
 * @offset_bytes: of the first site from a stride boundary, to place it across lines
 */
int region_build_sites(struct site_region *ret, enum site_form form, u32 nr_sites, u32 stride_bytes,
		       u32 offset_bytes);

/* One site of a region that is laid out by hand. */
struct site_place {
	enum site_form form;
	u32 offset; /* of the site itself, from the start of the region's pages */
};

/* The room a site of any form needs before and behind its address. */
#define SITE_LEAD_BYTES 16
#define SITE_TRAIL_BYTES 48
/* And for its share of the far paths, which stand before the first site. */
#define SITE_FAR_BYTES 528

/**
 * region_build_places() - sites of any forms at any places, in ascending order
 * @align_bytes: of the pages, a power of two up to 2 MiB; so a place can lie across any boundary
 *
 * The first at (nr_sites + 1) * SITE_FAR_BYTES or more, each other SITE_LEAD_BYTES +
 * SITE_TRAIL_BYTES or more behind the one before. One pass runs through all of them. Displacements
 * of 32 bits have no byte in common in the two forms of a site, so that a mix of both leads astray.
 * What comes before the code stays INT3, and is neither written nor decoded.
 * Return: as region_build_rmw(), or -ERR_INVAL.
 */
int region_build_places(struct site_region *ret, const struct site_place *places, u32 nr_sites,
			size_t align_bytes);

/**
 * region_load() - the region becomes a module, so that whoever traps in it can say where
 * @kind: begins its name, which a number follows; short
 * @end: of the text that is known as code; INT3s may follow the code
 * @tables: alternatives, replacements and locks; NULL: none are for the loader
 *
 * The functions above have done it without tables. Return: 0, or an error with region_why().
 */
int region_load(struct region *region, const char *kind, const u8 *end,
		const struct module_info *tables);

/* region_why() - a sentence on why the last region could not be built */
const char *region_why(void);

/* region_hash() - of its code; the same before and after means that no byte is another */
u64 region_hash(const struct region *region);

/* region_free() - unload it; memory stays for good when a CPU could still look at it */
void region_free(struct region *region);
void site_region_free(struct site_region *region);

#endif
