/* SPDX-License-Identifier: MIT */
/*
 * Entry point of the host build: the process becomes a machine, and smpoke runs on it.
 */
#include "host.h"
#include "image_patching.h"
#include "smpoke.h"

static void note_ignored_then(enum machine_then then)
{
	if (then == MACHINE_THEN_POWEROFF)
		machine_print("--then poweroff is ignored: this machine is a process\n");
	else if (then == MACHINE_THEN_REBOOT)
		machine_print("--then reboot is ignored: this machine is a process\n");
}

int main(int argc, char **argv)
{
	enum machine_then then = MACHINE_THEN_EXIT;
	struct smpoke_args args = {
		.argc = argc > 0 ? argc - 1 : 0,
		.argv = (const char *const *)(argc > 0 ? argv + 1 : argv),
		.default_then = MACHINE_THEN_EXIT,
	};
	const char *reason;
	int code;

	if (host_setup(&reason)) {
		machine_print("smpoke cannot run here: ");
		machine_print(reason);
		machine_print("\n");
		return SMPOKE_EXIT_MACHINE;
	}
	image_not_patched("this process has no alias of its own text");
	code = smpoke_main(&args, &then);
	note_ignored_then(then);
	return code;
}
