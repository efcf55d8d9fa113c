/* SPDX-License-Identifier: MIT */
/*
 * What the files of this machine share. Nothing outside host/ and the unit tests includes it.
 *
 * The machine is a Linux process: CPUs are pinned threads, traps are signals, the alias is a second
 * mapping of a memfd, and the sync is membarrier().
 */
#ifndef SMPOKE_HOST_H
#define SMPOKE_HOST_H

#include "machine.h"
#include "machine_io.h"
#include "machine_text.h"

#define HOST_MAX_CPUS 1024 /* CPU_SETSIZE: what sched_getaffinity() can tell without help */

/**
 * host_setup() - make this process a machine: pin, take the signals, calibrate, map the text
 * @ret_reason: on failure a sentence
 *
 * Context: main thread, once, before anything else of the seam. The calling thread is CPU 0 after.
 * Return: 0 or -ERR_UNSUPPORTED.
 */
int host_setup(const char **ret_reason);

/* host_die() - a promise of the seam is broken beyond repair: say so and abort(). Any context. */
void host_die(const char *text) __attribute__((noreturn));

/* One level of machine_probe(). Lives on the stack of the probing function. */
struct catch_frame;

/* What a thread knows about itself. Threads that are no CPU of ours read zeros, that is CPU 0. */
struct host_thread {
	u32 cpu;
	bool alias_open; /* by this thread */
	void *fault_stack; /* NULL = somebody else's, a sanitizer's */
	struct catch_frame *catch;
	bool naming; /* a trap meanwhile must not look for a name again */
};

/* Initial-exec: a signal handler must reach it without the allocating TLS call. */
extern __thread struct host_thread host_thread __attribute__((tls_model("initial-exec")));

/* machine.c: set-up of the facts that never change */
u64 now_ns(void); /* CLOCK_MONOTONIC, for deadlines of system calls */
bool host_is_tcg(void);

/* cpus.c */
int cpus_setup(const char **ret_reason);
u32 cpus_os_number(u32 cpu); /* the kernel's number of a CPU of ours */
u32 cpus_nr_threads(void); /* threads not known to be gone, CPU 0 included */
int cpus_signal(u32 cpu, int signal); /* -ERR_INVAL: its thread is gone */

/* traps.c */
int traps_setup(const char **ret_reason);
int traps_setup_thread(void); /* a stack of its own for faults; per thread */
void traps_leave_thread(void);

/* interrupt.c */
int interrupt_setup(const char **ret_reason);

/* sync.c */
void sync_setup(void);
bool sync_available(void);
void sync_left(u32 cpu); /* rounds no longer count for it */
void sync_returned(u32 cpu); /* they do again, and it has serialised by itself */
const char *sync_kind(void);

/* clock.c */
struct clock_facts {
	u64 cpuid_hz; /* 0 = CPUID does not say */
	u64 measured_hz;
	u64 spread_ppm; /* between the windows of the measurement */
	bool exact; /* machine_tsc_hz() is CPUID's figure */
};

void clock_setup(void);
const struct clock_facts *clock_facts(void);

/* noise.c */
void noise_setup(void);

/* text.c */
int text_setup(const char **ret_reason);
const u8 *text_arena(void);
int text_memfd(const char *name); /* that can be mapped executable; -1 = none */

/* Whole pages of address space. */
struct pages {
	u8 *begin;
	size_t bytes;
};

/* own_text.c: the program itself; text_contains() it from own_text_setup() on */
struct pages own_text_pages(void);
int own_text_setup(const char **ret_reason); /* once, after host_setup(), by a program alone */
bool own_text_contains(const void *addr, size_t len);

/* alias.c: who may write through the second mapping */
int alias_setup(struct pages arena, struct pages own);
int alias_resize(size_t bytes, int fd); /* the first @bytes of the arena have an alias, closed */
int alias_add_own(int fd); /* and so has the program's own text, */
void alias_drop_own(void); /* for good with protection keys, else until CPUs are started */
bool alias_has_own(void);
void alias_restore(bool open); /* after a trap: this thread's rights as they were */
const char *alias_kind(void);
bool alias_is_private(void);

/* pages.c: first fit in units of pages; contents and mappings are the caller's business */
struct page_map {
	u32 nr_pages; /* 65535 at most */
	u16 *owner; /* per page: 1 + the first page of its allocation; 0 = free */
};

#define PAGE_MAP_FULL (~0u)

u32 page_map_take(struct page_map *map, size_t nr_pages, size_t align_pages);
bool page_map_give(struct page_map *map, u32 first, size_t nr_pages);
bool page_map_same(const struct page_map *map, size_t offset, size_t len);
u32 page_map_end(const struct page_map *map); /* 1 + the last page in use */

/* near.c: address space within TEXT_REACH_BYTES of the image */
void *near_reserve(size_t bytes, size_t align_bytes);
int near_setup(const char **ret_reason);

static inline size_t round_up(size_t value, size_t unit)
{
	return (value + unit - 1) / unit * unit;
}

#endif
