/* SPDX-License-Identifier: MIT */
/*
 * Entry point of the host build: the process becomes a machine, and smpoke runs on it.
 */
#include "host.h"
#include "image.h"
#include "smpoke.h"

static void note_ignored_then(enum machine_then then)
{
	if (then == MACHINE_THEN_POWEROFF)
		machine_print("--then poweroff is ignored: this machine is a process\n");
	else if (then == MACHINE_THEN_REBOOT)
		machine_print("--then reboot is ignored: this machine is a process\n");
}

/* A system that does not let text run from a copy still lets everything else be measured. */
static const char *patch_own_text(void)
{
	const char *reason;

	if (!own_text_setup(&reason))
		return image_patch(&host_image);
	image_not_patched(reason);
	return NULL;
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
	reason = patch_own_text();
	if (reason) {
		machine_print("smpoke: its own text could not be patched: ");
		machine_print(reason);
		machine_print("\n");
		return SMPOKE_EXIT_MACHINE;
	}
	code = smpoke_main(&args, &then);
	image_release();
	note_ignored_then(then);
	return code;
}
