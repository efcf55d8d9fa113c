/* SPDX-License-Identifier: MIT */
#include "summary.h"

#include "format.h"
#include "screen.h"

#define CELL_BYTES 24
#define UNIT_MCYCLES "tsc_mcycles"
#define UNIT_NS "ns"
#define LEADS "primitives" /* the suite whose table comes first: what nobody has published */

/* Rows of one suite, or of one bench of it. */
struct row_range {
	const struct result_row *rows;
	u32 nr;
};

static const char *const status_words[] = {
	[ROW_OK] = "ok",
	[ROW_FAIL] = "FAIL",
	[ROW_SKIP] = "skip",
	[ROW_HANG] = "HANG",
};

static bool same_bench(const struct result_row *a, const struct result_row *b)
{
	return text_equal(a->bench, b->bench) && a->sites == b->sites && a->cpus == b->cpus;
}

/* Cut the rows of the first bench off @rest. */
static struct row_range take_bench(struct row_range *rest)
{
	struct row_range bench = { rest->rows, 0 };

	while (bench.nr < rest->nr && same_bench(&rest->rows[bench.nr], &rest->rows[0]))
		bench.nr++;
	rest->rows += bench.nr;
	rest->nr -= bench.nr;
	return bench;
}

static struct row_range take_suite(struct row_range *rest)
{
	struct row_range suite = { rest->rows, 0 };

	while (suite.nr < rest->nr && text_equal(rest->rows[suite.nr].suite, rest->rows[0].suite))
		suite.nr++;
	rest->rows += suite.nr;
	rest->nr -= suite.nr;
	return suite;
}

static const struct result_row *find_variant(struct row_range bench, const char *variant)
{
	for (u32 i = 0; i < bench.nr; i++) {
		if (text_equal(bench.rows[i].variant, variant))
			return &bench.rows[i];
	}
	return NULL;
}

static void hundredths(char cell[CELL_BYTES], u64 value)
{
	format(cell, CELL_BYTES, "%lu.%02lu", value / 100, value % 100);
}

/* Thousandths as "1.23". */
static void thousandths(char cell[CELL_BYTES], u64 value)
{
	hundredths(cell, value / 10 + (value % 10 >= 5));
}

/* @a / @b as "1.23", or "-" where there is nothing to divide by. */
static void ratio(char cell[CELL_BYTES], u64 a, u64 b)
{
	if (!b || a > UINT64_MAX / 1000)
		format(cell, CELL_BYTES, "-");
	else
		hundredths(cell, (a * 100 + b / 2) / b);
}

/* Thousandths of a cycle and ns read better as cycles and us. */
static bool is_scaled(const struct result_row *row)
{
	return text_equal(row->unit, UNIT_MCYCLES) || text_equal(row->unit, UNIT_NS);
}

static void figure(char cell[CELL_BYTES], const struct result_row *row, u64 value)
{
	if (!row)
		format(cell, CELL_BYTES, "-");
	else if (!row->measured)
		format(cell, CELL_BYTES, "%s", status_words[row->status]);
	else if (is_scaled(row))
		thousandths(cell, value);
	else
		format(cell, CELL_BYTES, "%lu", value);
}

static void median(char cell[CELL_BYTES], const struct result_row *row)
{
	figure(cell, row, row ? row->stats.p50 : 0);
}

static bool is_measured(const struct result_row *row)
{
	return row && row->measured;
}

static void print_reason(struct results *log, const struct result_row *row)
{
	if (row->status != ROW_OK)
		screen_say(log, "    %s: %s\n", status_words[row->status], row->reason);
}

static void print_lock_bench(struct results *log, struct row_range bench)
{
	static const char *const variants[] = { "lock", "3e", "90", "none", "overhead" };
	char cells[ARRAY_SIZE(variants)][CELL_BYTES], gain[CELL_BYTES];
	const struct result_row *lock = find_variant(bench, "lock");
	const struct result_row *up = find_variant(bench, "3e");

	for (u32 i = 0; i < ARRAY_SIZE(variants); i++)
		median(cells[i], find_variant(bench, variants[i]));
	ratio(gain, is_measured(lock) ? lock->stats.p50 : 0,
	      is_measured(lock) && is_measured(up) ? up->stats.p50 : 0);
	screen_say(log, "%-20s %9s %9s %9s %9s %9s %8s\n", bench.rows[0].bench, cells[0], cells[1],
		   cells[2], cells[3], cells[4], gain);
	print_reason(log, &bench.rows[0]);
}

/* Narrower operands behave like 64 bits but for one CPU or another: too many lines for a screen. */
static bool is_narrow(const char *bench)
{
	for (; *bench; bench++)
		if (text_starts(bench, "bit-"))
			return true;
	return false;
}

