/* SPDX-License-Identifier: MIT */
/*
 * The pre-flight: find the medium, make the folder, and prove that a file in it can be written and
 * read back, before anything is measured.
 */
#include "machine_io.h"

#include "machine.h"
#include "mem.h"
#include "results.h"
#include "state.h"
#include "strings.h"
#include "volume.h"

#define MODE_READ EFI_FILE_MODE_READ
#define MODE_WRITE (EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE)
#define MODE_CREATE (MODE_WRITE | EFI_FILE_MODE_CREATE)
#define MAX_RUN 9999
#define PROBE_NAME L"PROBE.TMP"
#define PROBE_BYTES 1536 /* more than one sector, and not whole ones */

static EFI_FILE *folder;
static char what_text[256];

EFI_FILE *results_folder(void)
{
	return folder;
}

const char *results_parent(const char *out)
{
	return out && *out ? out : "results";
}

void result_files_close(void)
{
	state_close();
	volume_close(folder);
	folder = NULL;
}

/* The sentence for an error: what was tried, on what. */
static int fail(int rc, const char **ret_what, const char *what, const char *name)
{
	struct string s;

	string_init(&s, what_text, sizeof(what_text));
	string_add(&s, what);
	if (name) {
		string_add(&s, " ");
		string_add(&s, name);
	}
	if (rc == -ERR_ROFS)
		string_add(&s, ": the volume cannot be written");
	else if (rc == -ERR_NOSPC)
		string_add(&s, ": the volume is full");
	*ret_what = what_text;
	return rc;
}

static int check_space(EFI_FILE *root, u64 min_free_bytes, const char **ret_what)
{
	struct string s;
	u64 free_bytes;
	bool read_only;
	int rc = volume_free(root, &free_bytes, &read_only);

	if (rc)
		return fail(rc, ret_what, "asking the volume for its free space failed", NULL);
	if (read_only)
		return fail(-ERR_ROFS, ret_what, "writing to the volume we started from", NULL);
	if (free_bytes >= min_free_bytes)
		return 0;
	string_init(&s, what_text, sizeof(what_text));
	string_add(&s, "the run needs ");
	string_dec(&s, min_free_bytes);
	string_add(&s, " bytes and the volume has ");
	string_dec(&s, free_bytes);
	*ret_what = what_text;
	return -ERR_NOSPC;
}

/* Open a folder, and make it when it is not there. */
static int open_folder(EFI_FILE *root, const CHAR16 *path, EFI_FILE **ret)
{
	int rc = volume_open(root, path, MODE_WRITE, 0, ret);

	if (rc != -ERR_NOENT)
		return rc;
	return volume_open(root, path, MODE_CREATE, EFI_FILE_DIRECTORY, ret);
}

/* Every folder on the way to @path; an earlier one may be missing, too. */
static int open_path(EFI_FILE *root, CHAR16 *path, EFI_FILE **ret)
{
	EFI_FILE *step;
	CHAR16 *p;
	int rc;

	for (p = path + 1; path[0] && *p; p++) {
		if (*p != '\\' || !p[1])
			continue;
		*p = 0;
		rc = open_folder(root, path, &step);
		*p = '\\';
		if (rc)
			return rc;
		volume_close(step);
	}
	return open_folder(root, path, ret);
}

/* The number in RUNnnnn, 0 for any other name. FAT does not keep the case. */
static u32 run_number(const char *name)
{
	u32 i, number = 0;

	for (i = 0; i < 3; i++) {
		if ((name[i] & ~0x20) != "RUN"[i])
			return 0;
	}
	for (; i < 7; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		number = number * 10 + (u32)(name[i] - '0');
	}
	return name[i] ? 0 : number;
}

static u32 highest_run(EFI_FILE *parent)
{
	char name[MAX_PATH_CHARS];
	u32 highest = 0;

	while (volume_next_entry(parent, name)) {
		if (run_number(name) > highest)
			highest = run_number(name);
	}
	return highest;
}

