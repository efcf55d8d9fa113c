/* SPDX-License-Identifier: MIT */
/* The file that outlives a run, between results.c that knows its folder and state.c. */
#ifndef EFI_STATE_H
#define EFI_STATE_H

#include "firmware.h"

/* state_open() - in the folder of all runs; without it machine_state_write() fails */
void state_open(EFI_FILE *parent);

/* state_close() - at the end */
void state_close(void);

#endif