static void print_lock(struct results *log, struct row_range rest)
{
	u32 nr_left_out = 0;

	screen_say(log,
		   "\n%s: TSC ticks per operation, median; overhead: the empty loop, for "
		   "each turn\n",
		   rest.rows[0].suite);
	screen_say(log, "%-20s %9s %9s %9s %9s %9s %8s\n", "", "lock", "3e", "90", "none",
		   "overhead", "lock/3e");
	while (rest.nr) {
		struct row_range bench = take_bench(&rest);

		if (is_narrow(bench.rows[0].bench) && bench.rows[0].status == ROW_OK)
			nr_left_out++;
		else
			print_lock_bench(log, bench);
	}
	if (nr_left_out)
		screen_say(log, "operands of 8, 16 and 32 bits: %u more in results.csv\n",
			   nr_left_out);
}

/* What the same primitive cost with most CPUs on it; NULL where nobody was there. */
static const struct result_row *find_contended(struct row_range rest, const char *primitive)
{
	const struct result_row *found = NULL;

	for (u32 i = 0; i < rest.nr; i++) {
		const struct result_row *row = &rest.rows[i];
		size_t len = text_len(primitive);

		if (text_starts(row->bench, primitive) && row->bench[len] == '-' &&
		    text_equal(row->variant, "contended") && is_measured(row) &&
		    (!found || row->cpus > found->cpus))
			found = row;
	}
	return found;
}

#define PRIMITIVE_LINE "%-13s %7s %7s %6s %9s %7s %6s %11s %5s\n"

static void print_primitive(struct results *log, struct row_range bench, struct row_range all)
{
	const struct result_row *contended = find_contended(all, bench.rows[0].bench);
	static const char *const variants[] = { "up", "smp", "up-8", "smp-8" };
	char cells[ARRAY_SIZE(variants)][CELL_BYTES], gain[2][CELL_BYTES];
	char shared[CELL_BYTES], cpus[CELL_BYTES] = "";

	for (u32 i = 0; i < ARRAY_SIZE(variants); i++)
		median(cells[i], find_variant(bench, variants[i]));
	for (u32 i = 0; i < 2; i++) {
		const struct result_row *up = find_variant(bench, variants[2 * i]);
		const struct result_row *smp = find_variant(bench, variants[2 * i + 1]);

		ratio(gain[i], is_measured(smp) ? smp->stats.p50 : 0,
		      is_measured(smp) && is_measured(up) ? up->stats.p50 : 0);
	}
	median(shared, contended);
	if (contended)
		format(cpus, sizeof(cpus), "%u", contended->cpus);
	screen_say(log, PRIMITIVE_LINE, bench.rows[0].bench, cells[0], cells[1], gain[0], cells[2],
		   cells[3], gain[1], shared, cpus);
	print_reason(log, &bench.rows[0]);
}

static void print_primitives(struct results *log, struct row_range rest)
{
	struct row_range all = rest;

	screen_say(log, "\nprimitives: what patching LOCKs away gains: TSC ticks for one pair, "
			"median\n");
	screen_say(log, PRIMITIVE_LINE, "", "UP", "SMP", "gain", "8: UP", "SMP", "gain",
		   "contended", "CPUs");
	while (rest.nr) {
		struct row_range bench = take_bench(&rest);

		if (find_variant(bench, "up"))
			print_primitive(log, bench, all);
		else if (bench.rows[0].status != ROW_OK && bench.rows[0].status != ROW_SKIP)
			screen_say(log, "%s, %u CPUs: %s\n", bench.rows[0].bench,
				   bench.rows[0].cpus, bench.rows[0].reason);
	}
}

#define POKE_LINE "%-9s %5u %9s %9s %8s %5s %6s %7s %6s %6lu\n"
#define POKE_HEADING "%-9s %5s %9s %9s %8s %5s %6s %7s %6s %6s\n"

static void print_poke_bench(struct results *log, struct row_range bench)
{
	const struct result_row *total = find_variant(bench, "total");
	const struct result_row *process = find_variant(bench, "process");
	char p50[CELL_BYTES], p99[CELL_BYTES], queue[CELL_BYTES], syncs[CELL_BYTES];
	char traps[CELL_BYTES], passes[CELL_BYTES], over_floor[CELL_BYTES], name[CELL_BYTES];

	median(p50, total);
	figure(p99, total, total ? total->stats.p99 : 0);
	median(queue, find_variant(bench, "queue"));
	median(syncs, find_variant(bench, "syncs"));
	median(traps, find_variant(bench, "traps"));
	median(passes, find_variant(bench, "passes"));
	ratio(over_floor, is_measured(process) ? process->stats.p50 : 0,
	      is_measured(process) ? process->floor : 0);
	format(name, sizeof(name), "%s", bench.rows[0].bench);
	if (text_equal(name, "cpus"))
		format(name, sizeof(name), "%u CPUs", bench.rows[0].cpus);
	screen_say(log, POKE_LINE, name, bench.rows[0].sites, p50, p99, queue, syncs, traps, passes,
		   over_floor, bench.rows[0].violations);
	print_reason(log, &bench.rows[0]);
}

