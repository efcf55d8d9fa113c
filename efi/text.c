/* SPDX-License-Identifier: MIT */
#include "machine.h"
#include "machine_text.h"

#include "text.h"
#include "mem.h"
#include "paging.h"
#include "percpu.h"
#include "x86.h"

#define TEXT_ARENA_BYTES (16ul << 20)
#define NEAR_ARENA_BYTES (8ul << 20)
#define MIN_ARENA_BYTES (2ul << 20)
#define RET_OPCODE 0xC3

/* Interrupts are off while the alias is open; this much is filled before they come on again. */
#define FILL_CHUNK_BYTES (64 * 1024ul)

/* smpoke.lds; all page-aligned. */
extern char _etext[], _rodata[], _erodata[], _data[], _edata[];

static struct arena text_pages, near_pages;

static size_t pages_of(size_t bytes)
{
	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

static int protect_range(const char *start, const char *end, enum page_rights rights)
{
	return paging_protect(start, pages_of((size_t)(end - start)), rights);
}

static const char *protect_image(void)
{
	if (protect_range(_stext, _etext, PAGE_TEXT) ||
	    protect_range(_rodata, _erodata, PAGE_CONSTANT) ||
	    protect_range(_data, _edata, PAGE_DATA))
		return "no memory for the page tables of the image";
	if (paging_alias(_stext, pages_of((size_t)(_etext - _stext))))
		return "no memory for the writable alias of the image";
	return NULL;
}

/* Free text is INT3 throughout: a CPU that strays into it stops at once. */
static int init_text_arena(void)
{
	if (arena_reserve(&text_pages, EfiLoaderCode, TEXT_ARENA_BYTES, MIN_ARENA_BYTES))
		return -ERR_NOMEM;
	memset(text_pages.start, INT3_INSN_OPCODE, text_pages.nr_pages * PAGE_BYTES);
	if (paging_protect(text_pages.start, text_pages.nr_pages, PAGE_TEXT))
		return -ERR_NOMEM;
	return paging_alias(text_pages.start, text_pages.nr_pages);
}

static int init_near_arena(void)
{
	if (arena_reserve(&near_pages, EfiLoaderData, NEAR_ARENA_BYTES, MIN_ARENA_BYTES))
		return -ERR_NOMEM;
	return paging_protect(near_pages.start, near_pages.nr_pages, PAGE_DATA);
}

/* Firmware's timer code may be given these pages next, and will find our rights on them. */
static void give_up_arena(struct arena *arena)
{
	if (arena->start)
		paging_protect(arena->start, arena->nr_pages, PAGE_FIRMWARE);
	arena_release(arena);
}

const char *text_init(void)
{
	if (init_text_arena())
		give_up_arena(&text_pages);
	if (init_near_arena())
		give_up_arena(&near_pages);
	return protect_image();
}

void text_release(void)
{
	arena_release(&text_pages);
	arena_release(&near_pages);
}

const struct arena *text_arena(void)
{
	return &text_pages;
}

static void call_text(void *text)
{
	((void (*)(void))text)();
}

const char *text_selftest(void)
{
	struct machine_fault fault;
	ptrdiff_t delta;
	u8 *text = text_alloc(PAGE_BYTES, PAGE_BYTES);
	int rc;

	if (!text)
		return NULL;
	if (text_alias_open(&delta))
		return "the writable alias of text cannot be opened";
	text[delta] = RET_OPCODE;
	text_alias_close();
	rc = text[0] == RET_OPCODE ? machine_probe(call_text, text, &fault) : -ERR_VERIFY;
	text_free(text, PAGE_BYTES);
	if (rc == -ERR_FAULT)
		return "an instruction in the text arena could not be run";
	return rc ? "a byte written through the alias did not appear in the text" : NULL;
}

u8 *text_alloc(size_t bytes, size_t align_bytes)
{
	return arena_alloc(&text_pages, pages_of(bytes), align_bytes);
}

static void fill_with_int3(u8 *text, size_t bytes)
{
	ptrdiff_t delta;
	size_t chunk;

	for (; bytes; bytes -= chunk, text += chunk) {
		chunk = bytes < FILL_CHUNK_BYTES ? bytes : FILL_CHUNK_BYTES;
		if (text_alias_open(&delta))
			return;
		memset(text + delta, INT3_INSN_OPCODE, chunk);
		text_alias_close();
	}
}

void text_free(u8 *text, size_t bytes)
{
	size_t nr_pages = pages_of(bytes);

	if (arena_contains(&text_pages, text, nr_pages * PAGE_BYTES))
		fill_with_int3(text, nr_pages * PAGE_BYTES);
	arena_free(&text_pages, text, nr_pages);
}

void *text_near_alloc(size_t bytes)
{
	u8 *mem = arena_alloc(&near_pages, pages_of(bytes), PAGE_BYTES);

	if (mem)
		memset(mem, 0, pages_of(bytes) * PAGE_BYTES);
	return mem;
}

void text_near_free(void *mem, size_t bytes)
{
	arena_free(&near_pages, mem, pages_of(bytes));
}

/* The image's own text counts as one allocation that is never freed. */
bool text_contains(const void *addr, size_t len)
{
	const char *p = addr;

	if (p >= _stext && p < _etext)
		return len <= (size_t)(_etext - p);
	return arena_contains(&text_pages, addr, len);
}

int text_alias_open(ptrdiff_t *ret_delta)
{
	struct percpu *pc = this_percpu();

	/* Interrupts first: a handler of firmware may not run with the alias in place. */
	pc->alias_flags = machine_irq_save();
	pc->alias_open = true;
	paging_alias_show(pc->top);
	*ret_delta = paging_alias_delta();
	return 0;
}

void text_alias_close(void)
{
	struct percpu *pc = this_percpu();

	paging_alias_hide(pc->top);
	pc->alias_open = false;
	machine_irq_restore(pc->alias_flags);
}
