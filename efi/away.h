/* SPDX-License-Identifier: MIT */
/*
 * Firmware out of reach: the boot CPU waits in it, and the CPU that does its work (conductor.c) has
 * what was set aside before, and what it says is kept until the boot CPU is back.
 */
#ifndef EFI_AWAY_H
#define EFI_AWAY_H

#include "machine_io.h"
#include "types.h"

/* away_set_aside() - memory for all of it, once. Return: false when there is none. */
bool away_set_aside(void);

/* away_give_back() - when nobody uses it any more */
void away_give_back(void);

/* away_begin() / away_end() - boot CPU, around the time; the end writes what was kept */
void away_begin(void);
void away_end(void);

/* away_is_it() - may the calling CPU of ours, in our state, not call firmware now? */
bool away_is_it(void);

/* away_write_kept() - what was kept so far, from the dead-man timer, on the boot CPU */
void away_write_kept(void);

/* away_keep() - @file NULL: for the console */
void away_keep(struct machine_file *file, const char *data, size_t len);

void *away_alloc(size_t nr_pages);

/* away_owns() - does it come from away_alloc(), and has to go back there? */
bool away_owns(const void *mem);
void away_free(void *mem, size_t nr_pages);

#endif
