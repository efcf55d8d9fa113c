/* SPDX-License-Identifier: MIT */
/*
 * The program itself: what a machine's entry point calls once the machine stands.
 */
#ifndef SMPOKE_SMPOKE_H
#define SMPOKE_SMPOKE_H

#include "machine_io.h"
#include "types.h"

#define SMPOKE_VERSION "0.1.0"

/* Where the options come from. An options file is used only when no arguments were given. */
struct smpoke_args {
	int argc; /* without the program's name */
	const char *const *argv;
	const char *file_name; /* NULL = there is none */
	const char *file_text; /* whole contents, not terminated */
	size_t file_bytes;
	enum machine_then default_then;
};

/* Exit codes of the run, the same on both machines. */
enum smpoke_exit {
	SMPOKE_EXIT_OK = 0, /* every row ok or skip */
	SMPOKE_EXIT_FAIL = 1, /* a row failed, hung, or a check found a violation */
	SMPOKE_EXIT_USAGE = 2, /* options: nothing ran */
	SMPOKE_EXIT_MEDIUM = 3, /* results cannot be stored: nothing was measured */
	SMPOKE_EXIT_MACHINE = 4, /* the machine lacks what a run needs */
};

/**
 * smpoke_early_options() - what has to be known before image_patch(); smpoke_main() says what is
 * wrong
 *
 * Context: boot CPU.
 */
void smpoke_early_options(const struct smpoke_args *args);

/**
 * smpoke_main() - one whole run: options, pre-flight, CPUs, suites, summary
 * @ret_then: how the machine is to end afterwards
 *
 * Context: boot CPU, machine set up, other CPUs not started. They are home again on return, or
 * machine_stop_cpus() has said that they are not.
 * Return: enum smpoke_exit.
 */
int smpoke_main(const struct smpoke_args *args, enum machine_then *ret_then);

#endif
