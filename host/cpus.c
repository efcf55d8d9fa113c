/* SPDX-License-Identifier: MIT */
/*
 * CPUs are threads, each pinned to one CPU that the process is allowed to use.
 *
 * CPU 0 is the main thread. The others sleep in a futex until they are given a procedure: a
 * spinning idle thread would cost every sync an inter-processor interrupt and share a core's power.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "atomic.h"
#include "fault.h"
#include "host.h"
#include "image_patching.h"
#include "x86.h"

#define START_TIMEOUT_NS (2 * NSEC_PER_SEC)
#define STOP_TIMEOUT_NS (1 * NSEC_PER_SEC)
#define MOVE_TIMEOUT_NS (2 * NSEC_PER_SEC)
/* Short procedures end within this; sleeping at once would add a wake-up to each of them. */
#define WAIT_SPIN_NS (20 * NSEC_PER_USEC)

/*
 * Who moves it: the boot CPU to WORK, LEAVING, RETURNING and QUIT, and from DONE to IDLE; the
 * thread itself to IDLE (from ABSENT and RETURNING), DONE and OUT.
 */
enum cpu_state {
	CPU_ABSENT,
	CPU_IDLE,
	CPU_WORK,
	CPU_DONE,
	CPU_LEAVING,
	CPU_OUT,
	CPU_RETURNING,
	CPU_QUIT,
};

struct host_cpu {
	u32 state; /* enum cpu_state; the futex both sides sleep on */
	u32 index;
	u32 os_cpu;
	bool lost;
	bool offline; /* seen in OUT; boot CPU only, under text_mutex */
	bool has_thread;
	int result;
	cpu_fn fn;
	void *arg;
	pthread_t thread;
	struct machine_fault fault;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

static struct host_cpu cpus[HOST_MAX_CPUS];
static u32 nr_present = 1;
static u32 nr_ours = 1;
static u32 nr_threads = 1;
static u32 nr_offline;

/*
 * The kernel compares and sleeps in one step, so a wake-up between our look and the sleep counts.
 */
static void futex_wait(u32 *word, u32 expected, const struct timespec *deadline)
{
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline, NULL,
		FUTEX_BITSET_MATCH_ANY);
}

static void futex_wake(u32 *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static struct timespec timespec_of(u64 ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / NSEC_PER_SEC),
		.tv_nsec = (long)(ns % NSEC_PER_SEC),
	};
}

/* A deadline that stays a valid timespec, however long the timeout. */
static u64 deadline_after(u64 timeout_ns)
{
	u64 limit = (u64)INT64_MAX - now_ns();

	return now_ns() + (timeout_ns < limit ? timeout_ns : limit - NSEC_PER_SEC);
}

/* Spin, then sleep, while @state stands. Return: false when the deadline passed first. */
static bool wait_while(struct host_cpu *cpu, u32 state, u64 deadline)
{
	u64 spin_end = rdtsc() + machine_ticks(WAIT_SPIN_NS);
	struct timespec ts = timespec_of(deadline);

	/* A-state: pairs with R-state; the results of the thread come before it. */
	while (load_acquire(&cpu->state) == state) {
		if (now_ns() >= deadline)
			return false;
		if (rdtsc() < spin_end)
			cpu_relax();
		else
			futex_wait(&cpu->state, state, &ts);
	}
	return true;
}

static void publish(struct host_cpu *cpu, u32 state)
{
	/* R-state: pairs with A-state. What was written before is visible there. */
	store_release(&cpu->state, state);
	futex_wake(&cpu->state);
}

/* Waiting for orders is the only wait without a deadline: it ends with QUIT or with the process. */
static u32 next_order(struct host_cpu *cpu)
{
	u32 state;

	/* A-state: pairs with R-state by the boot CPU; fn and arg come before it. */
	while ((state = load_acquire(&cpu->state)) == CPU_IDLE || state == CPU_DONE ||
	       state == CPU_OUT)
		futex_wait(&cpu->state, state, NULL);
	return state;
}

/* The boot CPU may have given up on us and said QUIT: that must not be overwritten. */
static bool answer(struct host_cpu *cpu, u32 order, u32 state)
{
	/* R-state: pairs with A-state; what this thread did is there before it says so. */
	if (!__atomic_compare_exchange_n(&cpu->state, &order, state, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return false;
	futex_wake(&cpu->state);
	return true;
}

static void do_work(struct host_cpu *cpu)
{
	cpu->result = machine_probe(cpu->fn, cpu->arg, &cpu->fault);
	publish(cpu, CPU_DONE);
}

/* How the kernel comes back from a futex need not serialise. */
static void come_back(struct host_cpu *cpu)
{
	if (!fault(ONLINE_WITHOUT_SYNC)) {
		iret_to_self();
		sync_returned(cpu->index);
	}
	answer(cpu, CPU_RETURNING, CPU_IDLE);
}

static void obey_orders(struct host_cpu *cpu)
{
	for (;;) {
		switch (next_order(cpu)) {
		case CPU_WORK:
			do_work(cpu);
			break;
		case CPU_LEAVING:
			answer(cpu, CPU_LEAVING, CPU_OUT);
			break;
		case CPU_RETURNING:
			come_back(cpu);
			break;
		default:
			return;
		}
	}
}

static void *cpu_thread(void *arg)
{
	struct host_cpu *cpu = arg;

	host_thread.cpu = cpu->index;
	alias_restore(false);
	if (!traps_setup_thread() && answer(cpu, CPU_ABSENT, CPU_IDLE))
		obey_orders(cpu);
	traps_leave_thread();
	return NULL;
}

static int pin_main(const char **ret_reason)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpus[0].os_cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set)) {
		*ret_reason = "the main thread cannot be pinned to its CPU";
		return -ERR_UNSUPPORTED;
	}
	return 0;
}

