/* SPDX-License-Identifier: MIT */
#include "results.h"

#include "bulk.h"
#include "fault.h"
#include "format.h"
#include "machine.h"
#include "mem.h"
#include "x86.h"

#define KIB 1024ul

/* Kept free for the line that proves a file complete, and for the one that says it is full. */
#define RESERVE_BYTES 512ul

struct file_kind {
	const char *name;
	const char *heading;
	size_t bytes; /* 0 = depends on the plan */
	size_t reserve_bytes;
};

static const struct file_kind file_kinds[NR_RESULTS_FILES] = {
	[RESULTS_ROWS] = { "results.csv",
			   "schema,run,suite,bench,variant,cpus,sites,unit,n,min,p50,p90,p99,p999,"
			   "max,mad,floor,violations,status,reason,env,peak_low,peak_high,"
			   "cancelled,smis,gap_ns,switches,ratio_begin,ratio_end\n",
			   512 * KIB, 0 },
	[RESULTS_SAMPLES] = { "samples.csv", "schema,run,row,i,value\n", 0, 0 },
	[RESULTS_MACHINE] = { "machine.csv", "schema,run,key,value\n", 32 * KIB, RESERVE_BYTES },
	[RESULTS_LOG] = { "log.txt", "", 128 * KIB, RESERVE_BYTES },
};

static const char *const status_names[] = {
	[ROW_OK] = "ok",
	[ROW_FAIL] = "fail",
	[ROW_SKIP] = "skip",
	[ROW_HANG] = "hang",
};

/* Return: 0, -ERR_NOSPC when @reserve bytes would not stay free, or what the medium says. */
static int put_bytes(struct results_file *file, const char *data, size_t len, size_t reserve)
{
	if (file->nowhere)
		return 0;
	if (!file->file || file->error)
		return file->error ? file->error : -ERR_IO;
	if (len + reserve > file->left) {
		file->full = true;
		return -ERR_NOSPC;
	}
	file->error = machine_file_write(file->file, data, len);
	if (!file->error)
		file->left -= len;
	return file->error;
}

static int flush_file(struct results_file *file)
{
	if (file->file && !file->error)
		file->error = machine_file_flush(file->file);
	return file->error;
}

static int close_file(struct results_file *file)
{
	int error;

	if (!file->file)
		return file->error;
	error = machine_file_close(file->file);
	file->file = NULL;
	return file->error ? file->error : error;
}

static const char *base_name(const char *path)
{
	const char *base = path;

	for (; *path; path++) {
		if ((*path == '/' || *path == '\\') && path[1])
			base = path + 1;
	}
	return base;
}

/* A clock that says nothing is no reason for rows without a name: the folder's is unique, too. */
static void name_run(struct results *results)
{
	struct machine_time t = machine_time();

	if (!t.year && !t.month && !t.day && !t.hour && !t.minute && !t.second)
		format(results->run, sizeof(results->run), "%s", base_name(results->folder));
	else
		format(results->run, sizeof(results->run), "%04u%02u%02u-%02u%02u%02u-%s", t.year,
		       t.month, t.day, t.hour, t.minute, t.second, machine_env());
}

static int open_file(struct results *results, enum results_file_id id, size_t bytes)
{
	const struct file_kind *kind = &file_kinds[id];
	struct results_file *file = &results->files[id];
	int error = -ERR_IO;

	file->left = bytes;
	file->file = machine_file_create(kind->name, bytes, &error);
	if (!file->file)
		return error;
	error = put_bytes(file, kind->heading, text_len(kind->heading), 0);
	return error ? error : flush_file(file);
}

static int open_files(struct results *results, size_t samples_bytes, char *error_text, size_t size)
{
	for (u32 id = 0; id < NR_RESULTS_FILES; id++) {
		size_t bytes = file_kinds[id].bytes ? file_kinds[id].bytes : samples_bytes;
		int error = open_file(results, (enum results_file_id)id, bytes);

		if (!error)
			continue;
		format(error_text, size, "results cannot be stored: %s in %s: %s",
		       file_kinds[id].name, results->folder, error_name(error));
		for (u32 i = 0; i <= id; i++)
			close_file(&results->files[i]);
		return error;
	}
	return 0;
}

