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

static void switch_on(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		if (!strcmp(switches[i].name, name)) {
			*switches[i].on = true;
			return;
		}
	}
	/* A name mistyped must not pass for a fault that nobody notices. */
	fprintf(stderr, "SMPOKE_FAULT=%s: there is no such fault\n", name);
	_Exit(99);
}

/* More than one, with commas, where the first oracle would hide the next. */
__attribute__((constructor)) static void read_switch(void)
{
	char *wanted = getenv("SMPOKE_FAULT");

	if (!wanted)
		return;
	wanted = strdup(wanted);
	for (char *name = strtok(wanted, ","); name; name = strtok(NULL, ","))
		switch_on(name);
	free(wanted);
}
