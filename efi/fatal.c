/* SPDX-License-Identifier: MIT */
#include "fatal.h"

#include "atomic.h"
#include "deadman.h"
#include "firmware.h"
#include "machine.h"
#include "machine_io.h"
#include "machine_text.h"
#include "percpu.h"
#include "strings.h"
#include "x86.h"

#define COM1 0x3F8
#define UART_LINE_STATUS 5
#define UART_CAN_SEND (1u << 5)
#define UART_MAX_LOOKS 100000
#define RESET_PORT 0xCF9
#define RESET_PORT_FULL 0x0E

/* Long enough to read, or to photograph, one screen before the machine goes off. */
#define READING_TIME_NS (20 * NSEC_PER_SEC)

static u8 inb(u16 port)
{
	u8 v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static void outb(u16 port, u8 v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static void serial_char(char c)
{
	u32 looks = 0;

	while (!(inb(COM1 + UART_LINE_STATUS) & UART_CAN_SEND) && ++looks < UART_MAX_LOOKS)
		cpu_relax();
	outb(COM1, (u8)c);
}

/* Needs no firmware, which may be what broke. An absent port reads as all ones. */
static void serial_print(const char *text)
{
	if (inb(COM1 + UART_LINE_STATUS) == 0xFF)
		return;
	for (; *text; text++) {
		if (*text == '\n')
			serial_char('\r');
		serial_char(*text);
	}
}

static void add_hex(struct string *s, const char *what, u64 value)
{
	string_add(s, what);
	string_hex(s, value);
}

static void write_report(struct string *s, const struct machine_fault *fault,
			 const struct trap_regs *regs)
{
	u32 i;

	string_add(s, "\nsmpoke: stopped by exception ");
	string_dec(s, fault->vector);
	string_add(s, " on CPU ");
	string_dec(s, fault->cpu);
	add_hex(s, "\n  ip ", fault->ip);
	if (fault->module.text[0]) {
		string_add(s, " = ");
		string_add(s, fault->module.text);
		add_hex(s, "+", fault->offset);
	}
	add_hex(s, "  _stext ", (u64)_stext);
	add_hex(s, "  sp ", regs->sp);
	add_hex(s, "\n  error code ", fault->error_code);
	add_hex(s, "  cr2 ", read_cr2());
	add_hex(s, "  cr3 ", read_cr3());
	add_hex(s, "  flags ", regs->flags);
	string_add(s, "\n  bytes at ip:");
	for (i = 0; i < fault->nr_bytes; i++) {
		string_char(s, ' ');
		string_hex_digits(s, fault->bytes[i], 2);
	}
	add_hex(s, "\n  ax ", regs->ax);
	add_hex(s, "  cx ", regs->cx);
	add_hex(s, "  dx ", regs->dx);
	add_hex(s, "  di ", regs->di);
	add_hex(s, "  si ", regs->si);
	string_add(s, "\nEvery row that was written is on the medium.\n");
}

/* Of the report, without the line ends around it. */
static const char *first_line(char *report)
{
	char *end = report + 1;

	while (*end && *end != '\n')
		end++;
	*end = '\0';
	return report + 1;
}

static void wait_ns(u64 ns)
{
	u64 deadline = rdtsc() + machine_ticks(ns);

	while ((s64)(rdtsc() - deadline) < 0)
		cpu_relax();
}

static _Noreturn void park(struct percpu *pc, const struct machine_fault *fault)
{
	pc->result_fault = *fault;
	/* R-park: the fault is there before the state says so. Pairs with A-park in cpus.c. */
	store_release(&pc->state, AP_PARKED);
	for (;;)
		__asm__ volatile("cli\n\thlt" : : : "memory");
}

_Noreturn void fatal_trap(const struct machine_fault *fault, const struct trap_regs *regs)
{
	char buf[768];
	struct string s;

	if (this_percpu() != &boot_percpu)
		park(this_percpu(), fault);
	string_init(&s, buf, sizeof(buf));
	write_report(&s, fault, regs);
	serial_print(buf);
	/* On a machine without a serial port this is the only way to be seen; it may trap again. */
	machine_print(buf);
	/* The log, too, where the CPU can be believed and firmware is not in the middle of it. */
	if (!firmware_is_in() && fault->vector != TRAP_MC && fault->vector != TRAP_DF)
		deadman_last(first_line(buf));
	if (machine_caps() & MACHINE_CAP_SILICON)
		wait_ns(READING_TIME_NS);
	fatal_end();
}

_Noreturn void fatal_again(void)
{
	struct percpu *pc = this_percpu();

	if (pc != &boot_percpu)
		park(pc, &pc->fault);
	serial_print("smpoke: a second exception while reporting the first\n");
	fatal_end();
}

_Noreturn void fatal_end(void)
{
	static const struct table_register no_idt;
	static bool tried;

	/* A trap inside ResetSystem() comes back here; it is asked once. */
	if (!tried) {
		tried = true;
		firmware_enter_bare();
		firmware.rt->ResetSystem(EfiResetShutdown, EFI_ABORTED, 0, NULL);
		firmware.rt->ResetSystem(EfiResetCold, EFI_ABORTED, 0, NULL);
	}
	outb(RESET_PORT, RESET_PORT_FULL);
	__asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt) : "memory");
	for (;;)
		__asm__ volatile("cli\n\thlt" : : : "memory");
}
