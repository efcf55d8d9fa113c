/* SPDX-License-Identifier: MIT */
#include "tracer.h"

#include "atomic.h"
#include "mem.h"
#include "sites.h"

/* What the sites of a tracer are to be. */
struct tracer_change {
	const struct tracer *tracer;
	bool on;
};

static int entry_forms(struct site_forms *ret, const void *client, u32 i)
{
	const struct tracer_change *change = client;
	u8 *nop = ret->known[0], *call = ret->known[1];
	int err;

	ret->addr = change->tracer->sites[i];
	ret->len = CALL_INSN_SIZE;
	sites_nop(nop, CALL_INSN_SIZE);
	err = sites_branch(call, CALL_INSN_OPCODE, ret->addr, change->tracer->trampoline);
	if (!err)
		memcpy(ret->want, change->on ? call : nop, CALL_INSN_SIZE);
	return err;
}

static struct site_change tracer_change(const struct tracer_change *change)
{
	return (struct site_change){
		.nr_sites = change->tracer->nr_sites,
		.forms = entry_forms,
		.client = change,
	};
}

int tracer_register(struct tracer *tracer)
{
	const struct tracer_change as_it_is = { .tracer = tracer, .on = tracer->enabled };
	const struct site_change change = tracer_change(&as_it_is);

	return sites_register(&change, &tracer->registered);
}

int tracer_unregister(struct tracer *tracer)
{
	return sites_unregister(&tracer->registered);
}

static int switch_to(struct tracer *tracer, bool on)
{
	const struct tracer_change to = { .tracer = tracer, .on = on };
	const struct site_change change = tracer_change(&to);
	int err = sites_lock(&tracer->registered);

	if (err)
		return err;
	err = sites_switch(&change, &tracer->enabled, on);
	sites_unlock();
	return err;
}

int tracer_enable(struct tracer *tracer)
{
	return switch_to(tracer, true);
}

int tracer_disable(struct tracer *tracer)
{
	return switch_to(tracer, false);
}

bool tracer_enabled(const struct tracer *tracer)
{
	/* A-on: pairs with R-on. */
	return load_acquire(&tracer->enabled);
}
