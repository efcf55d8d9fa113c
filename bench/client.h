/* SPDX-License-Identifier: MIT */
/*
 * A client of the batch over the sites of a code region, ready to be toggled: a static key, a
 * static call or a tracer.
 */
#ifndef SMPOKE_BENCH_CLIENT_H
#define SMPOKE_BENCH_CLIENT_H

#include "static_call.h"
#include "static_key.h"
#include "toggle.h"
#include "tracer.h"

struct client;

/* What one of them is made of: here are all there are. */
struct client_kind {
	enum site_form form; /* old = off, or the first function; new = on, or the second */
	int (*register_sites)(struct client *client); /* fills the table */
	int (*unregister)(struct client *client);
	int (*change)(void *client, bool new);
	bool (*is_new)(const void *client); /* NULL = it does not say */
};

extern const struct client_kind client_static_key, client_static_call, client_tracer;

struct client {
	struct toggler t;
	const struct client_kind *kind;
	bool registered;
	/* The one that @kind is of. */
	struct static_key key;
	struct static_call_key call;
	struct tracer tracer;
	void *table;
	size_t table_bytes;
};

/**
 * client_build() - a region with @nr_sites sites, and the client registered over them
 *
 * Context: boot CPU. Return: 0, or an error with run->reason set; client_end() is owed either way.
 */
int client_build(struct bench_run *run, struct client *client, const struct client_kind *kind,
		 u32 nr_sites);

/* client_end() - victims out, their violations added to @run, everything freed */
void client_end(struct bench_run *run, struct client *client);

/* client_check_change() - after toggle(): toggle_judge(), and the syncs of all its batches */
void client_check_change(struct bench_run *run, const struct client *client, u64 nr_syncs);

#endif
