/* SPDX-License-Identifier: MIT */
#include "bench.h"

const struct suite *const suites[] = {
	&suite_check,  &suite_clock,   &suite_emulate,	  &suite_forms,	       &suite_places,
	&suite_queue,  &suite_lock,    &suite_primitives, &suite_alternatives, &suite_switch,
	&suite_sync,   &suite_int3,    &suite_poke,	  &suite_strategy,     &suite_clients,
	&suite_module, &suite_hotplug, &suite_interfere,  &suite_victim,       &suite_propagation,
	&suite_split,  &suite_soak,    &suite_protocols,  &suite_hazard,       NULL,
};
