/* SPDX-License-Identifier: MIT */
/*
 * The rendezvous of all CPUs: PREPARE, DISABLE_IRQ, RUN, EXIT.
 *
 * One word holds the state and how many answers it still lacks. So the last answer that begins the
 * next state and the deadline that gives the state up are changes of the same word, and exactly one
 * of them happens. What a CPU runs in the rendezvous is noinstr: the procedure may patch text.
 */
#include "stop_machine.h"

#include "atomic.h"
#include "fault.h"
#include "mem.h"
#include "smp_text_poke.h"
#include "x86.h"

/* Who moves it: the caller to CALLED and, when it gives up, back; the CPU itself from CALLED. */
enum call {
	CALL_NONE,
	CALL_SENT,
	CALL_TAKEN, /* the CPU is in the rendezvous */
};

/* By CPU. All but call is written by that CPU alone. */
struct stopper {
	u32 call;
	u32 depth; /* of stop_hold() */
	bool came_while_held; /* an interrupt that stop_release() has to make up for */
	enum stop_state answered; /* the last state this CPU answered */
} __attribute__((aligned(FALSE_SHARING_BYTES)));

static struct stopper boot_stopper; /* before stop_machine_init() there is one CPU */
static struct stopper *stoppers = &boot_stopper;
static bool overrun; /* a rendezvous that may still be going on was given up: never again */

static struct {
	u32 word; /* state << 16 | answers that it still lacks */
	u32 cpu; /* that runs fn */
	u32 nr_cpus; /* that are to come */
	cpu_fn fn;
	void *arg;
	u64 timeout_ticks;
	int err; /* of fn */
	struct machine_fault fault;
} stop __attribute__((aligned(FALSE_SHARING_BYTES)));

int stop_machine_init(void)
{
	struct stopper *all = machine_alloc(machine_nr_cpus_present() * sizeof(*all));

	if (!all)
		return -ERR_NOMEM;
	stoppers = all;
	return 0;
}

static force_inline u32 word_of(enum stop_state state, u32 nr_missing)
{
	return (u32)state << 16 | nr_missing;
}

static force_inline enum stop_state state_of(u32 word)
{
	return word >> 16;
}

static force_inline enum stop_state state_after(enum stop_state state)
{
	if (fault(STATE_SKIPPED) && state == STOP_PREPARE)
		return STOP_RUN;
	return state + 1;
}

/* ---- In the rendezvous: noinstr from here to stop_release(). ---- */

/* Return: false when the state was given up first. */
static noinstr bool answer(enum stop_state state)
{
	for (;;) {
		u32 word = load_relaxed(&stop.word), next = word - 1;

		if (state_of(word) != state)
			return false;
		if (next == word_of(state, 0))
			next = word_of(state_after(state), stop.nr_cpus);
		/*
		 * R-step: pairs with A-step. The answers are locked changes of one word, so who
		 * sees the next state sees what every CPU did before. Without it fn could miss
		 * stores of a CPU that it stopped.
		 */
		if (raw_atomic_try_cmpxchg(&stop.word, word, next))
			return true;
	}
}

/* R-step: whoever is first past the deadline; the answers of all others are void. */
static noinstr void give_up(enum stop_state state)
{
	u32 word;

	while (state_of(word = load_relaxed(&stop.word)) == state)
		if (raw_atomic_try_cmpxchg(&stop.word, word, word_of(STOP_GIVEN_UP, state)))
			return;
}

/*
 * A-step: pairs with R-step. Without it this CPU could leave, and miss what fn has written.
 * Deadlines are this CPU's own: nobody promises that the counters of two CPUs agree.
 */
static noinstr enum stop_state state_after_waiting(enum stop_state state)
{
	u64 deadline = rdtsc() + stop.timeout_ticks;
	enum stop_state now;

	while ((now = state_of(load_acquire(&stop.word))) == state) {
		if ((s64)(rdtsc() - deadline) > 0)
			give_up(state);
		cpu_relax();
	}
	return now;
}

static force_inline bool runs_fn(enum stop_state state)
{
	if (state != (fault(PAYLOAD_BEFORE_ALL) ? STOP_PREPARE : STOP_RUN))
		return false;
	return stop.cpu == machine_this_cpu();
}

