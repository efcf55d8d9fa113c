/* SPDX-License-Identifier: MIT */
/*
 * A code region in the making: its pages of text, and the buffer that the code is encoded into.
 */
#ifndef SMPOKE_BENCH_DRAFT_H
#define SMPOKE_BENCH_DRAFT_H

#include "assemble.h"
#include "region.h"
#include "types.h"

struct draft {
	struct assembler a;
	u8 *buf;
	size_t bytes;
};

/**
 * draft_begin() - take @bytes of text, aligned to @align_bytes, and begin to encode into them
 * @first: offset of the first instruction; what is before it stays INT3
 *
 * Return: 0 or -ERR_NOMEM. The caller owes draft_finish() in either case.
 */
int draft_begin(struct draft *draft, struct region *region, size_t bytes, size_t align_bytes,
		size_t first);

/**
 * draft_finish() - copy the draft to its place, if all went well so far
 * @err: what the caller has come to; the copy is made only for 0
 *
 * Nobody can run the code before this returns 0. Return: @err, or what went wrong here.
 */
int draft_finish(struct draft *draft, struct region *region, int err);

/**
 * region_finish_locks() - draft_finish(), then decode the copy, make its table of LOCK prefixes,
 * and load it as a module
 *
 * Return: 0; -ERR_NOMEM; -ERR_CORRUPT unless there are as many as were encoded. @region is free
 * then.
 */
int region_finish_locks(struct draft *draft, struct region *region, int err);

/* draft_fail() - set what region_why() says. Return: @error. */
int draft_fail(int error, const char *what);

/* draft_undecodable() - the same for the bytes at @p, which are no instruction */
int draft_undecodable(const u8 *p);

#endif