int results_open(struct results *results, const char *out, size_t samples_bytes, char *error_text,
		 size_t error_size)
{
	u64 bytes = samples_bytes;
	const char *what = "";
	int error;

	memset(results, 0, sizeof(*results));
	results->start_tsc = rdtsc();
	for (u32 id = 0; id < NR_RESULTS_FILES; id++)
		bytes += file_kinds[id].bytes;
	error = machine_results_open(out, bytes, results->folder, sizeof(results->folder), &what);
	if (error) {
		format(error_text, error_size,
		       "results cannot be stored: %s: %s; --no-store measures all the same", what,
		       error_name(error));
		return error;
	}
	name_run(results);
	return open_files(results, samples_bytes, error_text, error_size);
}

void results_open_nowhere(struct results *results)
{
	memset(results, 0, sizeof(*results));
	results->start_tsc = rdtsc();
	format(results->folder, sizeof(results->folder), "nowhere (--no-store)");
	name_run(results);
	for (u32 id = 0; id < NR_RESULTS_FILES; id++)
		results->files[id].nowhere = true;
}

static void begin_row(struct results *results)
{
	csv_begin(&results->row);
	csv_number(&results->row, RESULTS_SCHEMA);
	csv_text(&results->row, results->run);
}

static void add_figures(struct csv_row *csv, const struct result_row *row)
{
	const struct stats *s = &row->stats;
	const u64 figures[] = { s->n, s->min, s->p50, s->p90, s->p99, s->p999, s->max, s->mad };

	for (u32 i = 0; i < ARRAY_SIZE(figures); i++) {
		if (row->measured)
			csv_number(csv, figures[i]);
		else
			csv_empty(csv);
	}
	if (row->measured && row->floor)
		csv_number(csv, row->floor);
	else
		csv_empty(csv);
	/* A violation is a finding even when there are no figures to go with it. */
	if (row->measured || row->violations)
		csv_number(csv, row->violations);
	else
		csv_empty(csv);
}

static void add_peaks(struct csv_row *csv, const struct peaks *peaks)
{
	if (!peaks->high) {
		csv_empty(csv);
		csv_empty(csv);
		return;
	}
	csv_number(csv, peaks->low);
	csv_number(csv, peaks->high);
}

static void add_cancelled(struct csv_row *csv, const struct result_row *row)
{
	if (row->measured && row->cancelled)
		csv_signed(csv, row->cancelled);
	else
		csv_empty(csv);
}

static void add_known(struct csv_row *csv, bool known, u64 value)
{
	if (known)
		csv_number(csv, value);
	else
		csv_empty(csv);
}

static void add_tags(struct csv_row *csv, const struct result_row *row)
{
	const struct row_tags *tags = &row->tags;

	add_known(csv, row->measured && tags->has_smis, tags->smis);
	add_known(csv, row->measured, tags->gap_ns);
	add_known(csv, row->measured && tags->has_switches, tags->switches);
	add_known(csv, row->measured && tags->has_ratio, tags->ratio_begin);
	add_known(csv, row->measured && tags->has_ratio, tags->ratio_end);
}

int results_row(struct results *results, const struct result_row *row)
{
	struct csv_row *csv = &results->row;
	int error;

	begin_row(results);
	csv_text(csv, row->suite);
	csv_text(csv, row->bench);
	csv_text(csv, row->variant);
	if (row->cpus)
		csv_number(csv, row->cpus);
	else
		csv_empty(csv);
	csv_number(csv, row->sites);
	csv_text(csv, row->unit);
	add_figures(csv, row);
	csv_text(csv, status_names[row->status]);
	csv_text(csv, row->reason);
	csv_text(csv, machine_env());
	add_peaks(csv, &row->peaks);
	add_cancelled(csv, row);
	add_tags(csv, row);
	error = csv_end(csv);
	if (!error)
		error = put_bytes(&results->files[RESULTS_ROWS], csv->text, csv->len, 0);
	if (error)
		results->nr_lost_rows++;
	else
		results->nr_rows++;
	return error;
}