int cpus_setup(const char **ret_reason)
{
	cpu_set_t allowed;
	u32 nr = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed)) {
		*ret_reason = "the CPUs of this process cannot be read (sched_getaffinity)";
		return -ERR_UNSUPPORTED;
	}
	for (u32 i = 0; i < HOST_MAX_CPUS; i++) {
		if (!CPU_ISSET(i, &allowed))
			continue;
		cpus[nr].index = nr;
		cpus[nr++].os_cpu = i;
	}
	nr_present = nr;
	cpus[0].state = CPU_IDLE;
	cpus[0].thread = pthread_self();
	cpus[0].has_thread = true;
	return pin_main(ret_reason);
}

static int create_thread(struct host_cpu *cpu)
{
	pthread_attr_t attr;
	cpu_set_t set;
	int error;

	CPU_ZERO(&set);
	CPU_SET(cpu->os_cpu, &set);
	if (pthread_attr_init(&attr))
		return -ERR_NOMEM;
	error = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	if (!error)
		error = pthread_create(&cpu->thread, &attr, cpu_thread, cpu);
	pthread_attr_destroy(&attr);
	return error ? -ERR_NOMEM : 0;
}

static const char *start_one(struct host_cpu *cpu)
{
	cpu->state = CPU_ABSENT;
	cpu->lost = cpu->offline = false;
	if (create_thread(cpu))
		return "the kernel refused a thread on one of the CPUs";
	cpu->has_thread = true;
	nr_threads++;
	if (!wait_while(cpu, CPU_ABSENT, deadline_after(START_TIMEOUT_NS))) {
		publish(cpu, CPU_QUIT);
		return "the thread on one of the CPUs did not start in time";
	}
	return NULL;
}

static int start_all(u32 nr_wanted, const char **ret_reason)
{
	while (nr_ours < nr_wanted) {
		*ret_reason = start_one(&cpus[nr_ours]);
		if (*ret_reason)
			break;
		/* R-ours: the CPU is set up before it counts. Pairs with A-ours. */
		store_release(&nr_ours, nr_ours + 1);
	}
	return 0;
}

/* A trap ends a thread's procedure or the process. */
bool machine_cpu_dead(u32 cpu)
{
	(void)cpu;
	return false;
}

u32 machine_forget_dead_cpus(void)
{
	return 0;
}

/* The kernel starts them, and threads have one way to begin. */
int machine_start_select(enum machine_start how)
{
	return how == START_AUTO ? 0 : -ERR_UNSUPPORTED;
}

int machine_x2apic_select(void)
{
	return -ERR_UNSUPPORTED;
}

void machine_start_watch(void (*before)(void *ctx, enum machine_start how), void *ctx,
			 u32 leave_out)
{
	(void)before;
	(void)ctx;
	(void)leave_out;
}

int machine_start_cpus(u32 nr_wanted, const char **ret_reason)
{
	*ret_reason = NULL;
	if (nr_wanted > nr_present)
		return -ERR_RANGE;
	if (nr_threads > 1)
		return -ERR_BUSY;
	if (!image_patched()->two_way)
		alias_drop_own();
	if (nr_present == 1)
		*ret_reason = "this process may run on one CPU only (see taskset)";
	else if (nr_wanted && nr_wanted < nr_present)
		*ret_reason = "fewer were asked for than there are";
	if (nr_wanted != 1 && nr_present > 1 && !sync_available()) {
		*ret_reason = "the kernel has no membarrier() that serialises the other CPUs";
		return 0;
	}
	if (nr_wanted == 1)
		return 0;
	return start_all(nr_wanted ? nr_wanted : nr_present, ret_reason);
}

static bool stop_one(struct host_cpu *cpu, u64 deadline)
{
	struct timespec ts = timespec_of(deadline);

	if (!wait_while(cpu, CPU_WORK, deadline))
		return false;
	publish(cpu, CPU_QUIT);
	if (pthread_clockjoin_np(cpu->thread, NULL, CLOCK_MONOTONIC, &ts))
		return false;
	cpu->has_thread = false;
	nr_threads--;
	return true;
}

