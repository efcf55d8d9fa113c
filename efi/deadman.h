/* SPDX-License-Identifier: MIT */
#ifndef EFI_DEADMAN_H
#define EFI_DEADMAN_H

/* deadman_stage() - what may hang begins; on the CPU that does it */
void deadman_stage(void);

/* deadman_last() - what was to be done before the machine ends, once; on the boot CPU */
void deadman_last(const char *why);

/* deadman_release() - give firmware its event back; before the image is left */
void deadman_release(void);

#endif
