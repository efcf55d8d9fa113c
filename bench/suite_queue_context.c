/* SPDX-License-Identifier: MIT */
/*
 * Calls from the wrong context: refused with the right reason, and the queue works on as ever.
 */
#include "suite_queue.h"

#include "format.h"
#include "machine.h"
#include "text_patching.h"

#define CALL_TIMEOUT_NS (10 * NSEC_PER_SEC)

/* The queue works as ever: whatever was refused has left nothing behind that could be in the way.
 */
static int patch_there_and_back(struct bench_run *run)
{
	const struct queue *q = run->priv;
	int err;

	text_mutex_lock();
	err = smp_text_poke_batch_finish();
	if (!err)
		err = queue_add(&q->sites.sites[0], false);
	if (!err)
		err = smp_text_poke_batch_finish();
	text_mutex_unlock();
	return err ? bench_fail(run, err, "patching after a refusal: %s", error_name(err)) : 0;
}

int queue_no_lock_sample(struct bench_run *run, u64 *values)
{
	struct queue *q = run->priv;
	const struct site *site = &q->sites.sites[0];
	int err;

	q->nr_checks = 0;
	queue_expect(run, queue_was_refused(queue_add(site, true), TEXT_POKE_RULE_LOCK),
		     "a site was queued without text_mutex");
	queue_expect(run, text_poke_refs_idle(), "what was refused is queued");
	text_mutex_lock();
	err = queue_add(site, true);
	text_mutex_unlock();
	queue_expect(run, !err, "a site was refused with text_mutex held");
	queue_expect(run, queue_was_refused(smp_text_poke_batch_process(), TEXT_POKE_RULE_LOCK),
		     "a batch was processed without text_mutex");
	queue_expect_text_as_built(run);
	err = patch_there_and_back(run);
	queue_expect_text_as_built(run);
	values[0] = q->nr_checks;
	return err;
}

/* What another CPU was told while this one held the lock. */
struct call_elsewhere {
	const struct site *site;
	bool held;
	int add, process;
	enum text_poke_rule add_rule, process_rule;
};

static void call_without_lock(void *arg)
{
	struct call_elsewhere *call = arg;

	call->held = text_mutex_held();
	call->add = queue_add(call->site, true);
	call->add_rule = smp_text_poke_refusal()->rule;
	call->process = smp_text_poke_batch_process();
	call->process_rule = smp_text_poke_refusal()->rule;
}

int queue_lock_elsewhere_sample(struct bench_run *run, u64 *values)
{
	struct queue *q = run->priv;
	struct call_elsewhere call = { .site = &q->sites.sites[1] };
	int err;

	q->nr_checks = 0;
	text_mutex_lock();
	err = queue_add(&q->sites.sites[0], true);
	if (!err)
		err = machine_cpu_start(1, call_without_lock, &call);
	if (!err)
		err = machine_cpu_wait(1, CALL_TIMEOUT_NS, NULL);
	text_mutex_unlock();
	if (err)
		bench_fail(run, err, "cpu 1 could not call: %s", error_name(err));
	queue_expect(run, !call.held, "another CPU's text_mutex counts as held");
	queue_expect(run, call.add == -ERR_REFUSED && call.add_rule == TEXT_POKE_RULE_LOCK,
		     "a site was queued with text_mutex held elsewhere");
	queue_expect(run, call.process == -ERR_REFUSED && call.process_rule == TEXT_POKE_RULE_LOCK,
		     "a batch was processed with text_mutex held elsewhere");
	queue_expect_text_as_built(run);
	if (!err)
		err = patch_there_and_back(run);
	queue_expect_text_as_built(run);
	values[0] = q->nr_checks;
	return err;
}

int queue_irqs_off_sample(struct bench_run *run, u64 *values)
{
	struct queue *q = run->priv;
	const struct site *site = &q->sites.sites[0];
	int added, processed, queued;
	bool context_add, context_process;
	u64 flags;

	q->nr_checks = 0;
	text_mutex_lock();
	flags = machine_irq_save();
	added = queue_add(site, true);
	context_add = queue_was_refused(added, TEXT_POKE_RULE_CONTEXT);
	machine_irq_restore(flags);
	queued = queue_add(site, true);
	flags = machine_irq_save();
	processed = smp_text_poke_batch_process();
	context_process = queue_was_refused(processed, TEXT_POKE_RULE_CONTEXT);
	machine_irq_restore(flags);
	text_mutex_unlock();
	queue_expect(run, context_add, "a site was queued with interrupts off");
	queue_expect(run, !queued, "a site was refused with interrupts on");
	queue_expect(run, context_process, "a batch was processed with interrupts off");
	queue_expect_text_as_built(run);
	queued = patch_there_and_back(run);
	queue_expect_text_as_built(run);
	values[0] = q->nr_checks;
	return queued;
}
