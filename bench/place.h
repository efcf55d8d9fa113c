/* SPDX-License-Identifier: MIT */
/*
 * Where a trap was, in words.
 */
#ifndef SMPOKE_BENCH_PLACE_H
#define SMPOKE_BENCH_PLACE_H

#include "trap.h"

#define PLACE_BYTES (MODULE_NAME_BYTES + 20)

/* place_of() - "sites-3+0x40", or the address where no module is. Return: @buf. */
const char *place_of(const struct machine_fault *fault, char buf[PLACE_BYTES]);

#endif
