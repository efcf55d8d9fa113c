/* SPDX-License-Identifier: MIT */
/*
 * The fuzz targets without libFuzzer: any compiler, and inputs that a seed repeats.
 *
 *   fuzz_x                      INPUTS pseudo-random inputs from SEED, both from the environment
 *   fuzz_x FILE...              these inputs, as libFuzzer writes them when it finds something
 *
 * What dies leaves its input in FUZZ_FINDING, "finding" by default, and says how to repeat it.
 */
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_BYTES 512
#define DEFAULT_INPUTS 20000

static const char *program;
static const u8 *input;
static size_t input_bytes;

/* Nothing of the heap is touched: it may be what is broken. */
static void keep_input(void)
{
	const char *name = getenv("FUZZ_FINDING");
	FILE *file;

	if (!input)
		return;
	name = name ? name : "finding";
	file = fopen(name, "wb");
	if (!file || fwrite(input, 1, input_bytes, file) != input_bytes || fclose(file))
		fprintf(stderr, "fuzz: %s: could not keep the input there\n", name);
	input = NULL;
	fprintf(stderr, "fuzz: repeat with: %s %s\n", program, name);
}

static void on_abort(int signal)
{
	(void)signal;
	keep_input();
	_exit(1);
}

static void run(const u8 *bytes, size_t len)
{
	u8 *exact = exact_copy(bytes, len);

	input = exact;
	input_bytes = len;
	LLVMFuzzerTestOneInput(exact, len);
	input = NULL;
	free(exact);
}

/* splitmix64: every seed gives another sequence, 0 too. */
static u64 next(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Short ones more often than long ones: they reach more in the same time. */
static void run_random(u64 *state)
{
	u8 bytes[MAX_BYTES];
	size_t len = next(state) % (8u << next(state) % 7);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (u8)next(state);
	run(bytes, len);
}

static u64 number_from(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static void run_file(const char *name)
{
	static u8 bytes[1 << 20];
	FILE *file = fopen(name, "rb");
	size_t len;

	if (!file) {
		perror(name);
		exit(2);
	}
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	run(bytes, len);
	printf("%s: %zu bytes, no finding\n", name, len);
}

int main(int argc, char **argv)
{
	u64 seed = number_from("SEED", (u64)time(NULL)), state = seed;
	u64 nr = number_from("INPUTS", DEFAULT_INPUTS);

	program = argv[0];
	signal(SIGABRT, on_abort);
	__sanitizer_set_death_callback(keep_input);
	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	if (argc > 1)
		return 0;
	printf("SEED=%lu INPUTS=%lu %s\n", seed, nr, argv[0]);
	fflush(stdout);
	for (u64 i = 0; i < nr; i++)
		run_random(&state);
	printf("%lu inputs, no finding\n", nr);
	return 0;
}
