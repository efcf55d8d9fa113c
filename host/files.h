/* SPDX-License-Identifier: MIT */
/* Between the run's folder (results.c) and the files in it (files.c). */
#ifndef SMPOKE_HOST_FILES_H
#define SMPOKE_HOST_FILES_H

#include "types.h"

int files_folder(void); /* descriptor of the run's folder; -1 = there is none */
int files_error(int system); /* an errno as the negative of one of our codes */
int files_pwrite(int fd, const char *data, size_t len, size_t at); /* all of it; 0 or an errno */

#endif
