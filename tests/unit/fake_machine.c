/* SPDX-License-Identifier: MIT */
#include "fake_machine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "stop_machine.h"
#include "text_patching.h"

struct fake_machine fake;

void fake_reset(void)
{
	for (u32 i = 0; i < FAKE_NR_FILES; i++)
		free(fake.files[i].data);
	memset(&fake, 0, sizeof(fake));
	fake.caps = MACHINE_CAP_SMP | MACHINE_CAP_SILICON | MACHINE_CAP_TSC_INVARIANT;
	fake.env = "host";
	fake.nr_present = fake.nr_come = 4;
	fake.nr_cpus = 1;
	fake.time = (struct machine_time){ 2026, 11, 22, 3, 4, 5 };
	fake.patched.why_not = "this machine is a fake";
	fake.budget_ticks = UINT64_MAX / 16; /* storage runs out first, however busy the CPU is */
}

const char *fake_file(const char *name)
{
	for (u32 i = 0; i < fake.nr_files; i++) {
		if (!strcmp(fake.files[i].name, name))
			return fake.files[i].data;
	}
	return NULL;
}

/* ---- machine.h ---- */

u32 machine_caps(void)
{
	return fake.caps;
}

const char *machine_cap_name(u32 cap)
{
	return cap == MACHINE_CAP_RING0	    ? "ring0"
	       : cap == MACHINE_CAP_SMP	    ? "smp"
	       : cap == MACHINE_CAP_SILICON ? "silicon"
					    : "other";
}

const char *machine_env(void)
{
	return fake.env;
}

u32 machine_nr_cpus_present(void)
{
	return fake.nr_present;
}

u32 machine_nr_cpus(void)
{
	return fake.nr_cpus;
}

bool machine_cpu_lost(u32 cpu)
{
	return fake.lost_cpus >> cpu & 1;
}

bool machine_cpu_is_online(u32 cpu)
{
	return cpu < fake.nr_cpus;
}

u32 machine_nr_cpus_online(void)
{
	return fake.nr_cpus;
}

int machine_start_select(enum machine_start how)
{
	return how == START_TIMER ? -ERR_UNSUPPORTED : 0;
}

int machine_x2apic_select(void)
{
	return fake.has_x2apic ? 0 : -ERR_UNSUPPORTED;
}

static void (*before_start)(void *ctx, enum machine_start how);
static void *before_start_ctx;

void machine_start_watch(void (*before)(void *ctx, enum machine_start how), void *ctx,
			 u32 leave_out)
{
	before_start = before;
	before_start_ctx = ctx;
	fake.left_out = leave_out;
}

int machine_start_cpus(u32 nr_wanted, const char **ret_reason)
{
	if (nr_wanted > fake.nr_present)
		return -ERR_RANGE;
	if (before_start)
		before_start(before_start_ctx, START_ALL);
	fake.nr_cpus = nr_wanted && nr_wanted < fake.nr_come ? nr_wanted : fake.nr_come;
	*ret_reason = fake.nr_come < fake.nr_present ? "CPU 3 did not answer" : NULL;
	return 0;
}

int machine_stage(cpu_fn fn, void *arg)
{
	if (!fake.stage_error)
		fn(arg);
	return fake.stage_error;
}

int machine_stop_cpus(void)
{
	fake.nr_stops++;
	return fake.stop_error;
}

u32 machine_forget_dead_cpus(void)
{
	u32 nr = fake.dead_cpus;

	fake.dead_cpus = 0;
	fake.nr_cpus -= nr;
	return nr;
}

u64 machine_nmis_unsent(void)
{
	return 5;
}

int machine_sync_core_select(enum sync_core how)
{
	(void)how;
	return 0;
}

int machine_probe(cpu_fn fn, void *arg, struct machine_fault *ret_fault)
{
	int rc = 0;

	fake.landing_valid = true;
	if (setjmp(fake.landing)) {
		*ret_fault = fake.fault;
		rc = -ERR_FAULT;
	} else {
		fn(arg);
	}
	fake.landing_valid = false;
	return rc;
}

