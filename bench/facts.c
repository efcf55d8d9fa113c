/* SPDX-License-Identifier: MIT */
#include "facts.h"

#include "format.h"
#include "machine.h"
#include "machine_noise.h"

#define NR_CAPS 32

struct fact_sink {
	struct results *results;
	struct facts *facts;
};

bool facts_emulated(void)
{
	return text_equal(machine_env(), "tcg") || !(machine_caps() & MACHINE_CAP_SILICON);
}

/* Keys written here: a machine that says them, too, must not make the key stand there twice. */
static bool is_own_key(const char *key)
{
	static const char *const own[] = { "version",  "build",	     "compiler",	 "env",
					   "emulated", "core_clock", "core_clock_reason" };

	for (u32 i = 0; i < ARRAY_SIZE(own); i++) {
		if (text_equal(own[i], key))
			return true;
	}
	return false;
}

/* Some brand strings are padded on their left side. */
static const char *skip_blanks(const char *text)
{
	while (*text == ' ')
		text++;
	return text;
}

static void emit(void *ctx, const char *key, const char *value)
{
	struct fact_sink *sink = ctx;

	if (!is_own_key(key))
		results_fact(sink->results, key, value);
	if (text_equal(key, "cpu_brand"))
		format(sink->facts->brand, FACT_BYTES, "%s", skip_blanks(value));
	if (text_equal(key, "firmware_vendor"))
		format(sink->facts->system, FACT_BYTES, "firmware %s", value);
	if (text_equal(key, "kernel"))
		format(sink->facts->system, FACT_BYTES, "kernel %s", value);
}

static void write_number(struct results *results, const char *key, u64 value)
{
	char text[24];

	format(text, sizeof(text), "%lu", value);
	results_fact(results, key, text);
}

static void write_start_time(struct results *results)
{
	struct machine_time t = machine_time();
	char text[32];

	if (!t.year)
		format(text, sizeof(text), "unknown");
	else
		format(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02uZ", t.year, t.month, t.day,
		       t.hour, t.minute, t.second);
	results_fact(results, "start_time_utc", text);
}

static void write_caps(struct results *results)
{
	char text[256] = "";
	size_t len = 0;

	for (u32 i = 0; i < NR_CAPS; i++) {
		u32 cap = 1u << i;

		if (machine_caps() & cap)
			len += format(text + len, sizeof(text) - len, "%s%s", len ? " " : "",
				      machine_cap_name(cap));
	}
	results_fact(results, "caps", text);
}

/* What a reader must know before comparing these figures with others. */
static void write_marks(struct results *results, const char *up_reason)
{
	const struct {
		const char *name;
		bool holds;
	} marks[] = {
		{ "emulated", facts_emulated() },
		{ "virtual", text_equal(machine_env(), "vm") },
		{ "process", text_equal(machine_env(), "host") },
		{ "tsc-not-invariant", !(machine_caps() & MACHINE_CAP_TSC_INVARIANT) },
		{ "interrupts-on", !(machine_caps() & MACHINE_CAP_IRQ_OFF) },
		{ "cpus-missing", up_reason },
	};
	char text[128] = "";
	size_t len = 0;

	for (u32 i = 0; i < ARRAY_SIZE(marks); i++) {
		if (marks[i].holds)
			len += format(text + len, sizeof(text) - len, "%s%s", len ? " " : "",
				      marks[i].name);
	}
	results_fact(results, "marks", text);
	results_fact(results, "emulated",
		     facts_emulated() ? "yes: not a measurement of silicon" : "no");
	if (up_reason)
		results_fact(results, "up_reason", up_reason);
}

static void write_run(struct results *results, const struct options *options,
		      const char *const *suite_names)
{
	char text[512];

	results_fact(results, "version", SMPOKE_VERSION);
	results_fact(results, "build", SMPOKE_COMMIT);
	results_fact(results, "compiler", __VERSION__);
	results_fact(results, "env", machine_env());
	write_start_time(results);
	results_fact(results, "plan", plan_name(options->plan));
	options_describe(options, suite_names, text, sizeof(text));
	results_fact(results, "options", text);
	write_number(results, "seed", options->seed);
	write_number(results, "samples_per_row_cap", results->samples_per_row);
}

static void write_core_clock(struct results *results)
{
	const char *why;

	results_fact(results, "core_clock", core_clock_name(machine_core_clock(&why)));
	if (why)
		results_fact(results, "core_clock_reason", why);
}

void facts_write(struct results *results, const struct options *options,
		 const char *const *suite_names, const char *up_reason, struct facts *ret)
{
	struct fact_sink sink = { .results = results, .facts = ret };

	*ret = (struct facts){ .brand = "unknown CPU" };
	write_run(results, options, suite_names);
	write_marks(results, up_reason);
	write_caps(results);
	write_core_clock(results);
	machine_for_each_fact(emit, &sink);
}
