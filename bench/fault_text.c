/* SPDX-License-Identifier: MIT */
#include "fault_text.h"

#include "format.h"
#include "insn.h"
#include "machine_text.h"

#define NR_NAMED 20

static const char *vector_name(u32 vector)
{
	static const char *const names[NR_NAMED] = {
		[TRAP_DE] = " (#DE)", [TRAP_NMI] = " (NMI)", [TRAP_BP] = " (#BP)",
		[TRAP_UD] = " (#UD)", [TRAP_DF] = " (#DF)",  [TRAP_GP] = " (#GP)",
		[TRAP_PF] = " (#PF)", [TRAP_MC] = " (#MC)",
	};

	return vector < NR_NAMED && names[vector] ? names[vector] : "";
}

/* In our own text as an offset, by which it can be looked up in the file. */
static size_t add_place(const struct machine_fault *fault, char *buf, size_t size)
{
	if (fault->ip >= (u64)_stext && fault->ip < (u64)_etext)
		return format(buf, size, " at text+0x%lx", fault->ip - (u64)_stext);
	if (fault->module.text[0])
		return format(buf, size, " at %s+0x%lx", fault->module.text, fault->offset);
	return format(buf, size, " at 0x%lx", fault->ip);
}

/* The bytes of the one instruction; when they are none, the first few. */
static size_t add_instruction(const struct machine_fault *fault, char *buf, size_t size)
{
	struct insn insn;
	bool known = fault->nr_bytes && !insn_decode(&insn, fault->bytes, fault->nr_bytes);
	u32 nr = known ? insn.len : fault->nr_bytes < 4 ? fault->nr_bytes : 4;
	size_t len = 0;

	if (!nr)
		return format(buf, size, ": unreadable");
	for (u32 i = 0; i < nr; i++)
		len += format(buf + len, size - len, "%s%02x", i ? " " : ": ", fault->bytes[i]);
	if (!known)
		return len + format(buf + len, size - len, ", no instruction");
	return len + format(buf + len, size - len, ", %u bytes, %s", nr,
			    insn_kind_name((enum insn_kind)insn.kind));
}

size_t fault_text(const struct machine_fault *fault, char *buf, size_t size)
{
	size_t len = format(buf, size, "vector %u%s on cpu %u", fault->vector,
			    vector_name(fault->vector), fault->cpu);

	len += add_place(fault, buf + len, size - len);
	if (fault->vector == TRAP_PF)
		len += format(buf + len, size - len, ", address 0x%lx", fault->addr);
	if (fault->vector == TRAP_MC)
		len += format(buf + len, size - len, " with status 0x%lx", fault->addr);
	return len + add_instruction(fault, buf + len, size - len);
}
