/* SPDX-License-Identifier: MIT */
/*
 * The calls under test, each with what the model says of it before and after.
 */
#ifndef SMPOKE_TESTS_QUEUE_CALLS_H
#define SMPOKE_TESTS_QUEUE_CALLS_H

#include "queue_model.h"

/* checked_add(), checked_single() - smp_text_poke_batch_add() and smp_text_poke_single() */
void checked_add(const struct request *r);
void checked_single(const struct request *r);

/* checked_process() - smp_text_poke_batch_process() or _finish() */
void checked_process(int (*call)(void));

/* The functions that write text without the protocol. */
enum writer {
	POKE,
	KGDB,
	EARLY,
	COPY,
	COPY_LOCKED,
	SET,
	NR_WRITERS
};

/* checked_write() - @src may be shorter than @len where the call is to be refused for its place */
void checked_write(enum writer writer, u8 *addr, const u8 *src, size_t len);

/* all_is_as_modelled() - text, queue, lock, alias and references; after each operation */
void all_is_as_modelled(void);

/*
 * queue_at_event() - for sim.at_event: a batch is compared at each of its steps, and a CPU runs
 * into one of its sites; queue_salt says which
 */
extern u16 queue_salt;
void queue_at_event(enum sim_event_kind kind, u32 nr);

#endif
