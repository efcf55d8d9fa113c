/* SPDX-License-Identifier: MIT */
/*
 * Keys of firmware's console: who can type is asked before anything waits, and firmware is not
 * asked for a key that it has not got.
 */
#include "unit.h"

#include <string.h>

#include "firmware.h"
#include "machine.h"
#include "machine_io.h"
#include "x86.h"

#define TICKS_PER_NS 3 /* or less: only the deadline hangs on it */

struct firmware firmware;

static struct stand_in {
	bool console_is_device, keyboard; /* the one in front of all; one behind it */
	EFI_STATUS locate;
	u32 nr_polls_before_key; /* 0 = it is there at once */
	EFI_INPUT_KEY key;
	bool has_key;
	EFI_STATUS read;
	u32 nr_polls, nr_reads, nr_stalls, depth;
} fw;

static int console, keyboard, event;

void firmware_enter_for(const char *call)
{
	assert_non_null(call);
	fw.depth++;
}

void firmware_leave(void)
{
	assert_true(fw.depth > 0);
	fw.depth--;
}

void *firmware_protocol(EFI_HANDLE handle, const EFI_GUID *guid)
{
	(void)guid;
	return handle == &console && fw.console_is_device ? &console : NULL;
}

u64 machine_ticks(u64 ns)
{
	return ns * TICKS_PER_NS;
}

static EFI_STATUS EFIAPI locate_handle(EFI_LOCATE_SEARCH_TYPE type, EFI_GUID *guid, VOID *key,
				       UINTN *bytes, EFI_HANDLE *handles)
{
	assert_int_equal(type, ByProtocol);
	assert_non_null(guid);
	assert_null(key);
	assert_true(fw.depth == 1 && *bytes >= 2 * sizeof(handles[0]));
	handles[0] = &console;
	handles[1] = &keyboard;
	*bytes = (fw.keyboard ? 2 : 1) * sizeof(handles[0]);
	return fw.locate;
}

static EFI_STATUS EFIAPI check_event(EFI_EVENT asked)
{
	assert_ptr_equal(asked, &event);
	assert_int_equal(fw.depth, 1);
	return fw.has_key && fw.nr_polls++ >= fw.nr_polls_before_key ? EFI_SUCCESS : EFI_NOT_READY;
}

/* Real firmware does not come back from here when there is none. */
static EFI_STATUS EFIAPI read_key(SIMPLE_INPUT_INTERFACE *in, EFI_INPUT_KEY *ret)
{
	assert_ptr_equal(in, firmware.st->ConIn);
	assert_true(fw.depth == 1 && fw.has_key && fw.nr_polls > fw.nr_polls_before_key);
	fw.nr_reads++;
	*ret = fw.key;
	return fw.read;
}

static EFI_STATUS EFIAPI stall(UINTN us)
{
	assert_true(us >= 1000 && us <= 10000 && fw.depth == 1);
	fw.nr_stalls++;
	return EFI_SUCCESS;
}

static int set_up(void **state)
{
	static EFI_BOOT_SERVICES bs;
	static EFI_SYSTEM_TABLE st;
	static SIMPLE_INPUT_INTERFACE in;

	(void)state;
	fw = (struct stand_in){ .keyboard = true };
	bs.LocateHandle = locate_handle;
	bs.CheckEvent = check_event;
	bs.Stall = stall;
	in.ReadKeyStroke = read_key;
	in.WaitForKey = &event;
	st.ConIn = &in;
	st.ConsoleInHandle = &console;
	firmware.bs = &bs;
	firmware.st = &st;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return fw.depth ? -1 : 0;
}

static void without_a_keyboard_nothing_waits(void **state)
{
	u64 begin = rdtsc();

	(void)state;
	fw.keyboard = false;
	assert_int_equal(machine_key(3600 * NSEC_PER_SEC), -ERR_UNSUPPORTED);
	fw.locate = EFI_NOT_FOUND;
	assert_int_equal(machine_key(3600 * NSEC_PER_SEC), -ERR_UNSUPPORTED);
	firmware.st->ConsoleInHandle = NULL;
	assert_int_equal(machine_key(3600 * NSEC_PER_SEC), -ERR_UNSUPPORTED);
	fw.locate = EFI_SUCCESS;
	firmware.st->ConIn->WaitForKey = NULL;
	assert_int_equal(machine_key(3600 * NSEC_PER_SEC), -ERR_UNSUPPORTED);
	firmware.st->ConIn = NULL;
	assert_int_equal(machine_key(3600 * NSEC_PER_SEC), -ERR_UNSUPPORTED);
	assert_int_equal(fw.nr_stalls + fw.nr_polls + fw.nr_reads, 0);
	assert_true(rdtsc() - begin < machine_ticks(NSEC_PER_SEC));
}

/* A keyboard of its own, one behind the console, more than we have room for. */
static void each_kind_of_keyboard_is_one(void **state)
{
	(void)state;
	assert_int_equal(machine_key(0), 0);
	fw.keyboard = false;
	fw.console_is_device = true;
	assert_int_equal(machine_key(0), 0);
	fw.console_is_device = false;
	fw.locate = EFI_BUFFER_TOO_SMALL;
	assert_int_equal(machine_key(0), 0);
	assert_int_equal(fw.nr_stalls, 0);
}

static void a_key_is_taken_when_it_comes(void **state)
{
	(void)state;
	fw.has_key = true;
	fw.key.UnicodeChar = 'q';
	fw.nr_polls_before_key = 7;
	assert_int_equal(machine_key(60 * NSEC_PER_SEC), 'q');
	assert_int_equal(fw.nr_stalls, 7);
	assert_int_equal(fw.nr_reads, 1);
}

static void the_time_is_waited_for_and_no_longer(void **state)
{
	u64 begin = rdtsc();

	(void)state;
	assert_int_equal(machine_key(50 * NSEC_PER_MSEC), 0);
	assert_true(rdtsc() - begin >= machine_ticks(50 * NSEC_PER_MSEC));
	assert_true(fw.nr_stalls > 0);
	assert_int_equal(fw.nr_reads, 0);
}

static void keys_without_a_character_are_keys(void **state)
{
	static const struct {
		u16 scan, character;
		int want;
	} keys[] = {
		{ 0, '\r', MACHINE_KEY_ENTER },	  { 0x17, 0, MACHINE_KEY_ESCAPE },
		{ 1, 0, MACHINE_KEY_OTHER }, /* up */
		{ 0, 0x20ac, MACHINE_KEY_OTHER }, { 0, 0xff, 0xff },
	};

	(void)state;
	fw.has_key = true;
	for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
		fw.key.ScanCode = keys[i].scan;
		fw.key.UnicodeChar = keys[i].character;
		assert_int_equal(machine_key(0), keys[i].want);
	}
}

/* Somebody else was quicker, or it was half of one. */
static void a_key_that_is_gone_is_none(void **state)
{
	(void)state;
	fw.has_key = true;
	fw.key.UnicodeChar = 'q';
	fw.read = EFI_NOT_READY;
	assert_int_equal(machine_key(0), 0);
	assert_int_equal(fw.nr_reads, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_keyboard_nothing_waits),	 TEST(each_kind_of_keyboard_is_one),
		TEST(a_key_is_taken_when_it_comes),	 TEST(the_time_is_waited_for_and_no_longer),
		TEST(keys_without_a_character_are_keys), TEST(a_key_that_is_gone_is_none),
	};

	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
