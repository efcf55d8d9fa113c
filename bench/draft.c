/* SPDX-License-Identifier: MIT */
#include "draft.h"

#include "fault.h"
#include "format.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "text_patching.h"

/* Why the last region could not be built; "" when it could. */
static char why[96];

const char *region_why(void)
{
	return why;
}

int draft_fail(int error, const char *what)
{
	format(why, sizeof(why), "%s", what);
	return error;
}

int draft_undecodable(const u8 *p)
{
	format(why, sizeof(why), "code region: %02x %02x %02x %02x at %lx is no instruction", p[0],
	       p[1], p[2], p[3], (u64)p);
	return -ERR_CORRUPT;
}

int draft_begin(struct draft *draft, struct region *region, size_t bytes, size_t align_bytes,
		size_t first)
{
	why[0] = 0;
	memset(region, 0, sizeof(*region));
	memset(draft, 0, sizeof(*draft));
	draft->bytes = bytes - first;
	draft->buf = machine_alloc(draft->bytes);
	region->text_bytes = bytes;
	region->pages = text_alloc(bytes, align_bytes);
	if (!draft->buf || !region->pages)
		return draft_fail(-ERR_NOMEM, "no memory for a code region");
	region->text = region->pages + first;
	asm_begin(&draft->a, draft->buf, draft->bytes, (u64)region->text);
	return 0;
}

int draft_finish(struct draft *draft, struct region *region, int err)
{
	if (!err && draft->a.error)
		err = draft_fail(draft->a.error, "the code region could not be encoded");
	if (!err) {
		if (fault(UNDECODABLE_REGION))
			draft->buf[0] = 0x06; /* no instruction in 64-bit mode */
		region->text_end = region->text + draft->a.len;
		err = text_poke_copy(region->text, draft->buf, draft->a.len);
	}
	if (draft->buf)
		machine_free(draft->buf, draft->bytes);
	return err;
}
