/* SPDX-License-Identifier: MIT */
/*
 * A hash that tells whether bytes have changed. Not for secrets.
 */
#ifndef SMPOKE_BENCH_HASH_H
#define SMPOKE_BENCH_HASH_H

#include "mem.h"
#include "types.h"

#define HASH_START 0xcbf29ce484222325ull

/*
 * hash_bytes() - @hash with these bytes added to it; begin with HASH_START
 *
 * FNV-1a in steps of eight bytes, which is as good here and the bytes are many.
 */
static inline u64 hash_bytes(u64 hash, const u8 *p, size_t bytes)
{
	for (; bytes >= sizeof(u64); bytes -= sizeof(u64), p += sizeof(u64)) {
		u64 word;

		memcpy(&word, p, sizeof(word));
		hash = (hash ^ word) * 0x100000001b3;
	}
	for (; bytes; bytes--, p++)
		hash = (hash ^ *p) * 0x100000001b3;
	return hash;
}

#endif