/*
 * The IRET before interrupts come back: an interrupt that runs text which fn has changed runs it as
 * it stands (Linux 3ea1704a9296 is the same order).
 */
static noinstr void take_part(struct stopper *me)
{
	enum stop_state state = STOP_PREPARE;
	bool irq_saved = false;
	u64 flags = 0;

	while (state < STOP_EXIT) {
		if (state == STOP_DISABLE_IRQ) {
			flags = machine_irq_save();
			irq_saved = true;
		}
		if (runs_fn(state))
			stop.err = machine_probe(stop.fn, stop.arg, &stop.fault);
		if (answer(state))
			me->answered = state;
		state = state_after_waiting(state);
	}
	iret_to_self();
	if (irq_saved)
		machine_irq_restore(flags);
}

/* A CPU that was not called, or has come already, has nothing to do here. */
static noinstr void come_if_called(struct stopper *me)
{
	/*
	 * A-call: pairs with R-call. Without it the CPU could take part with the procedure of the
	 * rendezvous before.
	 */
	if (!raw_atomic_try_cmpxchg(&me->call, CALL_SENT, CALL_TAKEN))
		return;
	take_part(me);
	/*
	 * R-gone: pairs with A-gone. Without it the next rendezvous could be set up while this CPU
	 * still looks at the word of this one.
	 */
	store_release(&me->call, CALL_NONE);
}

/* The argument is the owner's when this comes late, so nothing is expected of it. */
static noinstr void stop_interrupt(void *arg)
{
	struct stopper *me = &stoppers[machine_this_cpu()];

	(void)arg;
	if (me->depth)
		me->came_while_held = true;
	else
		come_if_called(me);
}

/*
 * Depth and came_while_held are this CPU's alone, and the interrupt's on it. The fences keep the
 * compiler from moving the section across the count, which would leave it open to be stopped.
 */
