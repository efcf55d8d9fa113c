/* SPDX-License-Identifier: MIT */
/*
 * What a person can ask for at the start, with one key. Where nobody is, nothing waits for long.
 */
#ifndef SMPOKE_BENCH_MENU_H
#define SMPOKE_BENCH_MENU_H

#include "options.h"

enum menu_answer {
	MENU_RUN, /* as @options say now */
	MENU_LEAVE, /* nothing runs; back to firmware */
};

/**
 * menu_ask() - a key within options->menu_s seconds opens the menu
 *
 * Without a key, or where nobody can type, the answer is MENU_RUN with nothing changed. In the menu
 * too, when no key comes for a minute. Context: boot CPU, before others are started.
 */
enum menu_answer menu_ask(struct options *options);

#endif
