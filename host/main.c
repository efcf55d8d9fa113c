/* SPDX-License-Identifier: MIT */
/*
 * Entry point of the host build: the process becomes a machine, and smpoke runs on it.
 */
#include <stdio.h>

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

/* Which entry of the table, or which byte of the text: it is a fault of the build. */
static int patch_error(const char *reason)
{
	const struct alt_refusal *refusal = &image_patched()->alternatives.refusal;
	char line[200];
	int len = snprintf(line, sizeof(line), "smpoke: its own text could not be patched: %s",
			   reason);

	if (refusal->rule)
		len += snprintf(line + len, sizeof(line) - len, "; entry %u of its alternatives",
				refusal->entry);
	if (refusal->addr)
		len += snprintf(line + len, sizeof(line) - len, "; text+0x%tx",
				(char *)refusal->addr - _stext);
	snprintf(line + len, sizeof(line) - len, "\n");
	machine_print(line);
	return SMPOKE_EXIT_MACHINE;
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
	smpoke_early_options(&args);
	reason = patch_own_text();
	code = reason ? patch_error(reason) : smpoke_main(&args, &then);
	image_release();
	note_ignored_then(then);
	return code;
}
