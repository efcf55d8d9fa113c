/* SPDX-License-Identifier: MIT */
/*
 * What a piece of text is called, for whoever reports an address in it.
 */
#ifndef SMPOKE_MODULE_NAME_H
#define SMPOKE_MODULE_NAME_H

#include "types.h"

#define MODULE_NAME_BYTES 32 /* the final zero included */

struct module_name {
	char text[MODULE_NAME_BYTES];
};

/**
 * module_name_at() - name of the LIVE module (module.h) whose text holds @addr
 * @ret_name, @ret_offset: set when it returns true: a copy, and how far @addr is into the text
 *
 * Context: any CPU of ours, any state, traps included. noinstr. Takes no lock and waits for nobody:
 * one look at each linked module, between stop_hold() and stop_release().
 */
bool module_name_at(const void *addr, struct module_name *ret_name, u64 *ret_offset);

#endif
