/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: whatever stands in an options file or on the command line, it is understood or
 * answered with one line; and what was understood, written down by options_describe(), is
 * understood again as the same.
 */
#include "fuzz.h"

#include "options.h"

#define ERROR_BYTES 128
#define MAX_TEXT 4200
#define NR_SUITES 3

static const char *const suite_names[] = { "check", "lock", "poke", NULL };
static struct options first, second;

static int parse_file(struct options *ret, const char *text, size_t len, char *error)
{
	struct smpoke_args args = {
		.file_name = "smpoke.cfg",
		.file_text = text,
		.file_bytes = len,
		.default_then = MACHINE_THEN_POWEROFF,
	};

	return options_parse(ret, &args, suite_names, error, ERROR_BYTES);
}

static void is_one_line(const char *error)
{
	size_t len = strnlen(error, ERROR_BYTES);

	MUST(len > 0 && len < ERROR_BYTES, "an error without a message, or an endless one");
	for (size_t i = 0; i < len; i++)
		MUST(error[i] >= ' ' || (u8)error[i] > 0x7F, "byte %02x in a message",
		     (u8)error[i]);
}

static void is_the_same(void)
{
	MUST(!memcmp(first.suite_wanted, second.suite_wanted, NR_SUITES), "suites");
	MUST(first.nr_cpus == second.nr_cpus && first.seed == second.seed, "numbers");
	MUST(first.nr_batches == second.nr_batches && first.nr_batches &&
		     first.nr_batches <= OPTIONS_MAX_BATCHES,
	     "batches");
	MUST(!memcmp(first.batch, second.batch, first.nr_batches * sizeof(first.batch[0])),
	     "batches");
	MUST(first.plan == second.plan && first.serialize == second.serialize &&
		     first.then == second.then && first.menu_s == second.menu_s &&
		     first.look_s == second.look_s && first.no_store == second.no_store,
	     "words");
	MUST(!first.out == !second.out && (!first.out || !strcmp(first.out, second.out)), "--out");
}

/* A blank in DIR has no way into a file, and what is longer than a file may be is not written. */
static void describe_and_parse_again(void)
{
	char text[MAX_TEXT], error[ERROR_BYTES] = "";
	size_t len = options_describe(&first, suite_names, text, sizeof(text) - 1);
	int err;

	MUST(len == strnlen(text, sizeof(text)), "the length of a description");
	if (len + 1 > OPTIONS_FILE_MAX_BYTES)
		return;
	text[len++] = '\n';
	err = parse_file(&second, text, len, error);
	MUST(!err, "%.*s: error %d, %s", (int)len, text, err, error);
	is_the_same();
}

static void try_file(const u8 *data, size_t size)
{
	char error[ERROR_BYTES];
	char *exact = (char *)exact_copy(data, size);
	int err;

	memset(error, 0x7F, sizeof(error));
	err = parse_file(&first, exact, size, error);
	free(exact);
	if (err)
		is_one_line(error);
	else
		describe_and_parse_again();
}

/* The same text as words of a command line, which may hold any byte but 0. */
static void try_words(const u8 *data, size_t size)
{
	char *text = malloc(size + 1), error[ERROR_BYTES];
	const char *argv[OPTIONS_MAX_WORDS + 8];
	struct smpoke_args args = { .argv = argv, .default_then = MACHINE_THEN_EXIT };
	int err;

	MUST(text, "no memory");
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *word = strtok(text, " \n"); word && args.argc < (int)ARRAY_SIZE(argv);
	     word = strtok(NULL, " \n"))
		argv[args.argc++] = word;
	memset(error, 0x7F, sizeof(error));
	err = options_parse(&first, &args, suite_names, error, sizeof(error));
	if (err)
		MUST(strnlen(error, sizeof(error)) < sizeof(error) && error[0], "no message");
	free(text);
}

/* Half of the inputs are words of the language, put together; the others are bytes. */
static size_t from_words(const u8 *data, size_t size, u8 *to)
{
	static const char *const words[] = {
		"--suite",
		"--cpus",
		"--batch",
		"--seed",
		"--quick",
		"--full",
		"--out",
		"--then",
		"--list",
		"--help",
		"--noreplace-smp",
		"--smp-alt-boot",
		"--smp-alt-two-way",
		"check",
		"lock",
		"poke",
		"poweroff",
		"reboot",
		"exit",
		"auto",
		"iret",
		"cpuid",
		"mov-cr2",
		"1",
		"256",
		"257",
		"0",
		"4",
		"65535",
		"65536",
		"0x10",
		"--version",
		"serialize",
		"--serialize",
		"18446744073709551615",
		"18446744073709551616",
	};
	static const char glue[] = " =\n,  \t#";
	size_t len = 0;

	for (size_t i = 0; i + 1 < size && len < MAX_TEXT - 64; i += 2) {
		const char *word = words[data[i] % ARRAY_SIZE(words)];

		memcpy(to + len, word, strlen(word));
		len += strlen(word);
		to[len++] = (u8)glue[data[i + 1] % (sizeof(glue) - 1)];
		if (data[i + 1] >= 0xF8)
			to[len++] = data[i];
	}
	to[len++] = '\n';
	return len;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static u8 text[MAX_TEXT];
	size_t len = size > 1 ? size - 1 : 0;

	if (!size)
		return 0;
	if (data[0] & 1) {
		len = from_words(data + 1, len, text);
		data = text;
	} else {
		data++;
	}
	try_file(data, len);
	try_words(data, len);
	return 0;
}
