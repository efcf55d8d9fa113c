/* SPDX-License-Identifier: MIT */
/*
 * The switches of tests/fault/include/fault.h, set from SMPOKE_FAULT before main().
 */
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X(id) bool fault_##id;
FAULTS(X)
#undef X

static const struct {
	const char *name;
	bool *on;
} switches[] = {
#define X(id) { #id, &fault_##id },
	FAULTS(X)
#undef X
};

__attribute__((constructor)) static void read_switch(void)
{
	const char *wanted = getenv("SMPOKE_FAULT");

	if (!wanted)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		if (!strcmp(switches[i].name, wanted)) {
			*switches[i].on = true;
			return;
		}
	}
	/* A name mistyped must not pass for a fault that nobody notices. */
	fprintf(stderr, "SMPOKE_FAULT=%s: there is no such fault\n", wanted);
	_Exit(99);
}
