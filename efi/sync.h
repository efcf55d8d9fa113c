/* SPDX-License-Identifier: MIT */
/* Set-up of machine_sync_core_each_cpu(). */
#ifndef EFI_SYNC_H
#define EFI_SYNC_H

/* sync_init() - choose the serialising instruction; before the first sync */
void sync_init(void);

/* "serialize" or "iret" */
const char *sync_instruction(void);

#endif