static const char *scaled_unit(const struct result_row *row)
{
	if (!is_scaled(row))
		return row->unit;
	return text_equal(row->unit, UNIT_NS) ? "us" : "ticks";
}

static void print_plain_bench(struct results *log, struct row_range bench)
{
	char p50[CELL_BYTES], p99[CELL_BYTES];

	for (u32 i = 0; i < bench.nr; i++) {
		const struct result_row *row = &bench.rows[i];

		median(p50, row);
		figure(p99, row, row->stats.p99);
		screen_say(log, "%-24s %-14s %14s %14s %s\n", row->bench, row->variant, p50, p99,
			   scaled_unit(row));
	}
	print_reason(log, &bench.rows[0]);
}

/* For a suite that nobody has drawn a table for. */
static void print_plain(struct results *log, struct row_range rest)
{
	screen_say(log, "\n%-24s %-14s %14s %14s unit\n", rest.rows[0].suite, "", "p50", "p99");
	while (rest.nr)
		print_plain_bench(log, take_bench(&rest));
}

static void print_poke(struct results *log, struct row_range rest)
{
	screen_say(log,
		   "\npoke: microseconds for one batch, queueing included; /floor: without it\n");
	screen_say(log, POKE_HEADING, "", "sites", "p50", "p99", "queue", "syncs", "traps",
		   "passes", "/floor", "violat");
	while (rest.nr) {
		struct row_range bench = take_bench(&rest);

		if (find_variant(bench, "total"))
			print_poke_bench(log, bench);
		else
			print_plain_bench(log, bench);
	}
}

#define STRATEGY_LINE "%-27s %5s %5s %9s %9s %9s %9s %8s\n"

static void print_strategy_bench(struct results *log, struct row_range bench)
{
	static const char *const variants[] = { "change", "ready", "written", "over" };
	const struct result_row *change = find_variant(bench, "change");
	char cells[ARRAY_SIZE(variants)][CELL_BYTES], over_floor[CELL_BYTES];
	char cpus[CELL_BYTES], sites[CELL_BYTES];

	for (u32 i = 0; i < ARRAY_SIZE(variants); i++)
		median(cells[i], find_variant(bench, variants[i]));
	ratio(over_floor, is_measured(change) ? change->stats.p50 : 0,
	      is_measured(change) ? change->floor : 0);
	format(cpus, sizeof(cpus), "%u", bench.rows[0].cpus);
	format(sites, sizeof(sites), "%u", bench.rows[0].sites);
	screen_say(log, STRATEGY_LINE, bench.rows[0].bench, cpus, sites, cells[0], cells[1],
		   cells[2], cells[3], over_floor);
	print_reason(log, &bench.rows[0]);
}

static void print_strategy(struct results *log, struct row_range rest)
{
	screen_say(log, "\nstrategy: microseconds for a change, median: until text may be written, "
			"until\nit is, until all CPUs have it; /floor: of what that way must do\n");
	screen_say(log, STRATEGY_LINE, "", "CPUs", "sites", "change", "ready", "written", "over",
		   "/floor");
	while (rest.nr)
		print_strategy_bench(log, take_bench(&rest));
}

/* Counts since a bench began: the last and largest is the total. */
static void total(char cell[CELL_BYTES], const struct result_row *row)
{
	figure(cell, row, row ? row->stats.max : 0);
}

#define HAZARD_LINE "%-11s %11s %8s %8s %7s %6s %6s %6s %6s %6s\n"

static void print_hazard_bench(struct results *log, struct row_range bench)
{
	static const char *const variants[] = { "executed",    "torn",	  "first",
						"torn-within", "torn-8",  "torn-16",
						"torn-32",     "torn-64", "torn-page" };
	char c[ARRAY_SIZE(variants)][CELL_BYTES];

	for (u32 i = 0; i < ARRAY_SIZE(variants); i++)
		total(c[i], find_variant(bench, variants[i]));
	screen_say(log, HAZARD_LINE, bench.rows[0].bench, c[0], c[1], c[2], c[3], c[4], c[5], c[6],
		   c[7], c[8]);
	print_reason(log, &bench.rows[0]);
}

