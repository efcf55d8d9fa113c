/* SPDX-License-Identifier: MIT */
/*
 * A check in a process of its own: the engine that it stops stays stopped for the life of that.
 */
#ifndef SMPOKE_TESTS_CHILD_H
#define SMPOKE_TESTS_CHILD_H

#include "unit.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "types.h"

#define CHILD_REQUIRE(cond)                                                                        \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s does not hold\n", __func__, __LINE__, #cond);   \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static inline void in_child(void (*check)(u32 arg), u32 arg)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		check(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#endif
