/* SPDX-License-Identifier: MIT */
/*
 * The lock figures by another method: no loop, no code made at run time, nothing of smpoke.
 *
 * Each operation stands in two functions, 256 times in one and 512 times in the other, written by
 * the assembler. What a call costs, and the clock, is in both; their difference is 256 operations.
 * The method is nanoBench's; the program is for "make verify-method", which sets the two side by
 * side.
 *
 * Prints "operation,form,p50,low,high" in thousandths of a tick of the time stamp counter: the
 * median, and the 2nd and 98th percentile.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_ROUNDS 1001
#define NR_SHORT 256
#define NR_CALLS 16 /* in one sample, or the clock's own step would be a tenth of a tick */
#define LINE 64

typedef void (*body_fn)(void *lines);

/* Eight operations on one line, or on eight lines in turn; registers as the lines. */
#define ONE_LINE(p, op)                                                                            \
	p " " op(0, rcx) "\n" p " " op(0, rcx) "\n" p " " op(0, rcx) "\n" p " " op(                \
		0, rcx) "\n" p " " op(0, rcx) "\n" p                                               \
					      " " op(0, rcx) "\n" p                                \
							     " " op(0, rcx) "\n" p                 \
									    " " op(0, rcx) "\n"
#define EIGHT_LINES(p, op)                                                                         \
	p " " op(0, rcx) "\n" p " " op(64, rdx) "\n" p " " op(128, r8) "\n" p " " op(              \
		192, r9) "\n" p                                                                    \
			 " " op(256, r10) "\n" p                                                   \
					  " " op(320, r11) "\n" p                                  \
							   " " op(384, rbx) "\n" p                 \
									    " " op(448, rbp) "\n"

/* rbx and rbp are the caller's. All registers hold 5, as in smpoke's regions. */
#define FUNCTION(name, times, ops)                                                                 \
	__asm__(".pushsection .text\n.balign 4096\n" name ":\n"                                    \
		"push %rbx\npush %rbp\n"                                                           \
		"mov $5, %eax\nmov $5, %ecx\nmov $5, %edx\nmov $5, %r8d\nmov $5, %r9d\n"           \
		"mov $5, %r10d\nmov $5, %r11d\nmov $5, %ebx\nmov $5, %ebp\n.balign 64\n"           \
		".rept " #times " / 8\n" ops ".endr\n"                                             \
		"pop %rbp\npop %rbx\nret\n.popsection")

#define PAIR(id, ops)                                                                              \
	FUNCTION("short_" #id, 256, ops);                                                          \
	FUNCTION("long_" #id, 512, ops);                                                           \
	extern void short_##id(void *), long_##id(void *)

#define INC(disp, reg) "incq " #disp "(%rdi)"
#define ADD(disp, reg) "addq $1, " #disp "(%rdi)"
#define XADD(disp, reg) "xaddq %" #reg ", " #disp "(%rdi)"
#define CMPXCHG(disp, reg) "cmpxchgq %" #reg ", " #disp "(%rdi)"
#define BTS(disp, reg) "btsq $3, " #disp "(%rdi)"
#define XCHG(disp, reg) "xchgq %" #reg ", " #disp "(%rdi)"

#define ALL_FORMS(id, ops, op)                                                                     \
	PAIR(id##_lock, ops(".byte 0xf0;", op));                                                   \
	PAIR(id##_3e, ops(".byte 0x3e;", op));                                                     \
	PAIR(id##_90, ops(".byte 0x90;", op));                                                     \
	PAIR(id##_none, ops("", op))

#define OPERATION(id, op)                                                                          \
	ALL_FORMS(id##_1line, ONE_LINE, op);                                                       \
	ALL_FORMS(id##_8lines, EIGHT_LINES, op)

OPERATION(inc, INC);
OPERATION(add, ADD);
OPERATION(xadd, XADD);
OPERATION(cmpxchg, CMPXCHG);
OPERATION(bts, BTS);
OPERATION(xchg, XCHG);

struct subject {
	const char *operation, *form;
	body_fn short_body, long_body;
};

#define FORM(id, name, form)                                                                       \
	{                                                                                          \
		name, #form, short_##id##_##form, long_##id##_##form                               \
	}
#define FORMS(id, name)                                                                            \
	FORM(id, name, lock), FORM(id, name, 3e), FORM(id, name, 90), FORM(id, name, none)
#define SUBJECTS(id) FORMS(id##_1line, #id "-1line"), FORMS(id##_8lines, #id "-8lines")

static const struct subject subjects[] = { SUBJECTS(inc),     SUBJECTS(add), SUBJECTS(xadd),
					   SUBJECTS(cmpxchg), SUBJECTS(bts), SUBJECTS(xchg) };

static inline uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

static uint64_t timed(body_fn body, void *lines)
{
	uint64_t begin = ticks();

	for (int i = 0; i < NR_CALLS; i++)
		body(lines);
	return ticks() - begin;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void measure(const struct subject *s)
{
	static uint64_t lines[8 * LINE / 8] __attribute__((aligned(4096)));
	static int64_t samples[NR_ROUNDS];

	for (int i = -100; i < NR_ROUNDS; i++) {
		uint64_t first = timed(s->short_body, lines);
		uint64_t second = timed(s->long_body, lines);

		if (i >= 0)
			samples[i] = (int64_t)(second - first) * 1000 / (NR_SHORT * NR_CALLS);
	}
	qsort(samples, NR_ROUNDS, sizeof(*samples), by_value);
	printf("%s,%s,%ld,%ld,%ld\n", s->operation, s->form, (long)samples[NR_ROUNDS / 2],
	       (long)samples[NR_ROUNDS / 50], (long)samples[NR_ROUNDS - NR_ROUNDS / 50]);
}

static int pin(void)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return -1;
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		CPU_SET(cpu, &one);
		return sched_setaffinity(0, sizeof(one), &one);
	}
	return -1;
}

int main(void)
{
	if (pin()) {
		fprintf(stderr, "two-lengths: cannot be pinned to one CPU\n");
		return 1;
	}
	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++)
		measure(&subjects[i]);
	return 0;
}
