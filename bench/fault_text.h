/* SPDX-License-Identifier: MIT */
/*
 * A trap that ended something, in one line: what, on which CPU, where, which bytes, and what they
 * are as an instruction.
 */
#ifndef SMPOKE_BENCH_FAULT_TEXT_H
#define SMPOKE_BENCH_FAULT_TEXT_H

#include "trap.h"
#include "types.h"

#define FAULT_TEXT_BYTES 160

/**
 * fault_text() - "vector 6 (#UD) on cpu 1 at sites-3+0x12: 0f 0b, 2 bytes, other"
 *
 * The place is an offset in the program's own text or in a module's, else an address.
 * Return: length of the text; it is cut at @size.
 */
size_t fault_text(const struct machine_fault *fault, char *buf, size_t size);

#endif
