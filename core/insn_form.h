/* SPDX-License-Identifier: MIT */
/*
 * The two halves of insn_decode(): what is asked first, and what answers all the rest.
 */
#ifndef SMPOKE_CORE_INSN_FORM_H
#define SMPOKE_CORE_INSN_FORM_H

#include "insn.h"

#define OPERAND_SIZE_PREFIX_BYTE 0x66

/**
 * insn_form_decode() - decode one of the forms that sites are made of
 *
 * A NOP is known only when @max_bytes is its length, as it is for a site.
 * Return: false when it is none of them, or cut off: the decoder says which.
 */
bool insn_form_decode(struct insn *ret, const u8 *bytes, size_t max_bytes);

/* insn_decode_any() - insn_decode() by the decoder alone; knows the same forms */
int insn_decode_any(struct insn *ret, const u8 *bytes, size_t max_bytes);

#endif
