/* SPDX-License-Identifier: MIT */
/*
 * The words of an options file, each with its line.
 */
#ifndef SMPOKE_BENCH_OPTIONS_FILE_H
#define SMPOKE_BENCH_OPTIONS_FILE_H

#include "options.h"

struct options_file {
	const char *words[OPTIONS_MAX_WORDS];
	u16 lines[OPTIONS_MAX_WORDS];
	u32 nr_words;
};

/**
 * options_file_split() - check the whole file, then cut it into words
 * @storage: OPTIONS_FILE_MAX_BYTES bytes that live as long as the words
 * @error: on failure one line that names file and line
 *
 * Return: 0; -ERR_CORRUPT when it is too long, holds anything but printable ASCII and blanks, or
 * does not end in a line end; -ERR_RANGE for too many words.
 */
int options_file_split(struct options_file *ret, const struct smpoke_args *args, char *storage,
		       char *error, size_t error_size);

#endif
