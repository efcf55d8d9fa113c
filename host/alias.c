/* SPDX-License-Identifier: MIT */
/*
 * Who may write through the alias.
 *
 * With protection keys the mapping is writable at all times, and each thread's PKRU register says
 * whether that thread may touch it: two unprivileged instructions open and close it, for this
 * thread alone. Without them it is one mprotect() that all threads share, and whose closing has to
 * reach every CPU that runs one of them. Its cost grows with the pages, so there is an alias only
 * for the text in use; and as mappings are opened and closed whole, mprotect() neither splits nor
 * merges any.
 *
 * Arena and own text have one distance to their alias, so theirs lie as far apart as they do.
 * Without keys one mprotect() is for both, and for the empty space in between. That costs some
 * microseconds in each opening and closing, so it ends when CPUs are started: own text is final
 * then, unless it follows the number of CPUs (--smp-alt-two-way).
 *
 * The kernel starts a signal handler with every key but 0 denied, so the alias is closed in
 * handlers even when the interrupted code has it open; sigreturn brings the rights back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host.h"
#include "x86.h"

static u8 *alias; /* the arena's */
static ptrdiff_t alias_delta;
static struct pages own_alias; /* the own text's; no bytes: there is none */
static size_t alias_bytes; /* what exists of it: exactly the text in use, from the arena's start */
static int key = -1;
static u32 key_deny; /* both bits of our key in PKRU: no access, no write */

/* As bytes in asm of our own: libc's pkey_set() is a call and two checks longer. */
static force_inline u32 rdpkru(void)
{
	u32 pkru, zero;

	__asm__ volatile("rdpkru" : "=a"(pkru), "=d"(zero) : "c"(0) : "memory");
	return pkru;
}

static force_inline void wrpkru(u32 pkru)
{
	__asm__ volatile("wrpkru" : : "a"(pkru), "c"(0), "d"(0) : "memory");
}

static force_inline void key_allow(bool allow)
{
	wrpkru(allow ? rdpkru() & ~key_deny : rdpkru() | key_deny);
}

/* From the first byte of either to the last. */
static struct pages span_of(struct pages a, struct pages b)
{
	u8 *begin = a.begin < b.begin ? a.begin : b.begin;
	u8 *a_end = a.begin + a.bytes, *b_end = b.begin + b.bytes;

	return (struct pages){ begin, (size_t)((a_end > b_end ? a_end : b_end) - begin) };
}

/* SMPOKE_NO_PKEYS=1 is for the tests: it makes this CPU one without protection keys. */
int alias_setup(struct pages arena, struct pages own)
{
	const char *no_keys = getenv("SMPOKE_NO_PKEYS");
	struct pages text = span_of(arena, own);
	u8 *space = mmap(NULL, text.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);

	if (space == MAP_FAILED)
		return -ERR_NOMEM;
	alias_delta = space - text.begin;
	alias = arena.begin + alias_delta;
	if (!no_keys || strcmp(no_keys, "1"))
		key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
	if (key >= 0)
		key_deny = 3u << (2 * key);
	return 0;
}

static int close_piece(u8 *piece, size_t bytes)
{
	if (key >= 0)
		return pkey_mprotect(piece, bytes, PROT_READ | PROT_WRITE, key) ? -ERR_NOMEM : 0;
	return mprotect(piece, bytes, PROT_NONE) ? -ERR_NOMEM : 0;
}

/*
 * A new piece is filled with INT3 while it is still open, before it gets its protection: that also
 * marks its pages dirty, so that no first write through the alias is slower than the others.
 */
static int grow(size_t bytes, int fd)
{
	size_t len = bytes - alias_bytes;
	u8 *piece = mmap(alias + alias_bytes, len, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, (off_t)alias_bytes);

	if (piece == MAP_FAILED)
		return -ERR_NOMEM;
	memset(piece, INT3_INSN_OPCODE, len);
	return close_piece(piece, len);
}

static int shrink(size_t bytes)
{
	void *piece = mmap(alias + bytes, alias_bytes - bytes, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	return piece == MAP_FAILED ? -ERR_NOMEM : 0;
}

int alias_resize(size_t bytes, int fd)
{
	int error = 0;

	if (bytes > alias_bytes)
		error = grow(bytes, fd);
	else if (bytes < alias_bytes)
		error = shrink(bytes);
	if (!error)
		alias_bytes = bytes;
	return error;
}

int alias_add_own(int fd)
{
	struct pages own = own_text_pages();
	u8 *piece = mmap(own.begin + alias_delta, own.bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0);

	if (piece == MAP_FAILED || close_piece(piece, own.bytes))
		return -ERR_NOMEM;
	own_alias = (struct pages){ piece, own.bytes };
	return 0;
}

void alias_drop_own(void)
{
	if (key < 0)
		own_alias.bytes = 0;
}

bool alias_has_own(void)
{
	return own_alias.bytes;
}

const char *alias_kind(void)
{
	return key >= 0 ? "pkey" : "mprotect";
}

bool alias_is_private(void)
{
	return key >= 0;
}

static int refuse(const char *reason)
{
	machine_print("text alias: ");
	machine_print(reason);
	machine_print("\n");
	return -ERR_FAULT;
}

/* Without protection keys, all at once. */
static int set_rights(int rights)
{
	struct pages all = { alias, alias_bytes };

	if (own_alias.bytes)
		all = span_of(all, own_alias);
	return mprotect(all.begin, all.bytes, rights);
}

int text_alias_open(ptrdiff_t *ret_delta)
{
	if (host_thread.alias_open)
		return refuse("it is open already");
	if (key >= 0)
		key_allow(true);
	else if (set_rights(PROT_READ | PROT_WRITE))
		return refuse(strerror(errno));
	host_thread.alias_open = true;
	*ret_delta = alias_delta;
	return 0;
}

void text_alias_close(void)
{
	host_thread.alias_open = false;
	if (key >= 0)
		key_allow(false);
	else if (set_rights(PROT_NONE))
		host_die("the text alias cannot be closed");
}

void alias_restore(bool open)
{
	if (!open && host_thread.alias_open)
		text_alias_close();
	else if (key >= 0)
		key_allow(open);
}
