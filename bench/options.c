/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "format.h"
#include "mem.h"
#include "options_file.h"
#include "text_patching.h"

#define CPUS_MAX 65535
#define TOGGLES_MAX 1000000000000
#define ITEM_BYTES 64
#define SERIALIZE_NAMES "auto, serialize, iret, mov-cr2 or cpuid"
#define RUNG_NAMES "auto, all, each, timer, conductor, sipi or up"

struct parse {
	struct options *options;
	const char *const *suite_names;
	const char *file_name; /* NULL while the words come from the command line */
	u32 line;
	bool plan_given;
	char *error;
	size_t error_size;
};

struct option_row {
	const char *name;
	const char *value; /* what its value must be; NULL = takes none */
	int (*set)(struct parse *parse, const char *value);
};

static int complain(struct parse *parse, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* One line for the person, with the place when the words came from a file. Return: @error. */
static int complain(struct parse *parse, int error, const char *fmt, ...)
{
	size_t len = 0;
	va_list args;

	if (parse->file_name)
		len = format(parse->error, parse->error_size, "%s:%u: ", parse->file_name,
			     parse->line);
	va_start(args, fmt);
	vformat(parse->error + len, parse->error_size - len, fmt, args);
	va_end(args);
	return error;
}

/*
 * Cut the next item off a comma-separated list; an item too long for @item comes back cut short,
 * with its last byte replaced so that it cannot be taken for something else.
 * Return: the rest of the list, NULL when there is none.
 */
static const char *next_item(const char *list, char item[ITEM_BYTES])
{
	size_t len = 0;

	while (list[len] && list[len] != ',')
		len++;
	format(item, ITEM_BYTES, "%.*s", (int)(len < ITEM_BYTES ? len : ITEM_BYTES), list);
	if (len >= ITEM_BYTES)
		item[ITEM_BYTES - 2] = '~';
	return list[len] ? list + len + 1 : NULL;
}

static int set_help(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->help = true;
	return 0;
}

static int set_version(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->version = true;
	return 0;
}

static int set_list(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->list = true;
	return 0;
}

static int no_such_suite(struct parse *parse, const char *item)
{
	size_t len;

	complain(parse, 0, "--suite %s: no such suite; there are ", item);
	len = text_len(parse->error);
	for (u32 i = 0; parse->suite_names[i]; i++)
		len += format(parse->error + len, parse->error_size - len, "%s%s", i ? ", " : "",
			      parse->suite_names[i]);
	return -ERR_INVAL;
}

static int set_suite(struct parse *parse, const char *value)
{
	bool *wanted = parse->options->suite_wanted;
	char item[ITEM_BYTES];

	parse->options->suites_given = true;
	memset(wanted, 0, sizeof(parse->options->suite_wanted));
	while (value) {
		u32 i = 0;

		value = next_item(value, item);
		while (parse->suite_names[i] && !text_equal(parse->suite_names[i], item))
			i++;
		if (!parse->suite_names[i] || i >= OPTIONS_MAX_SUITES)
			return no_such_suite(parse, item);
		wanted[i] = true;
	}
	return 0;
}

/* A number from @min to @max, or one line that says so. */
static int take_number(struct parse *parse, const char *name, const char *text, u64 min, u64 max,
		       u64 *ret)
{
	u64 value = 0;
	int error = number_parse(&value, text);

	if (!error && (value < min || value > max))
		error = -ERR_RANGE;
	if (error)
		return complain(parse, error, "%s %s: must be a number from %lu to %lu", name, text,
				min, max);
	*ret = value;
	return 0;
}

static int set_cpus(struct parse *parse, const char *value)
{
	u64 nr_cpus = 0;
	int error = take_number(parse, "--cpus", value, 1, CPUS_MAX, &nr_cpus);

	if (!error)
		parse->options->nr_cpus = (u32)nr_cpus;
	return error;
}

static int add_batch(struct parse *parse, u32 size)
{
	struct options *options = parse->options;

	for (u32 i = 0; i < options->nr_batches; i++) {
		if (options->batch[i] == size)
			return 0;
	}
	if (options->nr_batches == OPTIONS_MAX_BATCHES)
		return complain(parse, -ERR_RANGE, "--batch: more than %u sizes",
				OPTIONS_MAX_BATCHES);
	options->batch[options->nr_batches++] = size;
	return 0;
}

static int set_batch(struct parse *parse, const char *value)
{
	char item[ITEM_BYTES];
	int error = 0;
	u64 size = 0;

	parse->options->batches_given = true;
	parse->options->nr_batches = 0;
	while (value && !error) {
		value = next_item(value, item);
		error = take_number(parse, "--batch", item, 1, TEXT_POKE_ARRAY_MAX, &size);
		if (!error)
			error = add_batch(parse, (u32)size);
	}
	return error;
}

static int set_toggles(struct parse *parse, const char *value)
{
	return take_number(parse, "--toggles", value, 1, TOGGLES_MAX, &parse->options->nr_toggles);
}

static int set_seed(struct parse *parse, const char *value)
{
	parse->options->seed_given = true;
	return take_number(parse, "--seed", value, 0, UINT64_MAX, &parse->options->seed);
}

static int set_plan(struct parse *parse, enum plan plan)
{
	if (parse->plan_given && parse->options->plan != plan)
		return complain(parse, -ERR_INVAL, "--quick and --full: only one of the two");
	parse->plan_given = true;
	parse->options->plan = plan;
	return 0;
}

static int set_quick(struct parse *parse, const char *value)
{
	(void)value;
	return set_plan(parse, PLAN_QUICK);
}

static int set_full(struct parse *parse, const char *value)
{
	(void)value;
	return set_plan(parse, PLAN_FULL);
}

static int set_out(struct parse *parse, const char *value)
{
	if (!*value)
		return complain(parse, -ERR_INVAL, "--out: needs the name of a folder");
	parse->options->out = value;
	return 0;
}

static int set_serialize(struct parse *parse, const char *value)
{
	for (u32 i = 0; i < NR_SYNC_CORES; i++) {
		if (text_equal(sync_core_name((enum sync_core)i), value)) {
			parse->options->serialize = (enum sync_core)i;
			return 0;
		}
	}
	return complain(parse, -ERR_INVAL, "--serialize %s: must be " SERIALIZE_NAMES, value);
}

static int set_mp_rung(struct parse *parse, const char *value)
{
	for (u32 i = 0; i < NR_MACHINE_STARTS; i++) {
		if (text_equal(machine_start_name((enum machine_start)i), value)) {
			parse->options->mp_rung = (enum machine_start)i;
			return 0;
		}
	}
	return complain(parse, -ERR_INVAL, "--mp-rung %s: must be " RUNG_NAMES, value);
}

static int set_x2apic(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->x2apic = true;
	return 0;
}

static int set_noreplace_smp(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->noreplace_smp = true;
	return 0;
}

static int set_two_way(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->smp_alt_two_way = true;
	return 0;
}

static int set_smp_alt_boot(struct parse *parse, const char *value)
{
	(void)value;
	parse->options->smp_alt_boot = true;
	return 0;
}

static int set_then(struct parse *parse, const char *value)
{
	static const char *const names[] = {
		[MACHINE_THEN_POWEROFF] = "poweroff",
		[MACHINE_THEN_REBOOT] = "reboot",
		[MACHINE_THEN_EXIT] = "exit",
	};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (text_equal(names[i], value)) {
			parse->options->then = (enum machine_then)i;
			return 0;
		}
	}
	return complain(parse, -ERR_INVAL, "--then %s: must be poweroff, reboot or exit", value);
}

