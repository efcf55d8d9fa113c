/* SPDX-License-Identifier: MIT */
#include "bench.h"

const struct suite *const suites[] = {
	&suite_check,	 &suite_emulate,      &suite_forms,	&suite_places, &suite_queue,
	&suite_lock,	 &suite_alternatives, &suite_switch,	&suite_sync,   &suite_poke,
	&suite_strategy, &suite_victim,	      &suite_clients,	&suite_module, &suite_interfere,
	&suite_soak,	 &suite_propagation,  &suite_protocols, &suite_hazard, NULL,
};
