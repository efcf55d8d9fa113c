/* SPDX-License-Identifier: MIT */
/*
 * Options, in the order in which they are believed: the arguments that a shell parsed; the load
 * options of the boot entry, when they look like text; the file smpoke.cfg, in the root of the
 * volume or beside the image. Boot entries that firmware makes by itself for a USB stick have no
 * load options, or a few bytes of its own.
 */
#include "args.h"

#include "firmware.h"
#include "machine.h"
#include "mem.h"
#include "strings.h"
#include "volume.h"

#define MAX_ARGS 64
#define MAX_ARG_BYTES 4096
#define MAX_FILE_BYTES (256 * 1024ul)
#define FILE_NAME "smpoke.cfg"

static const char *argv[MAX_ARGS];
static int argc;
static char arg_bytes[MAX_ARG_BYTES];
static struct string arg_text; /* the arguments, one after the other, with their NULs */

static char *file_text;
static u64 file_bytes;
static char file_name[MAX_PATH_CHARS];

static void begin_arg(void)
{
	if (argc < MAX_ARGS && arg_text.len + 1 < arg_text.size)
		argv[argc++] = arg_text.buf + arg_text.len;
}

/* The NUL is there already; keep it. */
static void end_arg(void)
{
	if (arg_text.len + 1 < arg_text.size)
		arg_text.buf[++arg_text.len] = '\0';
}

static bool from_shell(void)
{
	static const EFI_GUID guid = EFI_SHELL_PARAMETERS_PROTOCOL_GUID;
	const EFI_SHELL_PARAMETERS_PROTOCOL *shell = firmware_protocol(firmware.image, &guid);
	UINTN i;

	if (!shell)
		return false;
	for (i = 1; i < shell->Argc; i++) {
		begin_arg();
		string_add_ucs2(&arg_text, shell->Argv[i], MAX_ARG_BYTES);
		end_arg();
	}
	return true;
}

static bool is_text(const CHAR16 *options, u32 nr_chars)
{
	u32 i;

	for (i = 0; i < nr_chars && options[i]; i++) {
		if (options[i] < ' ' || options[i] > '~')
			return false;
	}
	return i > 0;
}

/* Split at blanks; a part in double quotes may hold some. Return: characters used. */
static u32 split_one(const CHAR16 *options, u32 nr_chars)
{
	bool quoted = false;
	u32 i;

	begin_arg();
	for (i = 0; i < nr_chars && options[i] && (quoted || options[i] != ' '); i++) {
		if (options[i] == '"')
			quoted = !quoted;
		else
			string_char(&arg_text, (char)options[i]);
	}
	end_arg();
	return i;
}

static bool ends_in_efi(const char *name)
{
	size_t n = string_length(name), i;

	for (i = 0; i < 4; i++) {
		if (n < 4 || (name[n - 4 + i] | 0x20) != (".efi"[i] | 0x20))
			return false;
	}
	return true;
}

/* Some firmware and boot managers put the program's name in front. */
static void drop_program_name(void)
{
	int i;

	if (argc == 0 || !ends_in_efi(argv[0]))
		return;
	for (i = 1; i < argc; i++)
		argv[i - 1] = argv[i];
	argc--;
}

static void from_load_options(void)
{
	const CHAR16 *options = firmware.loaded ? firmware.loaded->LoadOptions : NULL;
	u32 nr_chars, i = 0;

	if (!options || firmware.loaded->LoadOptionsSize % sizeof(CHAR16))
		return;
	nr_chars = firmware.loaded->LoadOptionsSize / sizeof(CHAR16);
	if (!is_text(options, nr_chars))
		return;
	while (i < nr_chars && options[i]) {
		if (options[i] == ' ')
			i++;
		else
			i += split_one(options + i, nr_chars - i);
	}
	drop_program_name();
}

/* The folder of our own image, from the file path of the loaded image; ends in a backslash. */
static void image_folder(struct string *path)
{
	const EFI_DEVICE_PATH *node = firmware.loaded ? firmware.loaded->FilePath : NULL;
	size_t bytes;

	while (node && DevicePathType(node) != END_DEVICE_PATH_TYPE) {
		bytes = (size_t)DevicePathNodeLength(node);
		if (bytes < sizeof(*node))
			break;
		if (DevicePathType(node) == MEDIA_DEVICE_PATH &&
		    DevicePathSubType(node) == MEDIA_FILEPATH_DP) {
			string_char(path, '\\');
			string_add_ucs2(path, (const CHAR16 *)(node + 1),
					(bytes - sizeof(*node)) / sizeof(CHAR16));
		}
		node = (const EFI_DEVICE_PATH *)((const u8 *)node + bytes);
	}
	while (path->len && path->buf[path->len - 1] != '\\')
		path->buf[--path->len] = '\0';
}

static void read_file(EFI_FILE *file)
{
	u64 bytes;

	if (volume_size(file, &bytes) || bytes == 0 || bytes > MAX_FILE_BYTES)
		return;
	file_text = machine_alloc(bytes);
	file_bytes = bytes;
	if (file_text && volume_read(file, file_text, bytes)) {
		machine_free(file_text, bytes);
		file_text = NULL;
	}
}

static bool try_file(EFI_FILE *root)
{
	CHAR16 path[MAX_PATH_CHARS];
	EFI_FILE *file;

	if (!ucs2_path(path, ARRAY_SIZE(path), file_name) ||
	    volume_open(root, path, EFI_FILE_MODE_READ, 0, &file))
		return false;
	read_file(file);
	volume_close(file);
	return file_text != NULL;
}

static void from_file(void)
{
	EFI_FILE *root = volume_root();
	struct string name;

	if (!root)
		return;
	string_init(&name, file_name, sizeof(file_name));
	string_add(&name, "\\" FILE_NAME);
	if (!try_file(root)) {
		string_init(&name, file_name, sizeof(file_name));
		image_folder(&name);
		string_add(&name, FILE_NAME);
		try_file(root);
	}
	volume_close(root);
}

void args_find(struct smpoke_args *ret)
{
	bool shell;

	string_init(&arg_text, arg_bytes, sizeof(arg_bytes));
	argc = 0;
	shell = from_shell();
	if (!shell)
		from_load_options();
	if (argc == 0)
		from_file();
	*ret = (struct smpoke_args){
		.argc = argc,
		.argv = argv,
		.file_name = file_text ? file_name : NULL,
		.file_text = file_text,
		.file_bytes = file_text ? file_bytes : 0,
		.default_then = shell ? MACHINE_THEN_EXIT : MACHINE_THEN_POWEROFF,
	};
}

void args_release(void)
{
	if (file_text)
		machine_free(file_text, file_bytes);
	file_text = NULL;
}