static const struct option_row option_rows[] = {
	{ "--help", NULL, set_help },
	{ "--version", NULL, set_version },
	{ "--list", NULL, set_list },
	{ "--suite", "the name of a suite, or several with commas", set_suite },
	{ "--cpus", "a number of CPUs", set_cpus },
	{ "--batch", "a batch size from 1 to 256, or several with commas", set_batch },
	{ "--toggles", "a number of sites", set_toggles },
	{ "--seed", "a number", set_seed },
	{ "--quick", NULL, set_quick },
	{ "--full", NULL, set_full },
	{ "--out", "the name of a folder", set_out },
	{ "--serialize", SERIALIZE_NAMES, set_serialize },
	{ "--mp-rung", RUNG_NAMES, set_mp_rung },
	{ "--x2apic", NULL, set_x2apic },
	{ "--noreplace-smp", NULL, set_noreplace_smp },
	{ "--smp-alt-boot", NULL, set_smp_alt_boot },
	{ "--smp-alt-two-way", NULL, set_two_way },
	{ "--then", "poweroff, reboot or exit", set_then },
};

static int no_such_option(struct parse *parse, const char *word)
{
	size_t len;

	complain(parse, 0, "%.40s: no such option; there are ", word);
	len = text_len(parse->error);
	for (u32 i = 0; i < ARRAY_SIZE(option_rows); i++)
		len += format(parse->error + len, parse->error_size - len, "%s%s", i ? ", " : "",
			      option_rows[i].name);
	return -ERR_INVAL;
}