int machine_stage(cpu_fn fn, void *arg)
{
	fn(arg);
	return 0;
}

int machine_stop_cpus(void)
{
	u64 deadline = deadline_after(STOP_TIMEOUT_NS);
	int ret = 0;

	for (u32 i = 1; i < nr_present; i++) {
		if (cpus[i].has_thread && !stop_one(&cpus[i], deadline)) {
			store_relaxed(&cpus[i].lost, true);
			ret = -ERR_TIMEOUT;
		}
	}
	store_release(&nr_ours, 1);
	store_relaxed(&nr_offline, 0);
	return ret;
}

int machine_cpu_start(u32 cpu, cpu_fn fn, void *arg)
{
	struct host_cpu *c;

	if (!cpu || !machine_cpu_is_online(cpu))
		return -ERR_INVAL;
	c = &cpus[cpu];
	if (load_relaxed(&c->lost))
		return -ERR_TIMEOUT;
	if (load_acquire(&c->state) == CPU_WORK)
		return -ERR_BUSY;
	c->fn = fn;
	c->arg = arg;
	publish(c, CPU_WORK);
	return 0;
}

int machine_cpu_wait(u32 cpu, u64 timeout_ns, struct machine_fault *ret_fault)
{
	struct host_cpu *c;

	if (!cpu || cpu >= nr_ours || load_relaxed(&cpus[cpu].state) == CPU_IDLE)
		return -ERR_INVAL;
	c = &cpus[cpu];
	if (load_relaxed(&c->lost))
		return -ERR_TIMEOUT;
	if (!wait_while(c, CPU_WORK, deadline_after(timeout_ns))) {
		store_relaxed(&c->lost, true);
		return -ERR_TIMEOUT;
	}
	/* Only we move it from DONE, and the thread sleeps in both states: no wake-up is needed. */
	store_relaxed(&c->state, CPU_IDLE);
	if (c->result && ret_fault)
		*ret_fault = c->fault;
	return c->result;
}

bool machine_cpu_busy(u32 cpu)
{
	return cpu < nr_ours && load_acquire(&cpus[cpu].state) == CPU_WORK;
}

static void note_offline(struct host_cpu *cpu, bool offline)
{
	store_relaxed(&nr_offline, nr_offline + offline - cpu->offline);
	store_relaxed(&cpu->offline, offline);
}

/* Order a thread out or in. Return: 0, or -ERR_TIMEOUT: it is lost. */
static int move(struct host_cpu *cpu, bool out)
{
	u32 order = out ? CPU_LEAVING : CPU_RETURNING;

	publish(cpu, order);
	if (!wait_while(cpu, order, deadline_after(MOVE_TIMEOUT_NS))) {
		/* It may come at any time, so it counts as in. */
		store_relaxed(&cpu->lost, true);
		note_offline(cpu, false);
		return -ERR_TIMEOUT;
	}
	if (out)
		sync_left(cpu->index);
	note_offline(cpu, out);
	return 0;
}

int machine_cpu_offline(u32 cpu)
{
	struct host_cpu *c;

	if (!cpu || cpu >= nr_ours)
		return -ERR_INVAL;
	c = &cpus[cpu];
	if (load_relaxed(&c->lost))
		return -ERR_TIMEOUT;
	if (load_acquire(&c->state) == CPU_WORK)
		return -ERR_BUSY;
	return c->offline ? 0 : move(c, true);
}

int machine_cpu_online(u32 cpu)
{
	struct host_cpu *c;

	if (!cpu || cpu >= nr_ours)
		return -ERR_INVAL;
	c = &cpus[cpu];
	if (load_relaxed(&c->lost))
		return -ERR_TIMEOUT;
	return c->offline ? move(c, false) : 0;
}

bool machine_cpu_is_online(u32 cpu)
{
	return cpu < nr_ours && !load_relaxed(&cpus[cpu].offline);
}

u32 machine_nr_cpus_online(void)
{
	return machine_nr_cpus() - load_relaxed(&nr_offline);
}

u32 machine_nr_cpus_present(void)
{
	return nr_present;
}

u32 machine_nr_cpus(void)
{
	/* A-ours: pairs with R-ours: a CPU that counts can be asked for. */
	return load_acquire(&nr_ours);
}

noinstr u32 machine_this_cpu(void)
{
	return host_thread.cpu;
}

bool machine_cpu_lost(u32 cpu)
{
	return cpu < HOST_MAX_CPUS && load_relaxed(&cpus[cpu].lost);
}

int cpus_signal(u32 cpu, int signal)
{
	return cpus[cpu].has_thread && !pthread_kill(cpus[cpu].thread, signal) ? 0 : -ERR_INVAL;
}

u32 cpus_os_number(u32 cpu)
{
	return cpus[cpu].os_cpu;
}

u32 cpus_nr_threads(void)
{
	return load_relaxed(&nr_threads);
}
