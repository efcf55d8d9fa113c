/* SPDX-License-Identifier: MIT */
#include "sim_machine.h"

#include <sanitizer/asan_interface.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fault.h"
#include "sim_stores.h"
#include "text_map.h"
#include "text_patching.h"
#include "x86.h"

/* Whole pages, since stores are watched by page. */
#define ALIAS_BYTES ((SIM_TEXT_BYTES + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES)

struct sim sim;
__thread u32 sim_this_cpu;
struct sim_memory sim_memory;
static u8 committed[SIM_TEXT_BYTES]; /* what the text must be, for all that came by the alias */

#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "sim machine: %s does not hold\n", #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Poisoned at 8-byte grain, which the alignment of the buffer satisfies. */
static void close_alias(void)
{
	ASAN_POISON_MEMORY_REGION(sim_memory.alias, sizeof(sim_memory.alias));
	sim.alias_is_open = false;
}

void sim_reset(void)
{
	sim_stores_unwatch();
	ASAN_UNPOISON_MEMORY_REGION(sim_memory.alias, sizeof(sim_memory.alias));
	ASAN_POISON_MEMORY_REGION(sim_memory.behind_text, sizeof(sim_memory.behind_text));
	ASAN_POISON_MEMORY_REGION(sim_memory.behind_alias, sizeof(sim_memory.behind_alias));
	memset(&sim, 0, sizeof(sim));
	memset(sim_text, INT3_INSN_OPCODE, sizeof(sim_text));
	memcpy(committed, sim_text, sizeof(committed));
	close_alias();
	sim.caps = MACHINE_CAP_SMP | MACHINE_CAP_ALIAS_PRIVATE | MACHINE_CAP_SILICON;
	sim.ticks_divisor = 1;
	sim.nr_present = SIM_NR_CPUS;
	sim.nr_cpus = SIM_NR_CPUS;
	sim_this_cpu = 0;
	/* What a test before that failed may have left behind. */
	text_poke_array.nr_entries = 0;
	text_mutex_unlock();
	REQUIRE(!text_poke_init());
	text_unregister(sim_text);
	REQUIRE(!text_register(sim_text, sizeof(sim_text), NULL));
}

u8 *sim_put(size_t offset, const void *bytes, size_t len)
{
	REQUIRE(offset + len <= SIM_TEXT_BYTES && !sim.alias_is_open);
	memcpy(sim_text + offset, bytes, len);
	memcpy(committed, sim_text, sizeof(committed));
	text_map_rewritten(sim_text + offset, len);
	return sim_text + offset;
}

void sim_forget(void)
{
	sim.nr_events = 0;
	memset(sim.nr_of_kind, 0, sizeof(sim.nr_of_kind));
}

u64 sim_hash(void)
{
	u64 hash = 0xcbf29ce484222325; /* FNV-1a */

	for (size_t i = 0; i < sizeof(sim_text); i++)
		hash = (hash ^ sim_text[i]) * 0x100000001b3;
	return hash;
}

const u8 *sim_text_at(enum sim_event_kind kind, u32 nth)
{
	for (u32 i = 0; i < sim.nr_events; i++)
		if (sim.events[i].kind == kind && nth-- == 0)
			return sim.events[i].text;
	return NULL;
}

const char *sim_order(void)
{
	static char order[SIM_MAX_EVENTS + 1];

	for (u32 i = 0; i < sim.nr_events; i++)
		order[i] = "OSC"[sim.events[i].kind];
	order[sim.nr_events] = '\0';
	return order;
}

bool sim_trap(u32 cpu, const u8 *addr, struct trap_regs *regs)
{
	u32 patcher = sim_this_cpu;
	bool ours;

	regs->ip = (u64)addr + INT3_INSN_SIZE;
	sim_this_cpu = cpu;
	ours = sim.hook(regs);
	sim_this_cpu = patcher;
	return ours;
}

static u8 *gate;
static void (*inside_gate)(void);

static void on_gate(int signal, siginfo_t *info, void *context)
{
	u8 *addr = info->si_addr;

	(void)signal;
	(void)context;
	REQUIRE(gate && addr >= gate && addr < gate + PAGE_BYTES);
	inside_gate();
	REQUIRE(!mprotect(gate, PAGE_BYTES, PROT_READ | PROT_WRITE));
}