void fake_trap(const struct machine_fault *fault)
{
	assert(fake.landing_valid);
	fake.fault = *fault;
	longjmp(fake.landing, 1);
}

u64 machine_ticks(u64 ns)
{
	(void)ns;
	return fake.budget_ticks;
}

u64 machine_ns(u64 tsc_ticks)
{
	return tsc_ticks;
}

const char *machine_next_warning(void)
{
	const char *warning = fake.warning;

	fake.warning = NULL;
	return warning;
}

void machine_for_each_fact(void (*emit)(void *ctx, const char *key, const char *value), void *ctx)
{
	emit(ctx, "cpu_brand", "Fake CPU, \"fast\"");
	emit(ctx, "kernel", "6.1");
}

u64 machine_tsc_hz(void)
{
	return 3000000000;
}

u64 machine_irq_save(void)
{
	return 0;
}

void machine_irq_restore(u64 flags)
{
	(void)flags;
}

/* ---- machine_noise.h: each look is 100 ticks after the one before ---- */

enum core_clock machine_core_clock(const char **ret_why)
{
	*ret_why = fake.core_clock ? NULL : "a fake has none";
	return fake.core_clock;
}

bool machine_core_cycles(struct core_cycles *ret)
{
	if (!fake.core_clock || ++fake.nr_core_looks == fake.core_fails_at)
		return false;
	*ret = (struct core_cycles){ fake.nr_core_looks * fake.core_percent,
				     fake.nr_core_looks * 100 };
	return true;
}

bool machine_smis(u64 *ret)
{
	*ret = fake.smis;
	return fake.has_smis;
}

bool machine_switches(u64 *ret)
{
	*ret = fake.switches;
	return fake.has_switches;
}

struct machine_time machine_time(void)
{
	return fake.time;
}

void *machine_alloc(size_t bytes)
{
	if (fake.alloc_fails)
		return NULL;
	fake.nr_allocated += bytes;
	return calloc(1, bytes);
}

void machine_free(void *mem, size_t bytes)
{
	fake.nr_allocated -= bytes;
	free(mem);
}

/* ---- machine_io.h ---- */

void machine_print(const char *text)
{
	size_t len = strlen(text);

	assert(!fake.in_sample && !fake.shows);
	assert(fake.console_len + len < sizeof(fake.console));
	memcpy(fake.console + fake.console_len, text, len + 1);
	fake.console_len += len;
}

struct machine_screen machine_screen(void)
{
	return fake.screen;
}

int machine_show(const struct machine_picture *picture)
{
	assert(!fake.in_sample && !fake.shows);
	if (!fake.screen.draws && !fake.screen.code_bytes)
		return -ERR_UNSUPPORTED;
	fake.picture = *picture;
	if (picture->code) {
		assert(strlen(picture->code) <= fake.screen.code_bytes);
		strcpy(fake.code, picture->code);
	}
	fake.shows = fake.screen.draws;
	fake.nr_shown++;
	return 0;
}

void machine_show_end(void)
{
	fake.shows = false;
}

int machine_key(u64 ns)
{
	assert(!fake.in_sample);
	if (!fake.somebody)
		return -ERR_UNSUPPORTED;
	fake.key_ns += ns;
	if (!ns || fake.nr_keys_asked >= fake.nr_keys)
		return 0;
	return fake.keys[fake.nr_keys_asked++];
}

int machine_state_read(const char *out, char *buf, size_t size)
{
	(void)out;
	assert(size >= strlen(fake.state) + 1);
	strcpy(buf, fake.state);
	return !fake.keeps_state ? -ERR_UNSUPPORTED : fake.state[0] ? 0 : -ERR_NOENT;
}

int machine_state_write(const char *text)
{
	assert(!fake.in_sample);
	if (!fake.keeps_state)
		return -ERR_UNSUPPORTED;
	strcpy(fake.state, text);
	assert(fake.nr_states < 64 && strlen(text) < sizeof(fake.states[0]));
	strcpy(fake.states[fake.nr_states++], text);
	return 0;
}

