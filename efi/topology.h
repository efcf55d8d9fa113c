/* SPDX-License-Identifier: MIT */
/*
 * Which kind of CPU one is, and who shares a core with it: from CPUID on that CPU itself. What
 * firmware says of packages and cores is not asked, because some says zeros.
 */
#ifndef EFI_TOPOLOGY_H
#define EFI_TOPOLOGY_H

#include "types.h"
#include "x86.h"

enum core_type {
	CORE_PLAIN, /* all CPUs of the machine are of one kind */
	CORE_PERFORMANCE,
	CORE_EFFICIENT,
	CORE_UNKNOWN, /* hybrid, of a kind that the manual had not named when this was written */
};

struct topology {
	u32 signature; /* CPUID 1 EAX: family, model, stepping */
	u32 apic_id; /* all 32 bits of it, where CPUID has them */
	u32 package, core, thread; /* numbers as the parts of that id, not counted through */
	enum core_type type;
};

/* What is looked at; the registers of leaves that the CPU has not got are zeros. */
struct topology_leaves {
	struct cpuid_regs basic; /* 0 */
	struct cpuid_regs version; /* 1 */
	struct cpuid_regs features; /* 7 */
	struct cpuid_regs levels[2]; /* 1F where there is one, else 0B: threads, then the rest */
	struct cpuid_regs hybrid; /* 1A */
};

/* topology_decode() - pure */
void topology_decode(struct topology *ret, const struct topology_leaves *leaves);

/* topology_look() - at the calling CPU */
void topology_look(struct topology *ret);

/* core_type_name() - "core", "P", "E" or "unknown" */
const char *core_type_name(enum core_type type);

#endif
