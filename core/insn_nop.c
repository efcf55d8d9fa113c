/* SPDX-License-Identifier: MIT */
/*
 * Which instructions provably do nothing (Intel SDM vol. 2: NOP, MOV, XCHG, LEA).
 *
 * Read from the bytes and not through the decoder, because what counts is the one prefix that makes
 * the difference: F3, REX.B, REX.W, 67.
 */
#include "insn.h"

#define REX_B 1
#define REX_X 2
#define REX_R 4
#define REX_W 8
#define RM_SIB 4
#define RM_DISP32 5 /* with mod 0; as the base in a SIB too */
#define SIB_NO_INDEX 4
#define MOD_REGISTER 3

/* An instruction in its parts: prefixes are gone, @rest is what follows the opcode. */
struct parts {
	bool has_address_size;
	u8 rex; /* 0 = none */
	u8 opcode;
	const u8 *rest;
	u8 nr_rest;
};

/* Of the prefixes, those whose meaning a NOP can do without. LOCK, F2 and F3 are not skipped. */
static bool skip_prefix(struct parts *parts, u8 byte)
{
	switch (byte) {
	case 0x67:
		parts->has_address_size = true;
		return true;
	case 0x66:
	case 0x26:
	case 0x2E:
	case 0x36:
	case 0x3E:
	case 0x64:
	case 0x65:
		return true;
	default:
		return false;
	}
}

static bool take_apart(struct parts *ret, const u8 *bytes, u8 len)
{
	u8 at = 0;

	*ret = (struct parts){ 0 };
	while (at < len && skip_prefix(ret, bytes[at]))
		at++;
	/* Only directly before the opcode; a REX elsewhere is taken for an opcode, and that is
	 * none. */
	if (at < len && (bytes[at] & 0xF0) == 0x40)
		ret->rex = bytes[at++];
	if (at >= len)
		return false;
	ret->opcode = bytes[at++];
	ret->rest = bytes + at;
	ret->nr_rest = len - at;
	return true;
}

static u8 modrm_mod(u8 modrm)
{
	return modrm >> 6;
}

static u8 modrm_reg(u8 modrm, u8 rex)
{
	return (modrm >> 3 & 7) + (rex & REX_R ? 8 : 0);
}

static u8 modrm_rm(u8 modrm, u8 rex)
{
	return (modrm & 7) + (rex & REX_B ? 8 : 0);
}

static bool is_self_move(const struct parts *parts)
{
	u8 modrm = parts->rest[0];

	return modrm_mod(modrm) == MOD_REGISTER &&
	       modrm_reg(modrm, parts->rex) == modrm_rm(modrm, parts->rex);
}

static bool all_zero(const u8 *bytes, u8 len)
{
	for (u8 i = 0; i < len; i++)
		if (bytes[i])
			return false;
	return true;
}

/* LEA of [base + 0] into base, without an index. */
static bool is_self_lea(const struct parts *parts)
{
	u8 modrm = parts->rest[0], base = modrm & 7, at = 1;

	if (modrm_mod(modrm) == MOD_REGISTER)
		return false;
	if (base == RM_SIB) {
		u8 sib = parts->rest[at++];

		if ((sib >> 3 & 7) != SIB_NO_INDEX || parts->rex & REX_X)
			return false;
		base = sib & 7;
	}
	if (modrm_mod(modrm) == 0 && base == RM_DISP32)
		return false;
	return modrm_reg(modrm, parts->rex) == base + (parts->rex & REX_B ? 8 : 0) &&
	       all_zero(parts->rest + at, parts->nr_rest - at);
}

/* 32 bits would clear the upper half of the register; 16 bits nobody writes. */
static bool is_64bit_self_copy(const struct parts *parts)
{
	if (!(parts->rex & REX_W) || parts->has_address_size || parts->nr_rest < 1)
		return false;
	switch (parts->opcode) {
	case 0x87: /* XCHG */
	case 0x89: /* MOV */
	case 0x8B: /* MOV */
		return is_self_move(parts);
	case 0x8D:
		return is_self_lea(parts);
	default:
		return false;
	}
}

bool insn_is_nop(const u8 *bytes, u8 len)
{
	struct parts parts;

	if (!take_apart(&parts, bytes, len))
		return false;
	if (parts.opcode == 0x90)
		return !(parts.rex & REX_B) && parts.nr_rest == 0;
	/* /0: the others of the group are reserved, and their neighbour 0F 1E became ENDBR. */
	if (parts.opcode == 0x0F)
		return parts.nr_rest >= 2 && parts.rest[0] == 0x1F && (parts.rest[1] >> 3 & 7) == 0;
	return is_64bit_self_copy(&parts);
}
