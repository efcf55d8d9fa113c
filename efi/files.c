/* SPDX-License-Identifier: MIT */
/*
 * Result files: preallocated with newlines, overwritten in place, trimmed at the end.
 */
#include "machine_io.h"

#include "away.h"
#include "machine.h"
#include "mem.h"
#include "results.h"
#include "strings.h"
#include "volume.h"

/* Large, because every write is a walk through firmware's layers; one sector takes as long. */
#define FILL_BYTES (256 * 1024ul)
#define MAX_FILES 16
#define MAX_NAME 16

struct machine_file {
	EFI_FILE *file; /* NULL: this entry is free */
	u64 position;
	u64 bytes;
	bool moved; /* firmware's position is not ours */
};

static struct machine_file files[MAX_FILES];

static struct machine_file *free_entry(void)
{
	u32 i;

	for (i = 0; i < MAX_FILES; i++) {
		if (!files[i].file)
			return &files[i];
	}
	return NULL;
}

static int fill_with_newlines(EFI_FILE *file, u64 bytes)
{
	u64 left = bytes, n;
	u8 *block = machine_alloc(FILL_BYTES);
	int rc = block ? 0 : -ERR_NOMEM;

	if (block)
		memset(block, '\n', FILL_BYTES);
	while (!rc && left) {
		n = left < FILL_BYTES ? left : FILL_BYTES;
		rc = volume_write(file, block, n);
		left -= n;
	}
	if (block)
		machine_free(block, FILL_BYTES);
	return rc;
}

static int create(const char *name, u64 bytes, EFI_FILE **ret)
{
	CHAR16 path[MAX_NAME];
	int rc;

	if (!results_folder())
		return -ERR_NOENT;
	if (!ucs2_path(path, ARRAY_SIZE(path), name))
		return -ERR_INVAL;
	rc = volume_open(results_folder(), path,
			 EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE | EFI_FILE_MODE_CREATE, 0, ret);
	if (rc)
		return rc;
	rc = fill_with_newlines(*ret, bytes);
	if (!rc)
		rc = volume_flush(*ret);
	if (!rc)
		rc = volume_seek(*ret, 0);
	if (rc)
		volume_close(*ret);
	return rc;
}

struct machine_file *machine_file_create(const char *name, size_t bytes, int *ret_error)
{
	struct machine_file *entry = free_entry();
	int rc = entry ? create(name, bytes, &entry->file) : -ERR_NOMEM;

	if (rc) {
		if (entry)
			entry->file = NULL;
		*ret_error = rc;
		return NULL;
	}
	entry->position = 0;
	entry->bytes = bytes;
	entry->moved = false;
	return entry;
}

int machine_file_write(struct machine_file *file, const char *data, size_t len)
{
	int rc = 0;

	if (len > file->bytes - file->position)
		return -ERR_NOSPC;
	if (len == 0)
		return 0;
	if (away_is_it()) {
		away_keep(file, data, len);
		return 0;
	}
	/* After a failed write firmware's position is anywhere; rows must not be torn by that. */
	if (file->moved)
		rc = volume_seek(file->file, file->position);
	if (!rc)
		rc = volume_write(file->file, data, len);
	file->moved = rc != 0;
	if (rc)
		return -ERR_IO;
	file->position += len;
	return 0;
}

int machine_file_flush(struct machine_file *file)
{
	if (away_is_it())
		return -ERR_IO;
	return volume_flush(file->file) ? -ERR_IO : 0;
}

int machine_file_close(struct machine_file *file)
{
	int rc = volume_flush(file->file);

	if (!rc)
		rc = volume_resize(file->file, file->position);
	if (!rc)
		rc = volume_flush(file->file);
	volume_close(file->file);
	file->file = NULL;
	return rc ? -ERR_IO : 0;
}