u64 sim_gate(void (*inside)(void))
{
	struct sigaction action = { .sa_sigaction = on_gate, .sa_flags = SA_SIGINFO };

	if (!gate)
		gate = mmap(NULL, PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(gate != MAP_FAILED && !mprotect(gate, PAGE_BYTES, PROT_NONE));
	REQUIRE(!sigaction(SIGSEGV, &action, NULL));
	inside_gate = inside;
	return (u64)gate + PAGE_BYTES / 2;
}

/*
 * Stores become visible here: the alias is copied to the text, which nobody else may have changed.
 */
static void note(enum sim_event_kind kind)
{
	struct sim_event *event = &sim.events[sim.nr_events];

	REQUIRE(!memcmp(sim_text, committed, sizeof(sim_text)));
	if (sim.alias_is_open)
		memcpy(sim_text, sim_memory.alias, sizeof(sim_text));
	memcpy(committed, sim_text, sizeof(committed));
	if (sim.nr_events < SIM_MAX_EVENTS) {
		event->kind = kind;
		memcpy(event->text, sim_text, sizeof(event->text));
		sim.nr_events++;
	}
	sim.nr_of_kind[kind]++;
	if (sim.at_event)
		sim.at_event(kind, sim.nr_of_kind[kind]);
}

/* ---- machine.h ---- */

u32 machine_caps(void)
{
	return sim.caps;
}

u32 machine_nr_cpus_present(void)
{
	return sim.nr_present;
}

u32 machine_nr_cpus(void)
{
	return sim.nr_cpus;
}

bool machine_cpu_is_online(u32 cpu)
{
	return cpu < sim.nr_cpus && !(sim.offline >> cpu & 1);
}

u32 machine_nr_cpus_online(void)
{
	return sim.nr_cpus - (u32)__builtin_popcount(sim.offline);
}

static int move_cpu(u32 cpu, bool out)
{
	REQUIRE(text_mutex_held());
	if (!cpu || cpu >= sim.nr_cpus)
		return -ERR_INVAL;
	if (sim.move_error)
		return sim.move_error;
	sim.offline = (sim.offline & ~(1u << cpu)) | (u32)out << cpu;
	if (sim.at_move)
		sim.at_move(cpu, out);
	return 0;
}

int machine_cpu_offline(u32 cpu)
{
	return move_cpu(cpu, true);
}

int machine_cpu_online(u32 cpu)
{
	return move_cpu(cpu, false);
}

bool machine_cpu_dead(u32 cpu)
{
	return sim.dead_cpus >> cpu & 1;
}

u32 machine_this_cpu(void)
{
	return sim_this_cpu;
}

bool machine_irqs_off(void)
{
	return sim.irqs_off;
}

u64 machine_ticks(u64 ns)
{
	/* Faster than any CPU counts, so that a busy test machine does not run into deadlines. */
	return ns * 10 / sim.ticks_divisor;
}

int machine_sync_core_each_cpu(u32 *ret_cpu)
{
	note(SIM_SYNC);
	if (sim.fail_sync && !--sim.fail_sync) {
		if (ret_cpu)
			*ret_cpu = SIM_NR_CPUS - 1;
		return -ERR_TIMEOUT;
	}
	if (sim.at_serialise && !fault(ACK_EARLY))
		sim.at_serialise();
	return 0;
}

/* What core never frees is reachable from here, so that it does not count as a leak. */
static void *blocks[256];

static void remember(void *old, void *new)
{
	for (u32 i = 0; i < ARRAY_SIZE(blocks); i++) {
		if (blocks[i] == old) {
			blocks[i] = new;
			return;
		}
	}
}

void *machine_alloc(size_t bytes)
{
	void *mem;

	if (posix_memalign(&mem, PAGE_BYTES, (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES))
		return NULL;
	memset(mem, 0, bytes);
	remember(NULL, mem);
	return mem;
}

void machine_free(void *mem, size_t bytes)
{
	(void)bytes;
	remember(mem, NULL);
	free(mem);
}

/* ---- machine_text.h ---- */

bool text_contains(const void *addr, size_t len)
{
	u64 offset = (u64)addr - (u64)sim_text;

	return offset <= SIM_TEXT_BYTES && len <= SIM_TEXT_BYTES - offset;
}

static void on_store(size_t offset)
{
	sim.at_store(sim_memory.alias, offset);
}

int text_alias_open(ptrdiff_t *ret_delta)
{
	REQUIRE(!sim.alias_is_open && text_mutex_held());
	if (sim.fail_open)
		return -ERR_FAULT;
	ASAN_UNPOISON_MEMORY_REGION(sim_memory.alias, sizeof(sim_memory.alias));
	memcpy(sim_memory.alias, sim_text, sizeof(sim_memory.alias));
	note(SIM_OPEN);
	sim.alias_is_open = true;
	if (sim.at_store)
		sim_stores_watch(sim_memory.alias, ALIAS_BYTES, on_store);
	*ret_delta = sim_memory.alias - sim_text;
	return 0;
}

void text_alias_close(void)
{
	REQUIRE(sim.alias_is_open);
	note(SIM_CLOSE);
	sim_stores_unwatch();
	close_alias();
}

text_bp_hook text_set_bp_hook(text_bp_hook hook)
{
	text_bp_hook before = sim.hook;

	sim.hook = hook;
	return before;
}
