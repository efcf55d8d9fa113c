/* SPDX-License-Identifier: MIT */
#include "options_file.h"

#include "format.h"
#include "mem.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Nothing is believed of a file of which one byte is damaged. */
static int check_bytes(const struct smpoke_args *args, char *error, size_t error_size)
{
	u32 line = 1;

	for (size_t i = 0; i < args->file_bytes; i++) {
		char c = args->file_text[i];

		if (!is_blank(c) && (c < ' ' || c > '~')) {
			format(error, error_size, "%s:%u: damaged: byte %02x is not plain text",
			       args->file_name, line, (u8)c);
			return -ERR_CORRUPT;
		}
		line += c == '\n';
	}
	if (args->file_bytes && args->file_text[args->file_bytes - 1] != '\n') {
		format(error, error_size, "%s:%u: cut off: the last line must end in a line end",
		       args->file_name, line);
		return -ERR_CORRUPT;
	}
	return 0;
}

static int add_word(struct options_file *file, const char *word, u32 line)
{
	if (file->nr_words == OPTIONS_MAX_WORDS)
		return -ERR_RANGE;
	file->words[file->nr_words] = word;
	file->lines[file->nr_words++] = (u16)line;
	return 0;
}

int options_file_split(struct options_file *ret, const struct smpoke_args *args, char *storage,
		       char *error, size_t error_size)
{
	bool in_word = false, in_comment = false;
	u32 line = 1;
	int result;

	ret->nr_words = 0;
	if (args->file_bytes > OPTIONS_FILE_MAX_BYTES) {
		format(error, error_size, "%s:1: damaged: longer than %u bytes", args->file_name,
		       OPTIONS_FILE_MAX_BYTES);
		return -ERR_CORRUPT;
	}
	result = check_bytes(args, error, error_size);
	if (result)
		return result;

	memcpy(storage, args->file_text, args->file_bytes);
	/* The last byte is a line end, so that every word finds its terminator inside the file. */
	for (size_t i = 0; i < args->file_bytes; i++) {
		bool ends_line = storage[i] == '\n';

		in_comment |= storage[i] == '#';
		if (in_comment || is_blank(storage[i])) {
			storage[i] = '\0';
			in_word = false;
		} else if (!in_word) {
			in_word = true;
			if (add_word(ret, storage + i, line)) {
				format(error, error_size, "%s:%u: more than %u words",
				       args->file_name, line, OPTIONS_MAX_WORDS);
				return -ERR_RANGE;
			}
		}
		in_comment &= !ends_line;
		line += ends_line;
	}
	return 0;
}