static void print_hazard(struct results *log, struct row_range rest)
{
	screen_say(log, "\nhazard: executions by other CPUs, and how many ran bytes of both forms; "
			"by the\ncoarsest boundary that what was changed lies across. None: not "
			"observed, no more\n");
	screen_say(log, HAZARD_LINE, "", "executed", "torn", "first", "within", "8", "16", "32",
		   "64", "page");
	while (rest.nr)
		print_hazard_bench(log, take_bench(&rest));
}

/* Of a million executions, those torn and the rounds that ended in a fault. */
static void per_million(char cell[CELL_BYTES], struct row_range bench)
{
	const struct result_row *executed = find_variant(bench, "executed");
	const struct result_row *torn = find_variant(bench, "torn");
	const struct result_row *faults = find_variant(bench, "faults");

	if (is_measured(executed) && is_measured(torn) && is_measured(faults))
		ratio(cell, (torn->stats.max + faults->stats.max) * 1000000, executed->stats.max);
	else
		format(cell, CELL_BYTES, "-");
}

#define PROTOCOL_LINE "%-17s %9s %9s %9s %11s %7s %6s %8s\n"

static void print_protocol(struct results *log, struct row_range bench)
{
	const struct result_row *taken = find_variant(bench, "taken");
	char change[CELL_BYTES], taken_p50[CELL_BYTES], taken_p99[CELL_BYTES];
	char executed[CELL_BYTES], torn[CELL_BYTES], faults[CELL_BYTES], rate[CELL_BYTES];

	median(change, find_variant(bench, "change"));
	median(taken_p50, taken);
	figure(taken_p99, taken, taken ? taken->stats.p99 : 0);
	total(executed, find_variant(bench, "executed"));
	total(torn, find_variant(bench, "torn"));
	total(faults, find_variant(bench, "faults"));
	per_million(rate, bench);
	screen_say(log, PROTOCOL_LINE, bench.rows[0].bench, change, taken_p50, taken_p99, executed,
		   torn, faults, rate);
	print_reason(log, &bench.rows[0]);
}

static void print_protocols(struct results *log, struct row_range rest)
{
	screen_say(log,
		   "\nprotocols: microseconds for a change of 16 sites, what it took from "
		   "another CPU,\nand executions there that failed; none: not observed, no more\n");
	screen_say(log, PROTOCOL_LINE, "", "change", "taken", "p99", "executed", "torn", "faults",
		   "of 10^6");
	while (rest.nr)
		print_protocol(log, take_bench(&rest));
}

static void print_check(struct results *log, struct row_range rest)
{
	screen_say(log, "\ncheck: is the machine, and the patching of it, right?\n");
	while (rest.nr) {
		struct row_range bench = take_bench(&rest);
		const struct result_row *row = &bench.rows[0];

		screen_say(log, "%-32s %s%s%s\n", row->bench, status_words[row->status],
			   row->reason[0] ? ": " : "", row->reason);
	}
}

/* A median says nothing of what a single try takes then. */
static void say_peaks(struct results *log, struct row_range suite)
{
	u32 nr = 0;

	for (u32 i = 0; i < suite.nr; i++)
		nr += suite.rows[i].peaks.high != 0;
	if (nr)
		screen_say(log, "two peaks in %u of %u figures: see peak_low and peak_high\n", nr,
			   suite.nr);
}

static void print_suite(struct results *log, struct row_range suite)
{
	static const struct {
		const char *suite;
		void (*print)(struct results *log, struct row_range rest);
	} tables[] = {
		{ "check", print_check },	{ "lock", print_lock },
		{ "split", print_lock },	{ LEADS, print_primitives },
		{ "poke", print_poke },		{ "protocols", print_protocols },
		{ "strategy", print_strategy }, { "hazard", print_hazard },
	};
	u32 i = 0;

	while (i < ARRAY_SIZE(tables) && !text_equal(tables[i].suite, suite.rows[0].suite))
		i++;
	if (i < ARRAY_SIZE(tables))
		tables[i].print(log, suite);
	else
		print_plain(log, suite);
	say_peaks(log, suite);
}

void summary_print(struct results *log, const struct result_row *rows, u32 nr_rows)
{
	for (u32 pass = 0; pass < 2; pass++) {
		struct row_range rest = { rows, nr_rows };

		while (rest.nr) {
			struct row_range suite = take_suite(&rest);

			if (text_equal(suite.rows[0].suite, LEADS) == !pass)
				print_suite(log, suite);
		}
	}
}
