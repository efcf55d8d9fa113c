/* SPDX-License-Identifier: MIT */
/*
 * The file system that we were started from.
 */
#ifndef EFI_VOLUME_H
#define EFI_VOLUME_H

#include "firmware.h"
#include "types.h"

/* A path, and what FAT can hold. */
#define MAX_PATH_CHARS 256

/* volume_root() - open the root folder. Return: NULL when the device has no file system. */
EFI_FILE *volume_root(void);

/* volume_open() - open @path below @dir. Return: 0, or the negative error. */
int volume_open(EFI_FILE *dir, const CHAR16 *path, u64 mode, u64 attributes, EFI_FILE **ret);

void volume_close(EFI_FILE *file);

/* volume_error() - a firmware status in our words */
int volume_error(EFI_STATUS status);

/* volume_free() - free bytes on the volume, and whether it can be written */
int volume_free(EFI_FILE *root, u64 *ret_free_bytes, bool *ret_read_only);

/* volume_write(), volume_read() - at the file's position; a short transfer is an error */
int volume_write(EFI_FILE *file, const void *data, size_t len);
int volume_read(EFI_FILE *file, void *data, size_t len);

int volume_seek(EFI_FILE *file, u64 position);
int volume_flush(EFI_FILE *file);

/* volume_resize() - set the length of an open file */
int volume_resize(EFI_FILE *file, u64 bytes);

/* volume_size() - the length of an open file */
int volume_size(EFI_FILE *file, u64 *ret_bytes);

/* volume_delete() - remove an open file, and close it */
int volume_delete(EFI_FILE *file);

/**
 * volume_next_entry() - the next name in a folder
 * @ret_name: MAX_PATH_CHARS
 *
 * Return: false at the end, or when the folder cannot be read.
 */
bool volume_next_entry(EFI_FILE *dir, char *ret_name);

#endif
