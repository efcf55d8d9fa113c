/* SPDX-License-Identifier: MIT */
/*
 * The folder of a run: found or made, proved writable, and named after the time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "files.h"
#include "host.h"

#define DEFAULT_PARENT "results"
#define PROBE_BYTES 4096
#define MAX_RUNS_PER_SECOND 999

static char sentence[512];
static int run_folder = -1;

/* What the system said, in our codes and in words that tell the user what to change. */
static const struct {
	int system;
	enum error code;
	const char *words;
} causes[] = {
	{ ENOENT, ERR_NOENT, "not found" },
	{ ENOTDIR, ERR_NOENT, "not a folder" },
	{ EEXIST, ERR_NOENT, "something of that name is in the way" },
	{ ENAMETOOLONG, ERR_NOENT, "the name is too long" },
	{ EROFS, ERR_ROFS, "the file system is read-only" },
	{ EACCES, ERR_ROFS, "no permission" },
	{ EPERM, ERR_ROFS, "no permission" },
	{ ENOSPC, ERR_NOSPC, "the file system is full" },
	{ EDQUOT, ERR_NOSPC, "the disk quota is used up" },
};

int files_error(int system)
{
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		if (causes[i].system == system)
			return -(int)causes[i].code;
	}
	return -ERR_IO;
}

static const char *cause_words(int system)
{
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		if (causes[i].system == system)
			return causes[i].words;
	}
	return strerror(system);
}

static int fail(const char **ret_what, int system, const char *doing, const char *path)
{
	snprintf(sentence, sizeof(sentence), "%s '%.300s': %s", doing, path, cause_words(system));
	*ret_what = sentence;
	return files_error(system);
}

/* Only the last folder of the path is made; a mistyped path must not become a tree of folders. */
static int open_parent(const char *path, int *ret_fd, const char **ret_what)
{
	if (mkdir(path, 0777) && errno != EEXIST)
		return fail(ret_what, errno,
			    errno == ENOENT ? "cannot make a folder, the one to hold it is missing:"
					    : "cannot make the results folder",
			    path);
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return fail(ret_what, errno, "cannot open the results folder", path);
	return 0;
}

static int check_free(int parent, const char *path, u64 min_free_bytes, const char **ret_what)
{
	struct statvfs fs;

	if (fstatvfs(parent, &fs))
		return fail(ret_what, errno, "cannot ask for free space in", path);
	if (fs.f_flag & ST_RDONLY)
		return fail(ret_what, EROFS, "cannot write in", path);
	if ((u64)fs.f_bavail < min_free_bytes / fs.f_frsize + 1) {
		snprintf(sentence, sizeof(sentence),
			 "too little space in '%.300s': %llu KiB needed, %llu KiB free", path,
			 (unsigned long long)(min_free_bytes >> 10),
			 (unsigned long long)((u64)fs.f_bavail * fs.f_frsize >> 10));
		*ret_what = sentence;
		return -ERR_NOSPC;
	}
	return 0;
}

/* Return: 0 or an errno. The cache is asked to forget the page, so that reading asks the medium. */
static int write_and_compare(int fd)
{
	char wrote[PROBE_BYTES], got[PROBE_BYTES];
	int error;

	for (size_t i = 0; i < sizeof(wrote); i++)
		wrote[i] = (char)(i * 7 + i / 256);
	error = files_pwrite(fd, wrote, sizeof(wrote), 0);
	if (error)
		return error;
	if (fsync(fd))
		return errno;
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (pread(fd, got, sizeof(got), 0) != (ssize_t)sizeof(got))
		return EIO;
	return memcmp(wrote, got, sizeof(wrote)) ? EIO : 0;
}

static int probe(int parent, const char *path, const char **ret_what)
{
	char name[32];
	int fd, error;

	snprintf(name, sizeof(name), ".probe-%d", (int)getpid());
	fd = openat(parent, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return fail(ret_what, errno, "cannot make a file in", path);
	error = write_and_compare(fd);
	close(fd);
	if (unlinkat(parent, name, 0) && !error)
		error = errno;
	return error ? fail(ret_what, error, "cannot write, read back and remove a file in", path)
		     : 0;
}

static int make_run_folder(int parent, char *name, size_t size)
{
	struct machine_time t = machine_time();
	size_t len;

	len = (size_t)snprintf(name, size, "%04u%02u%02u-%02u%02u%02u-host", t.year, t.month, t.day,
			       t.hour, t.minute, t.second);
	for (int i = 2; mkdirat(parent, name, 0777); i++) {
		if (errno != EEXIST || i > MAX_RUNS_PER_SECOND)
			return errno;
		snprintf(name + len, size - len, "-%d", i);
	}
	return 0;
}

static int enter_run_folder(int parent, const char *path, char *ret_folder, size_t size,
			    const char **ret_what)
{
	char name[48];
	int error;

	if (strlen(path) + sizeof(name) + 1 > size)
		return fail(ret_what, ENAMETOOLONG, "cannot use the results folder", path);
	error = make_run_folder(parent, name, sizeof(name));
	if (error)
		return fail(ret_what, error, "cannot make the run's folder in", path);
	run_folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run_folder < 0 || fsync(parent))
		return fail(ret_what, errno, "cannot open the run's folder in", path);
	snprintf(ret_folder, size, "%s/%s", path, name);
	return 0;
}

int machine_results_open(const char *out, u64 min_free_bytes, char *ret_folder, size_t size,
			 const char **ret_what)
{
	const char *path = out ? out : DEFAULT_PARENT;
	int parent = -1, error = open_parent(path, &parent, ret_what);

	if (error)
		return error;
	if (run_folder >= 0)
		close(run_folder);
	run_folder = -1;
	error = check_free(parent, path, min_free_bytes, ret_what);
	if (!error)
		error = probe(parent, path, ret_what);
	if (!error)
		error = enter_run_folder(parent, path, ret_folder, size, ret_what);
	close(parent);
	return error;
}

int files_folder(void)
{
	return run_folder;
}
