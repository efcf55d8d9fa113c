/* SPDX-License-Identifier: MIT */
#include "picture.h"

#include "format.h"
#include "machine.h"
#include "rows.h"
#include "x86.h"

#define CODE_VERSION "smpoke1"
#define LINE_BYTES 128
#define LOOK_S 30
#define LOOK_NO_STORE_S 600
#define MAX_TYPED 64

/* ---- Bars ---- */

/* Where UP and SMP form of one thing were measured, the first that ran is drawn. */
static const struct {
	const char *suite, *up, *smp, *title;
} charts[] = {
	{ "primitives", "up", "smp", "what patching LOCKs away gains" },
	{ "lock", "3e", "lock", "what a LOCK prefix costs" },
};

static struct row_range find_suite(const char *name, const struct result_row *rows, u32 nr_rows)
{
	struct row_range rest = { rows, nr_rows };

	while (rest.nr) {
		struct row_range suite = rows_take_suite(&rest);

		if (text_equal(suite.rows[0].suite, name))
			return suite;
	}
	return rest;
}

static void add_bars(struct machine_picture *picture, struct row_range bench,
		     const struct result_row *const both[2])
{
	struct picture_row *row = &picture->rows[picture->nr_rows];
	char cell[CELL_BYTES];

	format(row->label, sizeof(row->label), "%s", bench.rows[0].bench);
	for (u32 i = 0; i < 2; i++) {
		row->value[i] = row_is_measured(both[i]) ? both[i]->stats.p50 : 0;
		cell_median(cell, both[i]);
		format(row->text[i], sizeof(row->text[i]), "%s", cell);
	}
	cell_ratio(cell, row->value[1], row->value[0]);
	format(row->gain, sizeof(row->gain), "%s", cell);
	picture->nr_rows++;
}

static void add_suite(struct machine_picture *picture, struct row_range rest, const char *up,
		      const char *smp)
{
	while (rest.nr && picture->nr_rows < PICTURE_MAX_ROWS) {
		struct row_range bench = rows_take_bench(&rest);
		const struct result_row *both[2] = { rows_find(bench, up), rows_find(bench, smp) };

		if (row_is_measured(both[0]) && row_is_measured(both[1]))
			add_bars(picture, bench, both);
	}
}

void picture_fill(struct machine_picture *picture, const char *brand, const struct result_row *rows,
		  u32 nr_rows)
{
	*picture = (struct machine_picture){ .names = { "UP", "SMP" }, .gain_name = "gain" };
	for (u32 i = 0; i < ARRAY_SIZE(charts) && !picture->nr_rows; i++) {
		add_suite(picture, find_suite(charts[i].suite, rows, nr_rows), charts[i].up,
			  charts[i].smp);
		format(picture->title, sizeof(picture->title), "%s: TSC ticks, median",
		       charts[i].title);
	}
	if (!picture->nr_rows)
		format(picture->title, sizeof(picture->title), "smpoke " SMPOKE_VERSION);
	format(picture->lines[0], sizeof(picture->lines[0]), "%.40s, %s", brand, machine_env());
	if (facts_emulated())
		format(picture->lines[1], sizeof(picture->lines[1]),
		       "EMULATED (%s): not a measurement of silicon", machine_env());
}

/* ---- The code ---- */

struct lines {
	char *buf;
	size_t size, len;
	bool full; /* a line in the middle must not be missing */
};

