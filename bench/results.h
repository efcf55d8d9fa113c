/* SPDX-License-Identifier: MIT */
/*
 * The four files of a run: results.csv, samples.csv, machine.csv and log.txt (docs/results.md).
 *
 * Everything here: boot CPU, outside measured windows, between results_open() and results_close().
 * A row goes to its file whole or not at all.
 */
#ifndef SMPOKE_BENCH_RESULTS_H
#define SMPOKE_BENCH_RESULTS_H

#include "bench.h"
#include "csv.h"
#include "machine_io.h"
#include "peaks.h"
#include "stats.h"
#include "tags.h"
#include "types.h"

#define RESULTS_SCHEMA 1
#define RESULTS_FOLDER_BYTES 256
#define RESULTS_RUN_BYTES 64
#define RESULTS_CHUNK_BYTES 4096

enum row_status {
	ROW_OK,
	ROW_FAIL,
	ROW_SKIP,
	ROW_HANG, /* a CPU did not answer in time */
};

/* One row of results.csv, and what the summary on the screen is made from. */
struct result_row {
	const char *suite, *bench, *variant, *unit;
	u32 cpus; /* 0 = it never came that far */
	u32 sites;
	bool measured; /* else the figures are left empty */
	struct stats stats;
	struct peaks peaks;
	u64 floor; /* 0 = none */
	s64 cancelled; /* taken off every sample; 0 = nothing */
	struct row_tags tags;
	u64 violations;
	enum row_status status;
	char reason[BENCH_REASON_BYTES];
};

enum results_file_id {
	RESULTS_ROWS,
	RESULTS_SAMPLES,
	RESULTS_MACHINE,
	RESULTS_LOG,
	NR_RESULTS_FILES,
};

struct results_file {
	struct machine_file *file; /* NULL = not open */
	size_t left; /* bytes not used up yet */
	bool nowhere; /* all of it is dropped, as asked for */
	bool full; /* something was dropped */
	int error; /* the medium failed; nothing more is tried */
};

struct results {
	struct results_file files[NR_RESULTS_FILES];
	char folder[RESULTS_FOLDER_BYTES]; /* for people: where the files are */
	char run[RESULTS_RUN_BYTES]; /* the column "run" of every file */
	u64 start_tsc;
	u32 nr_rows; /* on the medium */
	u32 nr_lost_rows; /* could not be written */
	u32 samples_per_row;
	struct csv_row row; /* in the making; here because it is large */
	char chunk[RESULTS_CHUNK_BYTES]; /* rows of samples.csv on their way */
	size_t chunk_len;
};

/**
 * results_open() - the pre-flight: prove the medium, make the folder and all four files
 * @out: see machine_results_open()
 * @samples_bytes: size of samples.csv
 * @error: on failure one line that says what is wrong
 *
 * The headings are on the medium when this returns 0; after an error nothing is open.
 */
int results_open(struct results *results, const char *out, size_t samples_bytes, char *error,
		 size_t error_size);

/* results_open_nowhere() - the same without a medium: rows are counted, and nothing is kept */
void results_open_nowhere(struct results *results);

/**
 * results_row() - add a row to results.csv
 * Return: 0, or why it is lost; it is counted then and the run must fail.
 */
int results_row(struct results *results, const struct result_row *row);

/**
 * results_samples() - samples_per_row values of a series, or all, in the order they were taken
 *
 * Where there are more, those that are kept are spread evenly over all of them, and the column i
 * has the number of each among all: the first is 0.
 * @row: number of its row in results.csv, from 1
 */
void results_samples(struct results *results, u32 row, const u64 *values, size_t n);

/* results_fact() - a row of machine.csv */
void results_fact(struct results *results, const char *key, const char *value);

/* results_log() - text for log.txt; lines end in "\n". No effect while the files are not open. */
void results_log(struct results *results, const char *text);

/**
 * results_flush() - rows and facts are on the medium when this returns 0; then samples and log too
 */
int results_flush(struct results *results);

/* results_flush_log() - for the line that names what is about to run */
void results_flush_log(struct results *results);

/**
 * results_close() - the closing facts, then cut the blank tails off all files but the log
 *
 * Return: 0; -ERR_NOSPC when rows were lost; -ERR_IO.
 */
int results_close(struct results *results);

/* results_close_log() - write @last_line whatever else was dropped. Return: 0 or -ERR_IO. */
int results_close_log(struct results *results, const char *last_line);

#endif
