/* SPDX-License-Identifier: MIT */
/*
 * The seam, part 3: console, result files, the end.
 *
 * Everything here: boot CPU, interrupts on, alias closed, never inside a measured window.
 */
#ifndef SMPOKE_MACHINE_IO_H
#define SMPOKE_MACHINE_IO_H

#include "types.h"

/**
 * machine_print() - text for the screen (UTF-8 restricted to ASCII, "\n" ends a line)
 */
void machine_print(const char *text);

/**
 * machine_results_open() - find the medium, prove that it can be written, make the run's folder
 * @out: parent folder as the user gave it; NULL = "results" (UEFI: on the volume we were started
 * from)
 * @min_free_bytes: what the run will preallocate
 * @ret_folder: name of the folder made, printable, with its path; @size bytes
 * @ret_what: on error a sentence that names what was tried; never NULL then
 *
 * The proof: a probe file is written, flushed, read back, compared and removed.
 * Return: 0; -ERR_NOENT no such volume or folder; -ERR_ROFS; -ERR_NOSPC; -ERR_IO.
 */
int machine_results_open(const char *out, u64 min_free_bytes, char *ret_folder, size_t size,
			 const char **ret_what);

/**
 * A result file: preallocated with newlines, overwritten in place, trimmed when it is closed.
 *
 * Appending would leave file tables that disagree when the machine dies; in place every flushed row
 * stays readable, with a blank tail that readers skip.
 */
struct machine_file;

/**
 * machine_file_create() - a new file in the run's folder
 * @name: 8.3
 * @bytes: preallocated size, and the most that can be written
 * @ret_error: the reason when NULL is returned
 */
struct machine_file *machine_file_create(const char *name, size_t bytes, int *ret_error);

/**
 * machine_file_write() - put bytes behind those written so far
 *
 * Return: 0, -ERR_NOSPC when the preallocated size is used up (nothing is written then), -ERR_IO.
 */
int machine_file_write(struct machine_file *file, const char *data, size_t len);

/* machine_file_flush() - what was written is on the medium when this returns 0; else -ERR_IO. */
int machine_file_flush(struct machine_file *file);

/* machine_file_close() - flush, cut the blank tail off, free @file. Return: 0 or -ERR_IO. */
int machine_file_close(struct machine_file *file);

/**
 * machine_state_read() - what machine_state_write() has left, in an earlier run or this one
 * @out: as for machine_results_open(), which need not have been called
 *
 * Return: 0 with text in @buf; -ERR_NOENT when there is none; -ERR_IO; -ERR_UNSUPPORTED on a
 * machine that keeps none. @buf is a string then, too.
 */
int machine_state_read(const char *out, char *buf, size_t size);

/**
 * machine_state_write() - a line that the next start will find, whatever becomes of this run
 *
 * It is on the medium when this returns 0. After machine_results_open(). Cost: a flush.
 * Return: 0; -ERR_IO; -ERR_UNSUPPORTED.
 */
int machine_state_write(const char *text);

/**
 * machine_deadman() - end the machine if this is not called again in time
 * @ns: from now; 0 = no more
 * @last: called before that, on the boot CPU and in the middle of whatever it is doing, with files
 * still usable; it does not wait for anybody. Also before the machine ends for another reason
 *
 * The machine starts again afterwards. It helps against a bench that does not come back, and
 * against most firmware; not while interrupts are off. No effect on a machine that a person can
 * end.
 */
void machine_deadman(u64 ns, void (*last)(void *ctx, const char *why), void *ctx);

/* What to do at the end (--then). EXIT returns to the caller: firmware, shell or parent process. */
enum machine_then {
	MACHINE_THEN_POWEROFF,
	MACHINE_THEN_REBOOT,
	MACHINE_THEN_EXIT,
};

#endif
