/* SPDX-License-Identifier: MIT */
#include "target.h"

#include "machine.h"
#include "machine_text.h"
#include "text_patching.h"

int target_setup(struct bench_run *run)
{
	struct target *target = machine_alloc(sizeof(*target));

	if (!target)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = target;
	run->cpus = machine_nr_cpus();
	target->data = machine_alloc(PAGE_BYTES);
	target->text = text_alloc(PAGE_BYTES, PAGE_BYTES);
	if (!target->data || !target->text || text_register(target->text, PAGE_BYTES, NULL))
		return bench_fail(run, -ERR_NOMEM, "no memory for the target pages");
	return 0;
}

void target_teardown(struct bench_run *run)
{
	struct target *target = run->priv;

	if (!target)
		return;
	if (target->text) {
		text_unregister(target->text);
		text_free(target->text, PAGE_BYTES);
	}
	if (target->data)
		machine_free(target->data, PAGE_BYTES);
	machine_free(target, sizeof(*target));
}
