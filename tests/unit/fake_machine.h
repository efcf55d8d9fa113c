/* SPDX-License-Identifier: MIT */
/*
 * A machine for unit tests of bench/: one CPU's worth of calls, files and console in memory, and
 * knobs that make it fail.
 */
#ifndef SMPOKE_TESTS_FAKE_MACHINE_H
#define SMPOKE_TESTS_FAKE_MACHINE_H

#include <setjmp.h>
#include <stdnoreturn.h>

#include "image_patching.h"
#include "machine.h"
#include "machine_io.h"
#include "machine_noise.h"

#define FAKE_NR_FILES 4

struct machine_file {
	char name[16];
	char *data; /* terminated */
	size_t len, size;
	size_t flushed; /* bytes on the medium if the machine died now */
	bool open;
};

struct fake_machine {
	u32 caps;
	const char *env;
	u32 nr_present, nr_come; /* how many there are, how many machine_start_cpus() brings */
	u32 nr_cpus;
	u32 lost_cpus; /* bit mask */
	u32 dead_cpus; /* how many machine_forget_dead_cpus() will find */
	struct machine_time time;
	int text_poke_error, open_error, stop_error, stage_error;
	const char *create_fails; /* name of the file that cannot be made */
	const char *write_fails; /* name of the file whose medium fails ... */
	size_t write_fails_behind; /* ... behind that many bytes */
	bool alloc_fails;
	size_t size_limit; /* of any file made; 0 = as asked */
	u64 budget_ticks; /* what machine_ticks() gives, whatever was asked */
	u64 min_free_bytes; /* what machine_results_open() was asked for */
	const char *out;
	size_t nr_allocated; /* bytes not freed yet */
	u32 nr_stops;
	struct image_patched patched; /* what became of the program's own text */
	int enable_smp_error;
	u32 nr_smp_enabled;
	struct machine_file files[FAKE_NR_FILES];
	u32 nr_files;
	int keys[16]; /* what is typed; 0 = the time runs out */
	u32 nr_keys, nr_keys_asked;
	bool somebody; /* is there to type */
	u64 key_ns; /* what was waited at most, all together */
	struct machine_screen screen;
	bool shows; /* a picture, now */
	u32 nr_shown;
	struct machine_picture picture; /* the last one */
	char code[2048]; /* of it */
	u64 deadman_armed_ns; /* the longest ever */
	bool keeps_state;
	char state[512]; /* as machine_state_write() left it */
	char states[64][128]; /* each that was written */
	u32 nr_states;
	const char *warning; /* of machine_next_warning(), once */
	bool has_x2apic;
	u32 left_out; /* ways to start CPUs */
	enum core_clock core_clock;
	u64 core_percent; /* cycles of the core for a hundred ticks */
	u64 core_fails_at; /* the look that fails; 0 = none does */
	u64 nr_core_looks;
	bool has_smis, has_switches;
	u64 smis, switches;
	u64 deadman_ns;
	void (*deadman)(void *ctx, const char *why);
	void *deadman_ctx;
	char console[64 * 1024];
	size_t console_len;
	jmp_buf landing; /* of machine_probe(): fake_trap() goes there */
	bool landing_valid;
	struct machine_fault fault;
	bool mutex_held; /* text_mutex, by this CPU */
	bool in_sample; /* set by tests; anything printed meanwhile fails the test */
};

extern struct fake_machine fake;

/* fake_reset() - a healthy machine with 4 CPUs; frees what the last test left */
void fake_reset(void);

/* fake_trap() - what a trap does to the code that runs in machine_probe() */
noreturn void fake_trap(const struct machine_fault *fault);

/* fake_file() - contents of a file made in this test; NULL when there is none */
const char *fake_file(const char *name);

#endif
