/* SPDX-License-Identifier: MIT */
/* Entry points in vectors.S. They are addresses for the interrupt table, not functions to call. */
#ifndef EFI_VECTORS_H
#define EFI_VECTORS_H

#define VECTOR_STUB_BYTES 16

extern const char vector_stubs[]; /* 256 of them; each ends up in trap_handle() */
extern const char vector_breakpoint[];
extern const char vector_nmi[];
extern const char vector_sync[];
extern const char vector_wake[];
extern const char vector_interrupt[];

#endif
