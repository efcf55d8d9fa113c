/* SPDX-License-Identifier: MIT */
/* The folder of this run, between results.c that makes it and files.c that fills it. */
#ifndef EFI_RESULTS_H
#define EFI_RESULTS_H

#include "firmware.h"

/* results_folder() - open since machine_results_open(); NULL before */
EFI_FILE *results_folder(void);

/* results_parent() - the folder of all runs, as the user gave it or by default */
const char *results_parent(const char *out);

/* result_files_close() - at the end */
void result_files_close(void);

#endif
