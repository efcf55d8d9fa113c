/* SPDX-License-Identifier: MIT */
/*
 * Our address spaces: one for each CPU of ours.
 *
 * All are firmware's identity map, shared table by table, except for private copies on the paths to
 * pages whose rights we change. Each CPU has a top level of its own, so that the alias, in which
 * text can be written, can hang in that of the patching CPU alone. Firmware's own tables are never
 * written.
 */
#ifndef EFI_PAGING_H
#define EFI_PAGING_H

#include "types.h"

enum page_rights {
	PAGE_TEXT, /* read, execute */
	PAGE_DATA, /* read, write */
	PAGE_CONSTANT, /* read */
	PAGE_NONE, /* nothing: an access faults */
	PAGE_FIRMWARE, /* read, write, execute: before memory goes back */
};

/**
 * paging_init() - build the boot CPU's space; firmware's stays loaded
 * @near: an address of text; the alias covers the block of memory around it
 *
 * Return: 0; -ERR_NOMEM; -ERR_UNSUPPORTED when every slot of the top level is taken.
 */
int paging_init(const void *near);

/* paging_release() - give the tables back; no CPU may have them loaded */
void paging_release(void);

/* paging_active() - do CPUs of ours run in our space? Set around the time that they do. */
bool paging_active(void);
void paging_activate(void);
void paging_deactivate(void);

/* For the boot CPU around firmware calls. Nothing before paging_activate(). */
void paging_use_firmware(void);
void paging_use_ours(void);

/* The boot CPU's top level; its address is what CR3 wants */
u64 *paging_boot_top(void);

/* paging_use_tops() - a table for so many top levels, ours included; NULL: for that one alone */
void paging_use_tops(u64 **table, u32 nr);

/*
 * paging_add_top() - make @top, one page, another CPU's top level; it follows later changes
 *
 * Return: false when there are too many. paging_drop_tops() ends it for all, when they are home.
 */
bool paging_add_top(u64 *top);
void paging_drop_tops(void);

/*
 * paging_alias_show() - let the CPU that has @top loaded write text; costs one store
 * paging_alias_hide() - end it; loads CR3, so that no translation of the alias is left
 *
 * Context: that CPU, interrupts off.
 */
void paging_alias_show(u64 *top);
void paging_alias_hide(u64 *top);

/**
 * paging_protect() - set the rights of whole pages in our space
 *
 * Context: boot CPU. Other CPUs see it after their next load of CR3.
 * Return: 0; -ERR_NOMEM when there are no more pages for tables.
 */
int paging_protect(const void *start, size_t nr_pages, enum page_rights rights);

/**
 * paging_access() - page_access_fn: pages of data in our space, or not there at all
 *
 * Context: boot CPU. Out of reach only while it is alone, because nobody else drops translations.
 * Return: as paging_protect(); -ERR_BUSY with other CPUs running.
 */
int paging_access(void *begin, size_t bytes, bool accessible);

/**
 * paging_alias() - pages that are writable while the alias shows, at address + paging_alias_delta()
 *
 * Return: 0; -ERR_NOMEM; -ERR_RANGE outside the block that the alias covers.
 */
int paging_alias(const void *start, size_t nr_pages);

/* text_poke_mm_addr, minus the start of the block it covers */
ptrdiff_t paging_alias_delta(void);

/* 4 or 5 */
u32 paging_levels(void);

/* paging_firmware_rights() - what firmware's own tables let one do at @addr: "rwx", "r-x" ... */
void paging_firmware_rights(const void *addr, char ret[4]);

/* paging_has_nx() - can pages be made non-executable on this machine? */
bool paging_has_nx(void);

#endif
