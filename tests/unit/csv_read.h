/* SPDX-License-Identifier: MIT */
/*
 * An RFC 4180 reader for tests: written apart from bench/csv.c, so that the two check each other.
 */
#ifndef SMPOKE_TESTS_CSV_READ_H
#define SMPOKE_TESTS_CSV_READ_H

#include "types.h"

#define CSV_READ_FIELDS 32
#define CSV_READ_BYTES 4096

struct csv_fields {
	char storage[CSV_READ_BYTES];
	char *field[CSV_READ_FIELDS];
	u32 nr;
};

/* csv_read() - one row. Return: what follows it; NULL when there is no complete row. */
const char *csv_read(struct csv_fields *ret, const char *text);

#endif