/* Return: the row for "--name" or "--name=value", with *ret_value behind the '=' or NULL. */
static const struct option_row *find_option(const char *word, const char **ret_value)
{
	for (u32 i = 0; i < ARRAY_SIZE(option_rows); i++) {
		const char *name = option_rows[i].name;
		size_t len = text_len(name), same = 0;

		while (same < len && word[same] == name[same])
			same++;
		if (same < len || (word[len] && word[len] != '='))
			continue;
		*ret_value = word[len] ? word + len + 1 : NULL;
		return &option_rows[i];
	}
	return NULL;
}

static int parse_words(struct parse *parse, int nr, const char *const *words, const u16 *lines)
{
	for (int i = 0; i < nr; i++) {
		const struct option_row *row;
		const char *value;
		int error;

		parse->line = lines ? lines[i] : 0;
		row = find_option(words[i], &value);
		if (!row)
			return no_such_option(parse, words[i]);
		if (value && !row->value)
			return complain(parse, -ERR_INVAL, "%s: takes no value", row->name);
		/* A following option is not taken for a value: the value was forgotten. */
		if (!value && row->value) {
			if (i + 1 == nr || (words[i + 1][0] == '-' && words[i + 1][1] == '-'))
				return complain(parse, -ERR_INVAL, "%s: needs %s", row->name,
						row->value);
			value = words[++i];
		}
		error = row->set(parse, value);
		if (error)
			return error;
	}
	return 0;
}

static void set_defaults(struct options *options, enum machine_then then)
{
	memset(options, 0, sizeof(*options));
	for (u32 i = 0; i < OPTIONS_MAX_SUITES; i++)
		options->suite_wanted[i] = true;
	options->nr_toggles = OPTIONS_DEFAULT_TOGGLES;
	options->plan = PLAN_DEFAULT;
	options->then = then;
}

/* 56 and 164: what Linux has patched at once (a static key, and a tracer's first users). */
static const u32 batch_sizes[][OPTIONS_MAX_BATCHES] = {
	[PLAN_QUICK] = { 1, 16, 64, 256 },
	[PLAN_DEFAULT] = { 1, 2, 4, 8, 16, 32, 64, 128, 256 },
	[PLAN_FULL] = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 56, 64, 96, 128, 164, 192, 256 },
};

static void choose_batches(struct options *options)
{
	const u32 *sizes = batch_sizes[options->plan];

	for (; !options->batches_given && sizes[options->nr_batches]; options->nr_batches++)
		options->batch[options->nr_batches] = sizes[options->nr_batches];
}

/* What goes with what. */
static int check_together(struct parse *parse)
{
	struct options *options = parse->options;

	if (!options->x2apic)
		return 0;
	if (options->mp_rung && options->mp_rung != START_SIPI)
		return complain(parse, -ERR_INVAL, "--x2apic: takes --mp-rung sipi, not %s",
				machine_start_name(options->mp_rung));
	options->mp_rung = START_SIPI;
	return 0;
}

static int take_words(struct parse *parse, const struct smpoke_args *args)
{
	struct options_file file;
	int result;

	if (args->argc > 0 || !args->file_text)
		return parse_words(parse, args->argc, args->argv, NULL);

	result = options_file_split(&file, args, parse->options->words, parse->error,
				    parse->error_size);
	if (result)
		return result;
	parse->file_name = args->file_name;
	return parse_words(parse, (int)file.nr_words, file.words, file.lines);
}

int options_parse(struct options *ret, const struct smpoke_args *args,
		  const char *const *suite_names, char *error, size_t error_size)
{
	struct parse parse = {
		.options = ret,
		.suite_names = suite_names,
		.error = error,
		.error_size = error_size,
	};
	int result;

	set_defaults(ret, args->default_then);
	result = take_words(&parse, args);
	if (!result)
		result = check_together(&parse);
	choose_batches(ret);
	return result;
}
