/* SPDX-License-Identifier: MIT */
/*
 * The process as a whole: set-up, capabilities, interrupts, data memory, console, calendar.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "machine_io.h"
#include "x86.h"

__thread struct host_thread host_thread;

static u32 fixed_caps;
static bool is_tcg;

static bool find_tcg(void)
{
	struct cpuid_regs r;

	if (!(cpuid(1, 0).ecx & 1u << 31))
		return false;
	r = cpuid(0x40000000, 0);
	return !memcmp(&r.ebx, "TCGT", 4) && !memcmp(&r.ecx, "CGTC", 4) &&
	       !memcmp(&r.edx, "GTCG", 4);
}

static bool find_tsc_invariant(void)
{
	return cpuid(0x80000000, 0).eax >= 0x80000007 && cpuid(0x80000007, 0).edx & 1u << 8;
}

bool host_is_tcg(void)
{
	return is_tcg;
}

static void caps_setup(void)
{
	is_tcg = find_tcg();
	fixed_caps = is_tcg ? MACHINE_CAP_STALE_INT3 : MACHINE_CAP_SILICON;
	if (find_tsc_invariant())
		fixed_caps |= MACHINE_CAP_TSC_INVARIANT;
	if (alias_is_private())
		fixed_caps |= MACHINE_CAP_ALIAS_PRIVATE;
}

int host_setup(const char **ret_reason)
{
	int error = cpus_setup(ret_reason);

	/* A reader of our output that goes away must not take the rest of the run with it. */
	signal(SIGPIPE, SIG_IGN);
	if (!error)
		error = traps_setup(ret_reason);
	if (!error)
		error = interrupt_setup(ret_reason);
	if (!error)
		error = near_setup(ret_reason);
	if (!error)
		error = text_setup(ret_reason);
	if (error)
		return error;
	sync_setup();
	clock_setup();
	noise_setup();
	caps_setup();
	return 0;
}

u32 machine_caps(void)
{
	return fixed_caps | (machine_nr_cpus() > 1 ? MACHINE_CAP_SMP : 0);
}

const char *machine_cap_name(u32 cap)
{
	static const char *const names[] = {
		"smp",	   "ring0",	    "irq_off",	  "alias_private",
		"silicon", "tsc_invariant", "stale_int3",
	};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (cap == 1u << i)
			return names[i];
	}
	return "?";
}

const char *machine_env(void)
{
	return "host";
}

/* A process cannot hold interrupts back; the missing MACHINE_CAP_IRQ_OFF says so. */
u64 machine_irq_save(void)
{
	return 0;
}

void machine_irq_restore(u64 flags)
{
	(void)flags;
}

bool machine_irqs_off(void)
{
	return false;
}

/* Populated at once: a page fault in a measured window would be a sample of the kernel. */
void *machine_alloc(size_t bytes)
{
	void *mem;

	if (!bytes || bytes > SIZE_MAX - PAGE_BYTES)
		return NULL;
	mem = mmap(NULL, round_up(bytes, PAGE_BYTES), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return mem == MAP_FAILED ? NULL : mem;
}

void machine_free(void *mem, size_t bytes)
{
	if (mem && munmap(mem, round_up(bytes, PAGE_BYTES)))
		host_die("machine_free: not what machine_alloc gave");
}

/* Nothing can be done about a console that takes no text; the result files do not depend on it. */
void machine_print(const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t done = write(STDOUT_FILENO, text, left);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		text += done;
		left -= (size_t)done;
	}
}

/* Whoever starts a process has typed what he wants. */
int machine_key(u64 ns)
{
	(void)ns;
	return -ERR_UNSUPPORTED;
}

/* Its terminal belongs to somebody else. */
struct machine_screen machine_screen(void)
{
	return (struct machine_screen){ 0 };
}

int machine_show(const struct machine_picture *picture)
{
	(void)picture;
	return -ERR_UNSUPPORTED;
}

void machine_show_end(void)
{
}

void host_die(const char *text)
{
	static const char head[] = "smpoke: ";
	ssize_t done = write(STDERR_FILENO, head, sizeof(head) - 1);

	/* Only what may be called in a signal handler. */
	done += write(STDERR_FILENO, text, strlen(text));
	done += write(STDERR_FILENO, "\n", 1);
	(void)done;
	abort();
}

struct machine_time machine_time(void)
{
	struct machine_time ret = { 0 };
	time_t now = time(NULL);
	struct tm tm;

	if (now == (time_t)-1 || !gmtime_r(&now, &tm))
		return ret;
	ret.year = (u16)(tm.tm_year + 1900);
	ret.month = (u8)(tm.tm_mon + 1);
	ret.day = (u8)tm.tm_mday;
	ret.hour = (u8)tm.tm_hour;
	ret.minute = (u8)tm.tm_min;
	ret.second = (u8)tm.tm_sec;
	return ret;
}

u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}
