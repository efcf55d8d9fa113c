/* SPDX-License-Identifier: MIT */
/*
 * What every fuzz target shares: reading its input, and saying what broke.
 *
 * A target is LLVMFuzzerTestOneInput() of libFuzzer. "make fuzz" links it with libFuzzer itself,
 * "make test" with replay.c, which needs no clang.
 */
#ifndef SMPOKE_TESTS_FUZZ_H
#define SMPOKE_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "types.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Both drivers keep the input of a program that aborts. */
#define MUST(cond, ...)                                                                            \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "fuzz: %s:%d: %s does not hold: ", __FILE__, __LINE__,     \
				#cond);                                                            \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct fuzz_input {
	const u8 *at;
	size_t left;
};

/* Zero when nothing is left, so that every input is a whole program. */
static inline u8 take_u8(struct fuzz_input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static inline u64 take_bytes(struct fuzz_input *in, int nr)
{
	u64 value = 0;

	while (nr-- > 0)
		value = value << 8 | take_u8(in);
	return value;
}

static inline u16 take_u16(struct fuzz_input *in)
{
	return (u16)take_bytes(in, 2);
}

static inline u64 take_u64(struct fuzz_input *in)
{
	return take_bytes(in, 8);
}

static inline void take_into(struct fuzz_input *in, u8 *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = take_u8(in);
}

/* A copy of exactly @len bytes: ASan sees a byte read too many. To be freed. */
static inline u8 *exact_copy(const void *bytes, size_t len)
{
	u8 *copy = malloc(len);

	MUST(copy || !len, "no memory for %zu bytes", len);
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

#endif
