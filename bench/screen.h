/* SPDX-License-Identifier: MIT */
/*
 * What a person sees while a run goes on. Whatever is printed goes to log.txt, too.
 *
 * Context of all: boot CPU, outside measured windows.
 */
#ifndef SMPOKE_BENCH_SCREEN_H
#define SMPOKE_BENCH_SCREEN_H

#include "results.h"
#include "runner.h"

#define SCREEN_COLUMNS 80
#define SCREEN_LINE_BYTES 512

/* screen_say() - to the screen and, once the files are open, to the log */
void screen_say(struct results *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* screen_note() - one line for the log alone, with the seconds since the start in front */
void screen_note(struct results *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * screen_quiet() - from now on, until screen_quiet_end(), whatever is said is counted: it would be
 * measured. Return: how often it was.
 */
void screen_quiet(struct results *log);
u32 screen_quiet_end(void);

/* screen_failure() - at once, so that nobody has to wait for the summary to see it */
void screen_failure(struct results *log, const char *suite, const char *bench, u32 sites,
		    const char *reason);

/* screen_suite_begin() / screen_suite_end() - what is asked, and how it went */
void screen_suite_begin(struct results *log, const struct suite *suite);
void screen_suite_end(struct results *log, const struct suite *suite,
		      const struct runner_totals *totals);

/* screen_list() - the answer to --list */
void screen_list(const struct suite *const *list);

#endif
