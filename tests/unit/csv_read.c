/* SPDX-License-Identifier: MIT */
#include "csv_read.h"

/* Return: what follows the closing quote, NULL when there is none. */
static const char *read_quoted(const char *text, char **to)
{
	for (; *text; text++) {
		if (*text != '"') {
			*(*to)++ = *text;
			continue;
		}
		if (text[1] != '"')
			return text + 1;
		*(*to)++ = *text++;
	}
	return NULL;
}

const char *csv_read(struct csv_fields *ret, const char *text)
{
	char *to = ret->storage;

	for (ret->nr = 0; ret->nr < CSV_READ_FIELDS;) {
		ret->field[ret->nr++] = to;
		if (*text == '"') {
			text = read_quoted(text + 1, &to);
			if (!text)
				return NULL;
		} else {
			while (*text && *text != ',' && *text != '\n')
				*to++ = *text++;
		}
		*to++ = '\0';
		if (*text == '\n')
			return text + 1;
		if (*text++ != ',')
			return NULL;
	}
	return NULL;
}
