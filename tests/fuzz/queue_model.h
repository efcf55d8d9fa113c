/* SPDX-License-Identifier: MIT */
/*
 * What the queue and its writers should do, said once more, and as differently as possible: text is
 * an array of bytes with a flag where an instruction begins, each rule is a question of its own, an
 * effect is read from an instruction's bytes.
 */
#ifndef SMPOKE_TESTS_QUEUE_MODEL_H
#define SMPOKE_TESTS_QUEUE_MODEL_H

#include "sim_machine.h"
#include "text_patching.h"

#define MODEL_MAX_RANGES 8

enum form {
	FORM_NONE,
	FORM_INT3,
	FORM_RET,
	FORM_CALL,
	FORM_JMP,
	FORM_JCC,
	FORM_NOP,
};

/* What an instruction does, as far as it can be emulated. */
struct effect {
	enum form form;
	u8 len;
	u8 condition;
	s64 rel; /* from the end of the instruction */
};

struct model_site {
	u8 *addr;
	u8 len;
	u8 bytes[JCC32_INSN_SIZE];
	struct effect effect;
};

struct model_range {
	size_t offset, bytes;
};

struct model {
	u8 text[SIM_TEXT_BYTES];
	bool starts[SIM_TEXT_BYTES]; /* means something in registered text only */
	struct model_range ranges[MODEL_MAX_RANGES];
	u32 nr_ranges;
	struct model_site sites[TEXT_POKE_ARRAY_MAX];
	u32 nr_sites;
	bool locked;
	bool referenced; /* every CPU has its reference to the queue */
};

extern struct model model;

/* One call of smp_text_poke_batch_add(). */
struct request {
	u8 *addr;
	const u8 *opcode;
	size_t len;
	const u8 *emulate;
};

/* model_reset() - all INT3, nothing registered, queued or locked */
void model_reset(void);

/* model_in_text() - [addr, addr + len) is text, registered or not */
bool model_in_text(const u8 *addr, size_t len);

/* model_rewritten() - the code in model.text[offset, offset + len) is new and begins there */
void model_rewritten(size_t offset, size_t len);

/* model_register() - what text_register() must return; and do it. @ret_bad as there */
int model_register(const u8 *text, size_t bytes, const u8 **ret_bad);
void model_unregister(const u8 *text);

/* model_breaks() - does @r break @rule? Asked of one rule, whatever the others say. */
bool model_breaks(enum text_poke_rule rule, const struct request *r);

/* model_must_flush() - full, or @addr below the last one */
bool model_must_flush(const u8 *addr);
void model_add(const struct request *r);

/* The steps of a batch, on model.text. Return: whether there was something to write. */
bool model_write_int3s(void);
bool model_write_tails(void);
bool model_write_heads(void);

/* model_effect() - of the instruction at @bytes, of which at most @max_bytes are read */
struct effect model_effect(const u8 *bytes, size_t max_bytes);

/* model_condition() - does Jcc with code @cc jump? */
bool model_condition(u64 flags, u8 cc);

#endif
