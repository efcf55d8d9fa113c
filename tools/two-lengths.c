/* SPDX-License-Identifier: MIT */
/*
 * The lock figures by another method, and nothing of smpoke: no code made at run time, and no
 * loop's cost that is measured before and taken off.
 *
 * Each operation stands in two loops written by the assembler, with the same bytes at the same
 * alignment as smpoke's: N operations in a pass, and 2N. Both are timed in windows of five lengths,
 * one after the other or with other forms in between. What a window costs that holds no
 * operation is taken off; the loop's pass stays in, which is half as much in the long one. So a CPU
 * that has modes for an instruction shows them, whatever brings it into one: "make verify-method"
 * looks for smpoke's among these.
 *
 * Prints "operation,form,setting,value" for each window, in thousandths of a tick of the time stamp
 * counter for one operation.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_ROUNDS 65 /* of each setting */
#define NR_WINDOWS 5 /* lengths: 1300 ticks and more, twice that, ... */
#define WINDOW_TICKS 1300
#define NR_BEFORE 3 /* what runs between two windows: nothing, one other form, all of them */
#define NR_FORMS 4
#define LINE 64

typedef void (*body_fn)(void *lines, uint64_t nr_passes);

/* One operation on one line, or eight on eight lines in turn; registers as the lines. */
#define ONE_LINE(p, op) p " " op(0, rcx) "\n"
#define EIGHT_LINES(p, op)                                                                         \
	p " " op(0, rcx) "\n" p " " op(64, rdx) "\n" p " " op(128, r8) "\n" p " " op(              \
		192, r9) "\n" p                                                                    \
			 " " op(256, r10) "\n" p                                                   \
					  " " op(320, r11) "\n" p                                  \
							   " " op(384, rbx) "\n" p                 \
									    " " op(448, rbp) "\n"

/* rbx and rbp are the caller's. All registers hold 5, by the instructions of smpoke's regions. */
#define FUNCTION(name, times, ops)                                                                 \
	__asm__(".pushsection .text\n.balign 4096\n" name ":\n"                                    \
		"push %rbx\npush %rbp\nxor %eax, %eax\nmov $5, %rax\n"                             \
		"mov $5, %rcx\nmov $5, %rdx\nmov $5, %r8\nmov $5, %r9\nmov $5, %r10\n"             \
		"mov $5, %r11\nmov $5, %rbx\nmov $5, %rbp\n.balign 64\n1:\n"                       \
		".rept " #times "\n" ops ".endr\n"                                                 \
		"sub $1, %rsi\njnz 1b\npop %rbp\npop %rbx\nret\n.popsection")

