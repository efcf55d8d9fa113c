/* SPDX-License-Identifier: MIT */
/*
 * Planted faults that can be switched on: this folder stands before include/ in the fault build.
 *
 * SMPOKE_FAULT=NAME in the environment switches one on before main(). There is one variable a
 * fault, so that an identifier that core uses and this file does not know fails to build.
 */
#ifndef SMPOKE_FAULT_H
#define SMPOKE_FAULT_H

#include "types.h"

#define FAULTS(X)                                                                                  \
	X(OMIT_INT3) /* step 3 writes no INT3 */                                                   \
	X(TAIL_FIRST) /* step 4 before step 3 */                                                   \
	X(PUBLISH_LATE) /* step 1 after step 3 */                                                  \
	X(CLOBBER_NEIGHBOURS) /* a tail across two words takes what stands behind it along */      \
	X(SKIP_SYNC1) /* no sync between INT3 and tail */                                          \
	X(SKIP_SYNC2) /* no sync between tail and first byte */                                    \
	X(SKIP_SYNC3) /* no sync after the first byte */                                           \
	X(ACK_EARLY) /* a sync returns before the other CPUs have serialised */                    \
	X(SETTLE_LEFT_OUT) /* a machine with stale INT3s is not settled */                         \
	X(DROP_REFS_EARLY) /* step 8 does not wait for CPUs in the handler */                      \
	X(HANDLER_WITHOUT_REF) /* the handler takes no reference */                                \
	X(LEAVE_ALIAS_OPEN) /* step 6 left out */                                                  \
	X(QUEUE_UNSORTED) /* a site below the last one is queued without a flush */                \
	X(SKIP_CONTEXT_CHECK) /* a call without the lock, or with interrupts off, is taken */      \
	X(SKIP_BOUNDARY_CHECK) /* a site in the middle of an instruction is taken */               \
	X(ALLOW_OVERLAP) /* a site that overlaps a queued one is taken */                          \
	X(LOCKS_TEXT_END) /* a lock entry at the end of the text is accepted */                    \
	X(LOCKS_NOT_REMOVED) /* a LOCK counts as changed, and stays */                             \
	X(LOCKS_NOT_RESTORED) /* a LOCK counts as restored, and stays out */                       \
	X(SELFTEST_LEFT_OUT) /* the INT3 self-test is content without looking */                   \
	X(WRONG_CALL_RETURN) /* an emulated CALL pushes an address one off */                      \
	X(WRONG_CALL_TARGET) /* an emulated CALL goes on behind itself */                          \
	X(WRONG_RET) /* an emulated RET leaves the stack pointer */                                \
	X(WRONG_JMP) /* an emulated JMP falls through */                                           \
	X(WRONG_JCC) /* an emulated Jcc decides the other way */                                   \
	X(WRONG_NOP) /* an emulated NOP goes on inside itself */                                   \
	X(WRONG_PADDED) /* an emulated JMP counts from the end of its padding */                   \
	X(RELOCATE_INSIDE_BLOCK) /* a target inside the block is moved as if it were outside */    \
	X(SHRINK_PREFIXED_JUMP) /* a prefixed JMP rel32 is shrunk as if it had five bytes */       \
	X(MERGE_PAUSE) /* PAUSE is taken for a NOP */                                              \
	X(PUBLISH_BEFORE_INIT) /* a module is on the list before its fields are written */         \
	X(REMOVE_WITHOUT_STOP) /* a module is taken off the list with look-ups in it */            \
	X(STATE_SKIPPED) /* a rendezvous goes from PREPARE to RUN */                               \
	X(PAYLOAD_BEFORE_ALL) /* the procedure runs in PREPARE, when not all have come */          \
	X(ALT_FIRST_WINS) /* of several eligible alternatives the first is taken */                \
	X(ALT_WRITE_EACH) /* each alternative of a site is written, the last one last */           \
	X(ALT_NO_LENGTH_CHECK) /* a replacement may be longer than its site */                     \
	X(ALT_DIRECT_CALL_LATE) /* a call is made direct after it was relocated */                 \
	X(FREE_BEFORE_READY) /* pages are freed before the map of them is drawn */                 \
	X(FREE_TWICE) /* nobody asks whether a page is the caller's to free */                     \
	X(OMIT_POISON) /* a freed page keeps what was in it */                                     \
	X(FREED_STAYS_MAPPED) /* and stays within reach */                                         \
	X(SAVE_SKIPPED) /* the SMP form of a 2006 site is not kept */                              \
	X(RESTORE_SHORT) /* and restored only as far as its UP form reached */                     \
	X(UP_NOT_RELOCATED) /* a UP form is written as it was assembled */                         \
	X(CHECK_FIRST_ENTRY_ONLY) /* a 2006 table is checked while it is applied */                \
	X(FREE_TABLE_EARLY) /* the lock table is freed while the list refers to it */              \
	X(KEEP_NODES_AFTER_SMP) /* the list is not freed when SMP is enabled */                    \
	X(DEL_WALKS_AFTER_SMP) /* and is walked although nothing can be on it */                   \
	X(ADD_WITHOUT_NODE) /* a module that cannot be remembered loses its LOCKs */               \
	X(SWITCH_ANYWAY) /* a switch to the form that it is rewrites everything */                 \
	X(SITES_UNSORTED) /* a client queues its sites from the last to the first */               \
	X(SITES_UNCHECKED) /* a client does not look at the bytes that are there */                \
	X(VALUE_FIRST) /* a client says that it is on before its sites are */                      \
	X(KEY_OFF_EARLY) /* the first of several that wanted a key on turns it off */              \
	X(FUNC_FIRST) /* a static call names the new function before its sites call it */          \
	X(ONLINE_WITHOUT_SYNC) /* a CPU that comes in again does not serialise */                  \
	X(UP_STAYS_UP) /* a second CPU comes in while text is in UP form */                        \
	X(MODULE_KEEPS_ORIGINALS) /* a module is loaded without its alternatives */                \
	X(UNLOADED_STAYS_LISTED) /* smp_alt_modules keeps a module that was unloaded */            \
	X(LOCKS_STAY_UP) /* other CPUs are started while our own LOCKs are out */                  \
	X(PRINT_IN_SAMPLE) /* a line is printed while a bench is measured */                       \
	X(LOOP_COST_KEPT) /* the cost of a loop stays in every sample */                           \
	X(SAMPLES_FIRST) /* of many samples the first are kept */                                  \
	X(UNDECODABLE_REGION) /* a byte of a code region is spoilt before it is copied */

#define X(id) extern bool fault_##id;
FAULTS(X)
#undef X

#define fault(id) (fault_##id)

#endif
