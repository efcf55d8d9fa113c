/* SPDX-License-Identifier: MIT */
/*
 * Sites made by the macros for C, in functions that return what was chosen; compiled so that what
 * stands here in order comes out in order. Nothing but registers is used: the functions are copied.
 */
#include "alternative.h"

#define FUNCTION __attribute__((noinline, noclone, no_sanitize("address", "undefined"))) u32
#define LABEL(name) ".globl " name "\n" name ":\n\t"
#define NAMED(name, code) LABEL(name "_site") code LABEL(name "_end")

u32 alt_c_same(void), alt_c_nested(void), alt_c_three(void), alt_c_ternary(void);
u32 alt_c_second(void), alt_c_third(void), alt_c_input(void), alt_c_statement(void);

__asm__(".pushsection .altinstructions, \"a\"\n" LABEL("alt_c_table") ".popsection");
__asm__(".pushsection .altinstr_replacement, \"a\"\n" LABEL("alt_c_repl") ".popsection");
__asm__(".text\n" LABEL("alt_c_text"));

FUNCTION alt_c_same(void)
{
	u32 r;

	__asm__ volatile(
		NAMED("alt_c_same", ALTERNATIVE("movl $10, %0", "movl $11, %0", X86_FEATURE_ERMS))
		: "=a"(r));
	return r;
}

/* As if it were ALTERNATIVE_2(), with a site that is longer for the second entry. */
FUNCTION alt_c_nested(void)
{
	u32 r = 0;

	__asm__ volatile(
		NAMED("alt_c_nested",
		      ALTERNATIVE(ALTERNATIVE("movb $20, %b0", "movl $21, %0", X86_FEATURE_ERMS),
				  "movabsq $22, %q0", X86_FEATURE_FSRM))
		: "+a"(r));
	return r;
}

/* The longest one comes second, last, and in the middle. */
FUNCTION alt_c_second(void)
{
	u32 r = 0;

	__asm__ volatile(NAMED("alt_c_second",
			       ALTERNATIVE_2("movb $20, %b0", "movb $21, %b0", X86_FEATURE_ERMS,
					     "movl $22, %0", X86_FEATURE_FSRM))
			 : "+a"(r));
	return r;
}

FUNCTION alt_c_third(void)
{
	u32 r;

	__asm__ volatile(NAMED("alt_c_third",
			       ALTERNATIVE_3("pushq $34; popq %q0", "movl $35, %0",
					     X86_FEATURE_ALWAYS, "pushq $35; popq %q0",
					     X86_FEATURE_FSRM, "movq $36, %q0", X86_FEATURE_ERMS))
			 : "=a"(r));
	return r;
}

FUNCTION alt_c_three(void)
{
	u32 r;

	__asm__ volatile(
		NAMED("alt_c_three",
		      ALTERNATIVE_3("movl $30, %0", "xorl %0, %0; movb $31, %b0",
				    X86_FEATURE_ALWAYS, "movabsq $32, %q0; cltq", X86_FEATURE_ERMS,
				    "pushq $33; popq %q0", ALT_NOT(X86_FEATURE_FSRM)))
		: "=a"(r));
	return r;
}

FUNCTION alt_c_ternary(void)
{
	u32 r;

	__asm__ volatile(
		NAMED("alt_c_ternary",
		      ALTERNATIVE_TERNARY("movl $40, %0", X86_FEATURE_ERMS, "pushq $41; popq %q0",
					  "xorl %0, %0; movb $42, %b0"))
		: "=a"(r));
	return r;
}

FUNCTION alt_c_input(void)
{
	u32 r = 70;

	alternative_input(LABEL("alt_c_input_site") "addl $1, (%0)", "subl $1, (%0)",
			  X86_FEATURE_ERMS, "D"(&r));
	__asm__ volatile(LABEL("alt_c_input_end"));
	return r;
}

FUNCTION alt_c_statement(void)
{
	alternative(LABEL("alt_c_statement_site"), "mfence", X86_FEATURE_ERMS);
	__asm__ volatile(LABEL("alt_c_statement_end"));
	return 80;
}

/* The code ends here, and the tables with it. */
__asm__(".text\n" LABEL("alt_c_text_end"));
__asm__(".pushsection .altinstructions, \"a\"\n" LABEL("alt_c_table_end") ".popsection");
__asm__(".pushsection .altinstr_replacement, \"a\"\n" LABEL("alt_c_repl_end") ".popsection");