static void add_line(struct lines *lines, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add_line(struct lines *lines, const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = vformat(line, sizeof(line), fmt, args);
	va_end(args);
	if (lines->full || lines->len + len >= lines->size) {
		lines->full = true;
		return;
	}
	format(lines->buf + lines->len, lines->size - lines->len, "%s", line);
	lines->len += len;
}

/* The cells of the table; what was not measured stays empty. */
static void code_cells(char *line, size_t size, struct row_range bench, const char *const *variants)
{
	char cell[CELL_BYTES];
	size_t len = 0;

	for (u32 i = 0; variants[i]; i++) {
		const struct result_row *row = rows_find(bench, variants[i]);

		cell_median(cell, row);
		len += format(line + len, size - len, ",%s", row_is_measured(row) ? cell : "");
	}
}

static void code_primitives(struct lines *lines, struct row_range suite)
{
	static const char *const variants[] = { "up", "smp", "up-8", "smp-8", NULL };
	struct row_range rest = suite;
	char cells[LINE_BYTES], cell[CELL_BYTES];

	while (rest.nr) {
		struct row_range bench = rows_take_bench(&rest);
		const struct result_row *contended = rows_contended(suite, bench.rows[0].bench);

		if (!rows_find(bench, "up"))
			continue;
		code_cells(cells, sizeof(cells), bench, variants);
		cell_median(cell, contended);
		if (contended)
			add_line(lines, "p,%s%s,%s,%u\n", bench.rows[0].bench, cells, cell,
				 contended->cpus);
		else
			add_line(lines, "p,%s%s,,\n", bench.rows[0].bench, cells);
	}
}

static void code_poke(struct lines *lines, struct row_range rest)
{
	char cell[CELL_BYTES], p99[CELL_BYTES], over[CELL_BYTES];

	while (rest.nr) {
		struct row_range bench = rows_take_bench(&rest);
		const struct result_row *total = rows_find(bench, "total");
		const struct result_row *process = rows_find(bench, "process");

		if (!row_is_measured(total))
			continue;
		cell_median(cell, total);
		cell_figure(p99, total, total->stats.p99);
		cell_ratio(over, row_is_measured(process) ? process->stats.p50 : 0,
			   row_is_measured(process) ? process->floor : 0);
		add_line(lines, "b,%s,%u,%u,%s,%s,%s\n", bench.rows[0].bench, bench.rows[0].sites,
			 bench.rows[0].cpus, cell, p99, over);
	}
}

static void code_lock(struct lines *lines, struct row_range rest)
{
	static const char *const variants[] = { "lock", "3e", "90", "none", NULL };
	char cells[LINE_BYTES];

	while (rest.nr) {
		struct row_range bench = rows_take_bench(&rest);

		code_cells(cells, sizeof(cells), bench, variants);
		if (row_is_measured(rows_find(bench, "lock")))
			add_line(lines, "l,%s%s\n", bench.rows[0].bench, cells);
	}
}

size_t picture_code(char *buf, size_t size, const struct code_head *head,
		    const struct result_row *rows, u32 nr_rows)
{
	struct lines lines = { .buf = buf, .size = size };
	const struct runner_totals *t = head->totals;

	buf[0] = '\0';
	add_line(&lines, CODE_VERSION ",%s,%s,%u,%lu,%s,%lu,%u,%u,%u\n", SMPOKE_VERSION,
		 machine_env(), head->nr_cpus, machine_tsc_hz() / 1000,
		 plan_name(head->options->plan), head->options->seed, t->nr_ok, t->nr_fail,
		 t->nr_skip);
	add_line(&lines, "c,%.48s\n", head->brand);
	code_primitives(&lines, find_suite("primitives", rows, nr_rows));
	code_poke(&lines, find_suite("poke", rows, nr_rows));
	code_lock(&lines, find_suite("lock", rows, nr_rows));
	return lines.len;
}

/* ---- On the screen ---- */

u32 picture_look_s(const struct options *options, bool draws)
{
	if (options->look_given)
		return options->look_s;
	if (!draws)
		return 0;
	return options->no_store ? LOOK_NO_STORE_S : LOOK_S;
}

/* Without a keyboard only whoever asked for the time, or has nothing else, is waited for. */
static void wait_for_look(const struct options *options, bool draws)
{
	u64 ns = picture_look_s(options, draws) * NSEC_PER_SEC;
	u64 begin = rdtsc(), ticks = machine_ticks(ns);

	for (u32 i = 0; i < MAX_TYPED && machine_key(0) > 0; i++)
		;
	if (machine_key(ns) != -ERR_UNSUPPORTED)
		return;
	while ((options->look_given || options->no_store) && rdtsc() - begin < ticks)
		cpu_relax();
}

void picture_show(const struct machine_picture *picture, const struct options *options)
{
	bool draws = machine_screen().draws && !machine_show(picture);

	wait_for_look(options, draws);
	if (draws)
		machine_show_end();
}
