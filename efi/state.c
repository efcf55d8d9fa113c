/* SPDX-License-Identifier: MIT */
/*
 * What the next start has to know, in a file of fixed size that is overwritten in place: to make it
 * longer or shorter would touch the file tables, at the worst moment.
 */
#include "state.h"

#include "machine_io.h"
#include "mem.h"
#include "results.h"
#include "strings.h"
#include "volume.h"

#define STATE_NAME L"STATE.TXT"
#define STATE_BYTES 512ul /* one sector: it is there as a whole, or the one before is */

static EFI_FILE *file;

static int write_block(const char *text)
{
	u8 block[STATE_BYTES];
	size_t len = string_length(text);
	int rc;

	memset(block, '\n', sizeof(block));
	memcpy(block, text, len < sizeof(block) ? len : sizeof(block));
	rc = volume_seek(file, 0);
	if (!rc)
		rc = volume_write(file, block, sizeof(block));
	return rc ? rc : volume_flush(file);
}

void state_open(EFI_FILE *parent)
{
	const u64 mode = EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE;
	int rc = volume_open(parent, STATE_NAME, mode, 0, &file);

	if (rc == -ERR_NOENT)
		rc = volume_open(parent, STATE_NAME, mode | EFI_FILE_MODE_CREATE, 0, &file);
	if (rc)
		file = NULL;
}

void state_close(void)
{
	volume_close(file);
	file = NULL;
}

int machine_state_write(const char *text)
{
	return file && !write_block(text) ? 0 : -ERR_IO;
}

static int read_text(EFI_FILE *from, char *buf, size_t size)
{
	u64 bytes;

	if (volume_size(from, &bytes) || bytes == 0)
		return -ERR_NOENT;
	if (bytes > size - 1)
		bytes = size - 1;
	if (volume_read(from, buf, bytes))
		return -ERR_IO;
	buf[bytes] = '\0';
	return 0;
}

int machine_state_read(const char *out, char *buf, size_t size)
{
	CHAR16 path[MAX_PATH_CHARS];
	char name[MAX_PATH_CHARS];
	struct string s;
	EFI_FILE *root, *from;
	int rc = -ERR_NOENT;

	buf[0] = '\0';
	string_init(&s, name, sizeof(name));
	string_add(&s, results_parent(out));
	string_add(&s, "/STATE.TXT");
	root = ucs2_path(path, ARRAY_SIZE(path), name) ? volume_root() : NULL;
	if (root && !volume_open(root, path, EFI_FILE_MODE_READ, 0, &from)) {
		rc = read_text(from, buf, size);
		volume_close(from);
	}
	volume_close(root);
	return rc;
}