#define PAIR(id, times, twice, ops)                                                                \
	FUNCTION("short_" #id, times, ops);                                                        \
	FUNCTION("long_" #id, twice, ops);                                                         \
	extern void short_##id(void *, uint64_t), long_##id(void *, uint64_t)

#define INC(disp, reg) "incq " #disp "(%rdi)"
#define ADD(disp, reg) "addq $1, " #disp "(%rdi)"
#define XADD(disp, reg) "xaddq %" #reg ", " #disp "(%rdi)"
#define CMPXCHG(disp, reg) "cmpxchgq %" #reg ", " #disp "(%rdi)"
#define BTS(disp, reg) "btsq $3, " #disp "(%rdi)"
#define XCHG(disp, reg) "xchgq %" #reg ", " #disp "(%rdi)"

#define ALL_FORMS(id, times, twice, ops, op)                                                       \
	PAIR(id##_lock, times, twice, ops(".byte 0xf0;", op));                                     \
	PAIR(id##_3e, times, twice, ops(".byte 0x3e;", op));                                       \
	PAIR(id##_90, times, twice, ops(".byte 0x90;", op));                                       \
	PAIR(id##_none, times, twice, ops("", op))

/* 63 operations and 126, or 56 and 112. */
#define OPERATION(id, op)                                                                          \
	ALL_FORMS(id##_1line, 63, 126, ONE_LINE, op);                                              \
	ALL_FORMS(id##_8lines, 7, 14, EIGHT_LINES, op)

OPERATION(inc, INC);
OPERATION(add, ADD);
OPERATION(xadd, XADD);
OPERATION(cmpxchg, CMPXCHG);
OPERATION(bts, BTS);
OPERATION(xchg, XCHG);

FUNCTION("short_bare", 0, "");
extern void short_bare(void *, uint64_t);

struct subject {
	const char *operation, *form;
	uint64_t nr_ops; /* in a pass of the short one */
	body_fn short_body, long_body;
};

#define FORM(id, name, nr, form)                                                                   \
	{                                                                                          \
		name, #form, nr, short_##id##_##form, long_##id##_##form                           \
	}
#define FORMS(id, name, nr)                                                                        \
	FORM(id, name, nr, lock), FORM(id, name, nr, 3e), FORM(id, name, nr, 90),                  \
		FORM(id, name, nr, none)
#define SUBJECTS(id) FORMS(id##_1line, #id "-1line", 63), FORMS(id##_8lines, #id "-8lines", 56)

static const struct subject subjects[] = { SUBJECTS(inc),     SUBJECTS(add), SUBJECTS(xadd),
					   SUBJECTS(cmpxchg), SUBJECTS(bts), SUBJECTS(xchg) };

static inline uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

static uint64_t timed(body_fn body, void *lines, uint64_t nr_passes)
{
	uint64_t begin = ticks();

	body(lines, nr_passes);
	return ticks() - begin;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t passes_of(body_fn body, void *lines, uint64_t ticks)
{
	uint64_t nr_passes = 1;

	timed(body, lines, nr_passes);
	while (timed(body, lines, nr_passes) < ticks)
		nr_passes *= 2;
	return nr_passes;
}

/* A call, a pass of a loop without operations, and the clock. */
static int64_t bare_window(void *lines)
{
	static int64_t samples[1001];

	for (int i = 0; i < 1001; i++)
		samples[i] = (int64_t)timed(short_bare, lines, 1);
	qsort(samples, 1001, sizeof(*samples), by_value);
	return samples[500];
}

struct setting {
	const struct subject *subject;
	body_fn body;
	uint64_t nr_ops, nr_passes; /* a pass, a window */
	int nr_before; /* of the other forms, which run between two windows */
	int number;
};

/* The forms of an operation stand together, and are numbered from the one behind this one on. */
static const struct subject *form_behind(const struct subject *s, int i)
{
	long at = s - subjects;

	return &subjects[at / NR_FORMS * NR_FORMS + (at + i) % NR_FORMS];
}

static void measure(const struct setting *s, void *lines, int64_t bare)
{
	int64_t nr_ops = (int64_t)(s->nr_ops * s->nr_passes);

	for (int i = -5; i < NR_ROUNDS; i++) {
		int64_t ticks;

		for (int j = NR_FORMS - s->nr_before; j < NR_FORMS; j++)
			timed(form_behind(s->subject, j)->short_body, lines, s->nr_passes);
		ticks = (int64_t)timed(s->body, lines, s->nr_passes) - bare;
		if (i >= 0)
			printf("%s,%s,%d,%ld\n", s->subject->operation, s->subject->form, s->number,
			       (long)((ticks * 1000 + nr_ops / 2) / nr_ops));
	}
}

static void measure_all(const struct subject *s, void *lines)
{
	struct setting setting = { .subject = s };
	int64_t bare = bare_window(lines);

	for (int i = 0; i < NR_WINDOWS * 2 * NR_BEFORE; i++) {
		static const int nr_before[NR_BEFORE] = { 0, 1, NR_FORMS - 1 };
		int twice = i & 1;

		setting.number = i;
		setting.body = twice ? s->long_body : s->short_body;
		setting.nr_ops = s->nr_ops << twice;
		setting.nr_before = nr_before[i / 2 % NR_BEFORE];
		setting.nr_passes = passes_of(setting.body, lines,
					      WINDOW_TICKS << i / 2 / NR_BEFORE);
		measure(&setting, lines, bare);
	}
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
	static uint64_t lines[8 * LINE / 8] __attribute__((aligned(4096)));

	if (pin()) {
		fprintf(stderr, "two-lengths: cannot be pinned to one CPU\n");
		return 1;
	}
	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++)
		measure_all(&subjects[i], lines);
	return 0;
}