/* An earlier run is never touched: one above the highest number there, not the first gap. */
static int make_run_folder(EFI_FILE *parent, char *ret_name, size_t size)
{
	CHAR16 path[16];
	struct string s;
	u32 number = highest_run(parent) + 1, scale;

	if (number > MAX_RUN)
		return -ERR_EXIST;
	string_init(&s, ret_name, size);
	string_add(&s, "RUN");
	for (scale = 1000; scale; scale /= 10)
		string_char(&s, (char)('0' + number / scale % 10));
	ucs2_path(path, ARRAY_SIZE(path), ret_name);
	return volume_open(parent, path, MODE_CREATE, EFI_FILE_DIRECTORY, &folder);
}

static void fill_pattern(u8 *buf)
{
	u32 i;

	for (i = 0; i < PROBE_BYTES; i++)
		buf[i] = (u8)(i * 7 + i / 256);
}

static int write_probe(const u8 *pattern)
{
	EFI_FILE *file;
	int rc = volume_open(folder, PROBE_NAME, MODE_CREATE, 0, &file);

	if (rc)
		return rc;
	rc = volume_write(file, pattern, PROBE_BYTES);
	if (!rc)
		rc = volume_flush(file);
	volume_close(file);
	return rc;
}

static int check_probe(const u8 *pattern)
{
	u8 back[PROBE_BYTES];
	EFI_FILE *file;
	int rc = volume_open(folder, PROBE_NAME, MODE_WRITE, 0, &file);
	int rc_delete;

	if (rc)
		return rc;
	rc = volume_read(file, back, PROBE_BYTES);
	if (!rc && memcmp(back, pattern, PROBE_BYTES))
		rc = -ERR_IO;
	rc_delete = volume_delete(file);
	return rc ? rc : rc_delete;
}

static int prove(const char **ret_what)
{
	u8 pattern[PROBE_BYTES];
	int rc;

	fill_pattern(pattern);
	rc = write_probe(pattern);
	if (rc)
		return fail(rc, ret_what, "writing a probe file failed", NULL);
	rc = check_probe(pattern);
	if (rc)
		return fail(rc, ret_what, "a probe file did not read back as written", NULL);
	return 0;
}

/* With the parent folder open: the run's own folder, and the proof. */
static int open_run(EFI_FILE *parent, const char *parent_name, char *ret_folder, size_t size,
		    const char **ret_what)
{
	char name[16];
	struct string s;
	int rc = make_run_folder(parent, name, sizeof(name));

	if (rc == -ERR_EXIST)
		return fail(-ERR_NOSPC, ret_what, "RUN9999 is there already, clear the folder",
			    parent_name);
	if (rc)
		return fail(rc, ret_what, "making a folder for this run failed in", parent_name);
	string_init(&s, ret_folder, size);
	string_add(&s, parent_name);
	string_char(&s, '\\');
	string_add(&s, name);
	return prove(ret_what);
}

int machine_results_open(const char *out, u64 min_free_bytes, char *ret_folder, size_t size,
			 const char **ret_what)
{
	const char *parent_name = results_parent(out);
	CHAR16 path[MAX_PATH_CHARS];
	EFI_FILE *root, *parent = NULL;
	int rc;

	if (!ucs2_path(path, ARRAY_SIZE(path), parent_name))
		return fail(-ERR_NOENT, ret_what, "the path of the results folder is too long",
			    NULL);
	root = volume_root();
	if (!root)
		return fail(-ERR_NOENT, ret_what,
			    "the device we were started from has no file system", NULL);
	rc = check_space(root, min_free_bytes, ret_what);
	if (!rc) {
		rc = open_path(root, path, &parent);
		if (rc)
			fail(rc, ret_what, "opening the results folder failed:", parent_name);
	}
	if (!rc)
		rc = open_run(parent, parent_name, ret_folder, size, ret_what);
	if (!rc)
		state_open(parent);
	volume_close(parent);
	volume_close(root);
	return rc;
}
