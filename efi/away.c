/* SPDX-License-Identifier: MIT */
#include "away.h"

#include "arena.h"
#include "atomic.h"
#include "machine.h"
#include "mem.h"
#include "percpu.h"

/* Several times what the hungriest bench holds. */
#define MEMORY_BYTES (16ul << 20)
#define MIN_MEMORY_BYTES (4ul << 20)
#define KEPT_BYTES (64 * 1024ul)

/* Before each piece of text that is kept. */
struct kept {
	struct machine_file *file;
	u64 len;
};

static struct arena memory;
static u8 *text;
static u64 nr_kept_bytes; /* written by the CPU that keeps, read by the boot CPU */
static u64 nr_written_bytes;
static bool full;
static bool away;

static bool get_memory(void)
{
	size_t bytes;

	for (bytes = MEMORY_BYTES; !memory.start && bytes >= MIN_MEMORY_BYTES; bytes /= 2) {
		memory.start = machine_alloc(bytes);
		memory.nr_pages = bytes / PAGE_BYTES;
	}
	if (memory.start)
		memory.page_state = machine_alloc(memory.nr_pages);
	return memory.page_state != NULL;
}

bool away_set_aside(void)
{
	if (text)
		return true;
	text = get_memory() ? machine_alloc(KEPT_BYTES) : NULL;
	if (!text)
		away_give_back();
	return text != NULL;
}

void away_give_back(void)
{
	struct arena old = memory;
	u8 *old_text = text;

	memory = (struct arena){ 0 };
	text = NULL;
	machine_free(old.page_state, old.nr_pages);
	machine_free(old.start, old.nr_pages * PAGE_BYTES);
	machine_free(old_text, KEPT_BYTES);
}

void away_begin(void)
{
	nr_kept_bytes = nr_written_bytes = 0;
	full = false;
	away = true;
}

void away_end(void)
{
	away = false;
	away_write_kept();
}

bool away_is_it(void)
{
	return away && this_percpu() != &boot_percpu;
}

/* @file has had no error so far, or nothing would have been kept; one now shows at its next row. */
static void write_one(const struct kept *kept, const char *data)
{
	if (kept->file)
		machine_file_write(kept->file, data, kept->len);
	else
		machine_print(data);
}

void away_write_kept(void)
{
	/* A-kept: pairs with R-kept. */
	u64 nr_bytes = load_acquire(&nr_kept_bytes);
	struct kept kept;

	while (nr_written_bytes < nr_bytes) {
		memcpy(&kept, text + nr_written_bytes, sizeof(kept));
		nr_written_bytes += sizeof(kept);
		write_one(&kept, (const char *)text + nr_written_bytes);
		nr_written_bytes += kept.len + 1;
	}
}

static void put(struct machine_file *file, const char *data, size_t len)
{
	struct kept kept = { file, len };
	u8 *at = text + nr_kept_bytes;

	memcpy(at, &kept, sizeof(kept));
	memcpy(at + sizeof(kept), data, len);
	at[sizeof(kept) + len] = '\0';
	/* R-kept: the text is there before it is counted. Pairs with A-kept. */
	store_release(&nr_kept_bytes, nr_kept_bytes + sizeof(kept) + len + 1);
}

void away_keep(struct machine_file *file, const char *data, size_t len)
{
	static const char no_room[] = "there was no room to keep what else this bench had to say\n";
	u64 left = KEPT_BYTES - nr_kept_bytes;

	if (full)
		return;
	full = left < 2 * sizeof(struct kept) + len + 1 + sizeof(no_room);
	if (full)
		put(file, no_room, sizeof(no_room) - 1);
	else
		put(file, data, len);
}

void *away_alloc(size_t nr_pages)
{
	u8 *mem = arena_alloc(&memory, nr_pages, PAGE_BYTES);

	if (mem)
		memset(mem, 0, nr_pages * PAGE_BYTES);
	return mem;
}

bool away_owns(const void *mem)
{
	return arena_contains(&memory, mem, 1);
}

void away_free(void *mem, size_t nr_pages)
{
	arena_free(&memory, mem, nr_pages);
}