static void put_chunk(struct results *results)
{
	struct results_file *file = &results->files[RESULTS_SAMPLES];
	bool was_full = file->full;

	if (results->chunk_len)
		put_bytes(file, results->chunk, results->chunk_len, 0);
	results->chunk_len = 0;
	if (file->full && !was_full)
		results_log(results, "samples.csv is full: later samples are dropped\n");
}

void results_samples(struct results *results, u32 row, const u64 *values, size_t n)
{
	struct csv_row *csv = &results->row;

	size_t nr = n < results->samples_per_row ? n : results->samples_per_row;

	for (size_t j = 0; j < nr; j++) {
		/* From all of the time, not the first; each with its true number. */
		size_t i = fault(SAMPLES_FIRST) ? j : j * n / nr;

		/* Once full, it stays so: a gap in the middle would look like a complete file. */
		if (results->files[RESULTS_SAMPLES].full)
			return;
		begin_row(results);
		csv_number(csv, row);
		csv_number(csv, i);
		csv_number(csv, values[i]);
		if (csv_end(csv))
			continue;
		if (results->chunk_len + csv->len > sizeof(results->chunk))
			put_chunk(results);
		copy_bytes(results->chunk + results->chunk_len, csv->text, csv->len);
		results->chunk_len += csv->len;
	}
	put_chunk(results);
}

static int put_fact(struct results *results, const char *key, const char *value, size_t reserve)
{
	int error;

	begin_row(results);
	csv_text(&results->row, key);
	csv_text(&results->row, value);
	error = csv_end(&results->row);
	if (error)
		return error;
	return put_bytes(&results->files[RESULTS_MACHINE], results->row.text, results->row.len,
			 reserve);
}

void results_fact(struct results *results, const char *key, const char *value)
{
	char line[96];

	if (put_fact(results, key, value, file_kinds[RESULTS_MACHINE].reserve_bytes)) {
		format(line, sizeof(line), "machine.csv: no room for %.60s\n", key);
		results_log(results, line);
	}
}

void results_log(struct results *results, const char *text)
{
	static const char full[] = "log.txt is full: later lines are dropped\n";
	struct results_file *file = &results->files[RESULTS_LOG];

	if (file->full || !file->file)
		return;
	if (put_bytes(file, text, text_len(text), file_kinds[RESULTS_LOG].reserve_bytes) ==
	    -ERR_NOSPC)
		put_bytes(file, full, sizeof(full) - 1, 0);
}

int results_flush(struct results *results)
{
	int error = flush_file(&results->files[RESULTS_ROWS]);
	int error_machine = flush_file(&results->files[RESULTS_MACHINE]);

	flush_file(&results->files[RESULTS_SAMPLES]);
	flush_file(&results->files[RESULTS_LOG]);
	return error ? error : error_machine;
}

void results_flush_log(struct results *results)
{
	flush_file(&results->files[RESULTS_LOG]);
}

int results_close(struct results *results)
{
	int error = results->nr_lost_rows ? -ERR_NOSPC : 0, result;
	char nr_rows[16];

	if (results->files[RESULTS_LOG].full)
		put_fact(results, "log_cut_off", "yes", 0);
	if (results->files[RESULTS_SAMPLES].full)
		put_fact(results, "samples_cut_off", "yes", 0);
	format(nr_rows, sizeof(nr_rows), "%u", results->nr_rows);
	put_fact(results, "rows", nr_rows, 0);
	/* Rows and samples first: "complete" may be written only when they are on the medium. */
	for (u32 id = RESULTS_ROWS; id <= RESULTS_SAMPLES; id++) {
		result = close_file(&results->files[id]);
		error = error ? error : result;
	}
	put_fact(results, "complete", error ? "no" : "yes", 0);
	result = close_file(&results->files[RESULTS_MACHINE]);
	return error ? error : result;
}

int results_close_log(struct results *results, const char *last_line)
{
	struct results_file *file = &results->files[RESULTS_LOG];

	put_bytes(file, last_line, text_len(last_line), 0);
	return close_file(file);
}