noinstr void stop_hold(void)
{
	struct stopper *me = &stoppers[machine_this_cpu()];

	store_relaxed(&me->depth, me->depth + 1);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

noinstr void stop_release(void)
{
	struct stopper *me = &stoppers[machine_this_cpu()];

	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	store_relaxed(&me->depth, me->depth - 1);
	/* An interrupt before the store has left its mark; one after it takes part by itself. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (me->depth || !load_relaxed(&me->came_while_held))
		return;
	store_relaxed(&me->came_while_held, false);
	come_if_called(me);
}

bool stop_held(void)
{
	return load_relaxed(&stoppers[machine_this_cpu()].depth);
}

/* ---- The caller's side. ---- */

static int check_caller(u32 cpu)
{
	if (machine_this_cpu() || !text_mutex_held() || machine_irqs_off() || stop_held() ||
	    smp_text_poke_in_trap())
		return -ERR_PERM;
	return machine_cpu_is_online(cpu) ? 0 : -ERR_INVAL;
}

/* A CPU that is lost to the machine may still be running anything, and nothing reaches it. */
static bool all_can_come(struct stop_report *ret)
{
	for (u32 cpu = machine_nr_cpus(); cpu--;) {
		if (machine_cpu_lost(cpu)) {
			ret->cpu = cpu;
			ret->nr_missing++;
		}
	}
	return !ret->nr_missing;
}

static void set_up(u32 cpu, cpu_fn fn, void *arg, u64 timeout_ns)
{
	memset(&stop, 0, sizeof(stop));
	stop.cpu = cpu;
	stop.fn = fn;
	stop.arg = arg;
	stop.timeout_ticks = machine_ticks(timeout_ns);
	stop.nr_cpus = machine_nr_cpus_online();
	stop.word = word_of(STOP_PREPARE, stop.nr_cpus);
}

/*
 * The next CPU behind @cpu that is in; machine_nr_cpus() when there is none. A CPU that is out runs
 * nothing that the procedure could meet, and nobody gets in or out under text_mutex.
 */
static u32 next_cpu(u32 cpu)
{
	do
		cpu++;
	while (cpu < machine_nr_cpus() && !machine_cpu_is_online(cpu));
	return cpu;
}

/* Who cannot be called does not come, and the deadline says so like of any other. */
static void call_the_others(void)
{
	for (u32 cpu = next_cpu(0); cpu < machine_nr_cpus(); cpu = next_cpu(cpu)) {
		stoppers[cpu].answered = STOP_NONE;
		/* R-call: all of stop is there before the CPU is called. Pairs with A-call. */
		store_release(&stoppers[cpu].call, CALL_SENT);
		machine_interrupt(cpu, MACHINE_INTERRUPT_FIXED);
	}
}

/*
 * A CPU that has not come is not to come any more; one that has must be seen to leave.
 * Return: false when one does not.
 */
static bool send_away(u32 cpu, u64 deadline)
{
	u32 *call = &stoppers[cpu].call;

	/* A-call: the CPU takes the call or we take it back, but not both. */
	if (raw_atomic_try_cmpxchg(call, CALL_SENT, CALL_NONE))
		return true;
	/* A-gone: pairs with R-gone. */
	while (load_acquire(call) != CALL_NONE) {
		if (rdtsc() > deadline)
			return false;
		cpu_relax();
	}
	return true;
}

static void note_missing(struct stop_report *ret, u32 cpu)
{
	if (!ret->nr_missing++)
		ret->cpu = cpu;
}

static void send_all_away(struct stop_report *ret)
{
	u64 deadline = rdtsc() + stop.timeout_ticks;

	for (u32 cpu = next_cpu(0); cpu < machine_nr_cpus(); cpu = next_cpu(cpu)) {
		if (!send_away(cpu, deadline)) {
			overrun = true;
			note_missing(ret, cpu);
		}
	}
}

/* Everybody has left, so what each says it answered stands. */
static void name_the_missing(struct stop_report *ret)
{
	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu = next_cpu(cpu))
		if (stoppers[cpu].answered < ret->state)
			note_missing(ret, cpu);
}

/* Return: what stop_machine() returns. */
static int settle(struct stop_report *ret)
{
	u32 word = load_acquire(&stop.word); /* A-step */

	ret->state = state_of(word);
	send_all_away(ret);
	if (ret->state == STOP_GIVEN_UP) {
		ret->state = word & 0xffff;
		overrun |= ret->state == STOP_RUN;
		if (!ret->nr_missing)
			name_the_missing(ret);
	}
	if (overrun)
		return -ERR_STOPPED;
	if (ret->nr_missing)
		return -ERR_TIMEOUT;
	ret->fault = stop.fault;
	if (stop.err)
		ret->cpu = stop.cpu;
	return stop.err;
}

static int rendezvous(struct stop_report *ret)
{
	void *owners_arg;
	interrupt_fn owner = machine_interrupt_fn(&owners_arg);
	int err;

	err = stop.nr_cpus > 1 ? machine_on_interrupt(stop_interrupt, NULL) : 0;
	if (err)
		return err;
	stoppers[0].answered = STOP_NONE;
	call_the_others();
	take_part(&stoppers[0]);
	err = settle(ret);
	if (stop.nr_cpus > 1)
		machine_on_interrupt(owner, owners_arg);
	return err;
}

int stop_machine(u32 cpu, cpu_fn fn, void *arg, u64 timeout_ns, struct stop_report *ret)
{
	struct stop_report unwanted;
	int err = check_caller(cpu);

	if (err)
		return err;
	if (!ret)
		ret = &unwanted;
	memset(ret, 0, sizeof(*ret));
	if (overrun)
		return -ERR_STOPPED;
	if (!all_can_come(ret))
		return -ERR_TIMEOUT;
	set_up(cpu, fn, arg, timeout_ns);
	return rendezvous(ret);
}

const char *stop_state_name(enum stop_state state)
{
	static const char *const names[] = {
		[STOP_NONE] = "none",
		[STOP_PREPARE] = "prepare",
		[STOP_DISABLE_IRQ] = "disable-irq",
		[STOP_RUN] = "run",
		[STOP_EXIT] = "exit",
		[STOP_GIVEN_UP] = "given-up",
	};

	return names[state];
}