void machine_deadman(u64 ns, void (*last)(void *ctx, const char *why), void *ctx)
{
	fake.deadman_ns = ns;
	if (ns > fake.deadman_armed_ns)
		fake.deadman_armed_ns = ns;
	fake.deadman = last;
	fake.deadman_ctx = ctx;
}

int machine_results_open(const char *out, u64 min_free_bytes, char *ret_folder, size_t size,
			 const char **ret_what)
{
	fake.out = out;
	fake.min_free_bytes = min_free_bytes;
	if (fake.open_error) {
		*ret_what = "volume \\results";
		return fake.open_error;
	}
	assert(size > 32);
	strcpy(ret_folder, "out\\results/run-0007");
	return 0;
}

struct machine_file *machine_file_create(const char *name, size_t bytes, int *ret_error)
{
	struct machine_file *file = &fake.files[fake.nr_files];

	assert(fake.nr_files < FAKE_NR_FILES && strlen(name) <= 12);
	if (fake.create_fails && !strcmp(name, fake.create_fails)) {
		*ret_error = -ERR_NOSPC;
		return NULL;
	}
	fake.nr_files++;
	strcpy(file->name, name);
	file->size = fake.size_limit && bytes > fake.size_limit ? fake.size_limit : bytes;
	file->data = calloc(1, bytes + 1);
	file->open = true;
	return file;
}

int machine_file_write(struct machine_file *file, const char *data, size_t len)
{
	assert(file->open && !fake.in_sample);
	if (fake.write_fails && !strcmp(file->name, fake.write_fails) &&
	    file->len + len > fake.write_fails_behind)
		return -ERR_IO;
	if (file->len + len > file->size)
		return -ERR_NOSPC;
	memcpy(file->data + file->len, data, len);
	file->len += len;
	return 0;
}

int machine_file_flush(struct machine_file *file)
{
	assert(file->open && !fake.in_sample);
	file->flushed = file->len;
	return 0;
}

int machine_file_close(struct machine_file *file)
{
	assert(file->open);
	file->flushed = file->len;
	file->open = false;
	return 0;
}

/* ---- core ---- */

bool text_mutex_held(void)
{
	return fake.mutex_held;
}

void text_mutex_unlock(void)
{
	assert(fake.mutex_held);
	fake.mutex_held = false;
}

int text_poke_init(void)
{
	return fake.text_poke_error;
}

int stop_machine_init(void)
{
	return 0;
}

void image_choose(struct image_policy policy)
{
	(void)policy;
	/* Its effect is in host/runs.t and boot/runs.t. */
}

int image_enable_smp(void)
{
	assert(fake.nr_cpus == 1);
	fake.nr_smp_enabled++;
	return fake.enable_smp_error;
}

/* Eight bytes and three, of which the second site keeps what it has. */
bool image_next_site(struct image_site *cursor)
{
	static u8 now[] = { 0x0F, 0x01, 0xF9, 0x0F, 0xAE, 0xE8, 0x66, 0x90, 0x0F, 0x1F, 0x00 };
	static const u8 before[] = { 0x0F, 0xAE, 0xE8, 0x0F, 0x31, 0x0F,
				     0xAE, 0xE8, 0x90, 0x90, 0x90 };
	static const struct alt_instr winner = { .cpuid = X86_FEATURE_RDTSCP };
	u8 *end = cursor->site.addr ? cursor->site.addr + cursor->site.len : now;

	if (!fake.patched.done || end == now + sizeof(now))
		return false;
	*cursor = (struct image_site){
		.site = { .addr = end, .len = end == now ? 8 : 3 },
		.before = before + (end - now),
	};
	cursor->site.winner = end == now ? &winner : NULL;
	return true;
}

const struct image_patched *image_patched(void)
{
	return &fake.patched;
}
