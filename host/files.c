/* SPDX-License-Identifier: MIT */
/*
 * Result files: preallocated with newlines, overwritten in place, trimmed at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "host.h"

#define CHUNK_BYTES 65536ul

struct machine_file {
	int fd;
	size_t size, used;
	bool dirty; /* written since the last flush */
};

int files_pwrite(int fd, const char *data, size_t len, size_t at)
{
	while (len) {
		ssize_t done = pwrite(fd, data, len, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? errno : EIO;
		data += done;
		at += (size_t)done;
		len -= (size_t)done;
	}
	return 0;
}

static bool is_plain(const char *text, size_t len, size_t max)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      c == '_' || c == '-'))
			return false;
	}
	return len >= 1 && len <= max;
}

/* This file system takes any name; FAT does not, and the mistake should not wait for a stick. */
static bool is_8_3(const char *name)
{
	const char *dot = strchr(name, '.');

	if (!dot)
		return is_plain(name, strlen(name), 8);
	return is_plain(name, (size_t)(dot - name), 8) && is_plain(dot + 1, strlen(dot + 1), 3);
}

/* Return: 0 or an errno. */
static int preallocate(int fd, size_t bytes)
{
	static char blank[CHUNK_BYTES];

	memset(blank, '\n', sizeof(blank));
	for (size_t at = 0; at < bytes; at += CHUNK_BYTES) {
		size_t len = bytes - at < CHUNK_BYTES ? bytes - at : CHUNK_BYTES;
		int error = files_pwrite(fd, blank, len, at);

		if (error)
			return error;
	}
	/* The folder too: a name that is not on the medium is a file that is not there. */
	return fsync(fd) || fsync(files_folder()) ? errno : 0;
}

static struct machine_file *open_in_folder(const char *name, size_t bytes, int *ret_error)
{
	struct machine_file *file = calloc(1, sizeof(*file));

	*ret_error = -ERR_NOMEM;
	if (!file)
		return NULL;
	file->size = bytes;
	file->fd = openat(files_folder(), name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (file->fd < 0) {
		*ret_error = errno == EEXIST ? -ERR_EXIST : files_error(errno);
		free(file);
		return NULL;
	}
	return file;
}

struct machine_file *machine_file_create(const char *name, size_t bytes, int *ret_error)
{
	struct machine_file *file;
	int error;

	*ret_error = files_folder() < 0 ? -ERR_NOENT : -ERR_INVAL;
	if (files_folder() < 0 || !is_8_3(name))
		return NULL;
	file = open_in_folder(name, bytes, ret_error);
	if (!file)
		return NULL;
	error = preallocate(file->fd, bytes);
	if (error) {
		*ret_error = files_error(error);
		unlinkat(files_folder(), name, 0);
		close(file->fd);
		free(file);
		return NULL;
	}
	*ret_error = 0;
	return file;
}

int machine_file_write(struct machine_file *file, const char *data, size_t len)
{
	if (len > file->size - file->used)
		return -ERR_NOSPC;
	if (files_pwrite(file->fd, data, len, file->used))
		return -ERR_IO;
	file->used += len;
	file->dirty = true;
	return 0;
}

int machine_file_flush(struct machine_file *file)
{
	if (!file->dirty)
		return 0;
	/*
	 * The file has its length and its blocks since it was created: data is all there is to
	 * sync.
	 */
	if (fdatasync(file->fd))
		return -ERR_IO;
	file->dirty = false;
	return 0;
}

int machine_file_close(struct machine_file *file)
{
	int error = machine_file_flush(file);

	if (ftruncate(file->fd, (off_t)file->used) || fsync(file->fd))
		error = -ERR_IO;
	if (close(file->fd))
		error = -ERR_IO;
	free(file);
	return error;
}

/* Who starts the process sees how it ended, and can start it again with other options. */
int machine_state_read(const char *out, char *buf, size_t size)
{
	(void)out;
	(void)size;
	buf[0] = '\0';
	return -ERR_UNSUPPORTED;
}

int machine_state_write(const char *text)
{
	(void)text;
	return -ERR_UNSUPPORTED;
}

void machine_deadman(u64 ns, void (*last)(void *ctx, const char *why), void *ctx)
{
	(void)ns;
	(void)last;
	(void)ctx;
}
