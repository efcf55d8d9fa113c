/* SPDX-License-Identifier: MIT */
#include "guard.h"

#include "strings.h"

#define MAX_FINDINGS 12

/* One register that one call has changed, the first time. */
struct finding {
	const char *call;
	enum guarded which;
	u64 before, after;
	bool mended;
	bool ours;
};

static struct finding findings[MAX_FINDINGS];
static u32 nr_findings, nr_told;

static const char *name(enum guarded which)
{
	static const char *const names[NR_GUARDED] = {
		[GUARDED_CR0] = "CR0",
		[GUARDED_CR3] = "CR3",
		[GUARDED_CR4] = "CR4",
		[GUARDED_EFER] = "EFER",
		[GUARDED_GDT_BASE] = "the base of the GDT",
		[GUARDED_GDT_LIMIT] = "the limit of the GDT",
		[GUARDED_IDT_BASE] = "the base of the IDT",
		[GUARDED_IDT_LIMIT] = "the limit of the IDT",
		[GUARDED_CS] = "CS",
		[GUARDED_SS] = "SS",
		[GUARDED_DS] = "DS",
		[GUARDED_IF] = "RFLAGS.IF",
		[GUARDED_DF] = "RFLAGS.DF",
		[GUARDED_APIC_BASE] = "the APIC base",
		[GUARDED_XCR0] = "XCR0",
		[GUARDED_STACK] = "the guard below the stack",
	};

	return names[which];
}

static bool is_known(const char *call, bool ours, enum guarded which)
{
	u32 i;

	for (i = 0; i < nr_findings; i++)
		if (findings[i].call == call && findings[i].ours == ours &&
		    findings[i].which == which)
			return true;
	return false;
}

u32 guard_check(const char *call, bool begins, const struct guarded_state *before,
		const struct guarded_state *after, guard_mend mend)
{
	u32 i, nr = 0;

	for (i = 0; i < NR_GUARDED; i++) {
		enum guarded which = (enum guarded)i;
		bool mended;

		if (before->value[i] == after->value[i])
			continue;
		/* Each time; it is told of once. */
		nr++;
		mended = mend(which, before);
		if (nr_findings < MAX_FINDINGS && !is_known(call, begins, which))
			findings[nr_findings++] = (struct finding){
				call, which, before->value[i], after->value[i], mended, begins,
			};
	}
	return nr;
}

const char *guard_next_warning(void)
{
	static char text[160];
	const struct finding *finding = &findings[nr_told];
	struct string s;

	if (nr_told == nr_findings)
		return NULL;
	nr_told++;
	string_init(&s, text, sizeof(text));
	string_add(&s, finding->ours ? "smpoke changed " : "firmware changed ");
	string_add(&s, name(finding->which));
	string_add(&s, finding->ours ? " before " : " in ");
	string_add(&s, finding->call);
	string_add(&s, "(), ");
	string_hex(&s, finding->before);
	string_add(&s, " to ");
	string_hex(&s, finding->after);
	string_add(&s, finding->mended ? ": put back" : ": left so");
	return text;
}
